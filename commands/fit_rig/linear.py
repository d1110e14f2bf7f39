"""Fitting a linear face model and its pose: Gauss-Newton on keypoints and point-to-plane distances, robust, bounded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refa_cli.commands.fit_rig.similarity import apply, motion, scale_of
from refa_cli.commands.fit_rig.skin import Tracks
from refa_cli.commands.fit_rig.target import Matcher, Target
from refa_cli.face.mesh import vertex_normals

Float = NDArray[np.float64]

SCHEDULE = ((0.020, 0.006), (0.012, 0.004), (0.010, 0.004), (0.008, 0.003), (0.006, 0.002))
"""(largest pair distance, robust scale) of each iteration, metres; the last is repeated."""
PLANE_SIGMA = 0.0006
"""Standard deviation of a point-to-plane distance that the prior is weighed against, metres."""
LOOSE, STUCK = 1e-6, 1e15
"""Stiffness of a pose or scale that is sought, and of one that is known."""
TRACK_TRUST, TRACK_SPARE = 6.0, 12.0
"""Standard deviations at which a track counts a quarter; and this many neighbouring tracks count as one."""
SPARE = 12.0
"""Neighbouring surface points err alike: this many of them count as one measurement."""


@dataclass(frozen=True)
class LinearFace:
    """vertices = base + c @ basis, with a prior on c.

    base [V, 3], basis [K, V, 3] metres; mean [K], sigma [K] of the prior; lower, upper [K] bounds; triangles [F, 3];
    candidates: vertices that may be paired with the measurement; keypoint_triangles [100] and
    keypoint_barycentric [100, 3]; shape_error: how far basis shapes are known to be wrong, as a share of how far they
    move a vertex. Without it a pose turns until skin that moves in a way of its own fits better.
    """

    base: Float
    basis: Float
    mean: Float
    sigma: Float
    lower: Float
    upper: Float
    triangles: NDArray[np.integer[Any]]
    candidates: NDArray[np.integer[Any]]
    keypoint_triangles: NDArray[np.integer[Any]]
    keypoint_barycentric: Float
    shape_error: float = 0.0

    def at(self, coefficients: Float) -> Float:
        """Vertices [V, 3]."""
        vertices: Float = self.base + np.tensordot(coefficients, self.basis, 1)
        return vertices

    def keypoints(self, field: Float) -> Float:
        """A vertex field [..., V, 3] at the keypoints [..., 100, 3]."""
        corners = self.triangles[self.keypoint_triangles]
        return np.asarray(np.einsum("...kci,kc->...ki", field[..., corners, :], self.keypoint_barycentric))


@dataclass(frozen=True)
class LinearFit:
    """coefficients [K]; head_from_scan [4, 4], with a scale other than 1 only where asked for."""

    coefficients: Float
    head_from_scan: Float


def fit(
    face: LinearFace, matcher: Matcher, head_from_scan: Float, iterations: int = 12, keypoints_only: int = 3,
    fit_scale: bool = False, keypoint_share: float = 1.0, pose_known: bool = False, start: Float | None = None,
    tracks: Tracks | None = None,
) -> LinearFit:  # fmt: skip
    """Fit coefficients and pose to a target, given by its matcher.

    head_from_scan: where the scan lies at first; keypoints_only: first iterations without surface;
    keypoint_share: what keypoints weigh once the surface has joined; pose_known: it stays; start: first coefficients,
    by default the prior's mean; tracks: where vertices lie along the skin.
    """
    c = face.mean.copy() if start is None else start.copy()
    pose = head_from_scan.copy()
    flat_points = face.keypoints(face.basis)  # [K, 100, 3]
    for step in range(iterations):
        vertices = face.at(c)
        rows, right, weight = _keypoint_rows(face, vertices, flat_points, matcher.target, pose)
        if step >= keypoints_only:
            reach, scale = SCHEDULE[min(step - keypoints_only, len(SCHEDULE) - 1)]
            weight = [keypoint_share * w for w in weight]
            normals: Float = np.asarray(vertex_normals(vertices, face.triangles), dtype=np.float64)
            pairs = matcher.pairs(vertices, normals, face.candidates, reach, scale, head_from_scan=pose)
            n, at = pairs.normal, vertices[pairs.index]
            plane = np.concatenate(
                [np.cross(at, n), n, (at * n).sum(1)[:, None], np.einsum("kpi,pi->pk", face.basis[:, pairs.index], n)],
                1,
            )
            rows.append(plane)
            right.append(((pairs.point - at) * n).sum(1))
            shaped = np.linalg.norm(at - face.base[pairs.index], axis=1)
            weight.append(pairs.weight / (PLANE_SIGMA**2 + (face.shape_error * shaped) ** 2) / SPARE)
            if tracks is not None:
                more = _track_rows(face, vertices, tracks.moved(pose))
                rows, right, weight = rows + more[0], right + more[1], weight + more[2]
        equations = (np.concatenate(rows), np.concatenate(right), np.concatenate(weight))
        c, moved = _solve(face, *equations, c, fit_scale, pose_known)
        pose = np.linalg.inv(moved) @ pose
    return LinearFit(c, pose)


def _track_rows(face: LinearFace, vertices: Float, tracks: Tracks) -> tuple[list[Float], list[Float], list[Float]]:
    """Equations of tracks in the head frame: rows, right sides and weights along both directions."""
    at, to = vertices[tracks.index], tracks.point - vertices[tracks.index]
    rows, right = [], []
    for along in (tracks.root[:, 0], tracks.root[:, 1]):
        shaped = np.einsum("kpi,pi->pk", face.basis[:, tracks.index], along)
        rows.append(np.concatenate([np.cross(at, along), along, (at * along).sum(1)[:, None], shaped], 1))
        right.append((to * along).sum(1))
    trust = 1 / (1 + (right[0] ** 2 + right[1] ** 2) / TRACK_TRUST**2) ** 2 / TRACK_SPARE
    return rows, right, [trust] * 2


def _keypoint_rows(
    face: LinearFace, vertices: Float, flat_points: Float, target: Target, pose: Float
) -> tuple[list[Float], list[Float], list[Float]]:
    known = np.flatnonzero(np.isfinite(target.keypoints[:, 2]))
    model = face.keypoints(vertices)[known]
    error = apply(pose, target.keypoints[known]) - model
    norm = np.linalg.norm(error, axis=1)
    sigma = target.sigma[known] * scale_of(pose)
    trust = 1 / (1 + (norm / (3 * sigma)) ** 2) / sigma**2
    rows = []
    for axis in range(3):
        unit = np.zeros((len(known), 3))
        unit[:, axis] = 1
        rows.append(np.concatenate([np.cross(model, unit), unit, model[:, [axis]], flat_points[:, known, axis].T], 1))
    return rows, [error[:, axis] for axis in range(3)], [trust] * 3


def _solve(
    face: LinearFace, rows: Float, right: Float, weight: Float, c: Float, fit_scale: bool, pose_known: bool
) -> tuple[Float, Float]:
    """One step: new coefficients, and the model's motion [4, 4] in the head frame; bounds by fixing what violates."""
    count = len(c)
    normal = rows.T @ (weight[:, None] * rows)
    gradient = rows.T @ (weight * right)
    pose, scale = STUCK if pose_known else LOOSE, LOOSE if fit_scale else STUCK
    diagonal = np.concatenate([np.full(6, pose), [scale], 1 / face.sigma**2])
    normal[np.diag_indices_from(normal)] += diagonal
    gradient[7:] += (face.mean - c) / face.sigma**2
    lower, upper = face.lower - c, face.upper - c
    fixed: dict[int, float] = {}
    step = np.zeros(7 + count)
    for _ in range(6):
        free = np.array([i for i in range(7 + count) if i - 7 not in fixed])
        held = np.array([7 + i for i in fixed], dtype=int)
        values = np.array(list(fixed.values()))
        step[held] = values
        step[free] = np.linalg.solve(normal[np.ix_(free, free)], gradient[free] - normal[np.ix_(free, held)] @ values)
        delta = step[7:]
        out = [i for i in range(count) if i not in fixed and (delta[i] < lower[i] - 1e-9 or delta[i] > upper[i] + 1e-9)]
        if not out:
            break
        fixed |= {i: float(np.clip(delta[i], lower[i], upper[i])) for i in out}
    delta = np.clip(step[7:], lower, upper)
    return c + delta, motion(step[:3], step[3:6], float(np.exp(step[6])) if fit_scale else 1.0)
