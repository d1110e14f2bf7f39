"""The registered frames of one held expression as one cloud of points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from refa_cli.commands.fit_rig.frames import Cloud
from refa_cli.commands.fit_rig.register import register
from refa_cli.commands.fit_rig.similarity import apply

Float = NDArray[np.float64]

VOXEL = 0.001
"""Edge of the cells in which fused points are averaged, metres."""


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
    poses, residuals = register(clouds, reference)
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
    return Fused(points, normals, colors, middle, spread, poses, float(np.median(residuals[used])))


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


def _nanmedian(values: Float) -> Float:
    """Median over axis 0, NaN where all are NaN, without numpy's warning."""
    out = np.full(values.shape[1:], np.nan)
    known = np.isfinite(values).any(axis=(0, -1))
    out[known] = np.nanmedian(values[:, known], axis=0)
    return out
