"""The frames of one held expression laid over each other: rigid ICP from keypoints, then one cloud of points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from refa_cli.commands.fit_rig.frames import Cloud

Float = NDArray[np.float64]

VOXEL = 0.001
"""Edge of the cells in which fused points are averaged, metres."""
ICP_CELL, ICP_REACH, ICP_NEIGHBOURS = 0.0025, 0.006, 12
"""Spacing of the points that ICP uses and largest distance of a pair, metres; points that tell a normal."""
WORST_OVERLAP = 0.0025
"""A frame whose points lie farther than this (median) from the others after ICP is left out, metres."""


@dataclass(frozen=True)
class Fused:
    """One expression's measurement in the frame of its reference cloud.

    points, normals [P, 3], metres; colors [P, 3] 0..255; keypoints [100, 3] (median over frames, NaN if never seen);
    spread [100]: how far frames disagree on each; poses [F, 4, 4]: reference_from_frame, NaN for a frame left out;
    residual: median distance between overlapping frames, metres.
    """

    points: Float
    normals: Float
    colors: Float
    keypoints: Float
    spread: Float
    poses: Float
    residual: float


def fuse(clouds: list[Cloud]) -> Fused:
    """Align and merge the frames of one expression; the most frontal with most points is the reference."""
    reference = max(range(len(clouds)), key=lambda i: clouds[i].facing.mean() * np.sqrt(len(clouds[i].points)))
    aligner = Aligner(clouds[reference])
    poses = np.full((len(clouds), 4, 4), np.nan)
    residuals = []
    for i, cloud in enumerate(clouds):
        pose, residual = (np.eye(4), 0.0) if i == reference else aligner.align(cloud)
        if residual <= WORST_OVERLAP:
            poses[i] = pose
            residuals += [residual] if i != reference else []
    used = [i for i in range(len(clouds)) if np.isfinite(poses[i, 0, 0])]
    points = np.concatenate([apply(poses[i], clouds[i].points) for i in used])
    normals = np.concatenate([clouds[i].normals @ poses[i, :3, :3].T for i in used])
    # Readings near the viewing direction are the precise ones.
    weights = np.concatenate([clouds[i].facing ** 2 for i in used])
    colors = np.concatenate([clouds[i].colors for i in used]).astype(np.float64)
    keypoints = np.stack([apply(poses[i], clouds[i].keypoints) for i in used])
    with np.errstate(invalid="ignore"):
        middle = _nanmedian(keypoints)
        spread = _nanmedian(np.linalg.norm(keypoints - middle, axis=-1)[..., None])[:, 0]
    points, normals, colors = merge(points, normals, colors, weights)
    return Fused(points, normals, colors, middle, spread, poses, float(np.median(residuals)) if residuals else 0.0)


class Aligner:
    """Rigid ICP of clouds to one reference cloud, which is prepared once."""

    def __init__(self, target: Cloud) -> None:
        import small_gicp

        self.target = target
        self._points, self._tree = small_gicp.preprocess_points(target.points, ICP_CELL, num_neighbors=ICP_NEIGHBOURS)

    def align(self, source: Cloud) -> tuple[Float, float]:
        """target_from_source [4, 4] and the median distance of the overlap, metres; started from common keypoints."""
        import small_gicp

        target = self.target
        common = np.isfinite(target.keypoints[:, 2]) & np.isfinite(source.keypoints[:, 2])
        if common.sum() < 10:
            return np.eye(4), np.inf
        start = rigid(source.keypoints[common], target.keypoints[common])
        points, _ = small_gicp.preprocess_points(source.points, ICP_CELL, num_neighbors=ICP_NEIGHBOURS)
        result = small_gicp.align(
            self._points, points, self._tree, init_T_target_source=start, registration_type="PLANE_ICP",
            max_correspondence_distance=ICP_REACH, num_threads=1, max_iterations=30, rotation_epsilon=1e-4,
            translation_epsilon=1e-5,
        )  # fmt: skip
        pose = np.asarray(result.T_target_source)
        return pose, _overlap_distance(target, apply(pose, source.points[::20]))


def _overlap_distance(target: Cloud, points: Float) -> float:
    """Median distance of points from the planes of the target's nearest points, where they overlap."""
    from scipy.spatial import cKDTree

    sparse = slice(None, None, 4)
    distance, nearest = cKDTree(target.points[sparse]).query(points, distance_upper_bound=ICP_REACH)
    near = np.isfinite(distance)
    if near.sum() < 50:
        return np.inf
    at = nearest[near]
    plane = ((points[near] - target.points[sparse][at]) * target.normals[sparse][at]).sum(1)
    return float(np.median(np.abs(plane)))


def merge(points: Float, normals: Float, colors: Float, weights: Float) -> tuple[Float, Float, Float]:
    """Weighted means of points, normals and colours in cells of VOXEL."""
    cells = np.floor(points / VOXEL).astype(np.int64)
    cells -= cells.min(0)
    key = np.ravel_multi_index(tuple(cells.T), tuple(cells.max(0) + 1))
    _, owner, count = np.unique(key, return_inverse=True, return_counts=True)

    def mean(values: Float) -> Float:
        return np.stack([np.bincount(owner, weights * values[:, i]) for i in range(3)], 1) / total

    total = np.bincount(owner, weights)[:, None]
    facing = mean(normals)
    length = np.linalg.norm(facing, axis=1, keepdims=True)
    sure = length[:, 0] > 0.5  # cells whose normals agree
    return mean(points)[sure], (facing / np.maximum(length, 1e-9))[sure], mean(colors)[sure]


def rigid(source: Float, target: Float, weights: Float | None = None, scale: bool = False) -> Float:
    """target_from_source [4, 4] of paired points [P, 3], robust to a few wrong pairs (Umeyama 1991, reweighted)."""
    weight = np.ones(len(source)) if weights is None else weights.copy()
    base = weight
    for _ in range(5):
        weight = weight / weight.sum()
        a, b = weight @ source, weight @ target
        u, s, vt = np.linalg.svd((target - b).T @ (weight[:, None] * (source - a)))
        sign = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
        turn = u @ sign @ vt
        factor = (s * np.diag(sign)).sum() / (weight @ ((source - a) ** 2).sum(1)) if scale else 1.0
        error = np.linalg.norm(factor * (source - a) @ turn.T + b - target, axis=1)
        weight = base / (1 + (error / max(np.median(error), 1e-9) / 2) ** 2)
    out = np.eye(4)
    out[:3, :3], out[:3, 3] = factor * turn, b - factor * turn @ a
    return out


def apply(transform: Float, points: Float) -> Float:
    """A 4x4 transform on points [..., 3]."""
    return points @ transform[:3, :3].T + transform[:3, 3]


def _nanmedian(values: Float) -> Float:
    """Median over axis 0, NaN where all are NaN, without numpy's warning."""
    out = np.full(values.shape[1:], np.nan)
    known = np.isfinite(values).any(axis=(0, -1))
    out[known] = np.nanmedian(values[:, known], axis=0)
    return out
