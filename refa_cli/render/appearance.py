"""How people differ to an infrared camera: skin, eyes, brows, lashes, beards and make-up.

    appearance = draw_appearance(face, rng)
    actor = Actor.of(face, geometry, appearance.hair, appearance.look)

At 850 nm the tone of skin counts little; what differs is how it shines, its relief, and everything made of hair or
pigment. Ranges are refa's choices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from refa_cli.formats.face import FaceModel
from refa_cli.formats.spec import F32, F64
from refa_cli.render.hair import Hair, beard, brows, lashes
from refa_cli.render.infrared import MATERIALS, TABLE, Look
from refa_cli.render.skin import Skin, relief_tile, repeats, tone_map

SKIN, LIPS, SCLERA, IRIS, HAIR = (MATERIALS.index(name) for name in ("skin", "lips", "sclera", "iris", "hair"))
BEARDS: Final = (
    (("chin", "moustache", "cheeks"), (2500, 4000), (0.0008, 0.002)),
    (("chin", "moustache", "cheeks"), (2000, 3500), (0.004, 0.012)),
    (("moustache",), (300, 700), (0.004, 0.009)),
    (("chin", "moustache"), (900, 1800), (0.004, 0.012)),
)
"""Parts, number of strands and their length of stubble, a full beard, a moustache and one around the mouth."""
BEARDED, MADE_UP = 0.35, 0.3
"""Shares of people with a beard, and of the others with make-up."""
LINER: Final = 0.0012
"""How far a line of make-up reaches from the lid's margin, metres."""


@dataclass(frozen=True)
class Appearance:
    """What a person's surface is like."""

    look: Look
    hair: Hair
    bearded: bool
    made_up: bool


def draw_appearance(face: FaceModel, rng: np.random.Generator, spread: float = 1.0) -> Appearance:
    """One person's; spread: how far from a middling one, 1.0 as usual, 0.0 not at all."""

    def around(middle: float, low: float, high: float) -> float:
        return middle + spread * (float(rng.uniform(low, high)) - middle)

    bearded = bool(rng.random() < BEARDED * min(spread, 1.0))
    made_up = bool(not bearded and rng.random() < MADE_UP * min(spread, 1.0))
    table = TABLE.copy()
    bright = around(1.0, 0.78, 1.12)
    table[[SKIN, LIPS], 0] *= bright
    table[LIPS, 0] *= around(1.0, 0.85, 1.05)
    table[[SKIN, LIPS], 1] *= around(1.0, 0.7, 1.5)  # dry or oily
    table[[SKIN, LIPS], 2] *= around(1.0, 0.8, 1.2)
    table[SCLERA, 0] *= around(1.0, 0.85, 1.05)
    table[IRIS, 0] = around(0.34, 0.22, 0.46)
    table[HAIR, 0] = around(0.16, 0.07, 0.34)
    skin = Skin(
        mottling=around(0.05, 0.02, 0.10), spots=int(around(60, 5, 160)), spot_depth=around(0.25, 0.1, 0.45),
        pores=around(4e-5, 1e-5, 7e-5), creases=around(3e-5, 1e-5, 7e-5),
    )  # fmt: skip
    tone = tone_map(skin, rng)
    lash_count, lash_length = int(around(90, 55, 120)), around(0.009, 0.007, 0.011)
    if made_up:
        table[LIPS, 0] *= rng.uniform(0.45, 1.1)
        table[LIPS, 1] *= rng.uniform(1.0, 2.0)
        tone = lined(tone, face, float(rng.uniform(0.2, 0.8)))
        lash_count, lash_length = int(1.5 * lash_count), 1.15 * lash_length
    hair = brows(face, rng, int(around(420, 220, 620)), around(0.007, 0.0055, 0.0095))
    hair = hair + lashes(face, rng, lash_count, lash_length)
    if bearded:
        parts, count, length = BEARDS[int(rng.integers(len(BEARDS)))]
        hair = hair + beard(face, rng, int(rng.uniform(*count)), float(rng.uniform(*length)), parts)
    look = Look(table, tone, relief_tile(skin, rng), repeats(face))
    return Appearance(look, hair, bearded, made_up)


def lined(tone: F32, face: FaceModel, strength: float) -> F32:
    """The tone map with lines of make-up along the margins of the lids, as dark as 1 - strength."""
    size = tone.shape[0]
    known = (face.uv_triangles >= 0).all(1)
    uv: F64 = np.full((len(face.mean), 2), np.nan)
    uv[face.triangles[known]] = face.uv[face.uv_triangles[known]]
    margin = face.lid_pairs.reshape(-1)
    centers = uv[margin[np.isfinite(uv[margin]).all(1)]] if len(margin) else np.zeros((0, 2))
    texel = _texel(face, size)
    rows, columns = np.mgrid[:size, :size]
    shade = np.zeros((size, size))
    reach = int(np.ceil(3 * LINER / texel))
    for u, v in centers:
        row, column = (1 - v) * size - 0.5, u * size - 0.5
        window = np.s_[
            max(int(row) - reach, 0) : int(row) + reach + 1, max(int(column) - reach, 0) : int(column) + reach + 1
        ]
        square = (rows[window] - row) ** 2 + (columns[window] - column) ** 2
        shade[window] = np.maximum(shade[window], np.exp(-square * (texel / LINER) ** 2 / 2))
    return np.asarray(tone * (1 - strength * shade)[..., None], np.float32)


def _texel(face: FaceModel, size: int) -> float:
    """Side of a texel of a map of that size on the face's skin, metres."""
    from refa_cli.render.skin import TEXEL, TILE_SIZE

    return repeats(face) * TILE_SIZE * TEXEL / size
