"""What simulated phone scans truly show: the person, every expression and every camera, beside `scans/SUBJECT`.

A truth is  zero + weights @ shapes (+ what no shape explains), in metres in the head frame. A point p of it lay at
camera_from_head @ p, and was seen through the true intrinsics, which are not quite those that scans.json tells.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, pi
from typing import ClassVar

import numpy as np

from refa_cli.formats.checks import SUBJECT
from refa_cli.formats.face import EXPRESSION_COUNT, EYE_FOLLOW_COUNT, KEYPOINT_COUNT, MATERIALS, eye_problem
from refa_cli.formats.npz import NpzArtifact
from refa_cli.formats.spec import B1, F32, I32, U8, array, names, text


@dataclass(frozen=True, kw_only=True, eq=False)
class ScanTruth(NpzArtifact):
    """The truth of one subject's scans. The order of the 53 + 8 shapes is that of `refa_cli.face.shapes`."""

    SCHEMA: ClassVar[str] = "refa.scantruth/2"

    subject: str = text(doc="who it is", pattern=SUBJECT)
    face_digest: str = text(doc="digest of the face model whose topology this is", pattern=r"[0-9a-f]{64}")
    triangles: I32 = array("F 3", dtype="int32", index_into="V", doc="corners, counter-clockwise seen from outside")
    material: U8 = array("F", dtype="uint8", index_into=len(MATERIALS), doc=f"one of {', '.join(MATERIALS)}")
    zero: F32 = array("V 3", unit="m", frame="head", within=(-1, 1), doc="the head with every shape at 0")
    neutral: F32 = array("V 3", unit="m", frame="head", within=(-1, 1), doc="the relaxed head, as 'neutral' shows it")
    shapes: F32 = array(
        f"{EXPRESSION_COUNT} V 3", unit="m", frame="head", within=(-1, 1), doc="displacement at the most shown, 1.0"
    )
    eye_follow: F32 = array(
        f"{EYE_FOLLOW_COUNT} V 3", unit="m", frame="head", within=(-1, 1), doc="lid displacement at weight 1.0"
    )
    eye_centers: F32 = array("2 3", unit="m", frame="head", within=(-0.1, 0.1), doc="turning centres, left then right")
    expression_ids: tuple[str, ...] = names("E", doc="the scanned expressions, as in scans.json")
    weights: F32 = array(f"E {EXPRESSION_COUNT}", within=(0, 1), doc="what each shows, rest included; mean of the hold")
    gaze: F32 = array(
        "E 2 2", unit="rad", frame="head", within=(-pi / 2, pi / 2), doc="eye left, right; (yaw to the left, pitch up)"
    )
    vertices: F32 = array("E V 3", unit="m", frame="head", within=(-1, 1), doc="the head; mean of the hold")
    seen: B1 = array(
        "E V", dtype="bool", doc="whether some frame saw it, less than 75 degrees from its normal, not under hair"
    )
    keypoints: F32 = array("E K 3", unit="m", frame="head", within=(-1, 1), doc="its keypoints; K is 100, or 0")
    camera_from_head: F32 = array(
        "E T 4 4", unit="m", frame="target: camera", pose="rigid", doc="where the head was in every frame"
    )
    intrinsics: F32 = array("4", unit="px", within=(0, inf), doc="true fx, fy, cx, cy; scans.json tells nominal ones")
    depth_scale: F32 = array("1", within=(0.5, 2), doc="factor of all depths read")
    depth_bias: F32 = array(
        "R C", unit="m", within=(-0.1, 0.1), doc="error of depth at 0.35 m that stays with the sensor, on a coarse grid"
    )

    def check(self) -> None:
        """Sizes like a head's, eyes where the frame says, keypoints all or none."""
        size = float(np.ptp(self.zero, axis=0).max()) if len(self.zero) else 0.0
        if not 0.1 <= size <= 1.0:
            self.refuse("zero", "a head of 0.1 to 1 m", f"{size:.4g} m", "scale it to metres")
        problem = eye_problem(self.eye_centers, 0.01)
        if problem:
            self.refuse("eye_centers", *problem, "move it into the head frame")
        if self.dims["K"] not in (0, KEYPOINT_COUNT):
            self.refuse("keypoints", f"0 or {KEYPOINT_COUNT} keypoints", str(self.dims["K"]))
