"""478 landmarks of the face in a picture, as MediaPipe's face landmarker finds them.

As in MediaPipe's graphs (mediapipe/tasks/cc/vision/face_landmarker): BlazeFace gives a box and the eyes; a square 1.5
times the box, turned so that the eyes are level, goes to the landmark network at 256x256 in 0..1; then a second look
at the window that the landmarks themselves span, as MediaPipe does from frame to frame. Deviations, for faces turned
in the picture: that window is measured along the turned axes, not the picture's.

Added: where no face is found, the detector looks again with the picture turned, set in a wide black margin (faces
that fill the picture) and in overlapping parts (small faces).

The order of the 478 points and which of them is on whose left is told in `keypoints`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from refa_cli.formats.spec import F32, U8
from refa_cli.landmarks import blazeface
from refa_cli.landmarks.networks import networks
from refa_cli.landmarks.windows import Pyramid, Window, window_around

POINT_COUNT = 478
INPUT_SIZE = 256
MIN_PRESENCE = 0.5
WINDOW_SCALE = 1.5
LOOKS = 1  # again, at the window that the points of the look before span
SIDES = (33, 263)  # outer eye corners, right and left: the line between them is made level
MAX_CANDIDATES = 3


class Detection(NamedTuple):
    """A found face."""

    points: F32  # [478, 3] pixels, centres at +0.5; the third is relative depth in pixels, smaller is nearer
    score: float  # that there is a face, 0..1
    box: F32  # [4] left, top, right, bottom of the points, pixels
    window: Window  # that the network saw last


def detect(image: U8, near: Window | None = None, *, turned: bool = True) -> Detection | None:
    """The largest face in an sRGB picture [H, W, 3], or None.

    near: where the face was in a picture just before (`Detection.window`); tried first, which saves the detector.
    turned: look for faces that are turned in the picture by more than about 45 degrees, too.
    Raises ValueError unless the picture is uint8 [H, W, 3]; DataError where the networks are not installed.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or min(image.shape[:2]) < 2:
        raise ValueError(f"the picture must be uint8 [H, W, 3], got {image.dtype} of shape {image.shape}")
    pyramid = Pyramid(image)
    if near is not None:
        found = _landmarks(pyramid, near)
        if found is not None:
            return found
    height, width = image.shape[:2]
    for look in looks(height, width, turned):
        score, windows = _candidates(pyramid, look)
        if turned and windows:  # an upside-down face is often taken for an upright one, with a lower score
            other_score, others = _candidates(pyramid, replace(look, angle=look.angle + np.pi))
            windows = others + windows if other_score > score else windows
        for window in windows:
            found = _landmarks(pyramid, window)
            if found is not None:
                return found
    return None


def looks(height: int, width: int, turned: bool = True) -> Iterator[Window]:
    """Where the detector looks for a face, in this order, until it finds one."""
    center_x, center_y, side = width / 2, height / 2, float(max(height, width))
    yield Window(center_x, center_y, side)
    yield Window(center_x, center_y, side * 2)
    for degrees in (45, -45, 90, -90, 135, -135, 180) if turned else ():
        yield Window(center_x, center_y, side * 1.4, np.radians(degrees))
    for parts in (2, 4):
        part = 2 * side / (parts + 1)  # neighbours share half of each
        for y in np.arange(part / 2, max(height - part / 2, part / 2) + 1, part / 2):
            for x in np.arange(part / 2, max(width - part / 2, part / 2) + 1, part / 2):
                yield Window(float(x), float(y), part)


def _candidates(pyramid: Pyramid, look: Window) -> tuple[float, list[Window]]:
    """One look of the detector: its best score, and windows for the landmark network, the largest face first."""
    crop = pyramid.crop(look, blazeface.INPUT_SIZE, black_outside=True)
    regressors, logits = networks().detector(crop[None] / np.float32(127.5) - 1)
    windows = []
    faces = blazeface.decode(regressors[0], logits[0, :, 0])
    for face in faces:
        right, left = look.to_image(face.keypoints[[blazeface.RIGHT_EYE, blazeface.LEFT_EYE]])
        center = look.to_image(face.box.reshape(2, 2).mean(axis=0)[None])[0]
        side = float((face.box[2:] - face.box[:2]).max()) * look.side * WINDOW_SCALE
        windows.append(Window(float(center[0]), float(center[1]), side, _level(right, left)))
    best = max((face.score for face in faces), default=0.0)
    return best, sorted(windows, key=lambda window: -window.side)[:MAX_CANDIDATES]


def _landmarks(pyramid: Pyramid, window: Window) -> Detection | None:
    """The landmarks of the face in a window, after looking again; None where there is no face."""
    for _ in range(1 + LOOKS):
        crop = pyramid.crop(window, INPUT_SIZE, black_outside=False)
        values, logit, _ = networks().landmarks(crop[None] / np.float32(255))
        score = float(1 / (1 + np.exp(-float(logit.ravel()[0]))))
        if score < MIN_PRESENCE:
            return None
        unit = values.reshape(POINT_COUNT, 3).astype(np.float64) / INPUT_SIZE
        points = window.to_image(unit[:, :2])
        seen, depth = window, unit[:, 2] * window.side
        window = window_around(points, _level(points[SIDES[0]], points[SIDES[1]]), WINDOW_SCALE)
    box = np.concatenate([points.min(axis=0), points.max(axis=0)]).astype(np.float32)
    return Detection(np.column_stack([points, depth]).astype(np.float32), score, box, seen)


def _level(right: NDArray[np.floating], left: NDArray[np.floating]) -> float:
    """The angle (radians) of the line from the subject's right to left, in the picture; 0 is level and upright."""
    return float(np.arctan2(left[1] - right[1], left[0] - right[0]))
