"""Placing refa's 100 keypoints on any head mesh: found on renders of it, put on plausible triangles.

Where the model tells its lid margins and lip line, lid and inner lip keypoints lie on them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from refa_cli.face.closest import ClosestPoints
from refa_cli.face.keypoints import GROUPS, KEYPOINTS
from refa_cli.formats.errors import DataError
from refa_cli.formats.face import MATERIALS
from refa_cli.formats.spec import B1, F32, F64, I32, U8
from refa_cli.landmarks.lifting import Surface
from refa_cli.landmarks.looking import SIZE, WIDTH, Mesh, keypoints_in_space
from refa_cli.landmarks.margins import on_margins
from refa_cli.render.cameras import around
from refa_cli.render.preview import MATERIAL_COLORS, Texture

MIN_FOUND = 1 / 3  # of the renders, in which a face must be found
IRIS, PUPIL = MATERIALS.index("iris"), MATERIALS.index("pupil")
MIN_IRIS = 60  # pixels of irises and pupils in the picture from the front that make them visible
ALLOWED = {"iris": ("sclera", "iris", "pupil"), "lips_outer": ("skin", "lips"), "lips_inner": ("skin", "lips")}


class Placed(NamedTuple):
    """Where the keypoints are on a mesh."""

    triangles: I32  # [100]
    barycentric: F32  # [100, 3] >= 0, rows sum to 1
    spread_mm: F32  # [100] median distance of the single views' points from their middle; large means doubtful


def place_keypoints(
    vertices: NDArray[Any],  # [V, 3] metres, head frame, eyes open, mouth closed
    triangles: NDArray[Any],  # [F, 3] counter-clockwise seen from outside
    material: U8,  # [F] index into MATERIALS
    lid_pairs: NDArray[Any] | None = None,  # [2, L, 2] left and right; (upper, lower) margin vertices
    lip_pairs: NDArray[Any] | None = None,  # [P, 2] (upper, lower) inner-lip vertices
    texture: Texture | None = None,
) -> Placed:
    """The 100 keypoints on a mesh. Raises DataError where no face is found on renders of it."""
    positions, allowed = np.asarray(vertices, dtype=np.float64), allowed_triangles(material)
    colors = MATERIAL_COLORS[with_irises(positions, triangles, material)]
    found = keypoints_in_space(Mesh(positions, triangles, triangle_colors=colors, texture=texture), allowed)
    unseen = np.isnan(found.points).any(axis=1)
    if found.found < MIN_FOUND * found.shown or unseen.any():
        got = f"{found.found}" + (f", and never {KEYPOINTS[int(unseen.argmax())]}" if found.found else "")
        advice = "give a head in metres, in the head frame, eyes open, with its materials"
        raise DataError("mesh", "keypoints", f"a face on most of {found.shown} renders", got, advice)
    points = on_margins(found.points, positions, lid_pairs, lip_pairs)
    chosen, weights = _on_mesh(points, positions, triangles, allowed)
    return Placed(chosen, weights, (found.spread * 1000).astype(np.float32))


def allowed_triangles(material: U8) -> B1:
    """[100, F]: the triangles that each keypoint may lie on. Where a mesh has none of a material, all of it."""
    allowed = np.zeros((len(KEYPOINTS), len(material)), dtype=np.bool_)
    for group, part in GROUPS.items():
        plausible = np.isin(material, [MATERIALS.index(name) for name in ALLOWED.get(group, ("skin",))])
        allowed[part] = plausible if plausible.any() else True
    return allowed


def with_irises(vertices: F64, triangles: NDArray[Any], material: U8) -> U8:
    """Materials [F] for painting: where no iris is to be seen from the front, the eyeballs get irises and pupils.

    Some models have clear corneas over their irises, or plain white eyeballs; the detector needs to see an iris.
    """
    eyeball = np.isin(material, [MATERIALS.index(name) for name in ALLOWED["iris"]])
    ids = Surface(vertices, triangles, around(width=WIDTH, size=(SIZE, SIZE))).raster.ids
    if not eyeball.any() or np.isin(material[ids[ids >= 0]], [IRIS, PUPIL]).sum() >= MIN_IRIS:
        return material
    painted = material.copy()
    centers = vertices[triangles].mean(axis=1)
    for side in (1, -1):
        one = np.flatnonzero(eyeball & (side * centers[:, 0] > 0))
        if len(one):
            corners = vertices[np.unique(triangles[one])]
            outward = centers[one] - (corners.min(axis=0) + corners.max(axis=0)) / 2
            angle = np.degrees(np.arccos(outward[:, 2] / np.maximum(np.linalg.norm(outward, axis=1), 1e-12)))
            painted[one[angle < 28]], painted[one[angle < 11]] = IRIS, PUPIL
    return painted


def _on_mesh(points: F64, vertices: F64, triangles: NDArray[Any], allowed: B1) -> tuple[I32, F32]:
    """Triangle [100] and barycentric [100, 3] of the nearest allowed place to each point [100, 3]."""
    chosen, weights = np.zeros(len(points), dtype=np.int32), np.zeros((len(points), 3), dtype=np.float32)
    for part in GROUPS.values():
        rows = np.flatnonzero(allowed[part.start])
        closest = ClosestPoints(vertices, np.asarray(triangles)[rows]).query(points[part])
        chosen[part] = rows[closest.triangle]
        weights[part] = closest.barycentric
    return chosen, weights


def keypoint_positions(vertices: NDArray[Any], triangles: NDArray[Any], placed: Placed) -> F64:
    """Positions [100, 3] of placed keypoints on vertices [V, 3]."""
    corners = np.asarray(vertices, dtype=np.float64)[np.asarray(triangles)[placed.triangles]]
    return np.asarray(np.einsum("kc,kcd->kd", placed.barycentric.astype(np.float64), corners))
