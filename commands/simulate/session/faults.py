"""What goes wrong in a recording: a camera blocked, blinded, frozen or silent for a moment; the headset taken off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from refa_cli.commands.simulate.person import Person
from refa_cli.formats.session_truth import FAULTS
from refa_cli.formats.spec import F32

EVERY: Final = 40.0
"""Seconds between faults on average (choice)."""
LASTS: Final = (0.4, 1.5)
TAKEN_OFF: Final = 0.5
"""Chance that free motion ends with the headset taken off."""
OFF_SECONDS: Final = 3.0
BLINDED: Final = 7.0
"""Factor on the exposure of a camera that is saturated."""


@dataclass(frozen=True)
class Fault:
    """One fault: its kind of FAULTS, which camera (-1: all), from when to when in seconds."""

    kind: str
    camera: int
    start: float
    end: float


def draw_faults(person: Person, recording: str, seconds: float, cameras: int, misfit: int) -> list[Fault]:
    """Those of one recording; none at misfit 0."""
    if not misfit:
        return []
    rng = person.rng("faults", recording)
    out = []
    for _ in range(int(rng.poisson(seconds / EVERY))):
        kind = FAULTS[int(rng.integers(0, 4))]
        start = float(rng.uniform(0, seconds))
        out.append(Fault(kind, int(rng.integers(cameras)), start, min(start + float(rng.uniform(*LASTS)), seconds)))
    if recording == "free" and seconds > 2 * OFF_SECONDS and rng.random() < TAKEN_OFF:
        out.append(Fault("not_worn", -1, seconds - OFF_SECONDS, seconds + 1.0))
    return out


def blocked(light: F32, rng: np.random.Generator) -> F32:
    """What a camera sees past a finger or a strand that lies on it: little, and that blurred."""
    height, width = light.shape
    rows, columns = np.mgrid[:height, :width]
    turn, reach = rng.uniform(0, 2 * np.pi), rng.uniform(-0.25, 0.15)
    away = ((columns / width - 0.5) * np.cos(turn) + (rows / height - 0.5) * np.sin(turn) - reach) / 0.06
    hidden = 1 / (1 + np.exp(np.clip(away, -30, 30)))
    glow = 0.35 * float(light.mean())
    return np.asarray(light * (1 - hidden) + glow * hidden, np.float32)
