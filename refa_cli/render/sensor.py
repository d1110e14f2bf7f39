"""The sensor behind a lens: from radiance to the numbers that a camera delivers.

sensor = Sensor(gain=gain_for(light, lens), blur=0.5)
picture = sensor.expose(light, lens, rng)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from refa_cli.formats.spec import F32
from refa_cli.headset.lenses import Lens
from refa_cli.render import sensor_kernels as kernels

EXPOSED: Final = 0.75
"""Share of the full well that the 95th percentile of what a camera sees is exposed to."""
LARGEST_BLUR: Final = 0.7
"""Pixels; a wider blur reaches beyond the neighbours that are counted."""


@dataclass(frozen=True)
class Sensor:
    """From radiance to numbers. gain: electrons per W/(m^2 sr) on the axis during one exposure; full_well and read
    noise in electrons; vignetting: how much of the cosine's fourth power counts, 0..1; black: level of no light; blur:
    standard deviation of what lens and pixels spread, pixels, at most LARGEST_BLUR."""

    gain: float = 2200.0
    full_well: float = 12_000.0
    read_noise: float = 12.0
    vignetting: float = 1.0
    black: float = 4.0
    bits: int = 8
    gamma: float = 1.0
    blur: float = 0.0

    def electrons(self, light: F32, lens: Lens) -> F32:
        """Mean electrons [H, W] of radiance [H, W], the well not yet full. Raises ValueError for too wide a blur."""
        if not 0 <= self.blur <= LARGEST_BLUR:
            raise ValueError(f"blur must be 0 to {LARGEST_BLUR} pixels, got {self.blur}")
        spread = np.ascontiguousarray(light, np.float32)
        if self.blur:
            blurred = np.empty_like(spread)
            kernels.spread(spread, self.blur**2 / 2, blurred)  # three weights of that variance
            spread = blurred
        return np.asarray(spread * (_fall(lens, self.vignetting) * np.float32(self.gain)), np.float32)

    def expose(self, light: F32, lens: Lens, rng: np.random.Generator | None = None) -> NDArray[Any]:
        """The picture [H, W], uint8 or uint16, with shot and read noise, or without any if no generator is given."""
        return self.read(self.electrons(light, lens), rng)

    def read(self, electrons: F32, rng: np.random.Generator | None = None) -> NDArray[Any]:
        """The picture [H, W] of mean electrons [H, W]."""
        noise = np.zeros((0, 0), np.float32) if rng is None else rng.standard_normal(electrons.shape, np.float32)
        out = np.empty(electrons.shape, np.uint8 if self.bits == 8 else np.uint16)
        kernels.digits(electrons, noise, self.read_noise, self.full_well, self.black, float(2**self.bits - 1),
                       self.gamma, out)  # fmt: skip
        return out


def gain_for(light: F32, exposed: float = EXPOSED) -> float:
    """The gain of a Sensor that exposes the 95th percentile of what is lit [H, W] to that share of its full well."""
    lit = light[light > 0]
    level = float(np.percentile(lit, 95)) if len(lit) else 1.0
    return exposed * Sensor.full_well / max(level, 1e-12)


@lru_cache(maxsize=64)
def _fall(lens: Lens, vignetting: float) -> F32:
    """What is left of light [H, W] towards the picture's border."""
    x, y = lens.ray_grids()
    cosine = 1 / np.sqrt(1 + x**2 + y**2)
    fall = np.nan_to_num(cosine**4 * vignetting + (1 - vignetting), nan=0.0).astype(np.float32)
    fall.setflags(write=False)
    return np.asarray(fall)
