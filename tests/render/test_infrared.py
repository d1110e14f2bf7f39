"""Infrared shading against light that can be computed by hand, and what shadows, glints and sensors must do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from refa_cli.headset.default import default_headset
from refa_cli.headset.lenses import Lens
from refa_cli.render.infrared import (
    MATERIALS,
    TABLE,
    Lights,
    Look,
    Surfaces,
    ambient_of,
    lights_of,
    radiance,
    shadow_maps,
)

F64 = NDArray[np.float64]
LENS = Lens("pinhole", (60.0, 60.0, 32.5, 32.5), (), (65, 65))
CAMERA = np.diag([1.0, -1.0, -1.0, 1.0])  # at the origin, looking towards -Z
NOWHERE = np.full((2, 3), 9.0)


def wall(distance: float = 0.05, half: float = 0.2, tilt: float = 0.0) -> tuple[F64, NDArray[np.int32]]:
    """A square before the camera that faces it, turned about its upright axis."""
    x, y = half * np.array([-1, 1, 1, -1.0]), half * np.array([-1, -1, 1, 1.0])
    points = np.stack([x * np.cos(tilt), y, -distance - x * np.sin(tilt)], 1)
    return points, np.array([[0, 1, 2], [0, 2, 3]], np.int32)


def surfaces(points: F64, triangles: NDArray[np.int32], material: str = "skin", eyes: F64 = NOWHERE) -> Surfaces:
    kinds = np.full(len(triangles), MATERIALS.index(material), np.uint8)
    none = np.full((len(triangles), 3), -1, np.int32)
    return Surfaces(
        points, triangles, kinds, np.zeros((1, 2), np.float32), none, eyes, np.tile([0, 0, 1.0], (2, 1)), 0.012
    )


def matt(**changes: float) -> Look:
    """Only diffuse, without a softened terminator."""
    table = TABLE.copy()
    table[:, 1:] = [0.0, 0.5, 0.0, 0.0]
    for column, value in changes.items():
        table[:, ["albedo", "reflectance", "roughness", "wrap", "relief"].index(column)] = value
    return Look(table)


def lamp(
    at: tuple[float, float, float], way: tuple[float, float, float], power: float = 0.01, exponent: float = 1.0
) -> Lights:
    direction = np.array([way]) / np.linalg.norm(way)
    return Lights(np.array([at]), direction, np.array([power]), np.array([exponent]))


def test_a_matt_wall_follows_cosine_and_inverse_square() -> None:
    scene, light = surfaces(*wall()), lamp((0.03, 0.02, 0.0), (0, 0, -1), exponent=2.0)
    got = radiance(scene, matt(reflectance=0.0), light, LENS, CAMERA) - 0.6 / np.pi * ambient_of(scene, light)
    for row, column in ((32, 32), (10, 50), (60, 5)):
        n = LENS.rays()[row, column]
        place = 0.05 * np.array([n[0], -n[1], -1.0])
        gap = light.position[0] - place
        distance = np.linalg.norm(gap)
        cosine = gap[2] / distance
        specular = 0.0
        expected = 0.6 / np.pi * 0.01 * cosine**2 * cosine / distance**2 + specular
        # Fresnel's rise at grazing angles leaves a little even at no reflectance.
        assert got[row, column] == pytest.approx(expected, rel=0.02)


def test_specular_light_is_where_the_mirror_image_is() -> None:
    scene, light = surfaces(*wall()), lamp((0.03, 0.0, 0.0), (0, 0, -1), exponent=0.0)
    shiny = radiance(scene, matt(reflectance=0.04, roughness=0.15, albedo=0.0), light, LENS, CAMERA)
    row, column = np.unravel_index(shiny.argmax(), shiny.shape)
    n = LENS.rays()[row, column]
    assert n[0] * 0.05 == pytest.approx(0.015, abs=0.0015) and n[1] == pytest.approx(0, abs=0.02)


def test_reflected_light_is_less_than_what_arrives() -> None:
    """All that leaves a patch, over the half-sphere, in a light that falls on it at 30 degrees."""
    from refa_cli.render.light_kernels import lobe

    rng = np.random.default_rng(0)
    light = np.array([0.5, 0, np.sqrt(0.75)])
    for roughness in (0.16, 0.42, 0.8):
        z = rng.uniform(1e-3, 1, 40_000)
        turn = rng.uniform(0, 2 * np.pi, len(z))
        out = np.stack([np.sqrt(1 - z**2) * np.cos(turn), np.sqrt(1 - z**2) * np.sin(turn), z], 1)
        half = light + out
        half /= np.linalg.norm(half, axis=1, keepdims=True)
        sent = [
            lobe(h[2], light[2], o[2], float(h @ light), roughness, 1.0) * o[2] for h, o in zip(half, out, strict=True)
        ]
        assert 0.45 < 2 * np.pi * np.mean(sent) < 1.05  # rough surfaces lose what would bounce again


def test_what_stands_between_throws_a_shadow() -> None:
    """A small plate hides the light from a part of the wall that the camera sees past it."""
    points, triangles = wall()
    plate = np.array([[0.02, -0.004, -0.02], [0.03, -0.004, -0.02], [0.03, 0.004, -0.02], [0.02, 0.004, -0.02]])
    scene = surfaces(np.concatenate([points, plate]), np.concatenate([triangles, triangles + 4]))
    light = lamp((0.05, 0.0, 0.0), (-0.5, 0, -1))
    maps = shadow_maps(scene, light)
    lit, shaded = (radiance(scene, matt(), light, LENS, CAMERA, m) for m in (None, maps))
    hidden = 0.05 + (np.array([0.02, 0.03]) - 0.05) * 0.05 / 0.02  # where rays past the plate's sides meet the wall
    n = LENS.rays()
    x, y = n[..., 0] * 0.05, n[..., 1] * 0.05
    inside = (x > hidden[0] + 0.004) & (x < min(hidden[1], 0.0) - 0.004) & (np.abs(y) < 0.007)
    clear = (np.abs(y) > 0.013) & (x < 0)
    assert inside.sum() > 20 and clear.sum() > 200
    assert (shaded[inside] < 0.35 * lit[inside]).all()
    np.testing.assert_allclose(shaded[clear], lit[clear], rtol=0.005)


def test_a_cornea_shows_each_light_as_a_glint() -> None:
    eyes = np.array([[0.0, 0.0, -0.042], [9.0, 9, 9]])
    points, triangles = wall(0.0305, 0.02)
    scene = surfaces(points, triangles, "pupil", eyes)
    at = np.array([[0.02, 0.015, 0.0], [-0.02, 0.015, 0.0], [0.0, -0.02, 0.0]])
    lights = Lights(at, np.tile([0, 0, -1.0], (3, 1)), np.full(3, 0.002), np.ones(3))
    lens = Lens("pinhole", (500.0, 500.0, 100.0, 100.0), (), (200, 200))
    picture = radiance(scene, Look(), lights, lens, CAMERA)
    bright = picture > 0.3 * picture.max()
    from scipy.ndimage import label

    spots, count = label(bright)
    assert count == 3 and bright.mean() < 0.01
    assert np.median(picture[~bright]) < 0.02 * picture.max()
    dry = radiance(replace(scene, eyes=NOWHERE), Look(), lights, lens, CAMERA)
    assert dry.max() < 0.2 * picture.max()


def test_relief_shades_along_its_slope_and_tone_scales() -> None:
    points, triangles = wall(0.05, 0.05)
    uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    scene = replace(surfaces(points, triangles), uv=uv, uv_triangles=triangles)
    light = lamp((0.04, 0.0, -0.02), (-0.8, 0, -0.6))
    flat = radiance(scene, matt(relief=1.0), light, LENS, CAMERA)
    rising = np.zeros((8, 8, 2), np.float32)
    rising[..., 0] = 0.2  # the surface rises towards +u, away from ... so that it turns from the light at +x
    risen = radiance(scene, replace(matt(relief=1.0), slope=rising), light, LENS, CAMERA)
    assert (risen[20:45, 20:45] < flat[20:45, 20:45]).all()
    darker = radiance(scene, replace(matt(relief=1.0), tone=np.full((4, 4, 1), 0.5, np.float32)), light, LENS, CAMERA)
    np.testing.assert_allclose(darker, flat / 2, rtol=0.1)


def test_lights_of_a_camera_are_those_that_are_on_while_it_exposes() -> None:
    headset = default_headset()
    on = headset.led_lights.copy()
    on[:, 0] = False
    on[2, 0] = True
    assert len(lights_of(replace(headset, led_lights=on), 0).position) == 1
    every = lights_of(headset)
    beam = np.cos(headset.led_half_angle) ** every.exponent
    np.testing.assert_allclose(beam, 0.5, atol=1e-6)
