"""Compiled inner loop of `register`: one frame's points compared with what another frame saw along the same rays."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Float = NDArray[np.float64]


def compare_loop(
    points: Float,  # [P, 3] of the source, in the other's frame, metres
    normals: Float,  # [P, 3]
    shades: Float,  # [P]
    camera_from_other: Float,  # [4, 4] the camera whose pixels the other's maps are
    pinhole: Float,  # fx, fy, cx, cy of that camera, pixels
    place: Float,  # [h, w, 3] of the other, NaN where it has no skin
    facing: Float,  # [h, w, 3] its normals
    shade: Float,  # [h, w]
    reach: float,  # largest distance of a pair, metres
    scale: float,  # distance from the plane at which a pair counts a quarter, metres
    agree: float,  # least cosine between normals
    plane_sigma: float,
    shade_sigma: float,  # 0: shades are not compared
    matrix: Float,  # [6, 6] out: added to
    vector: Float,  # [6] out: added to
    distance: Float,  # [P] out: from what the other saw along the same ray, NaN where that is no skin
) -> int:
    """Adds the normal equations of the source's small motion (rotation, translation; in the other's frame).

    Returns the number of pairs.
    """
    count = 0
    height, width = shade.shape
    r = camera_from_other
    fx, fy, cx, cy = pinhole
    row, slope = np.empty(6), np.empty(3)
    for k in range(len(points)):
        distance[k] = np.nan
        x, y, z = points[k]
        a = r[0, 0] * x + r[0, 1] * y + r[0, 2] * z + r[0, 3]
        b = r[1, 0] * x + r[1, 1] * y + r[1, 2] * z + r[1, 3]
        c = r[2, 0] * x + r[2, 1] * y + r[2, 2] * z + r[2, 3]
        if c <= 0.01:
            continue
        u, v = fx * a / c + cx, fy * b / c + cy
        j, i = int(np.floor(u)), int(np.floor(v))
        if j < 1 or i < 1 or j >= width - 2 or i >= height - 2:
            continue
        dx, dy, dz = place[i, j, 0] - x, place[i, j, 1] - y, place[i, j, 2] - z
        apart = np.sqrt(dx * dx + dy * dy + dz * dz)
        if not np.isfinite(apart):  # there is no skin
            continue
        nx, ny, nz = facing[i, j]
        away = dx * nx + dy * ny + dz * nz
        distance[k] = apart if apart > reach else abs(away)
        if apart > reach or normals[k, 0] * nx + normals[k, 1] * ny + normals[k, 2] * nz < agree:
            continue
        count += 1
        trust = 1.0 / (1.0 + (away / scale) ** 2) ** 2
        slope[0], slope[1], slope[2] = nx, ny, nz
        _add(points[k], slope, away, trust / plane_sigma**2, row, matrix, vector)
        if shade_sigma <= 0.0:
            continue
        left, top = int(np.floor(u - 0.5)), int(np.floor(v - 0.5))
        s, t = u - 0.5 - left, v - 0.5 - top
        s00, s01, s10, s11 = shade[top, left], shade[top, left + 1], shade[top + 1, left], shade[top + 1, left + 1]
        seen = (1 - t) * ((1 - s) * s00 + s * s01) + t * ((1 - s) * s10 + s * s11)
        if not np.isfinite(seen):
            continue
        along_u = ((1 - t) * (s01 - s00) + t * (s11 - s10)) * fx / c
        along_v = ((1 - s) * (s10 - s00) + s * (s11 - s01)) * fy / c
        along_z = -(along_u * a + along_v * b) / c
        for axis in range(3):
            slope[axis] = along_u * r[0, axis] + along_v * r[1, axis] + along_z * r[2, axis]
        error = shades[k] - seen
        weight = trust / (1.0 + (error / (3 * shade_sigma)) ** 2) ** 2 / shade_sigma**2
        _add(points[k], slope, error, weight, row, matrix, vector)
    return count


def _add_loop(at: Float, slope: Float, error: float, weight: float, row: Float, matrix: Float, vector: Float) -> None:
    """One equation: slope . (turn x at + shift) = error."""
    row[0] = at[1] * slope[2] - at[2] * slope[1]
    row[1] = at[2] * slope[0] - at[0] * slope[2]
    row[2] = at[0] * slope[1] - at[1] * slope[0]
    row[3], row[4], row[5] = slope[0], slope[1], slope[2]
    for i in range(6):
        vector[i] += weight * error * row[i]
        for j in range(6):
            matrix[i, j] += weight * row[i] * row[j]


_add = njit(cache=True)(_add_loop)
compare = njit(cache=True, nogil=True)(compare_loop)
