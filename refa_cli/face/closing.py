"""Making lids and lips meet, or not cross, by the smoothest small correction around them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix, diags
from scipy.sparse.linalg import spsolve

from refa_cli.face.mesh import cotangent_laplacian, submesh

Float = NDArray[np.floating[Any]]
Int = NDArray[np.integer[Any]]

REACH = 0.018
"""Distance from the pairs within which vertices may follow, metres."""
STRENGTH = 1e4
"""Weight of one pair's equation against bending and stretching of the correction."""


class Closer:
    """Corrections around one set of pairs [P, 2] (upper, lower) of a head: vertices [V, 3], triangles [F, 3].

    eyeball [V]: vertices other than 0 never move.
    """

    def __init__(self, vertices: Float, triangles: Int, pairs: Int, eyeball: NDArray[np.uint8]) -> None:
        self.pairs, self.count = np.asarray(pairs), len(vertices)
        center = vertices[self.pairs.reshape(-1)]
        distance = np.linalg.norm(vertices[:, None] - center[None], axis=2).min(1)
        self.inside, faces = submesh(triangles, (distance < REACH) & (eyeball == 0))
        local = np.full(self.count, -1)
        local[self.inside] = np.arange(len(self.inside))
        laplacian = cotangent_laplacian(vertices[self.inside], faces)
        scale = 1.0 / laplacian.diagonal().mean()
        bending = (laplacian * scale).T @ (laplacian * scale)
        # Free in the middle, ever stiffer towards the border, so that the correction fades out.
        hold = 1e-3 + 10.0 * np.clip(distance[self.inside] / REACH, 0, 1) ** 8
        self._smooth = (bending + diags(hold)).tocsr()
        upper, lower = local[self.pairs].T
        row = np.arange(len(self.pairs))
        self._difference: csr_matrix = coo_matrix(
            (np.repeat([1.0, -1.0], len(row)), (np.tile(row, 2), np.concatenate([upper, lower]))),
            shape=(len(row), len(self.inside)),
        ).tocsr()

    def correction(self, change: Float) -> NDArray[np.float64]:
        """The displacement [V, 3] that changes upper minus lower of every pair by `change` [P, 3], metres."""
        out = np.zeros((self.count, 3))
        if np.abs(change).max(initial=0.0) > 0:
            system = (self._smooth + STRENGTH * self._difference.T @ self._difference).tocsc()
            out[self.inside] = spsolve(system, STRENGTH * self._difference.T @ np.asarray(change, dtype=np.float64))
        return out

    def meet(self, moved: Float) -> NDArray[np.float64]:
        """The correction [V, 3] after which every pair of `moved` [V, 3] touches."""
        return self.correction(-(moved[self.pairs[:, 0]] - moved[self.pairs[:, 1]]))

    def uncross(self, moved: Float, up: Float) -> NDArray[np.float64]:
        """The correction [V, 3] after which no upper vertex lies below its lower one along the unit vector up [3]."""
        gap = (moved[self.pairs[:, 0]] - moved[self.pairs[:, 1]]) @ up
        return self.correction(np.maximum(-gap, 0)[:, None] * up)


def clear_eyeballs(
    vertices: Float, centers: Float, radii: Float, lids: Int, clearance: float = 0.0002
) -> NDArray[np.float64]:
    """The correction [V, 3] that pushes lid vertices out of the eyeballs.

    centers [2, 3], radii [2] metres; lids: vertices to push; clearance: metres outside the ball.
    """
    out = np.zeros((len(vertices), 3))
    for center, radius in zip(centers, radii, strict=True):
        away = vertices[lids] - center
        distance = np.linalg.norm(away, axis=1)
        near = distance < radius + clearance
        out[lids[near]] += away[near] / distance[near, None] * (radius + clearance - distance[near])[:, None]
    return out
