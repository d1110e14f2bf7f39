"""Which moments are rendered: rows of takes, rare ones more often, and prompted expressions, alone and mixed.

A take is retargeted before: what its performer shows at rest is taken away, and each shape is stretched so that its
strongest moments come near 1.0, which is the most that the rig's person does. Half of all moments are mirrored.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from refa_cli.commands.synth.plan import Plan
from refa_cli.face.evaluate import effective_weights
from refa_cli.face.prompts import PROMPTS
from refa_cli.face.rarity import odds, pick
from refa_cli.face.shapes import EXPRESSIONS, INDEX, MIRROR
from refa_cli.formats.dataset import Dataset
from refa_cli.formats.face import EXPRESSION_COUNT
from refa_cli.formats.labels import Labels
from refa_cli.formats.spec import F32, F64
from refa_cli.workers import seed_of

REST: Final = 10.0
"""Percentile of a shape over a take that counts as the performer's rest."""
STRONGEST, STRETCH = 99.5, (0.8, 1.7)
"""Percentile that is brought to FULL, and by how much at most."""
FULL: Final = 0.95
MIXED: Final = 0.5
"""Share of prompted moments that mix two expressions."""
BLINKS: Final = 0.15
"""Share of prompted moments in the midst of a blink."""
VARIES: Final = 0.12
"""Standard deviation of the factor on each action."""
GAZE_SIGMA, GAZE_LIMIT = np.radians([12.0, 8.0]), np.radians([32.0, 24.0])
PROMPTED: Final = "prompts"
"""What the source of prompted moments is called among the takes."""


@dataclass(frozen=True)
class Takes:
    """All rows of all takes: expressions [R, 53], gaze [R, 2, 2], which take [R] of names and which row of it [R]."""

    names: tuple[str, ...]
    expressions: F32
    gaze: F32
    take: np.ndarray
    row: np.ndarray


@dataclass(frozen=True)
class Moment:
    """weights [53]; gaze [2, 2] radians; which take (index into names, the last being PROMPTED) and row it is from."""

    weights: F64
    gaze: F64
    take: int
    row: int


@lru_cache(maxsize=2)
def takes_of(plan: Plan) -> Takes:
    """The plan's takes, retargeted; without any, no rows."""
    names: list[str] = []
    parts: list[tuple[F32, F32, np.ndarray, np.ndarray]] = []
    held = {} if plan.takes is None else Dataset.read(plan.takes, Labels).subjects
    for subject in held.values():
        for recording in subject.recordings.values():
            labels = recording.load()
            rows = np.flatnonzero(labels.valid)
            if len(rows):
                weights = retargeted(labels.expressions[:, [labels.shapes.index(n) for n in EXPRESSIONS]][rows])
                parts.append((weights, labels.gaze[rows], np.full(len(rows), len(names), np.int32), rows))
            names.append(f"{subject.name}/{recording.name}")
    if not parts:
        none = np.zeros((0, EXPRESSION_COUNT), np.float32)
        return Takes((*names, PROMPTED), none, np.zeros((0, 2, 2), np.float32), np.zeros(0, np.int32), np.zeros(0, int))
    return Takes((*names, PROMPTED), *(np.concatenate(column) for column in zip(*parts, strict=True)))


def retargeted(weights: F32) -> F32:
    """A take's weights [T, 53] without its performer's rest, stretched towards what 1.0 means for anybody."""
    rest = np.percentile(weights, REST, axis=0)
    moving = np.clip((weights - rest) / np.maximum(1 - rest, 1e-3), 0, 1)
    strongest = np.percentile(moving, STRONGEST, axis=0)
    stretch = np.clip(FULL / np.maximum(strongest, 1e-3), *STRETCH)
    # Shapes that a take never shows stay as they are: stretching them would stretch noise.
    return effective_weights(np.clip(moving * np.where(strongest > 0.15, stretch, 1.0), 0, 1))


@lru_cache(maxsize=64)
def _odds(plan: Plan) -> F64:
    """Cumulative odds [R] of the rows of all takes."""
    return odds(takes_of(plan).expressions, plan.rare)


def moment(plan: Plan, subject: str, row: int) -> Moment:
    """What is shown in that frame of a subject: the same for the same plan."""
    rng = np.random.default_rng(seed_of(plan.seed, subject, "moment", row))
    takes = takes_of(plan)
    if len(takes.take) and rng.random() >= plan.prompted:
        at = int(pick(_odds(plan), rng.random()))
        weights, gaze = takes.expressions[at].astype(np.float64), takes.gaze[at].astype(np.float64)
        take, source = int(takes.take[at]), int(takes.row[at])
    else:
        weights, gaze = _prompted(rng)
        take, source = len(takes.names) - 1, 0
    weights = np.clip(weights * np.exp(VARIES * rng.standard_normal(EXPRESSION_COUNT)), 0, 1)
    closed = [INDEX["EyesClosedL"], INDEX["EyesClosedR"]]
    weights[closed] = np.where(weights[closed] > 0.85, 1.0, weights[closed])  # shut is shut
    if rng.random() < 0.5:
        weights, gaze = weights[list(MIRROR)], gaze[::-1] * [-1, 1]
    return Moment(effective_weights(weights).astype(np.float64), np.clip(gaze, -GAZE_LIMIT, GAZE_LIMIT), take, source)


def _prompted(rng: np.random.Generator) -> tuple[F64, F64]:
    """One of the prompted expressions, more or less strong, or two at once; gaze anywhere."""
    weights = _one(rng)
    if rng.random() < MIXED:
        weights = np.maximum(weights, _one(rng))
    if rng.random() < BLINKS:
        closed = [INDEX["EyesClosedL"], INDEX["EyesClosedR"]]
        weights[closed] = np.maximum(weights[closed], min(float(rng.uniform(0.1, 1.2)), 1.0))
    together = GAZE_SIGMA * rng.standard_normal(2)
    inward = rng.uniform(0.0, np.radians(4.0))
    return weights, np.stack([together - [inward, 0], together + [inward, 0]])


def _one(rng: np.random.Generator) -> F64:
    prompt = PROMPTS[int(rng.integers(len(PROMPTS)))]
    strength = float(rng.beta(1.6, 0.8))
    if any(prompt.closed) and rng.random() < 0.7:
        strength = 1.0
    return strength * prompt.weights.astype(np.float64)
