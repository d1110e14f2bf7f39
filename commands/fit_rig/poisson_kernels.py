"""Compiled loops of `poisson`: values spread from points to a grid, and a coarse field taken off a fine one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Float = NDArray[np.float64]


def splat_loop(at: Float, values: Float, out: NDArray[Any]) -> None:
    """Adds values [P, C] trilinearly to out [C, X, Y, Z] at grid coordinates at [P, 3], which lie inside."""
    for p in range(len(at)):
        i, j, k = int(at[p, 0]), int(at[p, 1]), int(at[p, 2])
        x, y, z = at[p, 0] - i, at[p, 1] - j, at[p, 2] - k
        for a in range(2):
            for b in range(2):
                for c in range(2):
                    share = (x if a else 1 - x) * (y if b else 1 - y) * (z if c else 1 - z)
                    for channel in range(values.shape[1]):
                        out[channel, i + a, j + b, k + c] += share * values[p, channel]


def level_loop(chi: NDArray[Any], level: NDArray[Any], weight: NDArray[Any], least: float, near: NDArray[Any]) -> None:
    """Takes level / weight, fields of half the resolution, off chi [X, Y, Z] where weight exceeds least: near."""
    limit = np.array(level.shape) - 2
    for i in range(chi.shape[0]):
        for j in range(chi.shape[1]):
            for k in range(chi.shape[2]):
                x, y, z = i / 2.0, j / 2.0, k / 2.0
                a, b, c = min(int(x), limit[0]), min(int(y), limit[1]), min(int(z), limit[2])
                x, y, z = x - a, y - b, z - c
                top = bottom = 0.0
                for d in range(2):
                    for e in range(2):
                        for f in range(2):
                            share = (x if d else 1 - x) * (y if e else 1 - y) * (z if f else 1 - z)
                            top += share * level[a + d, b + e, c + f]
                            bottom += share * weight[a + d, b + e, c + f]
                near[i, j, k] = bottom > least
                if near[i, j, k]:
                    chi[i, j, k] -= top / bottom


splat = njit(cache=True, nogil=True)(splat_loop)
lower = njit(cache=True, nogil=True)(level_loop)
