"""The compiled inner loop of `measure`: one face before all candidate cameras, in all ways of donning."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from refa_cli.formats.spec import F32, F64
from refa_cli.headset.lens_kernels import LIMIT, project_one

Array = NDArray[Any]

AXIS, RAY, SEEN, OUTSIDE = 0, 1, 2, 3
"""Sums over points: facing the camera's axis (Eq. 1), facing the ray that meets them, the same of what is inside the
picture and not hidden, and how many are outside of it."""
SUMS = 4
CLEARANCE = 0.001  # metres by which what hides must stand before what is hidden


def _hidden(map_: F32, axes: F32, focal: float, dx: float, dy: float, dz: float, distance: float) -> bool:
    """Whether a point's map of what stands around it [S, S] has something nearer than a camera in that direction.

    axes [3, 3]: rows x, y, z of the map's frame, z outwards; equidistant, `focal` pixels a radian.
    """
    x = axes[0, 0] * dx + axes[0, 1] * dy + axes[0, 2] * dz
    y = axes[1, 0] * dx + axes[1, 1] * dy + axes[1, 2] * dz
    z = axes[2, 0] * dx + axes[2, 1] * dy + axes[2, 2] * dz
    if z <= 0.0:
        return True
    aside = np.sqrt(x * x + y * y)
    scale = focal * np.arctan2(aside, z) / max(aside, 1e-12)
    size = map_.shape[0]
    column, row = int(np.floor(x * scale + size / 2)), int(np.floor(y * scale + size / 2))
    if column < 0 or row < 0 or column >= size or row >= size:
        return True
    seen = map_[row, column]
    return bool(seen > 0.0 and seen / z < distance - CLEARANCE)


def _accumulate(
    points: F32, normals: F32, maps: F32, axes: F32, focal: float, cameras: F64, lenses: F64, sizes: F64,
    walls: F32, wall_scale: F64, region: Array, sums: F64,
) -> None:  # fmt: skip
    """Adds to sums [C, G, SUMS] over points and donnings.

    points, normals [P, 3] of the face, head frame; maps [P, S, S] with axes [P, 3, 3]; cameras [C, D, 4, 4]:
    camera_from_head; lenses [C, 16]; sizes [C, 2]: width, height; walls [C, M, M]: what the headset's own parts leave
    of each picture, distance along z, 0: free, with wall_scale [C, 2] pixels to its cells; region [P]: of each point.
    """
    for c in range(cameras.shape[0]):
        for d in range(cameras.shape[1]):
            m = cameras[c, d]
            # Where the camera stands, and its axis, in the head frame.
            ox = -(m[0, 0] * m[0, 3] + m[1, 0] * m[1, 3] + m[2, 0] * m[2, 3])
            oy = -(m[0, 1] * m[0, 3] + m[1, 1] * m[1, 3] + m[2, 1] * m[2, 3])
            oz = -(m[0, 2] * m[0, 3] + m[1, 2] * m[1, 3] + m[2, 2] * m[2, 3])
            for p in range(points.shape[0]):
                g = region[p]
                nx, ny, nz = normals[p, 0], normals[p, 1], normals[p, 2]
                sums[c, g, AXIS] += max(-(nx * m[2, 0] + ny * m[2, 1] + nz * m[2, 2]), 0.0)
                dx, dy, dz = ox - points[p, 0], oy - points[p, 1], oz - points[p, 2]
                distance = np.sqrt(dx * dx + dy * dy + dz * dz)
                dx, dy, dz = dx / distance, dy / distance, dz / distance
                facing = max(nx * dx + ny * dy + nz * dz, 0.0)
                sums[c, g, RAY] += facing
                x = m[0, 0] * points[p, 0] + m[0, 1] * points[p, 1] + m[0, 2] * points[p, 2] + m[0, 3]
                y = m[1, 0] * points[p, 0] + m[1, 1] * points[p, 1] + m[1, 2] * points[p, 2] + m[1, 3]
                z = m[2, 0] * points[p, 0] + m[2, 1] * points[p, 1] + m[2, 2] * points[p, 2] + m[2, 3]
                inside = z > 0.0
                u, v = 0.0, 0.0
                if inside:
                    inside = (x * x + y * y) <= (lenses[c, LIMIT] * z) ** 2
                    u, v, _, _, _, _ = project_one(lenses[c], x / z, y / z)
                    inside = inside and 0.0 <= u < sizes[c, 0] and 0.0 <= v < sizes[c, 1]
                if not inside:
                    sums[c, g, OUTSIDE] += 1.0
                    continue
                if facing <= 0.0:
                    continue
                wall = walls[c, int(v * wall_scale[c, 1]), int(u * wall_scale[c, 0])]
                if wall > 0.0 and wall < z - CLEARANCE:
                    continue
                if not hidden(maps[p], axes[p], focal, dx, dy, dz, distance):
                    sums[c, g, SEEN] += facing


def _motion(
    still: F32, moved: F32, cameras_still: F64, cameras_moved: F64, lenses: F64, sizes: F64, travel: F64, outside: F64
) -> None:
    """Adds to travel [C, K] how far keypoints move in pictures, pixels, and to outside [C, K] how often either end is
    outside, over donnings; still, moved [K, 3] head frame; cameras [C, D, 4, 4]: camera_from_head of both."""
    for c in range(cameras_still.shape[0]):
        for d in range(cameras_still.shape[1]):
            for k in range(still.shape[0]):
                pixels = np.empty((2, 2))
                inside = True
                for end in range(2):
                    m = cameras_still[c, d] if end == 0 else cameras_moved[c, d]
                    at = still if end == 0 else moved
                    x = m[0, 0] * at[k, 0] + m[0, 1] * at[k, 1] + m[0, 2] * at[k, 2] + m[0, 3]
                    y = m[1, 0] * at[k, 0] + m[1, 1] * at[k, 1] + m[1, 2] * at[k, 2] + m[1, 3]
                    z = m[2, 0] * at[k, 0] + m[2, 1] * at[k, 1] + m[2, 2] * at[k, 2] + m[2, 3]
                    if z <= 1e-4 or x * x + y * y > (lenses[c, LIMIT] * z) ** 2:
                        inside = False
                        break
                    u, v, _, _, _, _ = project_one(lenses[c], x / z, y / z)
                    inside = inside and 0.0 <= u < sizes[c, 0] and 0.0 <= v < sizes[c, 1]
                    pixels[end, 0], pixels[end, 1] = u, v
                if not inside:
                    outside[c, k] += 1.0
                    continue
                travel[c, k] += np.hypot(pixels[1, 0] - pixels[0, 0], pixels[1, 1] - pixels[0, 1])


hidden = njit(cache=True, nogil=True)(_hidden)
accumulate = njit(cache=True, nogil=True)(_accumulate)
motion = njit(cache=True, nogil=True)(_motion)
