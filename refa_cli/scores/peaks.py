"""Scores of prompted peaks: Semantic Accuracy, and beside it over-activation and cross-talk."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from refa_cli.face.prompts import PROMPTS, Prompt, by_id
from refa_cli.face.shapes import EXPRESSIONS, INDEX
from refa_cli.formats.spec import F64
from refa_cli.scores.constants import Constants
from refa_cli.scores.curves import Curves, mean

KNOWN = {prompt.id for prompt in PROMPTS}


def semantic_accuracy(curves: Curves, c: Constants) -> float | None:
    """How far the key shapes of each scored peak reach what the art priors expect, at most in full.

    Of a peak the mean over its key shapes, of a recording the mean over its peaks.
    """
    return mean([
        float(np.mean([min(shown[INDEX[name]] / (c.semantic_enough * prompt.expected[name]), 1.0)
                       for name in prompt.key_shapes]))
        for prompt, shown in scored_peaks(curves, c) if prompt.key_shapes
    ])  # fmt: skip


def over_activation(curves: Curves, c: Constants) -> float | None:
    """How much more than expected the asked shapes show, on average; lower is better."""
    return mean([
        float(np.mean([max(shown[INDEX[name]] - weight, 0.0) for name, weight in prompt.expected.items()]))
        for prompt, shown in scored_peaks(curves, c) if prompt.expected
    ])  # fmt: skip


def cross_talk(curves: Curves, c: Constants) -> float | None:
    """What unasked shapes show over `unasked`, together, for each unit of what was asked; lower is better."""
    out = []
    for prompt, shown in scored_peaks(curves, c):
        if prompt.expected:
            unasked = [i for i, name in enumerate(EXPRESSIONS) if name not in prompt.expected]
            extra = np.maximum(shown[unasked] - c.gaming_unasked, 0).sum()
            out.append(float(extra / sum(prompt.expected.values())))
    return mean(out)


def scored_peaks(curves: Curves, c: Constants) -> Iterator[tuple[Prompt, F64]]:
    """(prompt, mean weights [53] over its hold) of peaks of the scored split; prompts that refa does not know are left
    out."""
    for segment in curves.segments("peak"):
        if segment.expression in KNOWN and by_id(segment.expression).split == c.semantic_split:
            yield by_id(segment.expression), curves.weights[segment.rows].mean(0)
