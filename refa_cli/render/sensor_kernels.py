"""The compiled loop of `sensor`: blur, charge, noise and digits of one picture."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from refa_cli.formats.spec import F32


def _spread(light: F32, side: float, out: F32) -> None:
    """Fills out [H, W] with light [H, W], of which a part `side` goes to each neighbour along rows and columns.

    The border's own value stands for what lies beyond it.
    """
    height, width = light.shape
    middle = 1.0 - 2.0 * side
    for row in range(height):
        above, below = max(row - 1, 0), min(row + 1, height - 1)
        for column in range(width):
            left, right = max(column - 1, 0), min(column + 1, width - 1)
            total = middle * (middle * light[row, column] + side * (light[row, left] + light[row, right]))
            total += side * (middle * light[above, column] + side * (light[above, left] + light[above, right]))
            total += side * (middle * light[below, column] + side * (light[below, left] + light[below, right]))
            out[row, column] = total


def _digits(charge: F32, noise: F32, read: float, well: float, black: float, top: float, gamma: float,
            out: NDArray[Any]) -> None:  # fmt: skip
    """Fills out [H, W] from mean electrons [H, W] and standard normal numbers [H, W] (or [0, 0] for no noise)."""
    noisy = noise.shape[0] > 0
    for row in range(charge.shape[0]):
        for column in range(charge.shape[1]):
            value = float(charge[row, column])
            if noisy:
                value += noise[row, column] * np.sqrt(max(value, 0.0) + read * read)
            share = min(max(value / well, 0.0), 1.0)
            if gamma != 1.0:
                share = share**gamma
            out[row, column] = np.rint(share * (top - black) + black)


spread = njit(cache=True, nogil=True)(_spread)
digits = njit(cache=True, nogil=True)(_digits)
