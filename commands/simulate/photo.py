"""A frame as the phone's colour camera takes it: lit, blurred a little by the lens, noisy, in sRGB."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from refa_cli.commands.simulate import constants
from refa_cli.commands.simulate.paint import Paint
from refa_cli.commands.simulate.person import Generator
from refa_cli.commands.simulate.props import CLOTH, HAIR
from refa_cli.commands.simulate.sight import Sight
from refa_cli.formats.face import MATERIALS
from refa_cli.formats.spec import F32, U8
from refa_cli.render.preview import srgb_of_linear

# Strength and sharpness of the gloss of each stuff: skin is oily, lips, eyes and mouth are wet, cloth is neither.
GLOSS = np.zeros((CLOTH + 1, 2), np.float32)
for _stuff, _gloss in (
    ("skin", (0.05, 14)), ("lips", (0.10, 40)), ("sclera", (0.5, 250)), ("iris", (0.5, 250)), ("pupil", (0.5, 250)),
    ("teeth", (0.3, 60)), ("tongue", (0.2, 40)), ("gum", (0.2, 40)),
):  # fmt: skip
    GLOSS[MATERIALS.index(_stuff)] = _gloss
GLOSS[HAIR], GLOSS[CLOTH] = (0.10, 10), (0.0, 1)
PAINTED = 2  # skin and lips, the first of MATERIALS, take their colour from the painted map
WRAP = 0.25  # light that bleeds through skin into the shade
LEVELS = 1 << 14  # steps of linear light in the table of sRGB values


@dataclass(frozen=True, eq=False)
class Light:
    """One room: unit directions towards two lamps [2, 3] (camera frame), their colours [2, 3], the light from above
    and from below [2, 3], the wall's two colours [2, 3]; all linear light."""

    directions: F32
    lamps: F32
    around: F32
    wall: F32


def room_light(rng: Generator) -> Light:
    """A random room."""
    side = rng.choice([-1.0, 1.0])
    directions = np.array(
        [
            [side * rng.uniform(0.2, 0.9), -rng.uniform(0.3, 0.9), -1.0],
            [-side * rng.uniform(0.5, 1.0), -rng.uniform(0.0, 0.4), -0.7],
        ]
    )
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    warmth = np.array([1.0 + 0.08 * rng.normal(), 1.0, 1.0 + 0.08 * rng.normal()])
    lamps = np.stack([rng.uniform(0.55, 0.85) * warmth, rng.uniform(0.1, 0.3) * warmth[::-1]])
    around = rng.uniform(0.20, 0.32) * np.stack([np.array([1.0, 1.0, 1.03]), np.array([0.62, 0.6, 0.58])])
    wall = rng.uniform(0.15, 0.55) * rng.uniform(0.85, 1.1, (2, 3))
    return Light(*(np.asarray(a, np.float32) for a in (directions, lamps, around, wall)))


def photograph(sight: Sight, paint: Paint, light: Light, rng: Generator, noise: float = 1.0) -> U8:
    """The picture [H, W, 3]; noise: factor on the sensor's."""
    from refa_cli.commands.simulate import kernels

    picture = np.empty((*sight.depth.shape, 3), np.float32)
    kernels.light(
        sight.stuff, paint.plain, paint.skin, sight.places, np.array(paint.bounds), PAINTED, _wall(sight, light),
        sight.normals, sight.shade, sight.camera, light.directions, light.lamps, light.around, GLOSS, WRAP, picture,
    )  # fmt: skip
    skin = picture[::4, ::4][sight.stuff[::4, ::4] < PAINTED]
    bright = float(np.quantile(skin, 0.85)) if len(skin) else 0.5
    exposure = constants.EXPOSURE / max(bright, 0.1) ** constants.EXPOSURE_FOLLOWS
    softened = kernels.blurred(picture, constants.BLUR_PIXELS)
    grain = rng.standard_normal(sight.depth.shape, dtype=np.float32) * np.float32(255 * constants.GRAIN * noise)
    developed = np.empty(picture.shape, np.uint8)
    kernels.develop(softened, exposure, _srgb_table(), grain, developed)
    return developed


@cache
def _srgb_table() -> F32:
    """sRGB values 0..255 [LEVELS] of linear light."""
    return np.asarray(srgb_of_linear(np.linspace(0, 1, LEVELS, dtype=np.float32)) * 255, np.float32)


def _wall(sight: Sight, light: Light) -> F32:
    """The background [W, 3]: a wall with a lighter and a darker part, which passes by as the head turns."""
    across = np.linspace(-1.0, 1.0, sight.depth.shape[1]) + 0.8 * sight.turn
    part = 1.0 / (1.0 + np.exp(-30.0 * np.sin(2.2 * across)))[:, None]
    return np.asarray(light.wall[0] * part + light.wall[1] * 0.6 * (1 - part), np.float32)
