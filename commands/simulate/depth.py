"""A frame as the phone's structured-light depth sensor reads it: noise, bias, quantisation and holes.

`Sensor` is one phone: its errors stay the same over all that it records, so that averaging frames does not remove
them. The numbers and their sources stand in `constants`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import zoom
from scipy.special import ndtr

from refa_cli.commands.simulate import constants
from refa_cli.commands.simulate.fields import F64
from refa_cli.commands.simulate.person import Generator
from refa_cli.commands.simulate.props import HAIR
from refa_cli.commands.simulate.sight import Sight
from refa_cli.formats.face import MATERIALS
from refa_cli.formats.frames import Camera
from refa_cli.formats.spec import F32, U8

MOUTH = tuple(MATERIALS.index(name) for name in ("teeth", "tongue", "gum"))


@dataclass(frozen=True, eq=False)
class Sensor:
    """One phone.

    nominal: the camera that scans.json tells; true: the one that sees; scale: factor on all depths; bias [R, C]:
    metres of error at constants.REFERENCE, spread over the picture; noise: factor on everything that is wrong, 0 for a
    perfect sensor.
    """

    nominal: Camera
    true: Camera
    scale: float
    bias: F64
    noise: float

    def bias_field(self) -> F32:
        """The bias [H, W] metres at constants.REFERENCE."""
        return _spread(self.bias, self.nominal.height, self.nominal.width)


def make_sensor(width: int, height: int, noise: float, rng: Generator) -> Sensor:
    """A random phone with pictures of that size."""
    focal = constants.FOCAL_640 * width / 640
    nominal = Camera(width, height, focal, focal, width / 2, height / 2)
    error = np.clip(rng.normal(0.0, 0.5, 4), -1.0, 1.0) * constants.INTRINSICS_ERROR * min(noise, 1.0) * focal
    error[1] = 0.8 * error[0] + 0.2 * error[1]  # both focal lengths are of one lens
    fx, fy, cx, cy = np.array([focal, focal, width / 2, height / 2]) + error
    true = Camera(width, height, float(fx), float(fy), float(cx), float(cy))
    scale = 1.0 + noise * constants.SCALE_ERROR * float(np.clip(rng.normal(), -2.0, 2.0))
    bias = rng.normal(size=constants.BIAS_CELLS)
    bias *= noise * constants.BIAS_RMS / float(np.sqrt((_spread(bias, height, width) ** 2).mean()))
    return Sensor(nominal, true, scale, bias, noise)


def _spread(grid: F64, height: int, width: int) -> F32:
    """A coarse grid [R, C] smoothly over a whole picture [H, W]."""
    factors = (height / grid.shape[0], width / grid.shape[1])
    return np.asarray(zoom(grid, factors, order=3, grid_mode=True, mode="nearest"), np.float32)


def read_depth(sensor: Sensor, sight: Sight, bias: F32, rng: Generator) -> F32:
    """Depth [H, W] metres, 0 where there is no reading. bias: `sensor.bias_field()`."""
    z = sight.depth
    if sensor.noise == 0:
        return z
    growth = (z / np.float32(constants.REFERENCE)) ** 2
    cosine, stuff = sight.cosine, sight.stuff
    sigma = np.float32(constants.NOISE * sensor.noise) * growth / np.sqrt(np.maximum(cosine, 0.2))
    eyes = np.isin(stuff, [MATERIALS.index(name) for name in constants.EYE_HOLES])
    sigma[eyes] *= constants.EYE_NOISE
    sigma[stuff == HAIR] *= constants.HAIR_NOISE
    grain = _grain(z.shape, constants.NOISE_PIXELS, rng)
    read: F32 = (z * np.float32(sensor.scale) + bias * growth + sigma * grain).astype(np.float32)
    lost = _lost(stuff, cosine, rng)
    _spoil_edges(z, read, lost, rng)
    lost |= _shadowed(z, sensor.true)
    # AVDepthData's disparity is a 16-bit float of 1 / metres: steps of 0.24 mm at 0.35 m.
    disparity = (1.0 / np.maximum(read, np.float32(0.05))).astype(np.float16).astype(np.float32)
    return np.where(lost, np.float32(0), 1.0 / disparity)


def _grain(shape: tuple[int, ...], radius: float, rng: Generator) -> F32:
    """Correlated noise [H, W] of variance 1; radius: of the Gaussian, pixels."""
    from refa_cli.commands.simulate import kernels

    white = rng.standard_normal(shape, dtype=np.float32)
    # A Gaussian kernel leaves 1 / (4 pi radius^2) of the variance of white noise, for radii of a pixel or more.
    return kernels.blurred(white * np.float32(2 * np.sqrt(np.pi) * radius), radius)


def _lost(stuff: U8, cosine: F32, rng: Generator) -> NDArray[np.bool_]:
    """Pixels [H, W] whose surface sends no reading: grazing, eyes, mouth, hair. They fail in patches."""
    part = np.zeros(256, np.float32)
    for name, holes in constants.EYE_HOLES.items():
        part[MATERIALS.index(name)] = holes
    part[list(MOUTH)] = constants.MOUTH_HOLES
    part[HAIR] = constants.HAIR_HOLES
    start, end = constants.GRAZING
    patches = _grain(stuff.shape, constants.PATCH_PIXELS, rng)
    chance = part[stuff]
    steep = cosine < np.cos(start)
    angle = np.arccos(np.clip(cosine[steep], 0.0, 1.0))
    chance[steep] = np.maximum(chance[steep], (angle - start) / (end - start))
    lost = np.zeros(stuff.shape, bool)
    doubtful = chance > 0
    lost[doubtful] = ndtr(patches[doubtful]) < chance[doubtful]
    return lost


def _spoil_edges(z: F32, read: F32, lost: NDArray[np.bool_], rng: Generator) -> None:
    """At steps in the true depth z [H, W], some readings are lost and some lie between the two surfaces."""
    near, far = z.copy(), z.copy()
    for axis in (0, 1):
        for extreme, pick in ((near, np.minimum), (far, np.maximum)):
            lines = np.moveaxis(extreme, axis, 0)
            ahead, behind = lines[1:].copy(), lines[:-1].copy()
            pick(lines[:-1], ahead, out=lines[:-1])
            pick(lines[1:], behind, out=lines[1:])
    step = np.flatnonzero(far - near > constants.FLYING_JUMP)
    draw, share = rng.random((2, len(step)), dtype=np.float32)
    between = near.flat[step] * (1 - share) + far.flat[step] * share
    flying = (draw >= constants.EDGE_HOLES) & (draw < constants.EDGE_HOLES + constants.EDGE_FLYING)
    read.flat[step[flying]] = between[flying]
    lost.flat[step[draw < constants.EDGE_HOLES]] = True


def _shadowed(z: F32, camera: Camera) -> NDArray[np.bool_]:
    """Pixels [H, W] that the camera sees but the dot projector, BASELINE to its right, does not."""
    seen_at = np.arange(z.shape[1], dtype=np.float32) - np.float32(camera.fx * constants.BASELINE) / z
    # From the projector, columns keep their order unless something nearer, farther right, stands before them.
    nearest = np.minimum.accumulate(seen_at[:, ::-1], axis=1)[:, ::-1]
    return np.asarray(nearest < seen_at - 0.75)
