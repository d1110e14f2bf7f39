"""The headset as it really is: not quite as calibrated, with lenses that are not quite clean.

At misfit 0 it is the calibrated one. Tolerances are refa's choices, in the order of what assembly and recalibration
leave: a tenth of a millimetre and a few tenths of a degree, half a percent of focal length, a sixth of a light's power.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter, zoom
from scipy.spatial.transform import Rotation

from refa_cli.commands.simulate.person import Person
from refa_cli.formats.headset import Headset
from refa_cli.formats.spec import F32
from refa_cli.headset.parts import IPD_RANGE, at_ipd

FOCAL, CENTER, PLACE, TURN = 0.005, 0.8, 0.00015, float(np.radians(0.3))
"""Standard deviations of focal length (share), optical centre (pixels of 400), camera's place (m) and direction."""
LED_POWER, LED_TURN = 0.15, float(np.radians(3.0))
IPD_STEP = 0.0005
DIRTY, MOIST = 0.35, 0.3
"""Chances of a camera with smears or moisture on its window."""
EXPOSURE_SECONDS: Final = 0.004
"""For which moving things smear."""


@dataclass(frozen=True)
class Window:
    """What a camera looks through: clear [H, W]: share of light that passes; haze: share that is spread widely."""

    clear: F32 | None
    haze: float

    def through(self, light: F32) -> F32:
        """The picture [H, W] behind it."""
        if self.haze:
            small = light[::8, ::8]
            veil = zoom(gaussian_filter(small, 2.5), 8, order=1)[: light.shape[0], : light.shape[1]]
            padded = np.pad(veil, [(0, a - b) for a, b in zip(light.shape, veil.shape, strict=True)], mode="edge")
            light = np.asarray((1 - self.haze) * light + self.haze * padded, np.float32)
        return np.asarray(light if self.clear is None else light * self.clear, np.float32)


@dataclass(frozen=True)
class Device:
    """nominal: as calibrated, at the wearer's IPD; true: as it is; windows: of each camera."""

    nominal: Headset
    true: Headset
    windows: tuple[Window, ...]


def device_of(headset: Headset, person: Person, misfit: int) -> Device:
    """The one that this person wears, its lenses set to the eyes as well as its steps allow."""
    apart = float(np.linalg.norm(person.geometry.eye_centers[0] - person.geometry.eye_centers[1]))
    ipd = float(np.clip(np.rint(apart / IPD_STEP) * IPD_STEP, *IPD_RANGE))
    nominal = at_ipd(headset, ipd)
    count = len(nominal.camera_names)
    if not misfit:
        return Device(nominal, nominal, (Window(None, 0.0),) * count)
    rng = person.rng("device")
    intrinsics = nominal.camera_intrinsics.astype(np.float64).copy()
    intrinsics[:, :2] *= 1 + FOCAL * rng.standard_normal((count, 1))
    intrinsics[:, 2:] += CENTER * nominal.camera_size[:, 1:] / 400 * rng.standard_normal((count, 2))
    poses = nominal.camera_from_headset.astype(np.float64).copy()
    for pose in poses:
        off = np.eye(4)
        off[:3, :3] = Rotation.from_rotvec(TURN * rng.standard_normal(3)).as_matrix()
        off[:3, 3] = PLACE * rng.standard_normal(3)
        pose[:] = off @ pose
    directions = nominal.led_direction + LED_TURN * rng.standard_normal(nominal.led_direction.shape)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    power = np.exp(LED_POWER * rng.standard_normal(len(nominal.led_intensity)))
    true = replace(
        nominal, camera_intrinsics=intrinsics.astype(np.float32), camera_from_headset=poses.astype(np.float32),
        led_direction=directions.astype(np.float32), led_intensity=(nominal.led_intensity * power).astype(np.float32),
    )  # fmt: skip
    return Device(nominal, true, tuple(_window(nominal, i, rng) for i in range(count)))


def _window(headset: Headset, camera: int, rng: np.random.Generator) -> Window:
    """One camera's, clean or not."""
    height, width = map(int, headset.camera_size[camera])
    dirty, moist = rng.random() < DIRTY, rng.random() < MOIST
    clear = None
    if dirty:
        rows, columns = np.mgrid[:height, :width]
        shade = np.zeros((height, width))
        for _ in range(int(rng.integers(2, 7))):
            row, column, reach = rng.uniform(0, height), rng.uniform(0, width), width * rng.uniform(0.02, 0.09)
            near = np.exp(-((rows - row) ** 2 + ((columns - column) * rng.uniform(0.6, 1.6)) ** 2) / (2 * reach**2))
            shade = np.maximum(shade, rng.uniform(0.1, 0.45) * near)
        clear = (1 - shade).astype(np.float32)
    return Window(clear, float(rng.uniform(0.05, 0.2)) if moist else 0.0)
