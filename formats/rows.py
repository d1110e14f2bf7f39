"""A few rows picked from many."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def evenly(rows: NDArray[Any], most: int) -> NDArray[Any]:
    """At most so many of rows [N, ...], at even steps, the first and the last among them."""
    if len(rows) <= most:
        return rows
    picked: NDArray[Any] = rows[np.linspace(0, len(rows) - 1, most).round().astype(int)]
    return picked
