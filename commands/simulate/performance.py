"""How a person performs a prompted expression: strength, company, drift within the hold, unexplained flesh."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from refa_cli.commands.simulate import constants
from refa_cli.commands.simulate.fields import F64, calm, face_weight, rms, smooth_field
from refa_cli.commands.simulate.person import Generator, Person
from refa_cli.face.prompts import KEY, PROMPTS, Prompt, expected_weights
from refa_cli.face.shapes import EXPRESSIONS, INDEX, mirrored
from refa_cli.formats.face import EXPRESSION_COUNT, REGIONS

CLOSED = ("EyesClosedL", "EyesClosedR")
COMPANIONS = tuple(name for name in constants.REST_SHAPES if not name.startswith("UpperLid"))


@dataclass(frozen=True, eq=False)
class Performance:
    """One held expression. weights [T, 53], gaze [T, 2, 2] of every frame; residual [V, 3] metres, the same in all."""

    weights: F64
    gaze: F64
    residual: F64

    @property
    def mean_weights(self) -> F64:
        """The weights [53] over the hold."""
        mean: F64 = self.weights.mean(axis=0)
        return mean

    @property
    def mean_gaze(self) -> F64:
        """The gaze [2, 2] over the hold."""
        mean: F64 = self.gaze.mean(axis=0)
        return mean


def perform(person: Person, prompt: Prompt, frames: int) -> Performance:
    """How this person holds that expression over so many frames."""
    rng = person.rng("perform", prompt.id)
    shown = shown_weights(prompt, rng) * ~person.face.lacks[:EXPRESSION_COUNT]
    rest = person.rest * (1.0 - shown)
    for side, closed in zip("LR", prompt.closed, strict=True):
        if closed:  # a lid cannot be shut and held up
            rest[[INDEX[f"UpperLidRaiser{side}"], INDEX[f"LidTightener{side}"]]] = 0.0
    held = np.clip(shown + rest, 0.0, 1.0)
    weights = np.clip(held * (1.0 + constants.DRIFT * drift(frames, EXPRESSION_COUNT, rng)), 0.0, 1.0)
    for name in CLOSED:
        weights[:, INDEX[name]] = held[INDEX[name]]
    lips, jaw = INDEX["LipsToward"], INDEX["JawDrop"]
    together = prompt.expected.get("LipsToward", 0.0) == prompt.expected.get("JawDrop", 0.0)
    weights[:, lips] = weights[:, jaw] if together else np.minimum(weights[:, lips], weights[:, jaw])
    if person.face.lacks[lips]:
        weights[:, lips] = 0.0
    wander = drift(frames, 4, rng).reshape(frames, 2, 2).mean(axis=1, keepdims=True)  # both eyes together
    gaze = np.array(prompt.gaze) + constants.GAZE_JITTER * np.broadcast_to(wander, (frames, 2, 2))
    return Performance(weights, gaze, residual(person, prompt, rng))


def shown_weights(prompt: Prompt, rng: Generator) -> F64:
    """The activations [53] that come on top of the person's rest. Those of the neutral are zero."""
    weights = np.zeros(EXPRESSION_COUNT)
    effort = float(rng.uniform(*constants.STRENGTH))
    for name, expected in prompt.expected.items():
        if expected >= KEY:
            strength = np.clip(effort + rng.normal(0.0, 0.03), *constants.STRENGTH)
            if best_prompt(name) == prompt.id:
                strength = rng.uniform(*constants.BEST_STRENGTH)
            if name in CLOSED and expected >= 0.9:
                strength = 1.0  # shut is shut
        else:
            strength = rng.uniform(*constants.MINOR_STRENGTH)
        weights[INDEX[name]] = expected * strength
    if prompt.expected.get("LipsToward", 0.0) == prompt.expected.get("JawDrop", 0.0):  # lips that are to stay shut
        together = [INDEX["LipsToward"], INDEX["JawDrop"]]
        weights[together] = weights[together].max()
    for name, expected in prompt.expected.items():
        other = mirrored(name)
        if other != name and other not in prompt.expected and not name.startswith(("Mouth", "Jaw")):
            weights[INDEX[other]] = expected * rng.uniform(0.0, constants.LEAK)
    if prompt.expected:
        free = [name for name in COMPANIONS if name not in prompt.expected and mirrored(name) not in prompt.expected]
        for name in rng.permutation(free)[: constants.CO_ACTIVE_COUNT]:
            weights[INDEX[str(name)]] = rng.uniform(0.0, constants.CO_ACTIVE_LIMIT)
    return weights


@cache
def best_prompt(shape: str) -> str:
    """The expression, of all 60, that asks most of a shape (the first of several)."""
    return PROMPTS[int(expected_weights()[:, EXPRESSIONS.index(shape)].argmax())].id


def drift(frames: int, count: int, rng: Generator) -> F64:
    """Slow wandering [frames, count] about 1 in size, of mean 0 over the frames."""
    time = np.arange(frames)[:, None] / max(frames, 2)
    speed, phase = rng.uniform(0.5, 2.0, count), rng.uniform(0.0, 2.0 * np.pi, count)
    path = np.sin(2.0 * np.pi * speed * time + phase) * np.sqrt(2.0)
    centred: F64 = path - path.mean(axis=0)
    return centred


def residual(person: Person, prompt: Prompt, rng: Generator) -> F64:
    """Displacement [V, 3] that no shape explains; none in the neutral, which defines the rest."""
    face = person.face
    if not prompt.expected:
        return np.zeros((len(face.mean), 3))
    field = smooth_field(face.mean, constants.RESIDUAL_LENGTHS, 3, rng)
    field *= (calm(face) * face_weight(face))[:, None]
    return field * (constants.EXPRESSION_RESIDUAL_RMS / rms(field, face.regions[REGIONS.index("face")]))
