"""Rig evaluation: what moves what."""

from __future__ import annotations

import numpy as np
import pytest

from refa_cli.face.evaluate import Geometry, effective_weights
from refa_cli.face.gaze import FULL_PITCH, rotation_from_gaze
from refa_cli.face.shapes import EXPRESSIONS, EYE_FOLLOW, INDEX


def made(vertices: int = 40, seed: int = 0) -> Geometry:
    """Random numbers in the shape of a head; 6 vertices of each eye."""
    rng = np.random.default_rng(seed)
    eyeball = np.zeros(vertices, np.uint8)
    eyeball[:6], eyeball[6:12] = 1, 2
    return Geometry(
        neutral=rng.normal(size=(vertices, 3)).astype(np.float32) * 0.1,
        expressions=rng.normal(size=(53, vertices, 3)).astype(np.float32) * 0.01,
        eye_follow=rng.normal(size=(8, vertices, 3)).astype(np.float32) * 0.01,
        eye_centers=np.array([[0.031, 0, 0], [-0.031, 0, 0]], np.float32),
        eyeball=eyeball,
        triangles=np.zeros((0, 3), np.int32),
    )


RIG = made()
SKIN = RIG.eyeball == 0


def test_rest() -> None:
    np.testing.assert_allclose(RIG.evaluate(), RIG.neutral, atol=1e-7)


def test_expressions_add_up_and_leave_the_eyes_alone() -> None:
    weights = np.random.default_rng(1).random(53)
    weights[INDEX["LipsToward"]] = 0.5 * weights[INDEX["JawDrop"]]
    moved = RIG.evaluate(weights)
    expected = RIG.neutral + np.tensordot(weights, RIG.expressions, 1)
    np.testing.assert_allclose(moved[SKIN], expected[SKIN], atol=1e-6)
    np.testing.assert_allclose(moved[~SKIN], RIG.neutral[~SKIN], atol=1e-7)


def test_lips_close_no_more_than_the_jaw_opens() -> None:
    weights = np.zeros((2, 53))
    weights[:, INDEX["LipsToward"]] = 0.8
    weights[1, INDEX["JawDrop"]] = 0.3
    held = effective_weights(weights)
    assert held[:, INDEX["LipsToward"]].tolist() == [0.0, np.float32(0.3)]
    assert weights[0, INDEX["LipsToward"]] == 0.8, "the caller's weights were changed"
    np.testing.assert_allclose(RIG.evaluate(weights)[0], RIG.neutral, atol=1e-7)


def test_eyes_turn_about_their_own_centres() -> None:
    gaze = np.array([[0.3, -0.1], [-0.2, 0.2]])
    moved = RIG.evaluate(gaze=gaze)
    for side in (0, 1):
        ball, center = RIG.eyeball == side + 1, RIG.eye_centers[side]
        expected = (RIG.neutral[ball] - center) @ rotation_from_gaze(gaze[side]).T + center
        np.testing.assert_allclose(moved[ball], expected, atol=1e-6)


def test_lids_follow_gaze_and_let_go() -> None:
    down = np.array([[0.0, -FULL_PITCH], [0.0, -FULL_PITCH]])
    follow = RIG.eye_follow[EYE_FOLLOW.index("EyesLookDownL")] + RIG.eye_follow[EYE_FOLLOW.index("EyesLookDownR")]
    np.testing.assert_allclose(RIG.evaluate(gaze=down)[SKIN], (RIG.neutral + follow)[SKIN], atol=1e-6)
    shut = np.zeros(53)
    shut[[INDEX["EyesClosedL"], INDEX["EyesClosedR"]]] = 1
    np.testing.assert_allclose(RIG.evaluate(shut, down)[SKIN], RIG.evaluate(shut)[SKIN], atol=1e-6)


def test_batches_equal_single_calls() -> None:
    rng = np.random.default_rng(2)
    weights, gaze = rng.random((5, 53)), rng.normal(size=(5, 2, 2)) * 0.3
    pose = np.broadcast_to(np.eye(4), (5, 4, 4)).copy()
    pose[:, :3, 3] = rng.normal(size=(5, 3))
    pose[:, :3, :3] = rotation_from_gaze(rng.normal(size=(5, 2)))
    together = RIG.evaluate(weights, gaze, pose)
    assert together.shape == (5, 40, 3) and together.dtype == np.float32
    for i in range(5):
        np.testing.assert_allclose(RIG.evaluate(weights[i], gaze[i], pose[i]), together[i], atol=1e-6)
    assert RIG.evaluate(weights[:, None], gaze[None, :3]).shape == (5, 3, 40, 3)


def test_pose_is_applied_last() -> None:
    pose = np.eye(4)
    pose[:3, 3] = [0.1, 0.2, 0.3]
    pose[:3, :3] = rotation_from_gaze([0.4, 0.2])
    weights = np.full(53, 0.2)
    expected = RIG.evaluate(weights) @ pose[:3, :3].T + pose[:3, 3]
    np.testing.assert_allclose(RIG.evaluate(weights, pose=pose), expected, atol=1e-6)


def test_every_shape_is_in_its_place() -> None:
    for i, name in enumerate(EXPRESSIONS):
        if name != "LipsToward":
            moved = RIG.evaluate(np.eye(53)[i])
            np.testing.assert_allclose(moved[SKIN], (RIG.neutral + RIG.expressions[i])[SKIN], atol=1e-6, err_msg=name)


def test_wrong_width() -> None:
    with pytest.raises(ValueError, match="52"):
        RIG.evaluate(np.zeros((2, 52)))
    with pytest.raises(ValueError, match="gaze"):
        RIG.evaluate(gaze=np.zeros(2))
