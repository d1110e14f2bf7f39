"""The compiled inner loops of `rasterize`. Plain Python that numba compiles and keeps on disk; one thread, no GIL.

A pixel looks along the ray d = (n, 1), whatever lens bent it. For a triangle a, b, c (camera frame) the three
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
from refa_cli.headset.lens_kernels import BULGE, project_one

MARGIN = 0.01  # pixels by which bounds are widened: their rounding is not that of the edges
STRAIGHT = 0.2  # pixels by which an edge of a bound may bend before it is taken in pieces
PIECES = 16  # most of them


def _clipped(corners: F64, near: float, flat: F64) -> int:
    """Fills flat [4, 2] with n around what of a triangle [3, 3] lies beyond the near plane; how many: 0, 3 or 4."""
    count = 0
    for i in range(3):
        a, b = corners[i], corners[(i + 1) % 3]
        if a[2] >= near:
            flat[count, 0], flat[count, 1] = a[0] / a[2], a[1] / a[2]
            count += 1
        if (a[2] < near) != (b[2] < near):
            t = (near - a[2]) / (b[2] - a[2])
            flat[count, 0] = (a[0] + t * (b[0] - a[0])) / near
            flat[count, 1] = (a[1] + t * (b[1] - a[1])) / near
            count += 1
    return count


def _misses(flat: F64, count: int, reach: float) -> bool:
    """Whether a convex polygon [count, 2] lies farther than `reach` from the axis."""
    inside_left, inside_right = True, True
    for i in range(count):
        ax, ay = flat[i, 0], flat[i, 1]
        dx, dy = flat[(i + 1) % count, 0] - ax, flat[(i + 1) % count, 1] - ay
        cross = ax * dy - ay * dx
        inside_left &= cross >= 0
        inside_right &= cross <= 0
        length = dx * dx + dy * dy
        t = 0.0 if length == 0.0 else min(max(-(ax * dx + ay * dy) / length, 0.0), 1.0)
        if (ax + t * dx) ** 2 + (ay + t * dy) ** 2 <= reach * reach:
            return False
    return not (inside_left or inside_right)


def _bounds(lens: F64, flat: F64, count: int) -> tuple[float, float, float, float]:
    """Left, right, top, bottom (pixels) of a polygon [count, 2] in n, as the lens bends it."""
    left, right, top, bottom = np.inf, -np.inf, np.inf, -np.inf
    most = 0.0
    for i in range(count):
        ax, ay = flat[i, 0], flat[i, 1]
        dx, dy = flat[(i + 1) % count, 0] - ax, flat[(i + 1) % count, 1] - ay
        bend = lens[BULGE] * (dx * dx + dy * dy)
        pieces = int(min(np.ceil(np.sqrt(bend / STRAIGHT)), PIECES)) if bend > STRAIGHT else 1
        most = max(most, bend / (pieces * pieces))
        for piece in range(pieces):
            t = piece / pieces
            u, v, _, _, _, _ = project_one(lens, ax + t * dx, ay + t * dy)
            left, right = min(left, u), max(right, u)
            top, bottom = min(top, v), max(bottom, v)
    return left - most, right + most, top - most, bottom + most


def _rasterize(
    vertices: F64,
    triangles: I32,
    first: int,
    lens: F64,
    rays_x: F64,
    rays_y: F64,
    reach: float,
    near: float,
    cull: bool,
    ids: I32,
    barycentric: F32,
    depth: NDArray[np.float64],
) -> None:
    """Draws triangles from `first` on into ids [H, W] (-1 for none), barycentric [H, W, 3] and depth [H, W] (infinite
    for none).

    rays_x, rays_y [H, W]: n of the pixels' centres, NaN where a pixel sees nothing; reach: the largest |n| of them.
    """
    height, width = ids.shape
    flat, polygon = np.empty((vertices.shape[0], 2)), np.empty((4, 2))
    pixels = np.empty((vertices.shape[0], 2))
    for i in range(vertices.shape[0]):
        if vertices[i, 2] >= near:
            flat[i, 0], flat[i, 1] = vertices[i, 0] / vertices[i, 2], vertices[i, 1] / vertices[i, 2]
            pixels[i, 0], pixels[i, 1], _, _, _, _ = project_one(lens, flat[i, 0], flat[i, 1])
    for f in range(first, triangles.shape[0]):
        i, j, k = triangles[f, 0], triangles[f, 1], triangles[f, 2]
        ax, ay, az = vertices[i, 0], vertices[i, 1], vertices[i, 2]
        bx, by, bz = vertices[j, 0], vertices[j, 1], vertices[j, 2]
        cx, cy, cz = vertices[k, 0], vertices[k, 1], vertices[k, 2]
        if az >= near and bz >= near and cz >= near:
            left = min(pixels[i, 0], pixels[j, 0], pixels[k, 0])
            right = max(pixels[i, 0], pixels[j, 0], pixels[k, 0])
            top = min(pixels[i, 1], pixels[j, 1], pixels[k, 1])
            bottom = max(pixels[i, 1], pixels[j, 1], pixels[k, 1])
            if lens[BULGE] > 0.0:
                wide = max(flat[i, 0], flat[j, 0], flat[k, 0]) - min(flat[i, 0], flat[j, 0], flat[k, 0])
                high = max(flat[i, 1], flat[j, 1], flat[k, 1]) - min(flat[i, 1], flat[j, 1], flat[k, 1])
                bend = lens[BULGE] * (wide * wide + high * high)
                if bend < 1.0:
                    left, right, top, bottom = left - bend, right + bend, top - bend, bottom + bend
                else:
                    polygon[0], polygon[1], polygon[2] = flat[i], flat[j], flat[k]
                    if misses(polygon, 3, reach):
                        continue
                    left, right, top, bottom = bounds(lens, polygon, 3)
        elif az < near and bz < near and cz < near:
            continue
        else:
            count = clipped(vertices[triangles[f]], near, polygon)
            if misses(polygon, count, reach):
                continue
            left, right, top, bottom = bounds(lens, polygon, count)
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
            for column in range(first_column, last_column + 1):
                dx, dy = rays_x[row, column], rays_y[row, column]
                ea = pax * dx + (pay * dy + paz)
                if not (ea > 0.0 or (ea == 0.0 and own_a)):  # also where the ray is NaN
                    continue
                eb = pbx * dx + (pby * dy + pbz)
                if not (eb > 0.0 or (eb == 0.0 and own_b)):
                    continue
                ec = pcx * dx + (pcy * dy + pcz)
                if not (ec > 0.0 or (ec == 0.0 and own_c)):
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


clipped = njit(cache=True, nogil=True)(_clipped)
misses = njit(cache=True, nogil=True)(_misses)
bounds = njit(cache=True, nogil=True)(_bounds)
rasterize = njit(cache=True, nogil=True)(_rasterize)
interpolate = njit(cache=True, nogil=True)(_interpolate)
