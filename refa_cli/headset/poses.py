"""Where cameras stand."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from refa_cli.formats.spec import F64


def look_at(eye: ArrayLike, target: ArrayLike = (0.0, 0.0, 0.0), up: ArrayLike = (0.0, 1.0, 0.0)) -> F64:
    """camera_from_world [4, 4] of a camera at `eye` that looks at `target`, its upright nearest to `up`, metres.

    Raises ValueError where these leave the direction open.
    """
    position, goal, upright = (np.array(v, dtype=np.float64) for v in (eye, target, up))
    forward = goal - position
    right = np.cross(forward, upright)
    if np.linalg.norm(right) < 1e-9 * max(float(np.linalg.norm(forward)), 1e-12):
        raise ValueError(f"a camera at {position} that looks at {goal} has no upright near {upright}")
    forward, right = forward / np.linalg.norm(forward), right / np.linalg.norm(right)
    camera_from_world = np.eye(4)
    camera_from_world[:3, :3] = np.stack([right, np.cross(forward, right), forward])
    camera_from_world[:3, 3] = -camera_from_world[:3, :3] @ position
    return camera_from_world
