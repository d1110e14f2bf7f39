"""The compiled loops of `texture`: trilinear lookups in a pyramid of pictures, and their backward pass; one view.

A pyramid is one flat array of texels [N, C], the finest picture first; sizes [L, 3] tells height, width and first row
of each level. Texel (row i, column j) of a level has its centre at u = (j + 0.5) / width, v = 1 - (i + 0.5) / height.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from refa_cli.formats.spec import F64

Array = NDArray[Any]
I64 = NDArray[np.int64]


def _level_of(change: Array, sizes: I64) -> float:
    """The level whose texels are as large as the longer side of a pixel's footprint [2, 2], 0 ... L - 1."""
    height, width = sizes[0, 0], sizes[0, 1]
    longest = 0.0
    for axis in range(2):
        du, dv = change[axis, 0] * width, change[axis, 1] * height
        longest = max(longest, du * du + dv * dv)
    if longest <= 1.0:
        return 0.0
    return float(min(0.5 * np.log2(longest), sizes.shape[0] - 1.0))


def _corners(u: float, v: float, height: int, width: int) -> tuple[int, int, int, int, float, float, float, float]:
    """Rows and columns around a place, how far it is between them, and how that changes with u and v."""
    x, y = u * width - 0.5, (1.0 - v) * height - 0.5
    slope_x, slope_y = float(width), -float(height)
    if x <= 0.0 or x >= width - 1.0:
        x, slope_x = min(max(x, 0.0), width - 1.0), 0.0
    if y <= 0.0 or y >= height - 1.0:
        y, slope_y = min(max(y, 0.0), height - 1.0), 0.0
    left, top = min(int(x), max(width - 2, 0)), min(int(y), max(height - 2, 0))
    return (top, min(top + 1, height - 1), left, min(left + 1, width - 1), x - left, y - top, slope_x, slope_y)


def _lookup(pyramid: Array, sizes: I64, uv: Array, change: Array, ids: Array, out: Array) -> None:
    """Fills out [H, W, C] where ids [H, W] are not negative."""
    for row in range(uv.shape[0]):
        for column in range(uv.shape[1]):
            if ids[row, column] < 0:
                continue
            level = level_of(change[row, column], sizes)
            for step in range(2):
                at = min(int(level) + step, sizes.shape[0] - 1)
                share = level - int(level) if step else 1.0 - (level - int(level))
                if share == 0.0:
                    continue
                height, width, first = sizes[at, 0], sizes[at, 1], sizes[at, 2]
                top, below, left, right, fx, fy, _, _ = corners(uv[row, column, 0], uv[row, column, 1], height, width)
                for channel in range(pyramid.shape[1]):
                    above = (
                        pyramid[first + top * width + left, channel] * (1 - fx)
                        + pyramid[first + top * width + right, channel] * fx
                    )
                    under = (
                        pyramid[first + below * width + left, channel] * (1 - fx)
                        + pyramid[first + below * width + right, channel] * fx
                    )
                    out[row, column, channel] += share * (above * (1 - fy) + under * fy)


def _lookup_backward(
    pyramid: Array, sizes: I64, uv: Array, change: Array, ids: Array, g_out: Array, g_pyramid: F64, g_uv: Array
) -> None:
    """Adds to g_pyramid [N, C] and g_uv [H, W, 2]; the level is taken as given."""
    for row in range(uv.shape[0]):
        for column in range(uv.shape[1]):
            if ids[row, column] < 0:
                continue
            level = level_of(change[row, column], sizes)
            for step in range(2):
                at = min(int(level) + step, sizes.shape[0] - 1)
                share = level - int(level) if step else 1.0 - (level - int(level))
                if share == 0.0:
                    continue
                height, width, first = sizes[at, 0], sizes[at, 1], sizes[at, 2]
                top, below, left, right, fx, fy, slope_x, slope_y = corners(
                    uv[row, column, 0], uv[row, column, 1], height, width
                )
                i00, i01 = first + top * width + left, first + top * width + right
                i10, i11 = first + below * width + left, first + below * width + right
                across, down = 0.0, 0.0
                for channel in range(pyramid.shape[1]):
                    g = share * g_out[row, column, channel]
                    g_pyramid[i00, channel] += g * (1 - fx) * (1 - fy)
                    g_pyramid[i01, channel] += g * fx * (1 - fy)
                    g_pyramid[i10, channel] += g * (1 - fx) * fy
                    g_pyramid[i11, channel] += g * fx * fy
                    across += g * ((pyramid[i01, channel] - pyramid[i00, channel]) * (1 - fy)
                                   + (pyramid[i11, channel] - pyramid[i10, channel]) * fy)  # fmt: skip
                    down += g * ((pyramid[i10, channel] - pyramid[i00, channel]) * (1 - fx)
                                 + (pyramid[i11, channel] - pyramid[i01, channel]) * fx)  # fmt: skip
                g_uv[row, column, 0] += across * slope_x
                g_uv[row, column, 1] += down * slope_y


level_of = njit(cache=True, nogil=True)(_level_of)
corners = njit(cache=True, nogil=True)(_corners)
lookup = njit(cache=True, nogil=True)(_lookup)
lookup_backward = njit(cache=True, nogil=True)(_lookup_backward)
