"""Eyeballs: which parts of a mesh they are, their centres, where they look, their iris and pupil."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from refa_cli.face.mesh import components
from refa_cli.formats.face import MATERIALS

Float = NDArray[np.floating[Any]]
Int = NDArray[np.integer[Any]]

IRIS_RADIUS = 0.0058
PUPIL_RADIUS = 0.0018
"""Metres from the optical axis, for eyeballs that say nothing of their iris: an adult's, the pupil in bright light."""
LID_DEPTH = 0.011
"""Metres from the lids back to the eye's centre, for a source without eyeballs."""


def fit_sphere(points: Float) -> tuple[Float, float, float]:
    """(centre [3], radius, relative deviation): a sphere through most of the points [P, 3], P >= 4.

    The worst fifth is left out of the second fit: a cornea bulges out of the ball that the eye turns in.
    """
    center, radius = _sphere(points)
    off = np.abs(np.linalg.norm(points - center, axis=1) - radius)
    center, radius = _sphere(points[off <= np.quantile(off, 0.8)])
    off = np.abs(np.linalg.norm(points - center, axis=1) - radius)
    return center, radius, float(np.median(off) / max(radius, 1e-12))


def _sphere(points: Float) -> tuple[Float, float]:
    middle = points.mean(axis=0)
    p = points - middle
    solution = np.linalg.lstsq(np.column_stack([2 * p, np.ones(len(p))]), (p * p).sum(axis=1), rcond=None)[0]
    return solution[:3] + middle, float(np.sqrt(max(solution[3] + solution[:3] @ solution[:3], 0.0)))


def find_eyeballs(vertices: Float, triangles: Int, eyes: Float) -> tuple[NDArray[np.uint8], Float | None]:
    """(eyeball [V]: 0 none, 1 left, 2 right; centres [2, 3] or None if either eye has no ball).

    eyes [2, 3]: roughly where the eyes are, source units. A ball is a separate piece, nearly a sphere, near an eye and
    of an eyeball's size for the distance between the eyes; pieces inside it (iris, pupil) are of it.
    """
    spacing = float(np.linalg.norm(eyes[0] - eyes[1]))
    label = components(triangles, len(vertices))
    order = np.argsort(label, kind="stable")
    pieces = np.split(order, np.flatnonzero(np.diff(label[order])) + 1)
    balls: list[tuple[Float, float] | None] = [None, None]
    for piece in pieces:
        if len(piece) < 12:
            continue
        box = np.ptp(vertices[piece], axis=0)
        if box.max() > 0.8 * spacing or box.min() < 0.05 * spacing:
            continue
        center, radius, deviation = fit_sphere(vertices[piece])
        side = int(np.linalg.norm(eyes - center, axis=1).argmin())
        near = np.linalg.norm(eyes[side] - center) < 0.45 * spacing
        best = balls[side]
        if near and deviation < 0.06 and 0.12 < radius / spacing < 0.36 and (best is None or radius > best[1]):
            balls[side] = (center, radius)
    eyeball = np.zeros(len(vertices), np.uint8)
    left, right = balls
    if left is None or right is None:
        return eyeball, None
    for side, (center, radius) in enumerate((left, right), 1):
        outside = np.linalg.norm(vertices - center, axis=1) > 1.3 * radius
        for piece in pieces:
            if not outside[piece].any():
                eyeball[piece] = side
    return eyeball, np.stack([left[0], right[0]])


def optical_axis(vertices: Float, triangles: Int, material: Int, center: Float) -> Float:
    """Unit vector [3] that an eyeball looks along: to its iris if one is named, else to its cornea, else straight (+Z).

    vertices of the whole head, metres, head frame; triangles [F, 3] and material [F] of the ball alone; center [3].
    """
    iris = np.isin(material, [MATERIALS.index("iris"), MATERIALS.index("pupil")])
    ball = np.unique(triangles)
    away = vertices[ball] - center
    distance = np.linalg.norm(away, axis=1)
    _, radius, _ = fit_sphere(vertices[ball])
    bulge = distance > 1.05 * radius
    if iris.any() and not iris.all():
        toward = (vertices[triangles[iris]].mean(axis=1) - center).mean(axis=0)
    elif bulge.any() and bulge.mean() < 0.5:
        toward = ((distance[bulge] - radius)[:, None] * away[bulge] / distance[bulge][:, None]).sum(axis=0)
    else:
        toward = np.array([0.0, 0.0, 1.0])
    length = float(np.linalg.norm(toward))
    return toward / length if length > 0 else np.array([0.0, 0.0, 1.0])


def paint_iris(vertices: Float, triangles: Int, center: Float) -> NDArray[np.uint8]:
    """Materials [F] of a ball that looks along +Z and has none named, by distance from the axis."""
    corners = vertices[triangles] - center
    reach = np.hypot(corners[..., 0], corners[..., 1])
    off_axis = (reach.min(axis=1) + reach.max(axis=1)) / 2  # both halves of a quad between two rings get the same
    material = np.full(len(triangles), MATERIALS.index("sclera"), np.uint8)
    front = corners[..., 2].mean(axis=1) > 0
    material[front & (off_axis < IRIS_RADIUS)] = MATERIALS.index("iris")
    material[front & (off_axis < PUPIL_RADIUS)] = MATERIALS.index("pupil")
    return material
