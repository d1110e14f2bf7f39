"""Closest points on a triangle mesh, exact, by a tree of boxes over its triangles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.floating[Any]]
Int = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Closest:
    """For each query: triangle [Q], barycentric [Q, 3], point [Q, 3], distance [Q]."""

    triangle: NDArray[np.int64]
    barycentric: NDArray[np.float64]
    point: NDArray[np.float64]
    distance: NDArray[np.float64]


class ClosestPoints:
    """The mesh to ask: vertices [V, 3], triangles [F, 3] with F >= 1. Building costs as much as some 10,000 queries."""

    def __init__(self, vertices: Float, triangles: Int) -> None:
        if len(triangles) == 0:
            raise ValueError("a mesh without triangles has no closest points")
        from refa_cli.face import closest_kernels  # compiled when first used

        self._kernels = closest_kernels
        self.corners = np.ascontiguousarray(np.asarray(vertices, dtype=np.float64)[triangles])  # [F, 3, 3]
        self._tree = closest_kernels.build(self.corners)

    def query(self, points: Float) -> Closest:
        """points: [Q, 3] -> the closest point of the surface to each."""
        asked = np.ascontiguousarray(points, dtype=np.float64)
        triangle, weights = self._kernels.search(asked, self.corners, *self._tree)
        point = np.einsum("qc,qcd->qd", weights, self.corners[triangle])
        return Closest(triangle, weights, point, np.linalg.norm(point - asked, axis=1))
