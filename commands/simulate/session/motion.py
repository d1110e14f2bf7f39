"""How a person does what is asked: when, how fast, how evenly, and what moves besides.

    motion = perform_script(person, script, time)

Every person answers a prompt after a time of their own, moves at a speed of their own, one side a little before the
other, blinks, and looks around. Nothing here knows of cameras.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from refa_cli.commands.simulate.constants import DRIFT
from refa_cli.commands.simulate.performance import shown_weights
from refa_cli.commands.simulate.person import Person
from refa_cli.commands.simulate.session.eyes import blinks, both_eyes, fixations, smooth
from refa_cli.commands.simulate.session.script import Part, Script
from refa_cli.commands.simulate.session.speech import speech
from refa_cli.face.prompts import PROMPTS
from refa_cli.face.shapes import EXPRESSIONS, INDEX
from refa_cli.formats.face import EXPRESSION_COUNT
from refa_cli.formats.labels import Labels
from refa_cli.formats.spec import F64

REACTION: Final = (0.12, 0.35)
MOVING: Final = (0.22, 0.45)
"""Seconds until a person answers a prompt, and that a movement to its peak takes."""
LEAD: Final = 0.035
"""Standard deviation of how much earlier one side moves, seconds."""
SMOOTHING: Final = 0.8
"""Seconds over which a held weight wanders."""
FREE_EVERY, FREE_HOLD, FREE_STRENGTH = (0.5, 1.8), (0.2, 1.6), (0.3, 1.0)
CLOSED: Final = ("EyesClosedL", "EyesClosedR")
HELD_UP: Final = {"L": ("UpperLidRaiserL", "LidTightenerL"), "R": ("UpperLidRaiserR", "LidTightenerR")}


@dataclass(frozen=True)
class Motion:
    """weights [T, 53] and gaze [T, 2, 2] radians, at times [T] in seconds."""

    time: F64
    weights: F64
    gaze: F64


@dataclass(frozen=True)
class Manner:
    """A person's way of moving: reaction and duration of a movement in seconds, lead of the left side in seconds."""

    reaction: float
    moving: float
    lead: float

    @classmethod
    def of(cls, person: Person) -> Manner:
        """This person's."""
        rng = person.rng("manner")
        return cls(float(rng.uniform(*REACTION)), float(rng.uniform(*MOVING)), float(LEAD * rng.standard_normal()))


def perform_script(person: Person, script: Script, time: F64) -> Motion:
    """How this person does all parts of a recording."""
    rng = person.rng("motion", script.name)
    manner = Manner.of(person)
    shown: F64 = np.zeros((len(time), EXPRESSION_COUNT))
    together = fixations(time, rng)
    for part in script.parts:
        if part.kind == "speech":
            shown = np.maximum(shown, speech(time, rng))
            shown = np.maximum(shown, 0.5 * _free(time, rng, BROWS))
        elif part.kind == "free":
            shown = np.maximum(shown, _free(time, rng))
        elif part.shown is not None:
            shown = np.maximum(shown, _activity(part, manner, time) * part.shown)
        if part.gaze is not None:
            away = _activity(part, manner, time)[:, :1]
            together = together * (1 - 0.8 * away) + away * np.array(part.gaze)
    return _settled(person, time, shown, blinks(time, rng), both_eyes(together, rng), rng)


def perform_take(person: Person, take: Labels, start: float, time: F64) -> Motion:
    """A take's motion [T] from `start` seconds on, as strong as this person shows things; eyes and blinks are its own.

    LipsToward and lids keep their rules; between the take's rows it goes straight.
    """
    rng = person.rng("take")
    stamps = (take.time_ns - take.time_ns[0]) / 1e9
    at = np.clip(start + time, stamps[0], stamps[-1])
    weights = np.stack([np.interp(at, stamps, take.expressions[:, take.shapes.index(s)]) for s in EXPRESSIONS], 1)
    gaze = np.stack([np.interp(at, stamps, take.gaze.reshape(-1, 4)[:, i]) for i in range(4)], 1).reshape(-1, 2, 2)
    strength = rng.uniform(0.85, 1.1)
    weights = np.clip(np.where(np.isin(EXPRESSIONS, CLOSED), weights, strength * weights), 0, 1)
    return _held_to_rules(person, time, weights * ~person.face.lacks[:EXPRESSION_COUNT], gaze)


