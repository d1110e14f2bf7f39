"""Simple bodies that a headset's parts are described by, as closed or open triangle meshes, metres."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from refa_cli.formats.spec import F64

SIDES: Final = ("right", "left", "bottom", "top", "face", "front")
"""Sides of a box, towards -X, +X, -Y, +Y, -Z (the wearer's face) and +Z."""
SEGMENTS: Final = 64
"""Of a round part; fewer would throw shadows with corners."""


class Solid(NamedTuple):
    """vertices [S, 3] and triangles [T, 3], counter-clockwise seen from outside."""

    vertices: F64
    triangles: NDArray[np.int32]

    def mirrored(self) -> Solid:
        """The same on the other side of the face."""
        return Solid(self.vertices * [-1, 1, 1], np.ascontiguousarray(self.triangles[:, ::-1]))


def box(low: ArrayLike, high: ArrayLike, without: Collection[str] = ()) -> Solid:
    """A box between two corners [3]; `without`: sides of SIDES that are left open.

    Raises ValueError where a corner is not below the other, or for an unknown side.
    """
    least, most = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
    if not (least < most).all():
        raise ValueError(f"a box needs its second corner beyond the first in every axis, got {least} and {most}")
    unknown = sorted(set(without) - set(SIDES))
    if unknown:
        raise ValueError(f"sides of a box are {', '.join(SIDES)}, got {unknown[0]}")
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
    faces = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
    kept = [face for side, face in zip(SIDES, faces, strict=True) if side not in without]
    triangles = [triangle for a, b, c, d in kept for triangle in ((a, b, c), (a, c, d))]
    return Solid(least + corners * (most - least), np.array(triangles, dtype=np.int32).reshape(-1, 3))


def cone(start: ArrayLike, end: ArrayLike, radius: float, end_radius: float, closed: bool = True) -> Solid:
    """A cone cut off at both ends, from one centre [3] to the other, with its radii there.

    closed: with caps. Raises ValueError where it has no length or a radius is not positive.
    """
    a, b = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    length = float(np.linalg.norm(b - a))
    if length == 0 or min(radius, end_radius) <= 0:
        raise ValueError(f"a cone needs a length and positive radii, got {length:g} m, {radius:g} and {end_radius:g}")
    axis = (b - a) / length
    aside = np.cross(axis, [0.0, 1.0, 0.0] if abs(axis[1]) < 0.9 else [1.0, 0.0, 0.0])
    aside /= np.linalg.norm(aside)
    turn = np.linspace(0, 2 * np.pi, SEGMENTS, endpoint=False)[:, None]
    ring = np.cos(turn) * aside + np.sin(turn) * np.cross(axis, aside)
    vertices = np.concatenate([a + radius * ring, b + end_radius * ring, [a, b]])
    i, j = np.arange(SEGMENTS), np.roll(np.arange(SEGMENTS), -1)
    wall = [np.stack([i, j, j + SEGMENTS], 1), np.stack([i, j + SEGMENTS, i + SEGMENTS], 1)]
    caps = [np.stack([j, i, np.full(SEGMENTS, 2 * SEGMENTS)], 1),
            np.stack([i + SEGMENTS, j + SEGMENTS, np.full(SEGMENTS, 2 * SEGMENTS + 1)], 1)]  # fmt: skip
    return Solid(vertices, np.concatenate(wall + caps if closed else wall).astype(np.int32))
