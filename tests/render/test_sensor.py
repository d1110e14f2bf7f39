"""Sensors count photons, blur as they say, and expose what is lit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from refa_cli.headset.lenses import Lens
from refa_cli.render.sensor import EXPOSED, Sensor, gain_for

LENS = Lens("pinhole", (60.0, 60.0, 32.5, 32.5), (), (65, 65))


def test_a_sensor_counts_photons() -> None:
    sensor, light = Sensor(vignetting=0.0), np.full(LENS.size, 2.0, np.float32)
    clean = sensor.expose(light, LENS)
    expected = 4 + 2 * sensor.gain / sensor.full_well * 251
    assert clean.dtype == np.uint8 and (clean == round(expected)).all()
    many = np.stack([sensor.expose(light, LENS, np.random.default_rng(i)) for i in range(40)]).astype(float)
    spread = np.sqrt(2 * sensor.gain + sensor.read_noise**2) / sensor.full_well * 251
    assert many.std(0).mean() == pytest.approx(np.sqrt(spread**2 + 1 / 12), rel=0.05)
    assert (sensor.expose(light * 100, LENS) == 255).all()
    assert (sensor.expose(light * 0, LENS) == 4).all()
    deep = replace(sensor, bits=12, black=16.0).expose(light, LENS)
    assert deep.dtype == np.uint16 and deep.max() > 1000


def test_pictures_fall_off_with_the_cosine_s_fourth_power() -> None:
    light = np.full(LENS.size, 1.0, np.float32)
    charge = Sensor(vignetting=1.0).electrons(light, LENS)
    n = LENS.rays()[0, 0]
    assert charge[0, 0] / charge[32, 32] == pytest.approx((1 + n @ n) ** -2, rel=1e-5)


def test_a_blur_spreads_as_a_gaussian_and_keeps_the_light() -> None:
    point = np.zeros(LENS.size, np.float32)
    point[30, 20] = 1.0
    sensor = Sensor(vignetting=0.0, gain=1.0, blur=0.5)
    spread = sensor.electrons(point, LENS)
    assert spread.sum() == pytest.approx(1, rel=1e-6)
    rows, columns = np.mgrid[:65, :65]
    for index, middle in ((rows, 30), (columns, 20)):
        assert (spread * (index - middle) ** 2).sum() == pytest.approx(0.25, rel=1e-5)
    assert np.abs(spread - gaussian_filter(point, 0.5)).max() < 0.07
    assert sensor.electrons(np.ones(LENS.size, np.float32), LENS) == pytest.approx(1)
    with pytest.raises(ValueError, match="blur must be"):
        Sensor(blur=2.0).electrons(point, LENS)


def test_the_gain_exposes_what_is_lit() -> None:
    light = np.zeros(LENS.size, np.float32)
    light[:20] = np.linspace(0.1, 3, 20 * 65).reshape(20, 65)
    charge = Sensor(gain=gain_for(light), vignetting=0.0).electrons(light, LENS)
    assert np.percentile(charge[light > 0], 95) == pytest.approx(EXPOSED * Sensor.full_well, rel=1e-4)
    assert np.isfinite(gain_for(np.zeros(LENS.size, np.float32)))
