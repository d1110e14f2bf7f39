"""Synthetic frames of the embedded cameras with all that is true of them, for training.

`synth.zarr` is a dataset (`refa_cli.formats.dataset`) of these: `Dataset.read(path, Synth)`. Frames are single moments,
not a film.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi
from typing import ClassVar

from refa_cli.formats.captures import FRAMES_PER_SHARD
from refa_cli.formats.face import EXPRESSION_COUNT, KEYPOINT_COUNT
from refa_cli.formats.recorded import RecordedCameras
from refa_cli.formats.spec import B1, F32, I32, U8, array, names

GLASSES = ("none", "glasses")


@dataclass(frozen=True, kw_only=True, eq=False)
class Synth(RecordedCameras):
    """T moments of one person before C cameras. Pictures smaller than their array lie at its upper left."""

    SCHEMA: ClassVar[str] = "refa.synth/1"

    shapes: tuple[str, ...] = names(str(EXPRESSION_COUNT), doc="names of the expression columns, in order")
    take_names: tuple[str, ...] = names("M", doc="the takes that motion is from, as SUBJECT/RECORDING")
    frames: U8 = array(
        "T C H W", dtype="uint8", rows_per_chunk=1, rows_per_shard=FRAMES_PER_SHARD, streamed=True, doc="pictures"
    )
    expressions: F32 = array(f"T {EXPRESSION_COUNT}", within=(0, 1), doc="weights; 1.0 is the most this person can do")
    gaze: F32 = array(
        "T 2 2", unit="rad", frame="head", within=(-pi / 2, pi / 2), doc="eye left, right; (yaw to the left, pitch up)"
    )
    headset_from_head: F32 = array(
        "T 4 4", unit="m", frame="target: headset", pose="rigid", doc="the head's pose in the headset"
    )
    keypoints: F32 = array(
        f"T C {KEYPOINT_COUNT} 2", unit="px", within=(-1e5, 1e5), doc="where each keypoint lies in each picture"
    )
    keypoint_seen: B1 = array(
        f"T C {KEYPOINT_COUNT}", dtype="bool", doc="whether it is in the picture and nothing hides it, hair aside"
    )
    glasses: U8 = array("T", dtype="uint8", index_into=len(GLASSES), doc=f"one of {', '.join(GLASSES)}")
    take: I32 = array("T", dtype="int32", index_into="M", doc="which take the moment is from")
    take_row: I32 = array("T", dtype="int32", within=(0, 2**31 - 1), doc="which row of it")

    def check(self) -> None:
        """Pictures fit into their array."""
        super().check()
        for i, (height, width) in enumerate(self.camera_size):
            if height > self.dims["H"] or width > self.dims["W"]:
                got = f"{height}x{width} of camera {i}"
                self.refuse("camera_size", f"at most {self.dims['H']}x{self.dims['W']}", got)
