"""Laplacian non-rigid refinement: the smoothest displacement that brings a fitted head onto the measurement."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix, diags, kron
from scipy.sparse.linalg import splu

from refa_cli.commands.fit_rig.skin import Tracks
from refa_cli.commands.fit_rig.target import Matcher, Pairs, Target
from refa_cli.face.mesh import (
    components,
    cotangent_laplacian,
    grown,
    neighbour_mean,
    submesh,
    triangle_vectors,
    vertex_normals,
)

Float = NDArray[np.float64]
Int = NDArray[np.integer[Any]]

SCHEDULE = ((0.004, 0.0015, 1.0), (0.003, 0.0010, 0.4), (0.0025, 0.0008, 0.2))
"""(largest pair distance, robust scale, bending stiffness) of each round; metres, metres, per squared spacing."""
COARSE = ((0.010, 0.004, 10.0), (0.008, 0.003, 5.0), (0.006, 0.002, 2.5))
"""Rounds that a neutral goes through before: noses reach farther than identities do."""
STRETCH = 0.02
"""Stiffness against stretching, which keeps vertices from sliding along the surface."""
HOLD = (1e-4, 1.0)
"""Tie to the fitted head inside the region and at its border."""
KEYPOINT_WEIGHT = 0.15
TRACK_SIGMA, TRACK_FAR = 0.0006, 0.0015
"""Standard deviation of a measured distance, that tracks are weighed against; weighed, a track counts a quarter when it
is farther than the other; metres."""
TURNED = 0.3
"""A triangle counts as turned over when the cosine between its normals is less: it must bear the shapes yet to come."""
SLIVER = 2e-7
"""Triangles smaller than this are not worth a fold, square metres."""
UNFOLD_ROUNDS, UNFOLD_GROWTH = 60, 10
"""Most rounds of averaging around turned triangles, and rounds after which one more ring of neighbours joins."""
SYMMETRIC: dict[str, Any] = {"diag_pivot_thresh": 0.0, "options": {"SymmetricMode": True}}
"""What makes SuperLU keep the symmetry of a positive definite matrix."""


class Refiner:
    """Refinement on one topology: triangles [F, 3]; region [V]: vertices that may move; candidates: that may pair."""

    def __init__(self, vertices: Float, triangles: Int, region: NDArray[np.bool_], candidates: Int) -> None:
        self.triangles, self.candidates = triangles, candidates
        self.inside, faces = submesh(triangles, region)
        self.local = np.full(len(vertices), -1)
        self.local[self.inside] = np.arange(len(self.inside))
        laplacian = cotangent_laplacian(vertices[self.inside], faces)
        self._stretch = laplacian / laplacian.diagonal().mean()
        per_vertex = diags(1 / np.maximum(laplacian.diagonal(), 1e-9)) @ laplacian
        self._bend = (per_vertex.T @ per_vertex).tocsr()
        border = np.zeros(len(vertices), bool)
        outside = triangles[~region[triangles].all(1)]
        border[outside] = True
        hold = np.full(len(self.inside), HOLD[0])
        hold[border[self.inside]] = HOLD[1]
        self._hold = diags(hold)
        self._order = elimination_order(self._bend)

    def refine(
        self, fitted: Float, matcher: Matcher, head_from_scan: Float, keypoints: tuple[Int, Float] | None = None,
        coarse: bool = False, tracks: Tracks | None = None,
    ) -> tuple[Float, Float]:  # fmt: skip
        """Refined vertices [V, 3] and, per vertex [V], how surely its place was measured (0..1).

        fitted [V, 3] in the head frame; matcher of the measurement, which lies at head_from_scan [4, 4]; keypoints:
        (vertices [100, 3], weights [100, 3]) of each keypoint, to be drawn weakly to the target's; coarse: for a head
        that may lie far from the measurement; tracks: where vertices lie along the skin of the scan.
        """
        out = fitted.copy()
        sure = np.zeros(len(fitted))
        pulled: list[tuple[csr_matrix, Float]] = []
        if keypoints is not None:
            pulled.append(self._keypoints(fitted, matcher.target.moved(head_from_scan), keypoints))
        if tracks is not None:
            pulled.append(self._tracks(fitted, tracks.moved(head_from_scan)))
        for reach, scale, stiffness in (*COARSE, *SCHEDULE) if coarse else SCHEDULE:
            normals: Float = np.asarray(vertex_normals(out, self.triangles), dtype=np.float64)
            pairs = matcher.pairs(out, normals, self.candidates, reach, scale, head_from_scan=head_from_scan)
            out[self.inside] = fitted[self.inside] + self._solve(fitted, pairs, stiffness, pulled)
            sure[:] = 0
            sure[pairs.index] = np.sqrt(pairs.weight)
        return unfolded(out, fitted, self.triangles), sure

    def _solve(self, fitted: Float, pairs: Pairs, stiffness: float, pulled: list[tuple[csr_matrix, Float]]) -> Float:
        used = self.local[pairs.index] >= 0
        at, n, w = self.local[pairs.index[used]], pairs.normal[used], pairs.weight[used]
        offset = ((pairs.point[used] - fitted[pairs.index[used]]) * n).sum(1)
        data, right = self._blocks(at, w[:, None, None] * n[:, :, None] * n[:, None, :], (w * offset)[:, None] * n)
        smooth = stiffness * self._bend + STRETCH * self._stretch + self._hold
        system = data + kron(smooth, np.eye(3), format="csr")
        for matrix, drawn in pulled:
            system = system + matrix
            right += drawn
        return solve(system, right, self._order)

    def _tracks(self, fitted: Float, tracks: Tracks) -> tuple[csr_matrix, Float]:
        """The same of tracks in the head frame."""
        used = self.local[tracks.index] >= 0
        at, root = self.local[tracks.index[used]], tracks.root[used] * TRACK_SIGMA
        gap = (root @ (tracks.point[used] - fitted[tracks.index[used]])[..., None])[..., 0]
        sure = 1 / (1 + ((gap / TRACK_FAR) ** 2).sum(1)) ** 2
        return self._blocks(
            at, np.einsum("p,pki,pkj->pij", sure, root, root), np.einsum("p,pki,pk->pi", sure, root, gap)
        )

    def _blocks(self, at: Int, blocks: Float, right: Float) -> tuple[csr_matrix, Float]:
        """Sums of blocks [P, 3, 3] and right sides [P, 3] of vertices at [P] of the region."""
        count = len(self.inside)
        rows = (3 * at[:, None, None] + np.arange(3)[None, :, None]).repeat(3, 2).reshape(-1)
        columns = (3 * at[:, None, None] + np.arange(3)[None, None, :]).repeat(3, 1).reshape(-1)
        matrix = coo_matrix((blocks.reshape(-1), (rows, columns)), shape=(3 * count, 3 * count)).tocsr()
        total = np.zeros((count, 3))
        np.add.at(total, at, right)
        return matrix, total

    def _keypoints(self, fitted: Float, target: Target, keypoints: tuple[Int, Float]) -> tuple[csr_matrix, Float]:
        """The equations that draw keypoints to the target's: matrix [3v, 3v] and right side [v, 3] of the region."""
        corners, weights = keypoints
        known = np.isfinite(target.keypoints[:, 2]) & (self.local[corners] >= 0).all(1)
        corners, weights = corners[known], weights[known]
        error = target.keypoints[known] - (fitted[corners] * weights[..., None]).sum(1)
        size = np.linalg.norm(error, axis=1)
        trust = KEYPOINT_WEIGHT * np.minimum(1.0, (0.0015 / target.sigma[known]) ** 2) / (1 + (size / 0.004) ** 2) ** 2
        row = np.arange(len(corners)).repeat(3)
        pick = coo_matrix((weights.reshape(-1), (row, self.local[corners].reshape(-1))),
                          shape=(len(corners), len(self.inside))).tocsr()  # fmt: skip
        return kron(pick.T @ diags(trust) @ pick, np.eye(3), format="csr"), pick.T @ (trust[:, None] * error)


