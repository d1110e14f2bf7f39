"""Bringing pictures to the square that a network takes, the same way wherever one is trained or run."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from refa_cli.formats.spec import F32, U8


def squares(pictures: U8, side: int) -> U8:
    """Pictures [N, H, W] as squares [N, side, side], each pixel the mean of those that it covers a part of."""
    if pictures.shape[1:] == (side, side):
        return pictures
    rows, columns = _means(pictures.shape[1], side), _means(pictures.shape[2], side)
    out = np.empty((len(pictures), side, side), np.uint8)
    for i, picture in enumerate(pictures):
        out[i] = np.rint(rows @ picture.astype(np.float32) @ columns.T)
    return out


@lru_cache(maxsize=16)
def _means(length: int, side: int) -> F32:
    """[side, length]: the window of each pixel i, from floor(i length / side) to ceil((i + 1) length / side)."""
    at = np.arange(side)
    first, last = at * length // side, -(-(at + 1) * length // side)
    place = np.arange(length)
    inside = (place >= first[:, None]) & (place < last[:, None])
    return np.asarray(inside / inside.sum(1, keepdims=True), np.float32)
