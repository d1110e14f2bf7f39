"""What a phone sees of a person besides the face model: hair as a shell over the scalp, and shoulders.

A Dress is built once per person on the model's topology and follows the moving head. Its extra triangles come after
those of the model that are shown; `stuff` [G] says of every triangle what it is made of: a material of the face model,
HAIR or CLOTH.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from refa_cli.commands.simulate.fields import F64, smooth_field
from refa_cli.commands.simulate.person import Generator, Person
from refa_cli.face.mesh import vertex_normals
from refa_cli.formats.face import MATERIALS, REGIONS, FaceModel
from refa_cli.formats.spec import I32, U8

HAIR, CLOTH, WALL = len(MATERIALS), len(MATERIALS) + 1, len(MATERIALS) + 2
EYE_DISTANCE = 0.063  # for which the lengths below hold; they grow with the model's
HEAD_AXIS = -0.07  # z of an upright axis through the head, from which directions are told
# Direction from the front to the back (radians) -> height of the hairline above the eyes (m): forehead, temple,
# sideburn, over the ear, nape.
HAIRLINE = np.array(
    [[0.0, 0.070], [0.6, 0.070], [1.0, 0.052], [1.25, 0.022], [1.55, 0.018], [2.0, 0.020], [2.4, -0.03], [3.15, -0.07]]
)
TORSO_RINGS = np.array(
    # below the chin (m), half width (x), half depth (z)
    [[-0.005, 0.060, 0.062], [0.012, 0.085, 0.075], [0.030, 0.135, 0.088], [0.055, 0.185, 0.098], [0.20, 0.205, 0.11]]
)


@dataclass(frozen=True, eq=False)
class Dress:
    """What follows the head.

    triangles [G, 3], of which those from `first_extra` on are not the model's; stuff [G]; scalp [S]: vertices under
    hair; lift [S, 1]: metres of hair over them along their normals; torso [B, 3] metres, head frame; paint
    [V + S + B, 3]: where on the mean head (metres) paint is looked up.
    """

    triangles: I32
    first_extra: int
    stuff: U8
    scalp: NDArray[np.int64]
    lift: F64
    torso: F64
    paint: F64

    def vertices(self, head: NDArray[np.floating], normals: NDArray[np.floating]) -> F64:
        """The whole figure [V + S + B, 3] from the posed head [V, 3] and its normals [V, 3], in the head frame."""
        hair = head[self.scalp] + self.lift * normals[self.scalp]
        return np.concatenate([np.asarray(head, dtype=np.float64), hair, self.torso])

    def normals(self, vertices: F64, head_normals: NDArray[np.floating]) -> F64:
        """Unit normals [V + S + B, 3] of what `vertices` returned, given those of the head [V, 3]."""
        count = len(head_normals)
        extra = vertex_normals(vertices[count:], self.triangles[self.first_extra :] - count)
        return np.concatenate([np.asarray(head_normals, dtype=np.float64), extra])


def hairline(direction: NDArray[np.floating], shift: float, unit: float) -> F64:
    """Height (m, head frame) above which hair grows, by direction from the front (radians, 0..pi)."""
    line = np.interp(direction, *HAIRLINE.T) * unit
    return np.asarray(line + shift * np.clip(1.5 - direction, 0, 1))


def hairiness(face: FaceModel, shift: float) -> F64:
    """How much of the hair's full height grows at each vertex [V], 0..1; negative below the hairline.

    shift: metres that the hairline is raised in front.
    """
    unit = eye_distance(face) / EYE_DISTANCE
    x, y, z = face.mean.T.astype(np.float64)
    direction = np.abs(np.arctan2(x, z - HEAD_AXIS * unit))
    skin = np.zeros(len(face.mean), bool)
    skin[face.triangles[face.material == 0]] = True
    grown = np.clip((y - hairline(direction, shift, unit)) / (0.012 * unit), -0.5, 1.0)
    return np.where(skin & ~face.regions[REGIONS.index("ears")], grown, -0.5)


def eye_distance(face: FaceModel) -> float:
    """Metres between the eye centres of the mean."""
    return float(np.linalg.norm(face.eye_centers[0] - face.eye_centers[1]))


def dress(person: Person, hairline_shift: float, rng: Generator) -> Dress:
    """Hair and shoulders of this person; some have next to no hair."""
    face = person.face
    grown = hairiness(face, hairline_shift)
    height = 0.0 if rng.random() < 0.15 else float(rng.uniform(0.004, 0.014))
    # The shell starts under the skin and comes out of it along the hairline, across the triangles.
    covered = (grown[face.triangles] > 0).any(axis=1) & (height > 0)
    scalp = np.unique(face.triangles[covered])
    bumps = 1.0 + 0.25 * smooth_field(face.mean[scalp], (0.008, 0.02), 1, rng)
    lift = height * grown[scalp, None] * np.clip(bumps, 0.3, 2.0)
    renumbered = np.full(len(face.mean), -1, np.int64)
    renumbered[scalp] = len(face.mean) + np.arange(len(scalp))
    torso, torso_triangles = shoulders(person)
    shown = ~under_cloth(face)
    shell = renumbered[face.triangles[covered]]
    triangles = np.concatenate([face.triangles[shown], shell, torso_triangles + len(face.mean) + len(scalp)])
    stuff = np.concatenate([face.material[shown], np.full(len(shell), HAIR), np.full(len(torso_triangles), CLOTH)])
    paint = np.concatenate([face.mean, face.mean[scalp], torso]).astype(np.float64)
    return Dress(
        triangles.astype(np.int32), int(shown.sum()), stuff.astype(np.uint8), scalp.astype(np.int64), lift, torso, paint
    )


def chin_height(face: FaceModel, vertices: NDArray[np.floating]) -> float:
    """y (m) of the chin of a head [V, 3]."""
    jaw = face.regions[REGIONS.index("jaw")]
    return float(vertices[jaw, 1].min()) if jaw.any() else -0.118 * eye_distance(face) / EYE_DISTANCE


def under_cloth(face: FaceModel) -> NDArray[np.bool_]:
    """Triangles [F] of the model's own shoulders, or of the ragged border of its neck: the torso stands in for them."""
    unit = eye_distance(face) / EYE_DISTANCE
    low = face.mean[:, 1] < chin_height(face, face.mean) + 0.025 * unit
    beside = np.abs(face.mean[:, 0]) > 0.058 * unit
    behind = face.mean[:, 2] < (HEAD_AXIS - 0.045) * unit
    return np.asarray((low & (beside | behind))[face.triangles].any(axis=1))


def shoulders(person: Person) -> tuple[F64, NDArray[np.int64]]:
    """Vertices [B, 3] (head frame, m) and triangles of a plain torso under this person's chin."""
    unit = eye_distance(person.face) / EYE_DISTANCE
    chin = chin_height(person.face, person.geometry.neutral)
    sides = 40
    angle = 2.0 * np.pi * np.arange(sides) / sides
    rings = []
    for drop, half_width, half_depth in TORSO_RINGS * unit:
        height = np.full(sides, chin - 0.03 * unit - drop)
        rings.append(np.stack([half_width * np.sin(angle), height, HEAD_AXIS * unit + half_depth * np.cos(angle)], 1))
    first = np.arange(sides)
    second = (first + 1) % sides
    lower, upper = np.stack([first, first + sides, second], 1), np.stack([second, first + sides, second + sides], 1)
    band = np.concatenate([lower, upper])
    bands = [band + sides * i for i in range(len(rings) - 1)]
    return np.concatenate(rings), np.concatenate(bands)
