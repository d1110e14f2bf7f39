"""Moments are what takes and prompts show, retargeted, rare ones more often, within the rules of weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refa_cli.commands.synth.motion import moment, retargeted, takes_of
from refa_cli.commands.synth.plan import Plan, plan_of
from refa_cli.face.shapes import EXPRESSIONS, INDEX, MIRROR
from refa_cli.formats.dataset import SubjectWriter, finish_dataset
from refa_cli.formats.labels import STATES, Labels

COUNT = 400
CHOICES: dict[str, Any] = {
    "frames": 10, "pixels": 24, "prompted": 0.0, "rare": 0.0, "glasses": 0.3, "spread": 1.0, "seed": 2,
}  # fmt: skip


def take(weights: np.ndarray) -> Labels:
    count, nothing = len(weights), np.zeros(0, np.uint8)
    return Labels(
        shapes=EXPRESSIONS, expression_ids=(), time_ns=np.arange(count) * 16_666_667, expressions=weights,
        gaze=np.tile(np.array([[0.2, 0.1], [0.15, 0.1]], np.float32), (count, 1, 1)),
        headset_from_head=np.tile(np.eye(4), (count, 1, 1)), confidence=np.ones((count, 3)),
        valid=np.arange(count) >= 10, state=np.full(count, STATES.index("tracked"), np.uint8),
        segment_ns=np.zeros((0, 3), np.int64), segment_kind=nothing, segment_side=nothing,
        segment_expression=np.zeros(0, np.int32), segment_performed=nothing,
    )  # fmt: skip


@pytest.fixture(scope="module")
def takes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The jaw moves most of the time, the left cheek is puffed in one row of fifty."""
    folder = tmp_path_factory.mktemp("takes") / "takes.zarr"
    weights = np.zeros((COUNT, 53), np.float32)
    weights[:, INDEX["JawDrop"]] = 0.1 + 0.25 * (1 + np.sin(np.arange(COUNT) / 7))
    weights[::50, INDEX["CheekPuffL"]] = 0.8
    writer = SubjectWriter(folder / "T0001", Labels, "T0001")
    writer.add("one", take(weights))
    writer.finish({})
    finish_dataset(folder, Labels, {})
    return folder


def plan(takes: Path | None, **changes: Any) -> Plan:
    return plan_of([], 1, None, None, takes, **{**CHOICES, **changes})


def test_rest_is_taken_away_and_strong_moments_reach_far() -> None:
    weights = np.zeros((1000, 53), np.float32)
    weights[:, INDEX["JawDrop"]] = 0.1 + 0.5 * (np.arange(1000) % 100) / 100
    weights[:, INDEX["BrowLowererL"]] = 0.2
    weights[:, INDEX["LipsToward"]] = 0.9
    out = retargeted(weights)
    jaw = out[:, INDEX["JawDrop"]]
    assert jaw.min() == 0 and 0.8 < jaw.max() <= 1.0
    assert np.corrcoef(jaw, weights[:, INDEX["JawDrop"]])[0, 1] > 0.99
    assert not out[:, INDEX["BrowLowererL"]].any()  # it never moves: that is how the performer rests
    assert (out[:, INDEX["LipsToward"]] <= jaw).all()


def test_shapes_that_hardly_show_are_not_blown_up() -> None:
    weights = np.abs(0.01 * np.random.default_rng(0).standard_normal((500, 53))).astype(np.float32)
    assert retargeted(weights).max() < 0.06


def test_moments_repeat_and_keep_the_rules(takes: Path) -> None:
    held = plan(takes, prompted=0.5)
    found = [moment(held, "P0001", row) for row in range(200)]
    again = [moment(held, "P0001", row) for row in range(200)]
    weights = np.stack([one.weights for one in found])
    assert np.array_equal(weights, [one.weights for one in again])
    assert weights.min() >= 0 and weights.max() <= 1
    assert (weights[:, INDEX["LipsToward"]] <= weights[:, INDEX["JawDrop"]] + 1e-6).all()
    prompted = np.array([takes_of(held).names[one.take] == "prompts" for one in found])
    assert 0.35 < prompted.mean() < 0.65
    assert {takes_of(held).names[one.take] for one in found} == {"T0001/one", "prompts"}
    assert min(one.row for one, p in zip(found, prompted, strict=True) if not p) >= 10  # valid rows only
    assert not np.array_equal(moment(held, "P0002", 0).weights, found[0].weights)


def test_rare_moments_come_more_often(takes: Path) -> None:
    shares = []
    for rare in (0.0, 1.0):
        held = plan(takes, rare=rare)
        puffed = [moment(held, "P0001", row).weights[[INDEX["CheekPuffL"], INDEX["CheekPuffR"]]].max() > 0.3
                  for row in range(600)]  # fmt: skip
        shares.append(np.mean(puffed))
    assert 0.005 < shares[0] < 0.05 and shares[1] > 3 * shares[0]


def test_half_of_all_is_mirrored(takes: Path) -> None:
    held = plan(takes)
    yaw = np.array([moment(held, "P0001", row).gaze[:, 0] for row in range(300)])
    left = yaw.mean(1) > 0
    assert 0.4 < left.mean() < 0.6
    np.testing.assert_allclose(yaw[left][0], [0.2, 0.15], atol=1e-6)
    np.testing.assert_allclose(yaw[~left][0], [-0.15, -0.2], atol=1e-6)
    assert [MIRROR[i] for i in MIRROR] == list(range(53))


def test_without_takes_prompts_show_every_shape() -> None:
    held = plan(None, prompted=1.0)
    weights = np.stack([moment(held, "P0001", row).weights for row in range(800)])
    assert (weights.max(0) > 0.3).all()
    left, right = (weights[:, INDEX[f"EyesClosed{side}"]] for side in "LR")
    assert ((left > 0.9) & (right < 0.2)).any() and ((right > 0.9) & (left < 0.2)).any()
