"""What is true of a simulated headset session beyond its labels: the device as it really was, and its faults."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import ClassVar

import numpy as np

from refa_cli.formats.checks import SUBJECT
from refa_cli.formats.npz import NpzArtifact
from refa_cli.formats.spec import F32, I32, I64, U8, array, names, text

FAULTS = ("blocked", "saturated", "frozen", "missing", "not_worn")


@dataclass(frozen=True, kw_only=True, eq=False)
class SessionTruth(NpzArtifact):
    """C cameras, L lights and N faults in R recordings of one subject."""

    SCHEMA: ClassVar[str] = "refa.sessiontruth/1"

    subject: str = text(doc="who it is", pattern=SUBJECT)
    headset_digest: str = text(doc="digest of the headset as calibrated", pattern=r"[0-9a-f]{64}")
    face_digest: str = text(doc="digest of the face model the person is made from", pattern=r"[0-9a-f]{64}")
    misfit: str = text(doc="how far the simulated world is from what refa assumes: 0, 1 or 2", pattern="[012]")
    identity: F32 = array("I", within=(-10, 10), doc="coefficients of that model's basis, standard deviations")
    camera_names: tuple[str, ...] = names("C", doc="what each camera is called")
    camera_intrinsics: F32 = array("C 4", unit="px", within=(-1e5, 1e5), doc="true fx, fy, cx, cy")
    camera_distortion: F32 = array("C 8", doc="true coefficients")
    camera_from_headset: F32 = array("C 4 4", unit="m", frame="target: camera (OpenCV)", pose="rigid", doc="true poses")
    led_intensity: F32 = array("L", unit="W/sr", within=(0, inf), doc="true radiant intensity on the axis")
    led_direction: F32 = array("L 3", frame="headset", within=(-1, 1), doc="true axes of the beams")
    recording_names: tuple[str, ...] = names("R", doc="the recordings that faults refer to")
    fault_recording: I32 = array("N", dtype="int32", index_into="R", doc="in which recording")
    fault_camera: I32 = array("N", dtype="int32", index_into="C", allow_none=True, doc="of which camera; -1: of all")
    fault_kind: U8 = array("N", dtype="uint8", index_into=len(FAULTS), doc=f"one of {', '.join(FAULTS)}")
    fault_ns: I64 = array("N 2", dtype="int64", unit="ns", doc="from when to when")

    def check(self) -> None:
        """Faults begin before they end."""
        if (np.diff(self.fault_ns, axis=1) < 0).any():
            self.refuse("fault_ns", "a start before the end", "another order")
