"""Points against lines and polygons in the plane."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.floating[Any]]


def inside(points: Float, polygon: Float) -> NDArray[np.bool_]:
    """points [P, 2], polygon [k, 2] in order, either way round -> whether each is inside (even-odd rule)."""
    x, y = points[:, 0], points[:, 1]
    odd = np.zeros(len(points), np.bool_)
    for a, b in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        if a[1] != b[1]:
            crosses = (a[1] > y) != (b[1] > y)
            odd ^= crosses & (x < (b[0] - a[0]) * (y - a[1]) / (b[1] - a[1]) + a[0])
    return odd


def distance_to_line(points: Float, line: Float, closed: bool = False) -> Float:
    """points [P, 2], line [k, 2] with k >= 2 -> distance [P] to the nearest of its segments."""
    ends = np.roll(line, -1, axis=0) if closed else line[1:]
    best = np.full(len(points), np.inf)
    for a, b in zip(line, ends, strict=False):
        along = b - a
        t = np.clip(((points - a) @ along) / max(float(along @ along), 1e-30), 0.0, 1.0)
        best = np.minimum(best, np.linalg.norm(points - a - t[:, None] * along, axis=1))
    return best
