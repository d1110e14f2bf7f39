"""Comparing two sets of scores subject by subject, with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from refa_cli.scores.constants import constants
from refa_cli.scores.scoring import Score


@dataclass(frozen=True)
class Difference:
    """One score of the first set less that of the second: mean over subjects that both have, its interval, and how many
    subjects these are."""

    mean: float
    low: float
    high: float
    subjects: int


def differences(
    first: Mapping[str, Mapping[str, Score]], second: Mapping[str, Mapping[str, Score]], seed: int = 0
) -> dict[str, Difference | None]:
    """Of every score, from {subject: {score: value}}; None where no subject has it in both.

    The interval is the `level` percentile interval of means over subjects drawn with replacement.
    """
    draws, level = constants().intervals_draws, constants().intervals_level
    common = sorted(first.keys() & second.keys())
    names = dict.fromkeys(name for subject in common for name in first[subject])
    out: dict[str, Difference | None] = {}
    for name in names:
        pairs = [(first[s].get(name), second[s].get(name)) for s in common]
        gaps = np.array([a - b for a, b in pairs if a is not None and b is not None])
        if not len(gaps):
            out[name] = None
            continue
        rng = np.random.default_rng(seed)
        drawn = gaps[rng.integers(0, len(gaps), (draws, len(gaps)))].mean(1)
        low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
        out[name] = Difference(float(gaps.mean()), float(low), float(high), len(gaps))
    return out
