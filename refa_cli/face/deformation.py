"""How triangles deform: gradients of displacement fields, fields from gradients, and deformation transfer.

The gradient of a displacement field d on triangle t is the 3x3 matrix J with  d(q) - d(p) = J (q - p)  for points of
the triangle and J n = 0 for its normal n; it is linear in d. Deformation transfer gives every triangle of another
head the deformation of its twin (Sumner and Popovic, SIGGRAPH 2004).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix, diags
from scipy.sparse.linalg import splu

Float = NDArray[np.floating[Any]]
Int = NDArray[np.integer[Any]]

TIE = 1e-7
"""Weight, against the mean of the gradient equations, that ties every vertex to the guess of a field: enough to make
the solve regular, too little to bend it."""


class Gradients:
    """Gradients on one rest shape: vertices [V, 3] metres, triangles [F, 3].

    anchors [V]: how firmly a field holds each vertex to its guess, against the mean of the gradient equations; by
    default only so much as makes the solve regular.
    """

    def __init__(self, vertices: Float, triangles: Int, anchors: NDArray[Any] | None = None) -> None:
        self.count = len(vertices)
        self._anchors = np.full(self.count, TIE) if anchors is None else np.maximum(anchors, TIE)
        corners = np.asarray(vertices, dtype=np.float64)[triangles]
        first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
        normal = np.cross(first, second)
        double = np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-14)
        self.area = double[:, 0] / 2
        unit = normal / double
        # Gradients of the hat functions: perpendicular to the opposite edge, one over the height.
        opposite = [corners[:, 2] - corners[:, 1], corners[:, 0] - corners[:, 2], corners[:, 1] - corners[:, 0]]
        hats = np.stack([np.cross(unit, edge) / double for edge in opposite], axis=1)  # [F, corner, 3]
        self.tangent = np.eye(3) - unit[:, :, None] * unit[:, None, :]
        rows = (3 * np.arange(len(triangles))[:, None, None] + np.arange(3)).repeat(3, axis=1)  # [F, corner, 3]
        columns = np.broadcast_to(np.asarray(triangles)[:, :, None], rows.shape)
        shape = (3 * len(triangles), self.count)
        self.matrix: csr_matrix = coo_matrix((hats.ravel(), (rows.ravel(), columns.ravel())), shape=shape).tocsr()
        self.weight = np.repeat(self.area / self.area.mean(), 3)
        self._factor: Any = None

    def of(self, displacement: Float) -> NDArray[np.float64]:
        """Displacement [V, 3] -> J [F, 3, 3]; J[f, i, k] is the change of coordinate i along axis k."""
        flat = self.matrix @ np.asarray(displacement, dtype=np.float64)  # [3F, 3]: row 3f + k, column i
        return np.swapaxes(flat.reshape(-1, 3, 3), 1, 2)

    def field(self, gradients: Float, guess: Float) -> NDArray[np.float64]:
        """The displacement [..., V, 3] whose gradients are nearest to `gradients` [..., F, 3, 3], area-weighted.

        guess [..., V, 3]: what gradients leave open, each piece's translation, is taken from it.
        """
        if self._factor is None:
            normal = self.matrix.T @ diags(self.weight) @ self.matrix
            self._tie = self._anchors[:, None] * normal.diagonal().mean()
            self._factor = splu((normal + diags(self._tie[:, 0])).tocsc())
        batch = guess.shape[:-2]
        targets = np.swapaxes(np.asarray(gradients, dtype=np.float64), -1, -2).reshape(-1, self.matrix.shape[0], 3)
        ties = np.asarray(guess, dtype=np.float64).reshape(-1, self.count, 3)
        right = [self.matrix.T @ (self.weight[:, None] * t) + self._tie * g for t, g in zip(targets, ties, strict=True)]
        solved = self._factor.solve(np.concatenate(right, axis=1))
        fields: NDArray[np.float64] = np.stack(np.split(solved, len(right), axis=1)).reshape(*batch, self.count, 3)
        return fields


def deformation(vertices: Float, displacement: Float, triangles: Int) -> NDArray[np.float64]:
    """Deformation gradients [F, 3, 3] from `vertices` [V, 3] to `vertices + displacement`.

    Each maps a triangle's edges to the moved edges, and its normal to the moved normal, scaled with the root of the
    triangle's stretch (Sumner and Popovic, section 3).
    """
    return _frames(vertices + displacement, triangles) @ np.linalg.inv(_frames(vertices, triangles))


def _frames(vertices: Float, triangles: Int) -> NDArray[np.float64]:
    corners = np.asarray(vertices, dtype=np.float64)[triangles]
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    normal = np.cross(first, second)
    length = np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-14)
    return np.stack([first, second, normal / np.sqrt(length)], axis=2)


def transfer(source: Float, shapes: Float, target: Float, triangles: Int) -> NDArray[np.float64]:
    """Shapes of one head on another head of the same topology.

    source [V, 3]: the head that shapes [K, V, 3] displace; target [V, 3]; triangles [F, 3]. Returns displacements
    [K, V, 3]; vertices that no shape moves stay.
    """
    on_target = Gradients(target, triangles)
    from_rest = np.linalg.inv(_frames(source, triangles))
    wanted = np.stack([(_frames(source + s, triangles) @ from_rest - np.eye(3)) @ on_target.tangent for s in shapes])
    size = np.linalg.norm(target - target.mean(0)) / np.linalg.norm(source - source.mean(0))
    moved = on_target.field(wanted, shapes * size)  # pieces that float freely, such as teeth, move in proportion
    still = np.linalg.norm(shapes, axis=2) == 0  # exact zeros: the field's soft tie would leak a little
    moved[still & (np.linalg.norm(moved, axis=2) < 2e-4)] = 0
    return moved
