"""What a headset's cameras recorded: frames with time stamps, and what the person was asked to do when.

`captures.zarr` is a dataset (`refa_cli.formats.dataset`) of these: `Dataset.read(path, Captures)`. Frames are too many
to be held: `recording.rows("frames", 100, 150)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from refa_cli.formats.labels import SEGMENT_KINDS, SIDES, check_segments
from refa_cli.formats.recorded import RecordedCameras
from refa_cli.formats.spec import B1, I32, I64, U8, array, names

FRAMES_PER_SHARD = 50


@dataclass(frozen=True, kw_only=True, eq=False)
class Captures(RecordedCameras):
    """T times and S segments of one recording by C cameras: A embedded ones in `frames`, then B others.

    Pictures smaller than their array lie at its upper left; the rest is 0. A frame that is not present is 0.
    """

    SCHEMA: ClassVar[str] = "refa.captures/1"

    time_ns: I64 = array("T", dtype="int64", unit="ns", increasing=True, doc="time stamps")
    present: B1 = array("T C", dtype="bool", doc="whether the camera delivered a frame")
    frames: U8 = array(
        "T A H W", dtype="uint8", rows_per_chunk=1, rows_per_shard=FRAMES_PER_SHARD, streamed=True,
        doc="pictures of the embedded cameras",
    )  # fmt: skip
    other_frames: U8 = array(
        "T B J K", dtype="uint8", rows_per_chunk=1, rows_per_shard=FRAMES_PER_SHARD, streamed=True,
        doc="pictures of the other cameras, which are there for ground truth",
    )  # fmt: skip
    expression_ids: tuple[str, ...] = names("E", doc="the prompted expressions that segments refer to")
    segment_ns: I64 = array("S 3", dtype="int64", unit="ns", doc="start, begin of the hold, end; segments may overlap")
    segment_kind: U8 = array(
        "S", dtype="uint8", index_into=len(SEGMENT_KINDS), doc=f"one of {', '.join(SEGMENT_KINDS)}"
    )
    segment_side: U8 = array("S", dtype="uint8", index_into=len(SIDES), doc=f"of closed eyes: {', '.join(SIDES)}")
    segment_expression: I32 = array(
        "S", dtype="int32", index_into="E", allow_none=True, doc="of peaks: which of expression_ids; -1: none"
    )

    def check(self) -> None:
        """Cameras of both arrays are all cameras, and fit into them; segments are in order."""
        super().check()
        embedded, others = self.dims["A"], self.dims["B"]
        if embedded + others != self.dims["C"]:
            self.refuse("frames", f"{self.dims['C']} cameras with those of other_frames", f"{embedded} + {others}")
        for i, (height, width) in enumerate(self.camera_size):
            room = (self.dims["H"], self.dims["W"]) if i < embedded else (self.dims["J"], self.dims["K"])
            if height > room[0] or width > room[1]:
                self.refuse("camera_size", f"at most {room[0]}x{room[1]}", f"{height}x{width} of camera {i}")
        check_segments(self)
