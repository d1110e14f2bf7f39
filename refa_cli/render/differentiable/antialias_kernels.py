"""The compiled loops of `antialias`: outlines between neighbouring pixels, blending across them, and back; one view.

Between the centres of two pixels that see different triangles, the nearer surface is followed from its pixel towards
the other, from triangle to triangle, until it ends or turns away: there its outline passes. Triangles smaller than a
pixel have their outline on an edge that neither pixel sees, which is why it is not enough to look at the edges of the
triangle that a pixel sees.
"""

from __future__ import annotations

from typing import Any

from numba import njit
from numpy.typing import NDArray

from refa_cli.formats.spec import F64, I32

Array = NDArray[Any]
STEPS = 8
"""Most triangles that are followed between two pixels."""
ROUNDING = 1e-9
"""By how much an outline may seem to miss the way between two pixels."""


def _followed(
    vertices: F64, triangles: I32, neighbours: I32, f: int, goal: int, sx: float, sy: float, ex: float, ey: float
) -> tuple[int, int, float]:
    """The outline of the surface of triangle f, followed from one pixel's ray towards another's that sees `goal`.

    Its two vertices and how far along it lies, 0 ... 1; -1, -1 where there is none before the other pixel.
    """
    came_a, came_b, facing = -1, -1, 0.0
    for _ in range(STEPS):
        sign = 1.0 if _det(vertices, triangles[f, 0], triangles[f, 1], triangles[f, 2]) >= 0.0 else -1.0
        if facing != 0.0 and sign != facing:
            break
        facing = sign
        best, best_t = -1, 2.0
        for corner in range(3):
            a, b = triangles[f, (corner + 1) % 3], triangles[f, (corner + 2) % 3]
            if (a == came_a and b == came_b) or (a == came_b and b == came_a):
                continue
            px, py, pz = _plane(vertices, a, b)
            # Summed as in rasterize, so that a pixel that is not covered lies beyond some edge here too.
            start, end = sign * (px * sx + (py * sy + pz)), sign * (px * ex + (py * ey + pz))
            if end > 0.0 or start <= end:
                continue
            t = start / (start - end)
            if t < best_t:
                best, best_t = corner, t
        if best < 0:  # the other pixel's ray meets this triangle: something else hides it there
            break
        a, b = triangles[f, (best + 1) % 3], triangles[f, (best + 2) % 3]
        beyond = neighbours[f, best]
        if beyond >= 0:
            turned = _det(vertices, triangles[beyond, 0], triangles[beyond, 1], triangles[beyond, 2])
            if (turned >= 0.0) == (sign > 0.0):
                if beyond == goal:  # the two pixels see one unbroken surface
                    break
                came_a, came_b, f = a, b, beyond
                continue
        if best_t < -ROUNDING or best_t > 1.0 + ROUNDING:
            break
        return a, b, min(max(best_t, 0.0), 1.0)
    return -1, -1, 0.0


def _outlines(
    vertices: F64, triangles: I32, neighbours: I32, rays_x: F64, rays_y: F64, ids: I32, depth: Array, edges: I32,
    where: F64,
) -> None:  # fmt: skip
    """Fills edges [2, H, W, 3] and where [2, H, W], for pairs of a pixel with its right (0) and lower (1) neighbour.

    edges: the outline's two vertices, -1 for none, and which pixel of the pair is the nearer one, 0 or 1; where: how
    far the outline lies from that pixel's centre, 0 ... 1 of the way to the other.
    """
    height, width = ids.shape
    for axis in range(2):
        for row in range(height - (axis == 1)):
            for column in range(width - (axis == 0)):
                edges[axis, row, column, 0] = -1
                other_row, other_column = row + (axis == 1), column + (axis == 0)
                mine, other = ids[row, column], ids[other_row, other_column]
                if mine == other:
                    continue
                x, y = rays_x[row, column], rays_y[row, column]
                ox, oy = rays_x[other_row, other_column], rays_y[other_row, other_column]
                if not (x == x and ox == ox):  # a pixel outside the field
                    continue
                of = 0
                if mine < 0 or (other >= 0 and depth[other_row, other_column] < depth[row, column]):
                    of = 1
                if of == 0:
                    a, b, t = followed(vertices, triangles, neighbours, mine, other, x, y, ox, oy)
                else:
                    a, b, t = followed(vertices, triangles, neighbours, other, mine, ox, oy, x, y)
                if a < 0:
                    continue
                # Edges more upright than flat are for pairs side by side, flat ones for pairs above each other.
                px, py, _ = _plane(vertices, a, b)
                side_column = column + 1 if column + 1 < width else column - 1
                down_row = row + 1 if row + 1 < height else row - 1
                side = abs(px * (rays_x[row, side_column] - x) + py * (rays_y[row, side_column] - y))
                down = abs(px * (rays_x[down_row, column] - x) + py * (rays_y[down_row, column] - y))
                if (axis == 0 and side >= down) or (axis == 1 and down > side):
                    edges[axis, row, column, 0], edges[axis, row, column, 1] = a, b
                    edges[axis, row, column, 2] = of
                    where[axis, row, column] = t


