"""All scores of a recording, and their averages: over a subject's recordings, then over subjects, never pooled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np

from refa_cli.formats.labels import Labels
from refa_cli.scores import closures, peaks, rest
from refa_cli.scores.constants import Constants, constants
from refa_cli.scores.curves import Curves

Score = float | None
"""None: not applicable, since a recording has no segment of the kind."""
SCORES: Final[Mapping[str, Callable[[Curves, Constants], Score]]] = {
    "semantic_accuracy": peaks.semantic_accuracy,
    "neutralness": rest.neutralness,
    "smoothness": rest.smoothness,
    "eye_closure": closures.eye_closure,
    "mouth_closure": closures.mouth_closure,
}
"""Of the five, higher is better."""
GAMING: Final[Mapping[str, Callable[[Curves, Constants], Score]]] = {
    "over_activation": peaks.over_activation,
    "cross_talk": peaks.cross_talk,
    "false_closure": closures.false_closure,
}
"""What tells those apart who score by doing too much; lower is better."""


def score_recording(labels: Labels) -> dict[str, Score]:
    """All scores of one recording of labels or predictions."""
    curves, c = Curves.of(labels), constants()
    return {name: score(curves, c) for name, score in {**SCORES, **GAMING}.items()}


def average(rows: Sequence[Mapping[str, Score]]) -> dict[str, Score]:
    """The mean of each score over those rows to which it applies."""
    names = dict.fromkeys(name for row in rows for name in row)
    out: dict[str, Score] = {}
    for name in names:
        held = [value for row in rows if (value := row.get(name)) is not None]
        out[name] = float(np.mean(held)) if held else None
    return out


def levels(
    recordings: Mapping[str, Mapping[str, Mapping[str, Score]]],
) -> tuple[dict[str, dict[str, Score]], dict[str, Score]]:
    """(scores of each subject, scores of the dataset) from those of each recording of each subject."""
    subjects = {name: average(list(rows.values())) for name, rows in recordings.items()}
    return subjects, average(list(subjects.values()))
