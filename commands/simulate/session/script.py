"""What a person in a headset is asked to do, and when: recordings of parts with a start, a hold and an end.

    script = script_of("peaks", person, pace=1.0, seconds=15.0, expressions=ids, misfit=1)

Recordings: "peaks" (each prompted expression from neutral and back), "closures" (both eyes shut, winks, the mouth kept
shut while other things move), "gaze" (sweeps), "speech" and "free" (without further orders).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from refa_cli.commands.simulate.performance import shown_weights
from refa_cli.commands.simulate.person import Person
from refa_cli.face.prompts import PROMPTS, by_id
from refa_cli.face.shapes import INDEX
from refa_cli.formats.face import EXPRESSION_COUNT
from refa_cli.formats.labels import PERFORMED
from refa_cli.formats.spec import F64

RECORDINGS: Final = ("peaks", "closures", "gaze", "speech", "free")
NEUTRAL, RISE, HOLD, BACK = 0.8, 0.8, 0.7, 0.5
"""Seconds at pace 1: rest before a peak, from its prompt to its hold, the hold, and back to neutral. Choice: what a
person following a screen can do without haste."""
SHUT, AWAY = 1.6, 1.4
"""Seconds that eyes or mouth stay shut, and that gaze stays at a target of a sweep."""
CHANCES: Final = (0.85, 0.08, 0.04, 0.03)
"""Of a prompt shown fully, weakly, wrongly (another expression) or not at all (choice)."""
WEAK: Final = (0.3, 0.6)
MOUTH_SHUT: Final = ("smile_closed", "cheeks_up", "brows_up", "nose_wrinkle")
"""What else moves while the mouth is to stay shut; of their shapes those that would open it are left out."""
OPENING: Final = ("JawDrop", "LipsToward", "LowerLipDepressor", "UpperLipRaiser", "LipFunneler", "LipStretcher")
SWEEP: Final = ((24.0, 0.0), (-24.0, 0.0), (0.0, 17.0), (0.0, -17.0), (18.0, 12.0), (-18.0, -12.0))
"""Where gaze is sent (yaw, pitch), degrees."""


@dataclass(frozen=True)
class Part:
    """One thing that is asked: start, begin of the hold and end in seconds, of a kind and side as in `formats.labels`.

    expression: the prompt's id, for peaks; performed: one of PERFORMED; shown [53]: what the person adds to the resting
    face, at its strongest; gaze: where the eyes are sent, radians, or None.
    """

    start: float
    hold: float
    end: float
    kind: str
    side: str = "both"
    expression: str | None = None
    performed: str = "unknown"
    shown: F64 | None = None
    gaze: tuple[float, float] | None = None


@dataclass(frozen=True)
class Script:
    """The parts of one recording and its length in seconds."""

    name: str
    seconds: float
    parts: tuple[Part, ...]


def script_of(
    name: str, person: Person, pace: float, seconds: float, expressions: tuple[str, ...], misfit: int
) -> Script:
    """One recording's. pace: factor on all durations; seconds: of speech and free motion; misfit 0: all as asked.

    Raises ValueError for another name.
    """
    rng = person.rng("script", name)
    if name == "peaks":
        return _peaks(person, pace, expressions, rng, misfit)
    if name == "closures":
        return _closures(pace, rng)
    if name == "gaze":
        parts, at = [], NEUTRAL * pace
        for yaw, pitch in SWEEP:
            parts.append(Part(at, at + 0.3 * pace, at + AWAY * pace, "gaze", gaze=_radians(yaw, pitch)))
            at += AWAY * pace
        return Script(name, at + NEUTRAL * pace, tuple(parts))
    if name in ("speech", "free"):
        return Script(name, seconds, (Part(0.0, 0.0, seconds, name),))
    raise ValueError(f"recordings are {', '.join(RECORDINGS)}, got {name}")


def _peaks(person: Person, pace: float, expressions: tuple[str, ...], rng: np.random.Generator, misfit: int) -> Script:
    parts, at = [], 0.0
    for name in expressions:
        prompt = by_id(name)
        if name == "neutral":
            parts.append(Part(at, at, at + 2 * NEUTRAL * pace, "neutral"))
            at += 2 * NEUTRAL * pace
            continue
        parts.append(Part(at, at, at + NEUTRAL * pace, "neutral"))
        at += NEUTRAL * pace
        performed = str(rng.choice(PERFORMED[1:], p=CHANCES)) if misfit else "fully"
        shown, gaze = shown_weights(prompt, rng), prompt.gaze
        if performed == "weakly":
            shown = shown * rng.uniform(*WEAK)
            gaze = (gaze[0] * 0.4, gaze[1] * 0.4)
        elif performed == "wrongly":
            others = [p for p in PROMPTS[1:] if p.id != name]
            other = others[int(rng.integers(len(others)))]
            shown, gaze = shown_weights(other, rng), other.gaze
        elif performed == "omitted":
            shown, gaze = np.zeros(EXPRESSION_COUNT), (0.0, 0.0)
        hold = at + RISE * pace
        end = hold + HOLD * pace
        looks = gaze if any(gaze) or any(prompt.gaze) else None
        parts.append(Part(at, hold, end, "peak", expression=name, performed=performed, shown=shown, gaze=looks))
        at = end + BACK * pace
    return Script("peaks", at + NEUTRAL * pace, tuple(parts))


def _closures(pace: float, rng: np.random.Generator) -> Script:
    parts, at = [], NEUTRAL * pace
    for side, name in (("both", "eyes_closed"), ("left", "wink_left"), ("right", "wink_right")) * 2:
        hold = at + 0.5 * pace
        parts.append(Part(at, hold, hold + SHUT * pace, "eyes_closed", side, shown=shown_weights(by_id(name), rng)))
        at = hold + (SHUT + BACK) * pace
    for name in MOUTH_SHUT:
        shown = shown_weights(by_id(name), rng)
        for shape, i in INDEX.items():
            if i < EXPRESSION_COUNT and shape.startswith(OPENING):
                shown[i] = 0.0
        hold = at + 0.5 * pace
        parts.append(Part(at, hold, hold + SHUT * pace, "mouth_closed", shown=shown))
        at = hold + (SHUT + BACK) * pace
    return Script("closures", at, tuple(parts))


def _radians(yaw: float, pitch: float) -> tuple[float, float]:
    return float(np.radians(yaw)), float(np.radians(pitch))
