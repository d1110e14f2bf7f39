"""An independent twin of the rasteriser: every ray against every triangle (Möller and Trumbore, 1997), in float64."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]


class Hits(NamedTuple):
    """ids [R] of the nearest triangle (-1: none), barycentric [R, 3], depth [R] along z."""

    ids: NDArray[np.int64]
    barycentric: F64
    depth: F64


def cast(vertices: F64, triangles: NDArray[np.integer], directions: F64, near: float = 1e-3) -> Hits:
    """Rays from the origin along directions [R, 3] with z = 1, NaN for those that see nothing."""
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    edge_b, edge_c = b - a, c - a
    normal_a = np.cross(-a, edge_b)
    ids, depth = np.full(len(directions), -1), np.full(len(directions), np.inf)
    barycentric = np.zeros((len(directions), 3))
    for r, d in enumerate(directions):
        if not np.isfinite(d).all():
            continue
        p = np.cross(d, edge_c)
        det = (edge_b * p).sum(1)
        with np.errstate(divide="ignore", invalid="ignore"):
            u = (-a * p).sum(1) / det
            v = normal_a @ d / det
            t = (edge_c * normal_a).sum(1) / det
        hit = (u >= 0) & (v >= 0) & (u + v <= 1) & (t >= near) & (det != 0)
        if hit.any():
            f = int(np.flatnonzero(hit)[t[hit].argmin()])
            ids[r], depth[r], barycentric[r] = f, t[f], [1 - u[f] - v[f], u[f], v[f]]
    return Hits(ids, barycentric, depth)
