"""Pinhole views for renders: where a virtual camera stands and what it sees.

A camera frame is OpenCV's (x right, y down, z forward). In the head frame +X is the subject's left, +Y up and +Z out of
the face, so a picture from the front shows the subject's left on its right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from refa_cli.formats.spec import F64
from refa_cli.headset.lenses import Lens
from refa_cli.headset.poses import look_at


@dataclass(frozen=True, eq=False)
class View:
    """camera_from_head [4, 4] metres; intrinsics fx, fy, cx, cy in pixels; size (height, width)."""

    camera_from_head: F64
    intrinsics: tuple[float, float, float, float]
    size: tuple[int, int]

    def project(self, points: ArrayLike) -> F64:
        """Pixel coordinates [N, 2] of points [N, 3] in the head frame, which must lie in front of the camera."""
        seen = np.asarray(points, dtype=np.float64) @ self.camera_from_head[:3, :3].T + self.camera_from_head[:3, 3]
        fx, fy, cx, cy = self.intrinsics
        return np.stack([fx * seen[:, 0] / seen[:, 2] + cx, fy * seen[:, 1] / seen[:, 2] + cy], axis=1)

    @property
    def lens(self) -> Lens:
        """Its pinhole."""
        return Lens("pinhole", self.intrinsics, (), self.size)


def around(
    yaw: float = 0.0,  # radians; positive: the camera stands on the subject's left
    pitch: float = 0.0,  # radians; positive: it stands above and looks down
    *,
    distance: float = 0.6,  # metres from the target
    target: ArrayLike = (0.0, -0.03, 0.04),  # head frame, metres
    roll: float = 0.0,  # radians; positive: the head turns clockwise in the picture
    width: float = 0.32,  # metres that the picture spans at the target's distance
    size: tuple[int, int] = (400, 400),
) -> View:
    """A view of a head from a given side. The target's default is about the middle of an adult face."""
    goal = np.asarray(target, dtype=np.float64)
    direction = np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
    camera_from_head = look_at(goal + distance * direction, goal)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]]
    height_px, width_px = size
    focal = width_px * distance / width
    return View(turn @ camera_from_head, (focal, focal, width_px / 2, height_px / 2), size)