def _activity(part: Part, manner: Manner, time: F64) -> F64:
    """How far a part is shown [T, 53]: up after its start, down after its end, each side at its time."""
    lead = manner.lead * SIDE
    begin = part.start + min(manner.reaction, 0.5 * (part.hold - part.start)) - lead
    rise = np.minimum(manner.moving, np.maximum(part.hold - begin, 0.05))
    end = part.end + 0.3 * manner.reaction - lead
    t = time[:, None]
    return np.asarray(smooth((t - begin) / rise) * (1 - smooth((t - end) / manner.moving)))


def _free(time: F64, rng: np.random.Generator, only: NDArray[np.bool_] | None = None) -> F64:
    """Expressions [T, 53] as they come, some at once."""
    out: F64 = np.zeros((len(time), EXPRESSION_COUNT))
    at = float(time[0])
    while at < time[-1]:
        prompt = PROMPTS[int(rng.integers(1, len(PROMPTS)))]
        weights = rng.uniform(*FREE_STRENGTH) * shown_weights(prompt, rng)
        moving, hold = rng.uniform(*MOVING), rng.uniform(*FREE_HOLD)
        way = smooth((time - at) / moving) * (1 - smooth((time - at - moving - hold) / moving))
        out = np.maximum(out, way[:, None] * weights)
        at += rng.uniform(*FREE_EVERY)
    return out if only is None else out * only


def _settled(person: Person, time: F64, shown: F64, blink: F64, gaze: F64, rng: np.random.Generator) -> Motion:
    """What is shown, over the person's resting face, with blinks, and with weights that wander as they are held."""
    shown = np.clip(shown, 0, 1) * ~person.face.lacks[:EXPRESSION_COUNT]
    held = shown + person.rest * (1 - shown)
    step = (time[-1] - time[0]) / max(len(time) - 1, 1) if len(time) > 1 else 1.0
    wander = gaussian_filter1d(rng.standard_normal(held.shape), SMOOTHING / max(step, 1e-6), axis=0, mode="nearest")
    wander *= np.sqrt(2 * np.sqrt(np.pi) * SMOOTHING / max(step, 1e-6))  # back to a variance of 1
    steady = np.array([name.startswith(("EyesClosed", "LipsToward")) for name in EXPRESSIONS])
    weights = np.clip(held * (1 + DRIFT * wander * ~steady), 0, 1)
    jaw, lips = INDEX["JawDrop"], INDEX["LipsToward"]
    together = (held[:, lips] >= held[:, jaw] - 1e-9) & (held[:, lips] > 0)  # lips that are kept shut stay shut
    weights[together, lips] = weights[together, jaw]
    for name in CLOSED:
        weights[:, INDEX[name]] = np.maximum(weights[:, INDEX[name]], blink)
    return _held_to_rules(person, time, weights, gaze)


def _held_to_rules(person: Person, time: F64, weights: F64, gaze: F64) -> Motion:
    """LipsToward is no more than JawDrop; a lid that shuts is not held up."""
    jaw, lips = INDEX["JawDrop"], INDEX["LipsToward"]
    weights[:, lips] = np.minimum(weights[:, lips], weights[:, jaw])
    if person.face.lacks[lips]:
        weights[:, lips] = 0.0
    for closed, side in zip(CLOSED, "LR", strict=True):
        for name in HELD_UP[side]:
            weights[:, INDEX[name]] *= 1 - weights[:, INDEX[closed]]
    return Motion(time, weights, gaze)


@cache
def _sides() -> F64:
    return np.array([1.0 if n.endswith(("L", "LB", "LT")) else -1.0 if n.endswith(("R", "RB", "RT")) else 0.0
                     for n in EXPRESSIONS])  # fmt: skip


SIDE: Final = _sides()
"""[53]: 1 for shapes of the left side, -1 of the right, 0 of none."""
BROWS: Final = np.array([name.startswith(("BrowLowerer", "InnerBrow", "OuterBrow")) for name in EXPRESSIONS])
