"""How far what is drawn on skin moved between two maps of it: optical flow (Lucas and Kanade, 1981), with certainty.

The certainty comes from the maps' contrast and from how much they still disagree: none where skin is plain, across the
brow more than along it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, gaussian_filter, map_coordinates

Float = NDArray[np.float64]

FINE, COARSE = 7.5, 10.0
"""Brightness is compared with its surroundings; and the noise of two maps is told from so far around, texels."""
WINDOWS = (8.0, 6.0)
"""Standard deviation of the window that one motion is sought for, in each stage, texels."""
ROUNDS = 2
ALIKE = 100.0
"""Neighbouring texels err alike: this many of them count as one."""
NOISE = 0.008
"""Least standard deviation of a map, logarithmic brightness."""
SLIDE = 2.0
"""Standard deviation of the motion that is left to find, texels."""
FARTHEST = 6.0
"""Longest motion that is believed, texels."""


@dataclass(frozen=True)
class Drawn:
    """A map of what is drawn on the skin: shade [h, w], and where it was seen [h, w]."""

    shade: Float
    seen: NDArray[np.bool_]

    @cached_property
    def fine(self) -> Float:
        """Shade against its surroundings [h, w], 0 where it was not seen."""
        around = gaussian_filter(self.shade, FINE) / np.maximum(gaussian_filter(self.seen.astype(float), FINE), 1e-6)
        return np.where(self.seen, self.shade - around, 0)


def flow(before: Drawn, after: Drawn) -> tuple[Float, Float, NDArray[np.bool_]]:
    """shift [h, w, 2] (column, row; texels): before(u) = after(u + shift); its certainty [h, w, 3], the xx, xy and yy
    of an inverse covariance, texels^-2; and where both were seen [h, w]."""
    row, column = np.mgrid[: before.shade.shape[0], : before.shade.shape[1]].astype(np.float64)
    shift = np.zeros((*before.shade.shape, 2))
    for window in WINDOWS:
        share = 4 * np.pi * window**2 / ALIKE
        for _ in range(ROUNDS):
            place = [row + shift[..., 1], column + shift[..., 0]]
            there = map_coordinates(after.fine, place, order=1)
            seen = before.seen & (map_coordinates(after.seen.astype(np.float32), place, order=1) > 0.99)
            inner = binary_erosion(seen)
            error = before.fine - there
            around = np.maximum(gaussian_filter(inner.astype(np.float64), COARSE), 1e-6)
            variance = np.maximum(gaussian_filter(np.where(inner, error**2, 0), COARSE) / around, NOISE**2)
            weight = np.where(inner, 1 / (1 + error**2 / (9 * variance)) ** 2, 0) / variance
            down, across = np.gradient((before.fine + there) / 2)
            xx, xy, yy, x, y = (
                share * gaussian_filter(weight * product, window)
                for product in (across**2, across * down, down**2, across * error, down * error)
            )
            a, c = xx + 1 / SLIDE**2, yy + 1 / SLIDE**2
            x, y = x - shift[..., 0] / SLIDE**2, y - shift[..., 1] / SLIDE**2
            step = np.stack([c * x - xy * y, a * y - xy * x], -1) / (a * c - xy**2)[..., None]
            shift = np.clip(shift + step, -FARTHEST, FARTHEST)
    return shift, np.stack([xx, xy, yy], -1), seen
