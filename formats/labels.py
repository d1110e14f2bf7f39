"""The labels of one recording: expressions, gaze and where the head was at each time, and what was asked for when.

`labels.zarr`, `preds.zarr` and `truth.zarr` are datasets (`refa_cli.formats.dataset`) of these:
`Dataset.read(path, Labels)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi
from typing import Any, ClassVar

import numpy as np

from refa_cli.formats.face import EXPRESSION_COUNT
from refa_cli.formats.spec import B1, F32, I32, I64, U8, Checked, array, names

STATES = ("tracked", "uncertain", "lost", "not_worn")
SEGMENT_KINDS = ("neutral", "peak", "eyes_closed", "mouth_closed", "speech", "gaze", "free")
SIDES = ("both", "left", "right")
PERFORMED = ("unknown", "fully", "weakly", "wrongly", "omitted")


@dataclass(frozen=True, kw_only=True, eq=False)
class Labels(Checked):
    """T times and S segments of one recording. Read and write expressions by the names in `shapes`."""

    SCHEMA: ClassVar[str] = "refa.labels/2"

    shapes: tuple[str, ...] = names(str(EXPRESSION_COUNT), doc="names of the expression columns, in order")
    expression_ids: tuple[str, ...] = names("E", doc="the prompted expressions that segments refer to")
    time_ns: I64 = array("T", dtype="int64", unit="ns", increasing=True, doc="time stamps")
    expressions: F32 = array(f"T {EXPRESSION_COUNT}", within=(0, 1), doc="weights; 1.0 is the most this person can do")
    gaze: F32 = array(
        "T 2 2", unit="rad", frame="head", within=(-pi / 2, pi / 2), doc="eye left, right; (yaw to the left, pitch up)"
    )
    headset_from_head: F32 = array(
        "T 4 4", unit="m", frame="target: headset", pose="rigid", doc="the head's pose in the headset"
    )
    confidence: F32 = array("T 3", within=(0, 1), doc="of the upper left, upper right and lower face")
    valid: B1 = array("T", dtype="bool", doc="whether this time may be learned from and scored")
    state: U8 = array("T", dtype="uint8", index_into=len(STATES), doc=f"one of {', '.join(STATES)}")
    segment_ns: I64 = array("S 3", dtype="int64", unit="ns", doc="start, begin of the hold, end; segments may overlap")
    segment_kind: U8 = array(
        "S", dtype="uint8", index_into=len(SEGMENT_KINDS), doc=f"one of {', '.join(SEGMENT_KINDS)}"
    )
    segment_side: U8 = array("S", dtype="uint8", index_into=len(SIDES), doc=f"of closed eyes: {', '.join(SIDES)}")
    segment_expression: I32 = array(
        "S", dtype="int32", index_into="E", allow_none=True, doc="of peaks: which of expression_ids; -1: none"
    )

    segment_performed: U8 = array(
        "S", dtype="uint8", index_into=len(PERFORMED), doc=f"how a peak was shown, in truth: {', '.join(PERFORMED)}"
    )

    def check(self) -> None:
        """Every segment starts, holds and ends in that order; a peak, and nothing else, has an expression."""
        check_segments(self)


def check_segments(held: Any) -> None:
    """Refuses segments of Labels or Captures that are out of order, and peaks without an expression."""
    if (np.diff(held.segment_ns, axis=1) < 0).any():
        held.refuse("segment_ns", "start <= hold <= end", "another order")
    peak = held.segment_kind == SEGMENT_KINDS.index("peak")
    if (peak != (held.segment_expression >= 0)).any():
        held.refuse("segment_expression", "one for each peak, -1 for other kinds", "something else")
