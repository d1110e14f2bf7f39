"""Putting lid keypoints on the lid margins and inner lip keypoints on the lip line that a face model tells.

A margin is given as vertices in pairs that meet when the lids or lips close, in any order. It is taken as the chain
through them along the head's x axis, along which lids and lips run.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from refa_cli.face.keypoints import INDEX, KEYPOINTS
from refa_cli.formats.spec import F64

MAX_SHIFT = 0.006  # metres; a margin farther away is not the one that was seen


def on_margins(
    points: F64,  # [100, 3] head frame, metres
    vertices: F64,  # [V, 3]
    lid_pairs: NDArray[Any] | None,  # [2, L, 2] left and right; (upper, lower)
    lip_pairs: NDArray[Any] | None,  # [P, 2] (upper, lower)
) -> F64:
    """Points [100, 3] with those of lids and inner lips moved to the nearest place on their margin."""
    moved = points.copy()
    for row, part in enumerate(("upper", "lower")):
        if lid_pairs is not None and np.size(lid_pairs):
            for eye, side in enumerate("lr"):
                chain = vertices[np.unique(np.asarray(lid_pairs)[eye, :, row])]
                for name in KEYPOINTS:
                    if name.startswith(f"lid_{part}_") and name.endswith(f"_{side}"):
                        moved[INDEX[name]] = nearest_on_chain(points[INDEX[name]], chain)
        if lip_pairs is not None and np.size(lip_pairs):
            chain = vertices[np.unique(np.asarray(lip_pairs)[:, row])]
            for name in KEYPOINTS:
                if name.startswith(f"lip_{part}_inner_"):
                    moved[INDEX[name]] = nearest_on_chain(points[INDEX[name]], chain)
    far = np.linalg.norm(moved - points, axis=1) > MAX_SHIFT
    moved[far] = points[far]
    return moved


def nearest_on_chain(point: F64, corners: F64) -> F64:
    """The point [3] nearest to `point` on the line through corners [N, 3] in the order of their x."""
    chain = corners[np.argsort(corners[:, 0], kind="stable")]
    if len(chain) == 1:
        return np.asarray(chain[0])
    along = np.diff(chain, axis=0)
    t = np.einsum("nk,nk->n", point - chain[:-1], along) / np.maximum(np.einsum("nk,nk->n", along, along), 1e-300)
    candidates = chain[:-1] + np.clip(t, 0, 1)[:, None] * along
    return np.asarray(candidates[np.linalg.norm(candidates - point, axis=1).argmin()])
