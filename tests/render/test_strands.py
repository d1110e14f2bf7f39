"""Strands cover what they cover of each pixel, hide behind surfaces, and are lit by what reaches them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from refa_cli.headset.lenses import Lens
from refa_cli.render.light_kernels import _beam
from refa_cli.render.strand_kernels import draw_strands, light_strands

F64 = NDArray[np.float64]
LENS = Lens("pinhole", (100.0, 100.0, 20.0, 20.0), (), (40, 40))


def drawn(ends: F64, width: float, depth: float = 0.0, light: float = 1.0) -> NDArray[np.float32]:
    """A picture of one strand of two joints over darkness."""
    out = np.zeros(LENS.size, np.float32)
    lines = np.asarray(ends, np.float64)[None]
    seen = np.full(LENS.size, depth, np.float32)
    draw_strands(lines, np.full((1, 2), width), np.full((1, 2), light), LENS.parameters, seen, out)
    return out


@pytest.mark.parametrize("width", [0.0003, 0.001, 0.0042])
@pytest.mark.parametrize("at", [0.0, 0.00031])
def test_an_upright_strand_covers_its_own_width_of_every_row(width: float, at: float) -> None:
    """0.1 m away a pixel is 1 mm wide."""
    picture = drawn(np.array([[at, -0.01, 0.1], [at, 0.0101, 0.1]]), width)
    np.testing.assert_allclose(picture[12:28].sum(1), width / 0.001, rtol=1e-5)
    assert not picture[:9].any() and not picture[31:].any()


def test_a_finely_sampled_thick_strand_agrees() -> None:
    """A slanted one, against a picture of 16 x 16 samples a pixel."""
    a, b, width = np.array([-0.009, -0.006, 0.1]), np.array([0.0061, 0.011, 0.1]), 0.0016
    picture = drawn(np.stack([a, b]), width)
    grid = ((np.arange(40 * 16) + 0.5) / 16 - 20) / 1000
    x, y = np.meshgrid(grid, grid)
    way = (b - a)[:2] / np.linalg.norm(b - a)
    along = (x - a[0]) * way[0] + (y - a[1]) * way[1]
    aside = np.abs((x - a[0]) * way[1] - (y - a[1]) * way[0])
    inside = (aside < width / 2) & (along >= 0) & (along < np.linalg.norm(b - a))
    fine = inside.reshape(40, 16, 40, 16).mean((1, 3))
    assert picture.sum() == pytest.approx(fine.sum(), rel=0.02)
    assert np.abs(picture - fine).max() < 0.3 and np.abs(picture - fine).mean() < 0.01


def test_surfaces_hide_strands_behind_them() -> None:
    ends = np.array([[0.0, -0.01, 0.1], [0.0, 0.01, 0.1]])
    assert not drawn(ends, 0.001, depth=0.09).any()
    assert drawn(ends, 0.001, depth=0.0995).any()  # a root in the skin
    assert drawn(ends, 0.001, depth=0.12).any()
    assert not drawn(ends * [1, 1, -1], 0.001).any()


def lit_by(at: F64, tangent: F64) -> float:
    """Radiance of a short strand 0.1 m before the camera, along a tangent, by one light that points at it."""
    middle = np.array([0.0, 0.0, 0.1])
    lines = (middle + np.array([[-0.001], [0.001]]) * tangent)[None]
    way = (middle - at) / np.linalg.norm(middle - at)
    out = np.empty((1, 2))
    beams = np.ones((1, 5))
    light_strands(lines, 0.2, at[None], way[None], np.ones(1), beams, np.eye(4)[None], np.zeros((0, 1, 1), np.float32),
                  1.0, 0.0, out)  # fmt: skip
    return float(out.mean())


def test_strands_send_light_by_the_sine_and_the_square() -> None:
    upright = np.array([0.0, 1.0, 0.0])
    above, beside = np.array([0.0, 0.2, 0.1]), np.array([0.1, 0.0, 0.1])
    assert lit_by(above, upright) < 0.02 * lit_by(beside, upright)
    twice = np.array([0.2, 0.0, 0.1])
    assert lit_by(twice, upright) == pytest.approx(lit_by(beside, upright) / 4, rel=0.01)


def test_beams_are_powers_of_the_cosine() -> None:
    exponents = np.array([0.8, 1.0, 6.0, 45.0])
    beams = np.linspace(0, 1, 513)[None] ** exponents[:, None]
    for i, exponent in enumerate(exponents):
        for aim in (0.003, 0.2, 0.7, 0.93, 0.999, 1.0):
            assert _beam(beams, i, aim) == pytest.approx(aim**exponent, abs=1e-3)
