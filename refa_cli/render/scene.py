"""A person in a headset, put together for the infrared cameras: head with hair, eyes that look somewhere, and the
headset's own parts.

    actor = Actor.of(face, geometry, hair=brows(face, rng) + lashes(face, rng), look=look)
    surfaces = assemble(actor, headset, headset_from_head, weights, gaze)
    light = radiance(surfaces, actor.look, lights_of(headset, camera), lens, pose, shadow_maps(surfaces, lights))
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from refa_cli.face.evaluate import Geometry
from refa_cli.face.gaze import rotation_from_gaze
from refa_cli.face.mesh import vertex_normals
from refa_cli.formats.face import FaceModel
from refa_cli.formats.headset import Headset
from refa_cli.headset.parts import triangles_of
from refa_cli.render.glasses import Glasses
from refa_cli.render.hair import Hair
from refa_cli.render.infrared import MATERIALS, Look, Surfaces


@dataclass(frozen=True)
class Actor:
    """One person: a head on a face model's topology, hair and glasses or none, and how the skin reflects; eye_radius:
    metres."""

    face: FaceModel
    geometry: Geometry
    eye_radius: float
    hair: Hair | None = None
    look: Look = field(default_factory=Look)
    glasses: Glasses | None = None

    @classmethod
    def of(cls, face: FaceModel, geometry: Geometry, hair: Hair | None = None, look: Look | None = None) -> Actor:
        """With the eyeballs' radius measured; a face model without eyeballs counts 12 mm."""
        radii = [np.linalg.norm(geometry.neutral[geometry.eyeball == side + 1] - center, axis=1)
                 for side, center in enumerate(geometry.eye_centers)]  # fmt: skip
        every = np.concatenate(radii)
        return cls(face, geometry, float(every.mean()) if len(every) else 0.012, hair, look or Look())


def assemble(
    actor: Actor, headset: Headset, headset_from_head: ArrayLike, weights: ArrayLike, gaze: ArrayLike | None = None
) -> Surfaces:
    """All that stands before the cameras, in the headset frame, its own parts first.

    headset_from_head [4, 4]: how it is worn; weights [53]; gaze [2, 2]: (yaw, pitch) of both eyes, radians.
    """
    face, look_at_ = actor.face, np.zeros((2, 2)) if gaze is None else np.asarray(gaze, dtype=np.float64)
    pose = np.asarray(headset_from_head, dtype=np.float64)
    turn, shift = pose[:3, :3], pose[:3, 3]
    head = actor.geometry.evaluate(weights, look_at_).astype(np.float64)
    lines, width = actor.hair.lines(head) if actor.hair is not None else (np.zeros((0, 2, 3)), np.zeros((0, 2)))
    worn = [(head, face.triangles, face.material)]
    if actor.glasses is not None:
        frame = np.full(len(actor.glasses.triangles), MATERIALS.index("frame"), np.uint8)
        worn.append((actor.glasses.points, actor.glasses.triangles, frame))
    parts, _ = triangles_of(headset, "housing", "lens")
    solid = headset.solid_vertices.astype(np.float64)
    points = [solid, *(at @ turn.T + shift for at, _, _ in worn)]
    offsets = np.cumsum([0, *(len(at) for at in points)])
    corners = [parts, *(faces for _, faces, _ in worn)]
    kinds = [np.full(len(parts), MATERIALS.index("housing"), np.uint8), *(material for _, _, material in worn)]
    none = [np.full((len(faces), 3), -1, np.int32) for faces in corners]
    none[1] = face.uv_triangles
    normals = [vertex_normals(solid, headset.solid_triangles),
               *(vertex_normals(at, faces) @ turn.T for at, faces, _ in worn)]  # fmt: skip
    centers = actor.geometry.eye_centers.astype(np.float64) @ turn.T + shift
    ahead = np.stack([turn @ rotation_from_gaze(look_at_[side])[:, 2] for side in (0, 1)])
    return Surfaces(
        points=np.concatenate(points),
        triangles=np.concatenate([f + o for f, o in zip(corners, offsets, strict=False)]).astype(np.int32),
        material=np.concatenate(kinds),
        uv=face.uv,
        uv_triangles=np.concatenate(none),
        eyes=centers,
        gaze=ahead,
        eye_radius=actor.eye_radius,
        normals=np.concatenate(normals).astype(np.float64),
        fixed=len(parts),
        strands=lines @ turn.T + shift,
        strand_width=width,
        sheets=() if actor.glasses is None else tuple(sheet.moved(turn, shift) for sheet in actor.glasses.sheets),
    )


def headset_alone(headset: Headset) -> Surfaces:
    """The headset's own parts, as they come first in `assemble`."""
    parts, _ = triangles_of(headset, "housing", "lens")
    nowhere = np.full((2, 3), 9.0)
    return Surfaces(
        headset.solid_vertices.astype(np.float64), parts, np.full(len(parts), MATERIALS.index("housing"), np.uint8),
        np.zeros((1, 2), np.float32), np.full((len(parts), 3), -1, np.int32), nowhere, nowhere, 0.012,
        fixed=len(parts),
    )  # fmt: skip
