"""Splitting one shape of the whole mouth or brow into finer ones that sum to it again.

The parts are the displacement times smooth weights that add up to one at every vertex (a partition of unity), so all
parts at the same activation give back the parent, to rounding.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

Float = NDArray[np.float64]


def smoothstep(t: ArrayLike) -> Float:
    """0 up to t = 0, 1 from t = 1, and 3t^2 - 2t^3 between; smoothstep(t) + smoothstep(1 - t) = 1."""
    clipped = np.clip(np.asarray(t, dtype=np.float64), 0.0, 1.0)
    return clipped * clipped * (3.0 - 2.0 * clipped)


def left_weight(x: ArrayLike, width_m: float) -> Float:
    """x [V] metres in the head frame (+X is the subject's left) -> the left part's share of each vertex, 0..1.

    width_m: width of the blend, centred on the midline; 0.5 lies at x = 0.
    """
    return smoothstep(np.asarray(x, dtype=np.float64) / width_m + 0.5)


def split_left_right(displacement: ArrayLike, x: ArrayLike, width_m: float) -> tuple[Float, Float]:
    """displacement [V, 3] -> (left, right) parts that sum to it; x [V] and width_m as in left_weight."""
    whole = np.asarray(displacement, dtype=np.float64)
    left = whole * left_weight(x, width_m)[:, None]
    return left, whole - left


def split_top_bottom(displacement: ArrayLike, upper_weight: ArrayLike) -> tuple[Float, Float]:
    """displacement [V, 3] -> (top, bottom) parts that sum to it; upper_weight [V] is the top part's share, 0..1."""
    whole = np.asarray(displacement, dtype=np.float64)
    top = whole * np.asarray(upper_weight, dtype=np.float64)[:, None]
    return top, whole - top


def split_quarters(displacement: ArrayLike, x: ArrayLike, width_m: float, upper_weight: ArrayLike) -> dict[str, Float]:
    """displacement [V, 3] -> the parts "LB", "LT", "RB", "RT" that sum to it (products of both splits)."""
    top, bottom = split_top_bottom(displacement, upper_weight)
    (left_top, right_top), (left_bottom, right_bottom) = (split_left_right(part, x, width_m) for part in (top, bottom))
    return {"LB": left_bottom, "LT": left_top, "RB": right_bottom, "RT": right_top}


def seam_weight(vertices: ArrayLike, laplacian: csr_matrix, pairs: NDArray[np.integer[Any]], reach_m: float) -> Float:
    """The upper lip's share of every vertex, 0..1, told apart along the surface and not by height alone.

    vertices [V, 3] metres, head frame; laplacian [V, V] of the mesh; pairs [P, 2]: (upper, lower) inner-lip vertices, P
    >= 1. One at the upper of the pairs and above the seam by reach_m, zero at the lower and below; smooth (harmonic)
    between. Pieces of the mesh without any such vertex go by height.
    """
    points = np.asarray(vertices, dtype=np.float64)
    seam = points[pairs].mean(axis=1)
    order = np.argsort(seam[:, 0])
    height = points[:, 1] - np.interp(points[:, 0], seam[order, 0], seam[order, 1])
    weight = smoothstep(height / (2.0 * reach_m) + 0.5)
    fixed = np.abs(height) >= reach_m
    fixed[pairs.reshape(-1)] = True
    weight[pairs[:, 0]], weight[pairs[:, 1]] = 1.0, 0.0
    piece = connected_components(laplacian, directed=False)[1]
    anchored = np.isin(piece, np.unique(piece[fixed]))
    free = np.flatnonzero(anchored & ~fixed)
    if len(free):
        known = np.flatnonzero(fixed)
        inner = laplacian[free][:, free].tocsc()
        weight[free] = splu(inner).solve(-(laplacian[free][:, known] @ weight[known]))
    return np.asarray(np.clip(weight, 0.0, 1.0), dtype=np.float64)