def unfolded(vertices: Float, reference: Float, triangles: Int) -> Float:
    """`vertices` [V, 3] with no triangle turned over (TURNED) against `reference` [V, 3], if possible.

    Around turned triangles the displacement from the reference is averaged, over ever more of the surroundings, and
    slivers are given one displacement, until they turn back.
    """
    mean = neighbour_mean(triangles, len(vertices))
    before = triangle_vectors(reference, triangles)
    shift = vertices - reference
    touched = np.zeros(len(vertices), bool)
    stubborn = np.zeros(len(triangles), bool)
    sliver = np.linalg.norm(before, axis=1) / 2 < SLIVER
    for r in range(UNFOLD_ROUNDS):
        after = triangle_vectors(reference + shift, triangles)
        turned = (before * after).sum(1) <= TURNED * np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)
        if not turned.any():
            break
        touched[triangles[turned]] = True
        if r % UNFOLD_GROWTH == UNFOLD_GROWTH - 1:
            near = np.zeros(len(vertices), bool)
            near[triangles[turned]] = True
            touched |= grown(near, mean, 1 + r // UNFOLD_GROWTH)
        shift[touched] = (mean @ shift)[touched]
        stubborn |= turned & sliver
        if stubborn.any():  # they turn over on the least slope: those that hang together move as one
            piece = components(triangles[stubborn], len(vertices))[triangles[stubborn]]
            count = np.maximum(np.bincount(piece.reshape(-1), minlength=len(vertices)), 1)[:, None]
            sums = np.zeros_like(shift)
            np.add.at(sums, piece.reshape(-1), shift[triangles[stubborn]].reshape(-1, 3))
            shift[triangles[stubborn]] = (sums / count)[piece]
    return reference + shift


def elimination_order(pattern: csr_matrix) -> Int:
    """The order [V] of vertices in which a matrix [V, V] with that pattern is factored with little fill."""
    regular = (abs(pattern) + diags(1 + np.asarray(abs(pattern).sum(1)).ravel())).tocsc()
    order: Int = np.argsort(splu(regular, permc_spec="MMD_AT_PLUS_A", **SYMMETRIC).perm_c)
    return order


def solve(system: csr_matrix, right: Float, order: Int) -> Float:
    """x [V, 3] with system [3V, 3V] x = right [V, 3]; system symmetric positive definite, coordinates side by side.

    Ordered by vertices once and for all, SuperLU takes two thirds of the time it needs to find an order of its own.
    """
    inside = (3 * order[:, None] + np.arange(3)).reshape(-1)
    factors = splu(system[inside][:, inside].tocsc(), permc_spec="NATURAL", **SYMMETRIC)
    out = np.empty(len(inside))
    out[inside] = factors.solve(right.reshape(-1)[inside])
    return out.reshape(-1, 3)