def _plane_of(vertices: F64, a: int, b: int) -> tuple[float, float, float]:
    """Of the camera and two vertices: their cross product."""
    return (
        vertices[a, 1] * vertices[b, 2] - vertices[a, 2] * vertices[b, 1],
        vertices[a, 2] * vertices[b, 0] - vertices[a, 0] * vertices[b, 2],
        vertices[a, 0] * vertices[b, 1] - vertices[a, 1] * vertices[b, 0],
    )


def _det_of(vertices: F64, i: int, j: int, k: int) -> float:
    x, y, z = _plane(vertices, j, k)
    return float(vertices[i, 0] * x + vertices[i, 1] * y + vertices[i, 2] * z)


def _blend(color: Array, edges: I32, where: F64, out: Array) -> None:
    """Adds to out [H, W, C], a copy of color, what outlines take of one pixel's colour to its neighbour."""
    height, width, channels = color.shape
    for axis in range(2):
        for row in range(height - (axis == 1)):
            for column in range(width - (axis == 0)):
                if edges[axis, row, column, 0] < 0:
                    continue
                share = where[axis, row, column] - 0.5  # of the nearer colour, that the farther pixel gets
                # The pixel that changes: the farther one when the outline reaches into it, else the nearer one.
                first = (edges[axis, row, column, 2] == 1) == (share > 0)
                to_row, to_column = (row, column) if first else (row + (axis == 1), column + (axis == 0))
                of_row, of_column = (row + (axis == 1), column + (axis == 0)) if first else (row, column)
                for channel in range(channels):
                    out[to_row, to_column, channel] += abs(share) * (
                        color[of_row, of_column, channel] - color[to_row, to_column, channel]
                    )


def _blend_backward(
    color: Array, vertices: F64, rays_x: F64, rays_y: F64, edges: I32, where: F64, g_out: Array, g_color: Array,
    g_vertices: F64,
) -> None:  # fmt: skip
    """Adds to g_color [H, W, C], a copy of g_out, and to g_vertices [V, 3]."""
    height, width, channels = color.shape
    for axis in range(2):
        for row in range(height - (axis == 1)):
            for column in range(width - (axis == 0)):
                a, b = edges[axis, row, column, 0], edges[axis, row, column, 1]
                if a < 0:
                    continue
                near = edges[axis, row, column, 2]
                share = where[axis, row, column] - 0.5
                first = (near == 1) == (share > 0)
                to_row, to_column = (row, column) if first else (row + (axis == 1), column + (axis == 0))
                of_row, of_column = (row + (axis == 1), column + (axis == 0)) if first else (row, column)
                by_share = 0.0
                for channel in range(channels):
                    g = g_out[to_row, to_column, channel]
                    by_share += g * (color[of_row, of_column, channel] - color[to_row, to_column, channel])
                    g_color[of_row, of_column, channel] += abs(share) * g
                    g_color[to_row, to_column, channel] -= abs(share) * g
                by_t = by_share if share > 0 else -by_share
                # t = start / (start - end), with start = (a x b) . s at the nearer pixel's ray and end at the other's.
                near_row, near_column = (row, column) if near == 0 else (row + (axis == 1), column + (axis == 0))
                far_row, far_column = (row + (axis == 1), column + (axis == 0)) if near == 0 else (row, column)
                sx, sy = rays_x[near_row, near_column], rays_y[near_row, near_column]
                ex, ey = rays_x[far_row, far_column], rays_y[far_row, far_column]
                px, py, pz = _plane(vertices, a, b)
                start, end = px * sx + py * sy + pz, px * ex + py * ey + pz
                fall = (start - end) * (start - end)
                by_start, by_end = -by_t * end / fall, by_t * start / fall
                gx, gy, gz = by_start * sx + by_end * ex, by_start * sy + by_end * ey, by_start + by_end
                ax, ay, az = vertices[a, 0], vertices[a, 1], vertices[a, 2]
                bx, by, bz = vertices[b, 0], vertices[b, 1], vertices[b, 2]
                g_vertices[a, 0] += by * gz - bz * gy  # b x g
                g_vertices[a, 1] += bz * gx - bx * gz
                g_vertices[a, 2] += bx * gy - by * gx
                g_vertices[b, 0] += gy * az - gz * ay  # g x a
                g_vertices[b, 1] += gz * ax - gx * az
                g_vertices[b, 2] += gx * ay - gy * ax


_plane = njit(cache=True, nogil=True)(_plane_of)
_det = njit(cache=True, nogil=True)(_det_of)
followed = njit(cache=True, nogil=True)(_followed)
outlines = njit(cache=True, nogil=True)(_outlines)
blend = njit(cache=True, nogil=True)(_blend)
blend_backward = njit(cache=True, nogil=True)(_blend_backward)
