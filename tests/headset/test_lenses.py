"""Lenses: known answers, there and back, derivatives against finite differences, and nothing folded into the field."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from refa_cli.headset.lenses import Lens, Model

F64 = NDArray[np.float64]
SIZE = (400, 400)
FOCAL = (190.0, 192.0, 201.0, 198.0)
LENSES = {
    "pinhole": Lens("pinhole", FOCAL, (), SIZE),
    "brown": Lens("brown_conrady", FOCAL, (-0.28, 0.07, 0.0004, -0.0003, -0.006), SIZE),
    "rational": Lens("brown_conrady", FOCAL, (0.4, 0.1, 0.0003, 0.0002, 0.01, 0.75, 0.2, 0.02), SIZE),
    "fisheye": Lens("kannala_brandt", FOCAL, (-0.012, 0.004, -0.002, 0.0002), SIZE),
}
each = pytest.mark.parametrize("lens", LENSES.values(), ids=LENSES.keys())


def reference(lens: Lens, point: F64) -> F64:
    """Written again from OpenCV's documentation, one point at a time."""
    x, y = point[0] / point[2], point[1] / point[2]
    r2 = x * x + y * y
    k = [*lens.distortion, *[0.0] * 8]
    if lens.model == "brown_conrady":
        radial = (1 + k[0] * r2 + k[1] * r2**2 + k[4] * r2**3) / (1 + k[5] * r2 + k[6] * r2**2 + k[7] * r2**3)
        x, y = (x * radial + 2 * k[2] * x * y + k[3] * (r2 + 2 * x * x),
                y * radial + k[2] * (r2 + 2 * y * y) + 2 * k[3] * x * y)  # fmt: skip
    elif lens.model == "kannala_brandt":
        angle = np.arctan2(np.sqrt(r2), 1.0)
        bent = angle * (1 + k[0] * angle**2 + k[1] * angle**4 + k[2] * angle**6 + k[3] * angle**8)
        x, y = (x * bent / np.sqrt(r2), y * bent / np.sqrt(r2)) if r2 else (x, y)
    fx, fy, cx, cy = lens.intrinsics
    return np.array([fx * x + cx, fy * y + cy])


def points(lens: Lens, count: int = 200, share: float = 0.97) -> F64:
    """Random points inside the field."""
    rng = np.random.default_rng(0)
    radius = np.tan(share * lens.field) * np.sqrt(rng.uniform(0, 1, count))
    turn, z = rng.uniform(0, 2 * np.pi, count), rng.uniform(0.01, 0.5, count)
    return np.stack([radius * np.cos(turn) * z, radius * np.sin(turn) * z, z], 1)


@each
def test_points_land_where_the_formula_says(lens: Lens) -> None:
    at = points(lens)
    np.testing.assert_allclose(lens.project(at), [reference(lens, p) for p in at], rtol=1e-10, atol=1e-8)
    np.testing.assert_allclose(lens.project([0, 0, 0.1]), lens.intrinsics[2:], atol=1e-12)


@each
def test_pixels_look_where_their_points_are(lens: Lens) -> None:
    at = points(lens)
    np.testing.assert_allclose(lens.directions(lens.project(at)), at[:, :2] / at[:, 2:], rtol=1e-6, atol=1e-7)


@each
def test_derivatives_agree_with_finite_differences(lens: Lens) -> None:
    inside = points(lens, 50)
    rng = np.random.default_rng(1)
    turn = rng.uniform(0, 2 * np.pi, 20)
    far = min(np.tan(lens.field), 10.0) * rng.uniform(1.05, 3.0, 20)
    outside = np.stack([far * np.cos(turn), far * np.sin(turn), np.ones(20)], 1) * 0.03
    for at in (inside, outside):
        _, jacobian = lens.project_with_jacobian(at)
        for axis in range(3):
            step = 1e-6 * at[:, 2:]
            ahead, behind = at.copy(), at.copy()
            ahead[:, [axis]] += step
            behind[:, [axis]] -= step
            slope = (lens.project(ahead) - lens.project(behind)) / (2 * step)
            np.testing.assert_allclose(jacobian[..., axis], slope, rtol=2e-5, atol=1e-3 * np.abs(slope).max())


@each
def test_every_pixel_of_the_picture_has_its_own_ray(lens: Lens) -> None:
    rays = lens.rays()
    assert rays.shape == (*SIZE, 2)
    seen = np.isfinite(rays[..., 0])
    row, column = np.nonzero(seen)
    back, _ = lens.of_directions(rays[seen])
    np.testing.assert_allclose(back, np.stack([column, row], 1) + 0.5, atol=1e-3)
    assert (np.hypot(*rays[seen].T) <= np.tan(lens.field) + 1e-9).all()


def test_what_is_outside_the_field_never_lands_inside() -> None:
    """This lens's formula folds back at 51 degrees; points beyond go on outwards."""
    lens = Lens("brown_conrady", FOCAL, (-0.28, 0.03, 0.0, 0.0), SIZE)
    assert np.radians(40) < lens.field < np.radians(60)
    for turn in np.linspace(0, 2 * np.pi, 9):
        reach = np.linspace(0.01, 20, 500)
        way = np.array([np.cos(turn), np.sin(turn)])
        pixels, _ = lens.of_directions(reach[:, None] * way)
        outwards = (pixels - lens.intrinsics[2:]) @ way
        assert (np.diff(outwards) > 0).all()
    corner = lens.directions(lens.of_directions(np.array([[2.5, 0.0]]))[0])
    assert np.isnan(corner).all()


@pytest.mark.parametrize(
    ("model", "intrinsics", "distortion", "size", "words"),
    [
        ("pinhole", (1.0, 1.0, 0.0, 0.0), (0.1,), (2, 2), "0 coefficients, got 1"),
        ("brown_conrady", (1.0, 1.0, 0.0, 0.0), (0.1,) * 6, (2, 2), "4 or 5 or 8 coefficients, got 6"),
        ("kannala_brandt", (-1.0, 1.0, 0.0, 0.0), (0.1,) * 4, (2, 2), "positive"),
        ("kannala_brandt", (1.0, 1.0, 0.0, 0.0), (float("nan"),) * 4, (2, 2), "finite"),
        ("orthographic", (1.0, 1.0, 0.0, 0.0), (), (2, 2), "must be one of pinhole"),
        ("pinhole", (1.0, 1.0, 0.0, 0.0), (), (0, 2), "at least 1x1"),
    ],
)
def test_impossible_lenses_are_refused(
    model: Model, intrinsics: tuple[float, float, float, float], distortion: tuple[float, ...], size: tuple[int, int],
    words: str,
) -> None:  # fmt: skip
    with pytest.raises(ValueError, match=words):
        Lens(model, intrinsics, distortion, size)


def test_points_behind_the_camera_are_refused() -> None:
    with pytest.raises(ValueError, match="before the camera"):
        LENSES["pinhole"].project([0.0, 0.0, -1.0])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-0.05, 0.05), min_size=4, max_size=4), st.floats(120, 400))
def test_any_mild_fisheye_goes_there_and_back(distortion: list[float], focal: float) -> None:
    lens = Lens("kannala_brandt", (focal, focal, 200.0, 200.0), tuple(distortion), SIZE)
    at = points(lens, 30, 0.9)
    np.testing.assert_allclose(lens.directions(lens.project(at)), at[:, :2] / at[:, 2:], rtol=1e-5, atol=1e-6)
