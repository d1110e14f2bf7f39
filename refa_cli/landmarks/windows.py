"""Square, possibly turned windows of a picture, cut out at the size a network wants.

Pixel coordinates have pixel centres at +0.5, so a picture spans 0..width and a crop 0..size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from refa_cli.formats.spec import F32, F64, U8


@dataclass(frozen=True)
class Window:
    """A square of a picture. Center and side in pixels; angle in radians, positive turns its x axis towards image y."""

    center_x: float
    center_y: float
    side: float
    angle: float = 0.0

    def image_from_unit(self) -> F64:
        """[2, 3]: pixel coordinates of the picture from the window's own, which run 0..1 along x and y."""
        cos, sin = self.side * np.cos(self.angle), self.side * np.sin(self.angle)
        return np.array(
            [
                [cos, -sin, self.center_x - 0.5 * (cos - sin)],
                [sin, cos, self.center_y - 0.5 * (sin + cos)],
            ]
        )

    def to_image(self, points: NDArray[np.floating]) -> F64:
        """Pixel coordinates [N, 2] of the picture for points [N, 2] in the window (0..1)."""
        matrix = self.image_from_unit()
        return np.asarray(points, dtype=np.float64) @ matrix[:, :2].T + matrix[:, 2]


def window_around(points: F64, angle: float, scale: float) -> Window:
    """The smallest square at that angle that holds points [N, 2] of the picture, enlarged about its middle."""
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    turned = points @ turn.T
    low, high = turned.min(axis=0), turned.max(axis=0)
    center = turn.T @ ((low + high) / 2)
    return Window(float(center[0]), float(center[1]), float((high - low).max()) * scale, angle)


class Pyramid:
    """A picture and its box-filtered reductions by 2, 4, 8..., so that small crops of large pictures do not alias."""

    def __init__(self, image: U8) -> None:
        self.levels: list[U8] = [np.ascontiguousarray(image)]

    def crop(self, window: Window, size: int, *, black_outside: bool) -> F32:
        """The window [size, size, 3] as 0..255, bilinear; outside the picture black, or the nearest border pixel."""
        step = window.side / size
        level = max(0, int(np.floor(np.log2(max(step, 1e-6)))))
        while len(self.levels) <= level and min(self.levels[-1].shape[:2]) >= 2:
            self.levels.append(_halved(self.levels[-1]))
        level = min(level, len(self.levels) - 1)
        out = np.empty((size, size, 3), dtype=np.float32)
        _sample(self.levels[level], window.image_from_unit() / 2.0**level, black_outside, out)
        return out


def _halved(image: U8) -> U8:
    """Means of 2x2 pixels; an odd last row or column is left out."""
    height, width = image.shape[0] // 2 * 2, image.shape[1] // 2 * 2
    total = image[0:height:2, 0:width:2].astype(np.uint16)
    for dy, dx in ((0, 1), (1, 0), (1, 1)):
        total += image[dy:height:2, dx:width:2]
    return ((total + 2) >> 2).astype(np.uint8)


def _sample_loop(image: U8, image_from_unit: F64, black_outside: bool, out: F32) -> None:
    """Fills out [S, S, 3] with bilinear samples of image [H, W, 3]."""
    height, width = image.shape[:2]
    size = out.shape[0]
    for row in range(size):
        for column in range(size):
            u, v = (column + 0.5) / size, (row + 0.5) / size
            x = image_from_unit[0, 0] * u + image_from_unit[0, 1] * v + image_from_unit[0, 2] - 0.5
            y = image_from_unit[1, 0] * u + image_from_unit[1, 1] * v + image_from_unit[1, 2] - 0.5
            left, top = int(np.floor(x)), int(np.floor(y))
            fx, fy = x - left, y - top
            for k in range(3):
                total = 0.0
                for i in range(4):
                    px, py = left + (i & 1), top + (i >> 1)
                    weight = (fx if i & 1 else 1.0 - fx) * (fy if i >> 1 else 1.0 - fy)
                    if black_outside and (px < 0 or py < 0 or px >= width or py >= height):
                        continue
                    total += weight * image[min(max(py, 0), height - 1), min(max(px, 0), width - 1), k]
                out[row, column, k] = total


_sample = njit(cache=True, nogil=True)(_sample_loop)
