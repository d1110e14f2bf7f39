"""Turning pictures and their camera in steps of 90 degrees, so that the face stands upright."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from refa_cli.formats.frames import Camera
from refa_cli.formats.spec import U8

Pixel = TypeVar("Pixel", bound=np.generic)


def turn(picture: NDArray[Pixel], degrees: int) -> NDArray[Pixel]:
    """A picture [H, W, ...] turned clockwise by a multiple of 90 degrees."""
    return np.ascontiguousarray(np.rot90(picture, -(degrees // 90)))


def turn_camera(camera: Camera, degrees: int) -> Camera:
    """The camera of the turned picture."""
    width, height, cx, cy = camera.width, camera.height, camera.cx, camera.cy
    if degrees % 360 == 180:
        return replace(camera, cx=width - cx, cy=height - cy)
    if degrees % 360 == 0:
        return camera
    turned = replace(camera, width=height, height=width, fx=camera.fy, fy=camera.fx)
    return replace(turned, cx=height - cy, cy=cx) if degrees % 360 == 90 else replace(turned, cx=cy, cy=width - cx)


def needed_turn(pictures: Iterable[U8]) -> int | None:
    """How far (degrees clockwise) pictures [H, W, 3] must be turned for an upright face, told by the first of them in
    which a face is found; None if it is in none. Raises DataError where the landmark networks are not installed.
    """
    from refa_cli.landmarks.detector import SIDES, detect

    for picture in pictures:
        found = detect(picture)
        if found is not None:
            right, left = found.points[SIDES[0]], found.points[SIDES[1]]
            angle = math.degrees(math.atan2(left[1] - right[1], left[0] - right[0]))
            return -90 * round(angle / 90) % 360
    return None
