"""Gaze: eyeball rotations, and the eye-follow shapes of the lids.

Gaze is (yaw, pitch) in radians in the head frame, yaw positive to the subject's left, pitch positive up; arrays
`[..., 2, 2]` are (left eye, right eye) by (yaw, pitch). (0, 0) looks along +Z, out of the face.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float = NDArray[np.float64]

FULL_YAW = float(np.radians(30.0))
"""Gaze to the side at which EyesLookLeft or EyesLookRight reaches 1.0. refa's choice: the comfortable range."""
FULL_PITCH = float(np.radians(25.0))
"""Gaze up or down at which EyesLookUp or EyesLookDown reaches 1.0. refa's choice."""


def rotation_from_gaze(gaze: ArrayLike) -> Float:
    """gaze [..., 2] -> rotation [..., 3, 3] that turns +Z to the direction looked at, without torsion."""
    angles = np.asarray(gaze, dtype=np.float64)
    sin_yaw, cos_yaw = np.sin(angles[..., 0]), np.cos(angles[..., 0])
    sin_pitch, cos_pitch = np.sin(angles[..., 1]), np.cos(angles[..., 1])
    zero = np.zeros_like(sin_yaw)
    rows = (
        (cos_yaw, -sin_yaw * sin_pitch, sin_yaw * cos_pitch),
        (zero, cos_pitch, sin_pitch),
        (-sin_yaw, -cos_yaw * sin_pitch, cos_yaw * cos_pitch),
    )
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def gaze_from_direction(direction: ArrayLike) -> Float:
    """direction [..., 3] of any length, pointing out of the eye -> gaze [..., 2]."""
    d = np.asarray(direction, dtype=np.float64)
    return np.stack([np.arctan2(d[..., 0], d[..., 2]), np.arctan2(d[..., 1], np.hypot(d[..., 0], d[..., 2]))], axis=-1)


def eye_follow_weights(gaze: ArrayLike, closed: ArrayLike) -> Float:
    """gaze [..., 2, 2], EyesClosed weights (left, right) [..., 2] -> weights [..., 8] in the order of EYE_FOLLOW.

    Linear in the angle up to 1.0 at FULL_YAW or FULL_PITCH, and fading to zero as the lids close.
    """
    angles = np.asarray(gaze, dtype=np.float64)
    left, up = angles[..., 0] / FULL_YAW, angles[..., 1] / FULL_PITCH  # [..., eye]
    follow = np.stack([np.clip(way, 0.0, 1.0) for way in (-up, left, -left, up)], axis=-2)  # [..., way, eye]
    follow = follow * (1.0 - np.clip(np.asarray(closed, dtype=np.float64), 0.0, 1.0))[..., None, :]
    return follow.reshape(*follow.shape[:-2], 8)


def full_gaze(shape: str) -> tuple[float, float]:
    """The gaze (yaw, pitch) at which an eye-follow shape, such as "EyesLookUpL", is at 1.0."""
    ways = {"Down": (0.0, -FULL_PITCH), "Left": (FULL_YAW, 0.0), "Right": (-FULL_YAW, 0.0), "Up": (0.0, FULL_PITCH)}
    return ways[shape.removeprefix("EyesLook")[:-1]]
