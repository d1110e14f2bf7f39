"""The compiled backward passes of rasterize and interpolate, and texture footprints: one view, one thread, no GIL.

As in `refa_cli.render.kernels`: a triangle a, b, c seen along d = (n, 1) has e_a = (b x c) . d and so on; the weights
are e / S with S = sum(e), the depth is det / S with det = a . (b x c). Signs do not matter, since both are ratios.
"""

from __future__ import annotations

from typing import Any

from numba import njit
from numpy.typing import NDArray

from refa_cli.formats.spec import F64, I32

Array = NDArray[Any]


def _rasterize_backward(
    vertices: F64, triangles: I32, rays_x: F64, rays_y: F64, ids: I32, g_barycentric: Array, g_depth: Array, grad: F64
) -> None:
    """Adds to grad [V, 3] what gradients by barycentric [H, W, 3] and depth [H, W] mean for the vertices [V, 3]."""
    for row in range(ids.shape[0]):
        for column in range(ids.shape[1]):
            f = ids[row, column]
            if f < 0:
                continue
            ga, gb, gc = g_barycentric[row, column, 0], g_barycentric[row, column, 1], g_barycentric[row, column, 2]
            gz = g_depth[row, column]
            if ga == 0.0 and gb == 0.0 and gc == 0.0 and gz == 0.0:
                continue
            i, j, k = triangles[f, 0], triangles[f, 1], triangles[f, 2]
            ax, ay, az = vertices[i, 0], vertices[i, 1], vertices[i, 2]
            bx, by, bz = vertices[j, 0], vertices[j, 1], vertices[j, 2]
            cx, cy, cz = vertices[k, 0], vertices[k, 1], vertices[k, 2]
            pax, pay, paz = by * cz - bz * cy, bz * cx - bx * cz, bx * cy - by * cx
            pbx, pby, pbz = cy * az - cz * ay, cz * ax - cx * az, cx * ay - cy * ax
            pcx, pcy, pcz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
            dx, dy = rays_x[row, column], rays_y[row, column]
            ea, eb, ec = pax * dx + pay * dy + paz, pbx * dx + pby * dy + pbz, pcx * dx + pcy * dy + pcz
            total = ea + eb + ec
            det = ax * pax + ay * pay + az * paz
            common = (ga * ea + gb * eb + gc * ec) / total + gz * det / total
            ha, hb, hc = (ga - common) / total, (gb - common) / total, (gc - common) / total  # by e_a, e_b, e_c
            hd = gz / total  # by det
            # e_a = (b x c) . d changes with b by c x d and with c by d x b; in turn for the others.
            adx, ady, adz = ay - az * dy, az * dx - ax, ax * dy - ay * dx  # a x d
            bdx, bdy, bdz = by - bz * dy, bz * dx - bx, bx * dy - by * dx
            cdx, cdy, cdz = cy - cz * dy, cz * dx - cx, cx * dy - cy * dx
            grad[i, 0] += hd * pax + hc * bdx - hb * cdx
            grad[i, 1] += hd * pay + hc * bdy - hb * cdy
            grad[i, 2] += hd * paz + hc * bdz - hb * cdz
            grad[j, 0] += hd * pbx + ha * cdx - hc * adx
            grad[j, 1] += hd * pby + ha * cdy - hc * ady
            grad[j, 2] += hd * pbz + ha * cdz - hc * adz
            grad[k, 0] += hd * pcx + hb * adx - ha * bdx
            grad[k, 1] += hd * pcy + hb * ady - ha * bdy
            grad[k, 2] += hd * pcz + hb * adz - ha * bdz


def _interpolate(attributes: Array, corners: I32, ids: I32, barycentric: Array, out: Array) -> None:
    """Fills out [H, W, C]; stays untouched where there is no triangle, or one without corners (-1)."""
    for row in range(ids.shape[0]):
        for column in range(ids.shape[1]):
            f = ids[row, column]
            if f < 0 or corners[f, 0] < 0 or corners[f, 1] < 0 or corners[f, 2] < 0:
                continue
            i, j, k = corners[f, 0], corners[f, 1], corners[f, 2]
            a, b, c = barycentric[row, column, 0], barycentric[row, column, 1], barycentric[row, column, 2]
            for channel in range(attributes.shape[1]):
                out[row, column, channel] = (
                    attributes[i, channel] * a + attributes[j, channel] * b + attributes[k, channel] * c
                )


