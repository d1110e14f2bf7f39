"""Where the headset sits as a recording goes on: as put on, pushed by the face, drifting, set right, taken off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter1d

from refa_cli.commands.simulate.person import Person
from refa_cli.commands.simulate.session.eyes import smooth
from refa_cli.formats.headset import Headset
from refa_cli.formats.spec import B1, F64
from refa_cli.headset.donning import SHIFT_SIGMA, TURN_SIGMA, Slip, pushed, random_slip

CARE: Final = 0.7
"""How far people put it on askew, against the usual spread of donnings: they look through it (choice)."""
DRIFT: Final = 0.25
"""Standard deviation, in units of the usual spread of donnings, of how far a headset slips within DRIFT_SECONDS."""
DRIFT_SECONDS: Final = 12.0
REACH: Final = 4.0
"""Of the filter that makes a drift smooth, in its standard deviations."""
SET_RIGHT, SET_SECONDS = 0.25, 0.6
"""Chance that somebody sets the headset right in a recording, and how long that takes."""
TAKE_OFF_SECONDS: Final = 0.9
AWAY: Final = Slip(np.array([0.0, 0.03, 0.16]), np.array([-0.5, 0.0, 0.0]))
"""Where it goes when taken off."""


def drift(rng: np.random.Generator, count: int, width: float) -> F64:
    """[count, 6] smooth random ways from zero: the difference of two moments has variance
    2 - 2 exp(-(steps / 2 width)^2), wherever they are."""
    # Noise goes on beyond the ends: a filter that repeats the last number there weighs it many times.
    beyond = int(np.ceil(REACH * width))
    noise = rng.standard_normal((count + 2 * beyond, 6))
    wander = gaussian_filter1d(noise, width, axis=0, truncate=REACH)[beyond : beyond + count]
    return np.asarray(np.sqrt(2 * np.sqrt(np.pi) * width) * (wander - wander[:1]))


@dataclass(frozen=True)
class Wearing:
    """headset_from_head [T, 4, 4], and whether it is worn [T]."""

    pose: F64
    worn: B1


def wear(
    person: Person,
    headset: Headset,
    recording: str,
    time: F64,
    weights: F64,
    misfit: int,
    off: tuple[float, float] | None,
) -> Wearing:
    """How it sits at times [T], seconds, while the face shows weights [T, 53]; off: from when to when it is taken off.

    misfit 0: as put on and as the face pushes it.
    """
    rng = person.rng("wearing", recording)
    donned = random_slip(rng, CARE).applied(headset.headset_from_head)
    follows = float(person.rng("strap").uniform(0.5, 1.5))
    step = (time[-1] - time[0]) / max(len(time) - 1, 1) if len(time) > 1 else 1.0
    numbers = np.zeros((len(time), 6))
    if misfit:
        numbers += DRIFT * drift(rng, len(time), DRIFT_SECONDS / 2 / max(step, 1e-6))
        if rng.random() < SET_RIGHT:
            at = float(rng.uniform(time[0], time[-1]))
            numbers += 0.7 * smooth((time - at) / SET_SECONDS)[:, None] * rng.standard_normal(6)
    gone = np.zeros(len(time))
    if off is not None:
        gone = smooth((time - off[0]) / TAKE_OFF_SECONDS) * (
            1 - smooth((time - off[1] + TAKE_OFF_SECONDS) / TAKE_OFF_SECONDS)
        )
    pose = np.empty((len(time), 4, 4))
    for i, row in enumerate(numbers):
        slip = Slip(row[:3] * SHIFT_SIGMA, row[3:] * TURN_SIGMA)
        push = pushed(weights[i])
        pose[i] = Slip(follows * push.shift, follows * push.turn).applied(slip.applied(donned))
        if gone[i] > 0:
            pose[i] = Slip(gone[i] * AWAY.shift, gone[i] * AWAY.turn).applied(pose[i])
    return Wearing(pose, gone < 0.03)
