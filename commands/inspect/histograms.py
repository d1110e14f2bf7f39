"""How often labels take which values: the spread of every expression and of gaze over a whole dataset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from refa_cli.formats.dataset import Recording
    from refa_cli.formats.spec import Checked

REST: Final = 0.02
"""A weight of at most this is at rest."""
EDGES: Final = (0.25, 0.5, 0.75, 1.0)
COLUMNS: Final = ("label", "rest", *(f"to {edge:g}" for edge in EDGES), "mean", "5 %", "95 %")


def histograms(recordings: Sequence[Recording[Checked]]) -> list[dict[str, Any]]:
    """A row an expression: share of rows at rest and in each interval, mean and percentiles; then gaze, in degrees.

    Of recordings that hold expressions and gaze; none of others.
    """
    held = [recording for recording in recordings if {"expressions", "gaze"} <= recording.shapes.keys()]
    held = [recording for recording in held if recording.shapes["expressions"][0]]
    if not held:
        return []
    names = held[0].texts["shapes"]
    weights = np.concatenate([r.rows("expressions")[:, [r.texts["shapes"].index(n) for n in names]] for r in held])
    gaze = np.degrees(np.concatenate([r.rows("gaze") for r in held]))
    rows = [_weights(name, weights[:, i]) for i, name in enumerate(names)]
    for eye, side in enumerate(("left", "right")):
        for angle, way in enumerate(("yaw", "pitch")):
            rows.append({"label": f"gaze {side} {way}, degrees", **_spread(gaze[:, eye, angle], 1)})
    return rows


def _weights(name: str, values: np.ndarray) -> dict[str, Any]:
    edges = [-np.inf, REST, *EDGES[:-1], np.inf]
    shares = np.histogram(values, edges)[0] / len(values)
    return {"label": name, **dict(zip(COLUMNS[1:6], np.round(shares, 3).tolist(), strict=True)), **_spread(values, 3)}


def _spread(values: np.ndarray, digits: int) -> dict[str, Any]:
    numbers = (values.mean(), *np.percentile(values, [5, 95]))
    return dict(zip(COLUMNS[6:], (round(float(number), digits) for number in numbers), strict=True))
