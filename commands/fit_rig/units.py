"""Whether measurements are in metres, told early by the size of the face: wrong units are the usual mistake."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from refa_cli.face.keypoints import INDEX

Float = NDArray[np.floating[Any]]

EYES_LEAST, EYES_MOST = 0.04, 0.10
"""People's eyes stand this far apart, keypoint noise included, metres."""
FACE_LEAST, FACE_MOST = 0.03, 0.20
"""The same for `face_size`, which one picture tells roughly."""


def eye_distance(points: Float) -> float:
    """Between the middles of the eyes, each midway between its corners; points [100, 2 or 3]; NaN where one is."""
    left, right = ((points[INDEX[f"eye_outer_{s}"]] + points[INDEX[f"eye_inner_{s}"]]) / 2 for s in ("l", "r"))
    return float(np.linalg.norm(left - right))


def face_size(pixels: Float) -> float:
    """The larger of eye distance and the eyes' distance from the mouth: a turned or nodding head shortens only one."""
    eyes = [INDEX[f"eye_{corner}_{s}"] for corner in ("outer", "inner") for s in ("l", "r")]
    mouth = [INDEX[f"mouth_corner_{s}"] for s in ("l", "r")]
    down = float(np.linalg.norm(pixels[eyes].mean(0) - pixels[mouth].mean(0)))
    return float(np.fmax(eye_distance(pixels), down))


def centimetres(metres: float) -> str:
    """For sentences."""
    return f"{metres * 100:.3g} cm"
