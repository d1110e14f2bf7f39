"""Gaze: directions, rotations, eye-follow weights."""

from __future__ import annotations

import numpy as np
import pytest

from refa_cli.face.gaze import FULL_PITCH, FULL_YAW, eye_follow_weights, gaze_from_direction, rotation_from_gaze
from refa_cli.face.shapes import EYE_FOLLOW


def test_axes() -> None:
    """Yaw is to the subject's left (+X), pitch up (+Y)."""
    forward = np.array([0.0, 0.0, 1.0])
    np.testing.assert_allclose(rotation_from_gaze([0.0, 0.0]), np.eye(3), atol=1e-15)
    np.testing.assert_allclose(rotation_from_gaze([np.pi / 2, 0]) @ forward, [1, 0, 0], atol=1e-15)
    np.testing.assert_allclose(rotation_from_gaze([0, np.pi / 2]) @ forward, [0, 1, 0], atol=1e-15)


def test_rotation_is_one_and_its_gaze_comes_back() -> None:
    gaze = np.random.default_rng(0).uniform(-1.2, 1.2, (50, 2))
    turn = rotation_from_gaze(gaze)
    np.testing.assert_allclose(turn @ np.swapaxes(turn, 1, 2), np.broadcast_to(np.eye(3), turn.shape), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(turn), 1, atol=1e-12)
    np.testing.assert_allclose(gaze_from_direction(7 * turn[..., 2]), gaze, atol=1e-12)
    np.testing.assert_allclose(turn[:, 1, 0], 0, atol=1e-12)  # no torsion: the horizontal stays horizontal


@pytest.mark.parametrize(
    "gaze,name",
    [
        ((FULL_YAW, 0), "EyesLookLeft"),
        ((-FULL_YAW, 0), "EyesLookRight"),
        ((0, FULL_PITCH), "EyesLookUp"),
        ((0, -FULL_PITCH), "EyesLookDown"),
    ],
)
@pytest.mark.parametrize("eye", [0, 1])
def test_each_way_drives_its_shape(gaze: tuple[float, float], name: str, eye: int) -> None:
    both = np.zeros((2, 2))
    both[eye] = gaze
    expected = [1.0 if shape == name + "LR"[eye] else 0.0 for shape in EYE_FOLLOW]
    np.testing.assert_allclose(eye_follow_weights(both, [0, 0]), expected)
    np.testing.assert_allclose(eye_follow_weights(both / 2, [0, 0]), np.array(expected) / 2)
    np.testing.assert_allclose(eye_follow_weights(both * 3, [0, 0]), expected)


def test_lids_let_go_as_the_eye_closes() -> None:
    gaze = np.full((2, 2), -0.2)
    open_, half, shut = (eye_follow_weights(gaze, [c, 0]) for c in (0.0, 0.5, 1.0))
    left = [name.endswith("L") for name in EYE_FOLLOW]
    np.testing.assert_allclose(half[left], open_[left] / 2)
    assert not shut[left].any() and np.array_equal(shut[np.invert(left)], open_[np.invert(left)])


def test_batches() -> None:
    assert eye_follow_weights(np.zeros((4, 3, 2, 2)), np.zeros((3, 2))).shape == (4, 3, 8)
