"""A recording as the scores see it: weights by name, valid rows, and rows of segments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from refa_cli.face.shapes import EXPRESSIONS
from refa_cli.formats.labels import SEGMENT_KINDS, SIDES, Labels
from refa_cli.formats.spec import B1, F64


@dataclass(frozen=True)
class Segment:
    """One segment: rows of its hold that may be scored, its side, and its expression's id or an empty string."""

    rows: NDArray[np.intp]
    side: str
    expression: str


@dataclass(frozen=True)
class Curves:
    """seconds [T]; weights [T, 53] in the order of EXPRESSIONS; gaze [T, 2, 2] radians; valid [T]; labels: where they
    are from."""

    seconds: F64
    weights: F64
    gaze: F64
    valid: B1
    labels: Labels

    @classmethod
    def of(cls, labels: Labels) -> Curves:
        """Of labels or predictions."""
        columns = [labels.shapes.index(name) for name in EXPRESSIONS]
        seconds = (labels.time_ns - labels.time_ns[0]) / 1e9 if len(labels.time_ns) else np.zeros(0)
        return cls(seconds, labels.expressions[:, columns].astype(np.float64), labels.gaze.astype(np.float64),
                   labels.valid, labels)  # fmt: skip

    def segments(self, kind: str) -> Iterator[Segment]:
        """Those of a kind whose hold has a valid row, one after the other."""
        held = self.labels
        for i in np.flatnonzero(held.segment_kind == SEGMENT_KINDS.index(kind)):
            _, begin, end = held.segment_ns[i]
            rows = np.flatnonzero((held.time_ns >= begin) & (held.time_ns <= end) & self.valid)
            if len(rows):
                e = int(held.segment_expression[i])
                yield Segment(rows, SIDES[held.segment_side[i]], held.expression_ids[e] if e >= 0 else "")


def mean(values: list[float]) -> float | None:
    """The mean, or None (not applicable) of nothing."""
    return float(np.mean(values)) if values else None
