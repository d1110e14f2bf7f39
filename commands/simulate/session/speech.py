"""Mouths that talk: syllables that melt into each other, and pauses.

The mouth shapes of sounds are refa's, after the visemes that talking avatars use; neighbours colour each other by
blending in time (Cohen and Massaro, "Modeling coarticulation in synthetic visual speech", 1993).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from refa_cli.face.prompts import expand
from refa_cli.face.shapes import INDEX
from refa_cli.formats.face import EXPRESSION_COUNT
from refa_cli.formats.spec import F64

SOUNDS: Final = {
    "a": {"JawDrop": 0.42, "LowerLipDepressor": 0.15},
    "e": {"JawDrop": 0.22, "LipStretcher": 0.3, "LipCornerPuller": 0.15, "LowerLipDepressor": 0.15},
    "i": {"JawDrop": 0.10, "LipStretcher": 0.45, "LipCornerPuller": 0.2, "LowerLipDepressor": 0.2},
    "o": {"JawDrop": 0.30, "LipFunneler": 0.5, "LipPucker": 0.25},
    "u": {"JawDrop": 0.12, "LipPucker": 0.65, "LipFunneler": 0.25},
    "m": {"JawDrop": 0.08, "LipsToward": 0.08, "LipPressor": 0.5},
    "f": {"JawDrop": 0.10, "LipSuckB": 0.55, "UpperLipRaiser": 0.15},
    "s": {"JawDrop": 0.06, "LipStretcher": 0.2, "LowerLipDepressor": 0.2},
    "l": {"JawDrop": 0.20, "LowerLipDepressor": 0.1},
    "w": {"JawDrop": 0.08, "LipPucker": 0.8, "LipTightener": 0.2},
    "pause": {},
}
VOWELS, CONSONANTS = "aeiou", "mfslw"
SYLLABLE: Final = (0.16, 0.28)
PAUSE, PAUSE_CHANCE = (0.4, 1.2), 0.14
OVERLAP: Final = 0.055
"""Standard deviation in seconds of the time over which a sound colours its neighbours."""


def speech(time: F64, rng: np.random.Generator) -> F64:
    """Weights [T, 53] of somebody who talks, at times [T] in seconds."""
    moments, targets = [], []
    at, end = float(time[0]) - 0.5, float(time[-1]) + 0.5
    vigour = rng.uniform(0.7, 1.25)
    while at < end:
        if rng.random() < PAUSE_CHANCE:
            length = rng.uniform(*PAUSE)
            for share in np.arange(0.1, 1.0, 0.1 / length):
                moments.append(at + share * length)
                targets.append(_weights("pause"))
            at += length
            continue
        length = rng.uniform(*SYLLABLE)
        strength = vigour * rng.uniform(0.75, 1.2)
        moments += [at + 0.25 * length, at + 0.7 * length]
        targets += [
            strength * _weights(str(rng.choice(list(CONSONANTS)))),
            strength * _weights(str(rng.choice(list(VOWELS)))),
        ]
        at += length
    near = np.exp(-(((time[:, None] - np.array(moments)) / OVERLAP) ** 2) / 2) + 1e-12
    blended: F64 = (near / near.sum(1, keepdims=True)) @ np.stack(targets)
    return np.clip(blended, 0, 1)


def _weights(sound: str) -> F64:
    row = np.zeros(EXPRESSION_COUNT)
    for name, weight in SOUNDS[sound].items():
        for shape in expand(name):
            row[INDEX[shape]] = weight
    return row
