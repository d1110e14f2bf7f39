"""Cameras, previews and sheets: what stands where in a picture, and in which colour."""

from __future__ import annotations

import numpy as np
import pytest

from refa_cli.headset.poses import look_at
from refa_cli.render import warm
from refa_cli.render.cameras import around
from refa_cli.render.preview import Lights, Texture, linear_of_srgb, preview, sample_bilinear, srgb_of_linear
from refa_cli.render.sheets import contact_sheet, draw_points

SQUARE = np.array([[-0.1, -0.1, 0.0], [0.1, -0.1, 0.0], [0.1, 0.1, 0.0], [-0.1, 0.1, 0.0]])
TRIANGLES = np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32)
EVEN = Lights(key=0.0, fill=0.0, ambient=1.0)
FRONT = around(target=(0, 0, 0), width=0.2, size=(40, 40))


def test_left_is_on_the_right_and_up_is_up() -> None:
    left, up = FRONT.project([[0.05, 0, 0], [0, 0.05, 0]])
    np.testing.assert_allclose(left, [30, 20], atol=1e-9)
    np.testing.assert_allclose(up, [20, 10], atol=1e-9)
    from_left = around(yaw=np.pi / 2, target=(0, 0, 0)).camera_from_head
    assert from_left[2] @ [0.1, 0, 0, 1] < from_left[2] @ [0, 0, 0, 1]  # the subject's left is nearer


def test_views_are_rigid_and_roll_turns_clockwise() -> None:
    view = around(0.3, -0.2, roll=0.4)
    turn = view.camera_from_head[:3, :3]
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(turn) == pytest.approx(1)
    top = around(roll=np.pi / 2, target=(0, 0, 0)).project([[0, 0.05, 0]])[0]
    assert top[0] > 200 and top[1] == pytest.approx(200)
    with pytest.raises(ValueError, match="upright"):
        look_at((0, 1, 0), (0, 0, 0), (0, 1, 0))


def test_colours_come_back_under_even_light() -> None:
    colors = np.array([[0.8, 0.1, 0.2], [0.1, 0.6, 0.3]])
    picture = preview(SQUARE, TRIANGLES, FRONT, triangle_colors=colors, lights=EVEN)
    np.testing.assert_allclose(picture[30, 35] / 255, colors[0], atol=0.01)
    np.testing.assert_allclose(picture[10, 5] / 255, colors[1], atol=0.01)
    by_vertex = preview(SQUARE, TRIANGLES, FRONT, vertex_colors=np.full((4, 3), 0.5), lights=EVEN)
    assert (abs(by_vertex[1:-1, 1:-1].astype(int) - 128) <= 1).all()


def test_texture_stands_upright() -> None:
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:4, :, 0], pixels[4:, :, 1] = 255, 255  # red above, green below
    uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=np.float64)
    picture = preview(SQUARE, TRIANGLES, FRONT, texture=Texture(pixels, uv, TRIANGLES), lights=EVEN)
    assert picture[5, 20, 0] > 250 > 5 > picture[5, 20, 1]
    assert picture[35, 20, 1] > 250 > 5 > picture[35, 20, 0]


def test_a_light_brightens_the_side_it_stands_on() -> None:
    ridge = np.array([[-0.1, -0.1, 0], [0, -0.1, 0.1], [0, 0.1, 0.1], [-0.1, 0.1, 0], [0.1, -0.1, 0], [0.1, 0.1, 0.0]])
    triangles = np.array([[0, 1, 2], [0, 2, 3], [1, 4, 5], [1, 5, 2]], dtype=np.int32)
    picture = preview(ridge, triangles, FRONT, lights=Lights(key_direction=(-1, 0, -0.5), fill=0.0))
    assert picture[20, 5].sum() > picture[20, 35].sum() + 100


def test_sampling_and_transfer_curve() -> None:
    values = np.linspace(0, 1, 50, dtype=np.float32)
    np.testing.assert_allclose(srgb_of_linear(linear_of_srgb(values)), values, atol=1e-5)
    pixels = np.array([[[0.0], [1.0]]], dtype=np.float32)
    got = sample_bilinear(pixels, np.array([[0.0, 0.5], [0.5, 0.5], [1.0, 0.5]], np.float32))
    np.testing.assert_allclose(got[:, 0], [0, 0.5, 1])


def test_sheets() -> None:
    images = [np.full((20, 30, 3), shade, np.uint8) for shade in (10, 20, 30)]
    sheet = contact_sheet(images, ["a", "b", "a label that is much too long for its picture"], 2)
    assert sheet.shape == (2 * (20 + 16 + 4) + 4, 2 * 34 + 4, 3)
    assert (sheet[4 + 10, 4 + 15] == 10).all() and (sheet[4 + 10, 38 + 15] == 20).all()
    with pytest.raises(ValueError, match="labels"):
        contact_sheet(images, ["a"], 2)
    marked = draw_points(images[0], np.array([[15.5, 10.5, 0.0]]), color=(255, 0, 0))
    assert (marked[10, 15] == [255, 0, 0]).all() and (images[0] == 10).all()


def test_warm_compiles() -> None:
    warm.warm()
