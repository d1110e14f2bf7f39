"""Recordings made by hand, whose scores are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from refa_cli.face.shapes import EXPRESSIONS, INDEX
from refa_cli.formats.labels import SEGMENT_KINDS, SIDES, STATES, Labels

RATE = 30.0
DONNED = np.eye(4) - 0.033 * np.outer([0, 0, 1, 0], [0, 0, 0, 1])


def recording(
    weights: np.ndarray, segments: Sequence[dict[str, Any]] = (), rate: float = RATE, **changes: Any
) -> Labels:
    """Labels of weights [T, 53]; segments: kind, start, hold, end in seconds, side and expression if they have any."""
    count = len(weights)
    ids = tuple(dict.fromkeys(s["expression"] for s in segments if "expression" in s))
    times = np.array([[s["start"], s.get("hold", s["start"]), s["end"]] for s in segments]).reshape(-1, 3)
    asked = [ids.index(s["expression"]) if "expression" in s else -1 for s in segments]
    held: dict[str, Any] = {
        "shapes": EXPRESSIONS,
        "expression_ids": ids,
        "time_ns": np.rint(np.arange(count) * 1e9 / rate).astype(np.int64),
        "expressions": np.clip(weights, 0, 1),
        "gaze": np.zeros((count, 2, 2)),
        "headset_from_head": np.tile(DONNED, (count, 1, 1)),
        "confidence": np.ones((count, 3)),
        "valid": np.ones(count, bool),
        "state": np.full(count, STATES.index("tracked"), np.uint8),
        "segment_ns": times * 1e9,
        "segment_kind": np.array([SEGMENT_KINDS.index(s["kind"]) for s in segments], np.uint8),
        "segment_side": np.array([SIDES.index(s.get("side", "both")) for s in segments], np.uint8),
        "segment_expression": np.array(asked, np.int32),
        "segment_performed": np.zeros(len(segments), np.uint8),
    }
    held["segment_ns"] = np.rint(held["segment_ns"]).astype(np.int64)
    return Labels(**{**held, **changes})


def still(seconds: float = 3.0, rate: float = RATE, **weights: float) -> np.ndarray:
    """Weights [T, 53] that do not change."""
    out = np.zeros((round(seconds * rate), len(EXPRESSIONS)))
    for name, weight in weights.items():
        out[:, INDEX[name]] = weight
    return out


def peak(expression: str, start: float = 0.0, hold: float = 1.0, end: float = 2.0) -> dict[str, Any]:
    """A segment."""
    return {"kind": "peak", "expression": expression, "start": start, "hold": hold, "end": end}
