"""Rigid and similarity transforms: made, found from paired points, applied."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

Float = NDArray[np.float64]


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


def motion(turn: Float, shift: Float, scale: float = 1.0) -> Float:
    """A similarity [4, 4] from a rotation vector (radians), a translation and a scale."""
    out = np.eye(4)
    out[:3, :3] = scale * Rotation.from_rotvec(turn).as_matrix()
    out[:3, 3] = shift
    return out


def scale_of(transform: Float) -> float:
    """The factor by which a similarity [4, 4] stretches."""
    return float(np.cbrt(np.linalg.det(transform[:3, :3])))
