"""Scores of curves without a peak: Neutralness and Smoothness."""

from __future__ import annotations

import numpy as np

from refa_cli.formats.spec import F64
from refa_cli.scores.constants import Constants
from refa_cli.scores.curves import Curves, mean


def neutralness(curves: Curves, c: Constants) -> float | None:
    """Share of shapes that stay at rest while the person is asked to: at most `threshold` in all rows of the segment
    but a share `spared`, for blinks. Of a recording the mean over its neutral segments."""
    return mean([
        float((np.quantile(curves.weights[segment.rows], 1 - c.neutral_spared, axis=0) <= c.neutral_threshold).mean())
        for segment in curves.segments("neutral")
    ])  # fmt: skip


def smoothness(curves: Curves, c: Constants) -> float | None:
    """exp(-d / scale), d the mean size of the curves' second differences at `rate_hz`, over all shapes and all
    stretches of valid rows."""
    sizes = [np.abs(np.diff(resampled(curves.seconds[run], curves.weights[run], c.smoothness_rate_hz), 2, axis=0))
             for run in valid_runs(curves)]  # fmt: skip
    sizes = [size for size in sizes if size.size]
    return float(np.exp(-np.concatenate(sizes).mean() / c.smoothness_scale)) if sizes else None


def valid_runs(curves: Curves) -> list[np.ndarray]:
    """Rows of each unbroken stretch of valid rows."""
    rows = np.flatnonzero(curves.valid)
    return [run for run in np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1) if len(run) > 1]


def resampled(seconds: F64, values: F64, rate: float) -> F64:
    """Values [T, K] at even times [N, K], each the mean of what the curve, straight between its rows, is within half a
    step of that time."""
    steps = int(np.floor((seconds[-1] - seconds[0]) * rate + 1e-6))
    if steps < 2:
        return np.zeros((0, values.shape[1]))
    edges = seconds[0] + np.arange(steps + 1) / rate
    area = np.concatenate([np.zeros((1, values.shape[1])),
                           np.cumsum((values[1:] + values[:-1]) / 2 * np.diff(seconds)[:, None], axis=0)])  # fmt: skip
    at = np.clip(np.searchsorted(seconds, edges, side="right") - 1, 0, len(seconds) - 2)
    inside = edges - seconds[at]
    slope = (values[at + 1] - values[at]) / (seconds[at + 1] - seconds[at])[:, None]
    total = area[at] + inside[:, None] * values[at] + slope * inside[:, None] ** 2 / 2
    return np.asarray(np.diff(total, axis=0) * rate)