def _interpolate_backward(
    attributes: Array, corners: I32, ids: I32, barycentric: Array, g_out: Array, g_attributes: F64,
    g_barycentric: Array,
) -> None:  # fmt: skip
    """Adds to g_attributes [N, C] and fills g_barycentric [H, W, 3] (0 beforehand) from g_out [H, W, C]."""
    for row in range(ids.shape[0]):
        for column in range(ids.shape[1]):
            f = ids[row, column]
            if f < 0 or corners[f, 0] < 0 or corners[f, 1] < 0 or corners[f, 2] < 0:
                continue
            i, j, k = corners[f, 0], corners[f, 1], corners[f, 2]
            a, b, c = barycentric[row, column, 0], barycentric[row, column, 1], barycentric[row, column, 2]
            ga, gb, gc = 0.0, 0.0, 0.0
            for channel in range(attributes.shape[1]):
                g = g_out[row, column, channel]
                g_attributes[i, channel] += g * a
                g_attributes[j, channel] += g * b
                g_attributes[k, channel] += g * c
                ga += g * attributes[i, channel]
                gb += g * attributes[j, channel]
                gc += g * attributes[k, channel]
            g_barycentric[row, column, 0] = ga
            g_barycentric[row, column, 1] = gb
            g_barycentric[row, column, 2] = gc


def _footprint(
    vertices: F64, triangles: I32, rays_x: F64, rays_y: F64, ids: I32, uv: Array, corners: I32, out: Array
) -> None:
    """Fills out [H, W, 2, 2]: how uv [U, 2] changes from pixel to pixel, by (column, row); 0 where nothing is seen."""
    height, width = ids.shape
    for row in range(height):
        for column in range(width):
            f = ids[row, column]
            if f < 0 or corners[f, 0] < 0 or corners[f, 1] < 0 or corners[f, 2] < 0:
                continue
            i, j, k = triangles[f, 0], triangles[f, 1], triangles[f, 2]
            ax, ay, az = vertices[i, 0], vertices[i, 1], vertices[i, 2]
            bx, by, bz = vertices[j, 0], vertices[j, 1], vertices[j, 2]
            cx, cy, cz = vertices[k, 0], vertices[k, 1], vertices[k, 2]
            pax, pay, paz = by * cz - bz * cy, bz * cx - bx * cz, bx * cy - by * cx
            pbx, pby, pbz = cy * az - cz * ay, cz * ax - cx * az, cx * ay - cy * ax
            pcx, pcy, pcz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
            dx, dy = rays_x[row, column], rays_y[row, column]
            ea, eb, ec = pax * dx + pay * dy + paz, pbx * dx + pby * dy + pbz, pcx * dx + pcy * dy + pcz
            total = ea + eb + ec
            for axis in range(2):
                if axis == 0:
                    other_row, other_column = row, column + 1 if column + 1 < width else column - 1
                else:
                    other_row, other_column = row + 1 if row + 1 < height else row - 1, column
                sx, sy = rays_x[other_row, other_column] - dx, rays_y[other_row, other_column] - dy
                if not (sx == sx and sy == sy):
                    continue
                da, db, dc = pax * sx + pay * sy, pbx * sx + pby * sy, pcx * sx + pcy * sy
                change = da + db + dc
                wa, wb, wc = (
                    (da - ea / total * change) / total,
                    (db - eb / total * change) / total,
                    (dc - ec / total * change) / total,
                )
                for t in range(2):
                    out[row, column, axis, t] = (
                        uv[corners[f, 0], t] * wa + uv[corners[f, 1], t] * wb + uv[corners[f, 2], t] * wc
                    )


rasterize_backward = njit(cache=True, nogil=True)(_rasterize_backward)
interpolate = njit(cache=True, nogil=True)(_interpolate)
interpolate_backward = njit(cache=True, nogil=True)(_interpolate_backward)
footprint = njit(cache=True, nogil=True)(_footprint)
