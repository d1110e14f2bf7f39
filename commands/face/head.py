"""The head cut out of MakeHuman's base mesh, with eyeballs of its own: topology, materials, lid and lip rings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from refa_cli.commands.face.makehuman import BaseMesh
from refa_cli.commands.face.rings import QuadMesh, Rings
from refa_cli.formats.face import MATERIALS

Float = NDArray[np.float64]
Int = NDArray[np.int64]

# Facts of the hm08 base mesh: heights in metres of the base mesh, vertex numbers on the left lid margin and lip line.
NECK_HEIGHT = 0.590
LEFT_EYE, RIGHT_EYE = np.arange(14598, 14670), np.arange(14670, 14742)  # its coarse eyeballs
LID_START, LID_ALONG, LID_TOWARD = 6785, 6838, 13352
LIP_START, LIP_ALONG, LIP_TOWARD = 520, 7267, 537
LID_RINGS_INWARD, LID_RINGS_OUTWARD = 2, 9
LIP_RINGS_INWARD, LIP_RINGS_OUTWARD = 3, 9
VERMILION_RINGS = 5
MARGIN_RING = 1  # of the lid rings: the edge that meets the other lid

IPD = 0.063
"""Interpupillary distance of the mean adult, metres (Dodgson 2004: mean 63.36 mm, standard deviation 3.8 mm)."""

# Polar angle of the eyeball's rings from its optical axis, degrees: pupil to 8, iris to 24, open behind 125.
EYE_RINGS = (2.7, 5.4, 8.0, 12.0, 16.0, 20.0, 24.0, 30.0, 38.0, 48.0, 60.0, 74.0, 90.0, 107.0, 125.0)
EYE_SEGMENTS = 24
PUPIL_RINGS, IRIS_RINGS = 3, 7


@dataclass(frozen=True)
class Head:
    """Topology of the baked head; vertices are body, teeth and tongue taken from the base mesh, then two eyeballs."""

    kept: Int  # [K] base-mesh vertices
    triangles: Int  # [F, 3]
    uv: Float  # [U, 2]
    uv_triangles: Int  # [F, 3]
    material: NDArray[np.uint8]  # [F]
    eyeball: NDArray[np.uint8]  # [V]
    lids: tuple[Rings, Rings]  # left, right; the same column is the same place on both
    lips: Rings
    mirror: Int  # [V]

    def assemble(self, base: Float) -> tuple[Float, Float]:
        """Vertices [V, 3] and eye centres [2, 3] of base-mesh vertices [19158, 3]; metres, origin between the eyes."""
        centers = np.array([base[LEFT_EYE].mean(0), base[RIGHT_EYE].mean(0)])
        radii = [
            np.linalg.norm(base[eye] - c, axis=1).mean() for eye, c in zip((LEFT_EYE, RIGHT_EYE), centers, strict=True)
        ]
        sphere = unit_eyeball()[0]
        eyes = [c + r * sphere * side for c, r, side in zip(centers, radii, ([1, 1, 1], [-1, 1, 1]), strict=True)]
        vertices = np.concatenate([base[self.kept], *eyes])
        return vertices - centers.mean(0), centers - centers.mean(0)

    def displacement(self, target: Float) -> Float:
        """A base-mesh displacement [19158, 3] on this topology [V, 3]; eyeballs, which only gaze moves, stay."""
        out = np.zeros((len(self.eyeball), 3))
        out[: len(self.kept)] = target[self.kept]
        return out


def unit_eyeball() -> tuple[Float, Int, NDArray[np.uint8]]:
    """Unit sphere looking along +z: vertices [E, 3], triangles [T, 3] seen from outside, material per triangle [T]."""
    polar = np.radians(EYE_RINGS)[:, None]
    around = 2 * np.pi * np.arange(EYE_SEGMENTS)[None] / EYE_SEGMENTS
    rings = np.stack([np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around),
                      np.cos(polar) * np.ones_like(around)], axis=-1)  # fmt: skip
    vertices = np.concatenate([[[0.0, 0.0, 1.0]], rings.reshape(-1, 3)])
    triangles, material = [], []
    for ring in range(len(EYE_RINGS)):
        part = "pupil" if ring < PUPIL_RINGS else "iris" if ring < IRIS_RINGS else "sclera"
        for s in range(EYE_SEGMENTS):
            e = (s + 1) % EYE_SEGMENTS
            outer = 1 + ring * EYE_SEGMENTS
            inner = outer - EYE_SEGMENTS
            faces = [(0, outer + s, outer + e)] if ring == 0 else \
                [(inner + s, outer + s, outer + e), (inner + s, outer + e, inner + e)]  # fmt: skip
            triangles += faces
            material += [MATERIALS.index(part)] * len(faces)
    return vertices, np.array(triangles), np.array(material, dtype=np.uint8)


def cut_head(mesh: BaseMesh) -> Head:
    """Crop the head, drop the closed pockets behind the eyes, add eyeballs, name the parts."""
    body = mesh.groups == "body"
    grid = QuadMesh(mesh.quads[body])
    flipped = cKDTree(mesh.vertices).query(mesh.vertices * [-1, 1, 1])[1]
    left = grid.rings(LID_START, LID_ALONG, LID_RINGS_INWARD, LID_RINGS_OUTWARD, LID_TOWARD)
    right = Rings(flipped[left.vertices])
    lips = grid.rings(LIP_START, LIP_ALONG, LIP_RINGS_INWARD, LIP_RINGS_OUTWARD, LIP_TOWARD)
    pockets = _pocket(grid, left) | _pocket(grid, right)

    wanted = np.isin(mesh.groups, ["body", "helper-upper-teeth", "helper-lower-teeth", "helper-tongue"])
    wanted &= (mesh.vertices[mesh.quads][..., 1] > NECK_HEIGHT).all(1)
    wanted &= ~np.isin(mesh.quads, list(pockets)).any(1)
    quads, uv_quads, groups = mesh.quads[wanted], mesh.uv_quads[wanted], mesh.groups[wanted]

    kept = np.unique(quads)
    index = np.full(len(mesh.vertices), -1)
    index[kept] = np.arange(len(kept))
    uv_kept = np.unique(uv_quads)
    uv_index = np.full(len(mesh.uv), -1)
    uv_index[uv_kept] = np.arange(len(uv_kept))

    mouth = np.zeros(len(mesh.vertices), bool)
    mouth[_behind(grid, lips)] = True
    vermilion = np.isin(mesh.quads, lips.vertices[LIP_RINGS_INWARD - 1 : LIP_RINGS_INWARD + 1 + VERMILION_RINGS])
    part = np.full(len(quads), MATERIALS.index("skin"), np.uint8)
    red = np.asarray(vermilion.all(1))
    part[red[wanted]] = MATERIALS.index("lips")
    part[mouth[quads].any(1)] = MATERIALS.index("gum")
    part[np.isin(groups, ["helper-upper-teeth", "helper-lower-teeth"])] = MATERIALS.index("teeth")
    part[groups == "helper-tongue"] = MATERIALS.index("tongue")

    split, uv_split, owner = _triangulate(mesh.vertices, quads, uv_quads)
    sphere, sphere_triangles, sphere_material = unit_eyeball()
    offsets = (len(kept), len(kept) + len(sphere))
    triangles = np.concatenate([index[split], offsets[0] + sphere_triangles, offsets[1] + sphere_triangles[:, ::-1]])
    uv, uv_triangles = _with_eyeball_uv(mesh.uv[uv_kept], uv_index[uv_split], sphere, sphere_triangles)
    eyeball = np.zeros(len(kept) + 2 * len(sphere), np.uint8)
    eyeball[offsets[0] : offsets[1]], eyeball[offsets[1] :] = 1, 2
    eye = np.arange(len(sphere))
    mirror = np.concatenate([index[flipped[kept]], offsets[1] + eye, offsets[0] + eye])
    return Head(kept, triangles, uv, uv_triangles, np.concatenate([part[owner], sphere_material, sphere_material]),
                eyeball, (Rings(index[left.vertices]), Rings(index[right.vertices])), Rings(index[lips.vertices]),
                mirror)  # fmt: skip


def _pocket(grid: QuadMesh, lids: Rings) -> set[int]:
    """Vertices of the closed pocket behind the innermost kept ring of a lid."""
    return set(_behind(grid, lids))


def _behind(grid: QuadMesh, rings: Rings) -> list[int]:
    """Vertices on the inner side of the innermost ring."""
    fence = set(rings.vertices[0].tolist())
    outside = set(rings.vertices[1].tolist())
    todo = [n for v in fence for n in grid.neighbours[v] if n not in fence and n not in outside]
    found: set[int] = set()
    while todo:
        vertex = todo.pop()
        if vertex not in found:
            found.add(vertex)
            todo += [n for n in grid.neighbours[vertex] if n not in fence and n not in found]
    return sorted(found)


def _triangulate(vertices: Float, quads: Int, uv_quads: Int) -> tuple[Int, Int, Int]:
    """Two triangles per quad along its shorter diagonal (mirror images are split alike): corners, uv, quad of each."""
    p = vertices[quads]
    first, second = np.linalg.norm(p[:, 0] - p[:, 2], axis=1), np.linalg.norm(p[:, 1] - p[:, 3], axis=1)
    corners = np.where((first <= second + 1e-9)[:, None], [[0, 1, 2, 0, 2, 3]], [[1, 2, 3, 1, 3, 0]]).reshape(-1, 3)
    owner = np.repeat(np.arange(len(quads)), 2)
    return quads[owner[:, None], corners], uv_quads[owner[:, None], corners], owner


def _with_eyeball_uv(uv: Float, uv_triangles: Int, sphere: Float, faces: Int) -> tuple[Float, Int]:
    """Body texture coordinates fitted into the unit square above a strip that shows each eyeball from the front."""
    low, high = uv.min(0), uv.max(0)
    scale = min(1.0 / (high[0] - low[0]), 0.82 / (high[1] - low[1]))
    body = (uv - low) * scale + [0.0, 0.18]
    polar = np.arccos(np.clip(sphere[:, 2], -1, 1)) / np.radians(EYE_RINGS[-1])
    flat = sphere[:, :2] / np.maximum(np.linalg.norm(sphere[:, :2], axis=1, keepdims=True), 1e-12) * polar[:, None]
    eyes = [flat * side * 0.085 + center for side, center in (([1, 1], [0.1, 0.09]), ([-1, 1], [0.3, 0.09]))]
    count = len(uv)
    return (np.concatenate([body, *eyes]),
            np.concatenate([uv_triangles, count + faces, count + len(sphere) + faces[:, ::-1]]))  # fmt: skip
