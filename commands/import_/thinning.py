"""Which frames of a recording to keep: spread over time, each the sharpest around its time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refa_cli.formats.rows import evenly

MAX_LOOKED_AT = 12
"""Frames of a bin whose sharpness is compared; a bin of a long recording has many nearly equal ones."""


def choose(frames: Sequence[int], count: int, sharpness: Callable[[int], float]) -> list[int]:
    """`count` of the frames (all if there are fewer): cut into as many even bins, the sharpest of each, the first of
    equally sharp ones.
    """
    chosen = []
    for part in np.array_split(np.asarray(frames), min(count, len(frames))):
        looked_at = evenly(part, MAX_LOOKED_AT)
        best = looked_at[0] if len(looked_at) == 1 else max(looked_at, key=lambda frame: sharpness(int(frame)))
        chosen.append(int(best))
    return chosen


def sharpness(gray: NDArray[Any]) -> float:
    """Mean squared gradient of the middle half of a picture [H, W] (where the face is), over its mean brightness
    squared: a change of exposure is not a change of focus.
    """
    height, width = gray.shape
    middle = gray[height // 4 : height - height // 4, width // 4 : width - width // 4].astype(np.float64)
    squares = (np.diff(middle, axis=0) ** 2).mean() + (np.diff(middle, axis=1) ** 2).mean()
    return float(squares / (middle.mean() ** 2 + 1.0))
