"""The rig: one subject's neutral and shapes on a face model's topology, and how well the scans support them.

A rigged face is  neutral + weights @ expressions + eye-follow weights @ eye_follow, in metres in the head frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import ClassVar

import numpy as np

from refa_cli.formats.checks import SUBJECT
from refa_cli.formats.face import EXPRESSION_COUNT, EYE_FOLLOW_COUNT, eye_problem
from refa_cli.formats.npz import NpzArtifact
from refa_cli.formats.spec import F32, U8, array, names, text


@dataclass(frozen=True, kw_only=True, eq=False)
class Rig(NpzArtifact):
    """What `refa fit-rig` makes of one subject. The order of the 53 + 8 shapes is that of `refa_cli.face.shapes`."""

    SCHEMA: ClassVar[str] = "refa.rig/1"

    subject: str = text(doc="who it is", pattern=SUBJECT)
    face_digest: str = text(doc="digest of the face model whose topology this is", pattern=r"[0-9a-f]{64}")
    neutral: F32 = array("V 3", unit="m", frame="head", within=(-1, 1), doc="the subject's neutral head")
    expressions: F32 = array(
        f"{EXPRESSION_COUNT} V 3", unit="m", frame="head", within=(-1, 1), doc="displacement at weight 1.0"
    )
    eye_follow: F32 = array(
        f"{EYE_FOLLOW_COUNT} V 3", unit="m", frame="head", within=(-1, 1), doc="lid displacement at weight 1.0"
    )
    eye_centers: F32 = array("2 3", unit="m", frame="head", within=(-0.1, 0.1), doc="turning centres, left then right")
    gain: F32 = array(
        f"{EXPRESSION_COUNT}", within=(0, inf), doc="strength of the shape relative to the transferred prior"
    )
    evidence: F32 = array(
        f"{EXPRESSION_COUNT}", within=(0, 1), doc="how well the scans show the shape; 0: it is the transferred prior"
    )
    expression_ids: tuple[str, ...] = names("E", doc="the scanned expressions, as in scans.json")
    weights: F32 = array(f"E {EXPRESSION_COUNT}", within=(0, 1), doc="what each scanned expression was found to show")
    residual_mm: F32 = array("E 3", unit="mm", within=(0, inf), doc="scan to rig: mean, median, 95th percentile")
    scan_from_head: F32 = array(
        "E 4 4", unit="m", frame="target: the scan's frame", pose="similarity", doc="where the scan lay, scale included"
    )
    texture: U8 = array("H W 3", dtype="uint8", doc="sRGB picture over the face model's uv; H = W = 0: no colour seen")

    def check(self) -> None:
        """Sizes like a head's, eyes where the frame says, a texture that is there or is not."""
        size = float(np.ptp(self.neutral, axis=0).max()) if len(self.neutral) else 0.0
        if not 0.1 <= size <= 1.0:
            self.refuse("neutral", "a head of 0.1 to 1 m", f"{size:.4g} m", "scale it to metres")
        problem = eye_problem(self.eye_centers, 0.01)
        if problem:
            self.refuse("eye_centers", *problem, "move it into the head frame")
        if (self.texture.shape[0] == 0) != (self.texture.shape[1] == 0):
            self.refuse("texture", "both sides zero or none", str(self.texture.shape[:2]))
