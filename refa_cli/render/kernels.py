"""The compiled inner loops of `rasterize`. Plain Python that numba compiles and keeps on disk; one thread, no GIL.

A pixel looks along the ray d = ((x - cx) / fx, (y - cy) / fy, 1). For a triangle a, b, c (camera frame) the three
numbers e_a = (b x c) . d, e_b = (c x a) . d, e_c = (a x b) . d all have the sign of det = a . (b x c) exactly where
the ray meets the triangle in front of the camera. Then e / sum(e) are the perspective-correct barycentric weights and
det / sum(e) is the depth, without projecting the corners; so a triangle with corners behind the camera needs no
clipping. The plane of an edge shared by two triangles is the same number with opposite sign in both, to the last bit,
so that no pixel falls between them; where a ray meets the edge exactly, the sign of the plane's first component
decides (the top-left rule, in homogeneous form), so that no pixel belongs to both.

Source: Olano and Greer, "Triangle scan conversion using 2D homogeneous coordinates", 1997.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from refa_cli.formats.spec import F32, F64, I32

MARGIN = 0.01  # pixels by which bounds are widened: their rounding is not that of the edges


def _clipped_bounds(corners: F64, pinhole: F64, near: float) -> tuple[float, float, float, float]:
    """Left, right, top, bottom (pixels) of the part of a triangle [3, 3] that lies beyond the near plane.

    Left is infinite where nothing lies there.
    """
    left, right, top, bottom = np.inf, -np.inf, np.inf, -np.inf
    for i in range(6):  # the three corners, then where the three edges cross the plane
        a, b = corners[i % 3], corners[(i + 1) % 3]
        x, y, z = a[0], a[1], a[2]
        if i < 3 and z < near:
            continue
        if i >= 3:
            if (a[2] < near) == (b[2] < near):
                continue
            t = (near - a[2]) / (b[2] - a[2])
            x, y, z = a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1]), near
        u, v = pinhole[0] * x / z + pinhole[2], pinhole[1] * y / z + pinhole[3]
        left, right = min(left, u), max(right, u)
        top, bottom = min(top, v), max(bottom, v)
    return left, right, top, bottom


def _rasterize(
    vertices: F64,
    triangles: I32,
    pinhole: F64,
    near: float,
    cull: bool,
    ids: I32,
    barycentric: F32,
    depth: NDArray[np.float64],
) -> None:
    """Fills ids [H, W] (-1 beforehand), barycentric [H, W, 3] and depth [H, W] (infinite beforehand)."""
    height, width = ids.shape
    rays_x = (np.arange(width) + 0.5 - pinhole[2]) / pinhole[0]
    rays_y = (np.arange(height) + 0.5 - pinhole[3]) / pinhole[1]
    pixels = np.empty((vertices.shape[0], 2))
    for i in range(vertices.shape[0]):
        if vertices[i, 2] >= near:
            pixels[i, 0] = pinhole[0] * vertices[i, 0] / vertices[i, 2] + pinhole[2]
            pixels[i, 1] = pinhole[1] * vertices[i, 1] / vertices[i, 2] + pinhole[3]
    for f in range(triangles.shape[0]):
        i, j, k = triangles[f, 0], triangles[f, 1], triangles[f, 2]
        ax, ay, az = vertices[i, 0], vertices[i, 1], vertices[i, 2]
        bx, by, bz = vertices[j, 0], vertices[j, 1], vertices[j, 2]
        cx, cy, cz = vertices[k, 0], vertices[k, 1], vertices[k, 2]
        if az >= near and bz >= near and cz >= near:
            left = min(pixels[i, 0], pixels[j, 0], pixels[k, 0])
            right = max(pixels[i, 0], pixels[j, 0], pixels[k, 0])
            top = min(pixels[i, 1], pixels[j, 1], pixels[k, 1])
            bottom = max(pixels[i, 1], pixels[j, 1], pixels[k, 1])
        else:
            left, right, top, bottom = clipped_bounds(vertices[triangles[f]], pinhole, near)
        # Pixels whose centres lie inside the bounds; compared before int(), which would wrap for far-off numbers.
        if not (left - 0.5 < width and right > 0.5 - MARGIN and top - 0.5 < height and bottom > 0.5 - MARGIN):
            continue
        first_column = int(np.ceil(max(left - 0.5 - MARGIN, 0.0)))
        last_column = int(np.floor(min(right - 0.5 + MARGIN, width - 1.0)))
        first_row = int(np.ceil(max(top - 0.5 - MARGIN, 0.0)))
        last_row = int(np.floor(min(bottom - 0.5 + MARGIN, height - 1.0)))
        if first_column > last_column or first_row > last_row:  # it slips between the pixel centres
            continue
        # Planes through the camera and the edge opposite each corner.
        pax, pay, paz = by * cz - bz * cy, bz * cx - bx * cz, bx * cy - by * cx
        pbx, pby, pbz = cy * az - cz * ay, cz * ax - cx * az, cx * ay - cy * ax
        pcx, pcy, pcz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
        det = ax * pax + ay * pay + az * paz
        if det == 0.0 or (cull and det > 0.0):  # seen edge-on, or from behind
            continue
        if det < 0.0:
            det = -det
            pax, pay, paz = -pax, -pay, -paz
            pbx, pby, pbz = -pbx, -pby, -pbz
            pcx, pcy, pcz = -pcx, -pcy, -pcz
        own_a = pax > 0.0 or (pax == 0.0 and pay > 0.0)
        own_b = pbx > 0.0 or (pbx == 0.0 and pby > 0.0)
        own_c = pcx > 0.0 or (pcx == 0.0 and pcy > 0.0)
        for row in range(first_row, last_row + 1):
            dy = rays_y[row]
            row_a, row_b, row_c = pay * dy + paz, pby * dy + pbz, pcy * dy + pcz
            for column in range(first_column, last_column + 1):
                dx = rays_x[column]
                ea = pax * dx + row_a
                if ea < 0.0 or (ea == 0.0 and not own_a):
                    continue
                eb = pbx * dx + row_b
                if eb < 0.0 or (eb == 0.0 and not own_b):
                    continue
                ec = pcx * dx + row_c
                if ec < 0.0 or (ec == 0.0 and not own_c):
                    continue
                total = ea + eb + ec
                z = det / total if total > 0.0 else np.inf
                if near <= z < depth[row, column]:
                    depth[row, column] = z
                    ids[row, column] = f
                    barycentric[row, column, 0] = ea / total
                    barycentric[row, column, 1] = eb / total
                    barycentric[row, column, 2] = ec / total


def _interpolate(attributes: F64, corners: I32, ids: I32, barycentric: F32, out: F32) -> None:
    """Fills out [H, W, C]; stays untouched where there is no triangle, or one without corners (-1)."""
    for row in range(ids.shape[0]):
        for column in range(ids.shape[1]):
            f = ids[row, column]
            if f < 0 or corners[f, 0] < 0 or corners[f, 1] < 0 or corners[f, 2] < 0:
                continue
            for k in range(attributes.shape[1]):
                out[row, column, k] = (
                    attributes[corners[f, 0], k] * barycentric[row, column, 0]
                    + attributes[corners[f, 1], k] * barycentric[row, column, 1]
                    + attributes[corners[f, 2], k] * barycentric[row, column, 2]
                )


clipped_bounds = njit(cache=True, nogil=True)(_clipped_bounds)
rasterize = njit(cache=True, nogil=True)(_rasterize)
interpolate = njit(cache=True, nogil=True)(_interpolate)
