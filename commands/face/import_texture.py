"""One texture square for a head whose parts had several: their tiles are packed side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from refa_cli.commands.face.import_source import Source

Int = NDArray[np.integer[Any]]
MAIN = 0.75
"""Share of the square's side that the tile with the most triangles gets; the others go above and to the right of it."""


def pack_uv(source: Source) -> tuple[NDArray[np.float64], Int]:
    """(uv [U, 2] in 0..1, uv_triangles [F, 3], -1 for none).

    A tile is a unit square of texture space (tools use several) of one part. A single tile inside 0..1 stays as it is.
    """
    corners = source.uv_triangles
    has = (corners >= 0).all(axis=1)
    if not has.any():
        return np.zeros((0, 2)), np.full_like(corners, -1)
    middle = source.uv[corners[has]].mean(axis=1)
    square = np.floor(middle).astype(np.int64)
    tiles, tile = np.unique(np.column_stack([source.part[has], square]), axis=0, return_inverse=True)
    tile = tile.reshape(-1)
    used = np.column_stack([corners[has].reshape(-1), np.repeat(tile, 3)])
    pairs, packed = np.unique(used, axis=0, return_inverse=True)
    local = np.clip(source.uv[pairs[:, 0]] - tiles[pairs[:, 1], 1:], 0.0, 1.0)
    uv_triangles = np.full(corners.shape, -1, np.int64)
    uv_triangles[has] = packed.reshape(-1, 3)
    if len(tiles) > 1:
        by_size = np.argsort(-np.bincount(tile), kind="stable")
        corner, size = _places(len(tiles))
        place = np.empty(len(tiles), np.int64)
        place[by_size] = np.arange(len(tiles))
        local = corner[place[pairs[:, 1]]] + local * size[place[pairs[:, 1]]][:, None]
    return local, uv_triangles


def _places(count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(lower left corner [n, 2], side [n]) for at least `count` tiles: the main one, then a strip around it."""
    per_side = 1
    while 2 * per_side * (per_side * 4) - per_side * per_side + 1 < count:
        per_side += 1  # the strip is `per_side` rows of squares of this size
    side = (1 - MAIN) / per_side
    whole = round(1 / side)
    main = round(MAIN / side)
    strip = [(i, j) for i in range(whole) for j in range(whole) if i >= main or j >= main]
    corner = np.array([(0, 0), *strip], dtype=np.float64) * side
    return corner, np.array([MAIN] + [side] * len(strip))
