"""Scores of closing: Eye Closure and Mouth Closure on the reference avatar, and beside them false closure."""

from __future__ import annotations

import numpy as np

from refa_cli.formats.spec import F64
from refa_cli.scores.constants import Constants
from refa_cli.scores.curves import Curves, Segment, mean
from refa_cli.scores.gaps import gaps

EYES = {"both": (0, 1), "left": (0,), "right": (1,)}


def eye_closure(curves: Curves, c: Constants) -> float | None:
    """How far the avatar's eyes are shut while the person's are, winks included: the mean over the hold, as a share of
    `eye_shut` and at most 1. Of a recording the mean over its segments."""
    return mean([
        float(np.minimum(_shut(curves, segment)[:, EYES[segment.side]] / c.closure_eye_shut, 1).mean())
        for segment in curves.segments("eyes_closed")
    ])  # fmt: skip


def mouth_closure(curves: Curves, c: Constants) -> float | None:
    """How far the avatar's lips are together while the person's are, the mean over the hold and then over segments."""
    return mean([
        float(gaps().mouth_shut(curves.weights[s.rows], curves.gaze[s.rows], c.closure_mouth_open).mean())
        for s in curves.segments("mouth_closed")
    ])  # fmt: skip


def false_closure(curves: Curves, c: Constants) -> float | None:
    """Share of time that an avatar's eye is shut though the person's is not: in neutral and gaze segments either eye,
    in winks the other one; shutting that is no longer than a blink does not count. Lower is better."""
    shares = []
    for kind in ("neutral", "gaze", "eyes_closed"):
        for segment in curves.segments(kind):
            open_eyes = (0, 1) if kind != "eyes_closed" else tuple({0, 1} - set(EYES[segment.side]))
            shut = _shut(curves, segment)
            for eye in open_eyes:
                wrong = _longer(shut[:, eye] > c.gaming_falsely_shut, curves.seconds[segment.rows],
                                c.gaming_blink_seconds)  # fmt: skip
                shares.append(float(wrong.mean()))
    return mean(shares)


def _shut(curves: Curves, segment: Segment) -> F64:
    return gaps().eyes_shut(curves.weights[segment.rows], curves.gaze[segment.rows])


def _longer(held: np.ndarray, seconds: F64, least: float) -> np.ndarray:
    """The rows [T] of runs of `held` that last longer than so many seconds."""
    out = np.zeros(len(held), bool)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], held, [False]])))
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        if seconds[stop - 1] - seconds[start] > least:
            out[start:stop] = True
    return out
