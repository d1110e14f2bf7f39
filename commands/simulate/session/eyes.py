"""What eyes do unasked: they blink, rest on things and jump from one to the next.

Blinks come every few seconds, close in 70 to 100 ms and open more slowly (Evinger et al., "Eyelid movements", 1991);
eyes rest for a few tenths of a second to seconds and jump within some 40 ms.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from refa_cli.formats.spec import F64

BLINK_EVERY: Final = (1.8, 6.5)
CLOSING, SHUT, OPENING = 0.08, 0.03, 0.16
REST: Final = (0.4, 2.2)
JUMP: Final = 0.04
SPREAD: Final = np.radians([7.0, 4.0])
"""Standard deviation of where eyes rest, (yaw, pitch)."""
FARTHEST: Final = np.radians([30.0, 22.0])
DISTANCE: Final = (0.7, 2.5)
"""Metres to what is looked at: a headset's screen seems so far away."""
HALF_SPACING: Final = 0.0315


def smooth(share: F64) -> F64:
    """From 0 to 1 with the least jerk; share clipped to 0..1. Source: Flash and Hogan, 1985."""
    u = np.clip(share, 0, 1)
    return np.asarray(u**3 * (10 - 15 * u + 6 * u**2))


def blinks(time: F64, rng: np.random.Generator) -> F64:
    """How far both eyes are shut [T] by blinks at times [T], seconds."""
    out: F64 = np.zeros(len(time))
    at = float(time[0]) + rng.uniform(0.0, BLINK_EVERY[1])
    while at < time[-1]:
        depth = rng.uniform(0.9, 1.0)
        closed = smooth((time - at) / CLOSING) * (1 - smooth((time - at - CLOSING - SHUT) / OPENING))
        out = np.maximum(out, depth * closed)
        at += rng.uniform(*BLINK_EVERY)
    return out


def fixations(time: F64, rng: np.random.Generator) -> F64:
    """Gaze [T, 2] of both eyes together that rests here and there, radians."""
    out: F64 = np.zeros((len(time), 2))
    here, at = SPREAD * rng.standard_normal(2), float(time[0])
    out[:] = here
    while at < time[-1]:
        at += rng.uniform(*REST)
        there = SPREAD * rng.standard_normal(2)
        out += smooth((time - at) / JUMP)[:, None] * (there - here)
        here = there
    return out


def both_eyes(together: F64, rng: np.random.Generator) -> F64:
    """Gaze [T, 2, 2] of eyes that meet at one distance, from their common direction [T, 2]."""
    held = np.clip(together, -FARTHEST, FARTHEST)
    inward = np.arctan(HALF_SPACING / rng.uniform(*DISTANCE))
    out = np.stack([held, held], 1)
    out[:, 0, 0] -= inward
    out[:, 1, 0] += inward
    return out
