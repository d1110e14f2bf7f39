"""Vertices that meet when lids or lips close: found by comparing where the mesh is closed and where it is open."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from refa_cli.formats.rows import evenly

Float = NDArray[np.floating[Any]]

MAX_GAP = 0.002
"""Metres within which two vertices meet when closed; meshes are about this coarse at lids and lips."""

MOUTH_HEIGHT = 0.03
"""Metres within which the seam between the lips runs; what parts above or below it is no mouth."""


def contact_pairs(
    closed: Float, opened: Float, upper: NDArray[np.bool_], lower: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Pairs (upper vertex, lower vertex) [P, 2] along the seam, in order of growing x.

    closed, opened: the vertices [V, 3] in metres, head frame, with the lids or lips shut and apart; upper, lower [V]:
    which vertices may be of either side. Pairs are each other's nearest when closed, within MAX_GAP, and come at least
    three times farther apart. Of several at one place along x the frontmost is the seam that is seen from outside.
    """
    top, bottom = np.flatnonzero(upper), np.flatnonzero(lower)
    if len(top) == 0 or len(bottom) == 0:
        return np.zeros((0, 2), np.int64)
    gap, nearest = cKDTree(closed[bottom]).query(closed[top])
    _, back = cKDTree(closed[top]).query(closed[bottom])
    apart = np.linalg.norm(opened[top] - opened[bottom[nearest]], axis=1)
    meets = (back[nearest] == np.arange(len(top))) & (gap < MAX_GAP) & (apart > np.maximum(3.0 * gap, 0.001))
    pairs = np.column_stack([top[meets], bottom[nearest[meets]]])
    middle = closed[pairs].mean(axis=1)
    cell = np.round(middle[:, 0] / MAX_GAP).astype(np.int64)
    front_first = np.lexsort((-middle[:, 2], cell))
    _, first = np.unique(cell[front_first], return_index=True)
    return pairs[front_first[first]].astype(np.int64)


def lid_pairs(neutral: Float, closing: tuple[Float, Float], skin: NDArray[np.bool_]) -> NDArray[np.int64]:
    """[2, L, 2]: for the left and the right eye the (upper, lower) lid-margin vertices that meet; L may be 0.

    neutral [V, 3]; closing: the displacements [V, 3] of EyesClosedL and EyesClosedR; skin [V]. Each eye has the same
    number of pairs: the one with more gives up some, evenly.
    """
    found = []
    for moved in closing:
        fall = -moved[:, 1]
        reach = float(fall.max()) if len(fall) else 0.0
        if reach < 0.002:
            return np.zeros((2, 0, 2), np.int64)
        found.append(contact_pairs(neutral + moved, neutral, skin & (fall > 0.1 * reach), skin & (fall < 0.1 * reach)))
    fewest = min(len(pairs) for pairs in found)
    return np.stack([evenly(pairs, fewest) for pairs in found])


def lip_pairs(neutral: Float, jaw_drop: Float, skin: NDArray[np.bool_]) -> NDArray[np.int64]:
    """[P, 2]: the (upper, lower) inner-lip vertices that touch in the neutral and that JawDrop parts; P may be 0.

    neutral, jaw_drop [V, 3] metres, head frame; skin [V]: outer skin and lips, not the walls of the mouth.
    """
    fall = -jaw_drop[:, 1]
    reach = float(fall.max()) if len(fall) else 0.0
    if reach < 0.005:
        return np.zeros((0, 2), np.int64)
    pairs = contact_pairs(neutral, neutral + jaw_drop, skin & (fall < 0.25 * reach), skin & (fall > 0.35 * reach))
    height = neutral[pairs, 1].mean(axis=1)
    return pairs[np.abs(height - np.median(height)) < MOUTH_HEIGHT / 2] if len(pairs) else pairs
