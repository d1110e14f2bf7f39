"""Errors against truth that is known, and differences with intervals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from refa_cli.face.default import default_face
from refa_cli.face.evaluate import Geometry
from refa_cli.face.shapes import INDEX
from refa_cli.scores.curves import Curves
from refa_cli.scores.errors import gaze_error, pose_errors, pose_offset, surface_errors, weight_error
from refa_cli.scores.paired import differences
from tests.scores.made import recording, still

GEOMETRY = Geometry.of_face(default_face())


def curves(weights: np.ndarray, **changes: np.ndarray) -> Curves:
    return Curves.of(recording(weights, **changes))


def test_weights_differ_by_their_mean() -> None:
    true, found = curves(still(JawDrop=0.5)), curves(still(JawDrop=0.3, LipPuckerL=0.1))
    assert weight_error(found, true) == pytest.approx(0.3 / 53, rel=1e-5)
    assert weight_error(true, true) == 0
    assert weight_error(true, curves(still(), valid=np.zeros(90, bool))) is None


def test_surfaces_are_compared_where_they_truly_move() -> None:
    true = curves(still(JawDrop=0.8))
    half = surface_errors(curves(still(JawDrop=0.4)), true, GEOMETRY)
    assert half is not None and half[0] == pytest.approx(half[1] / 2, rel=1e-4) and half[1] > 3
    exact = surface_errors(true, true, GEOMETRY)
    assert exact is not None and exact[0] == 0
    brows = surface_errors(curves(still(JawDrop=0.8, InnerBrowRaiserL=1.0)), true, GEOMETRY)
    assert brows is not None and brows[0] < 0.2  # they are not among what truly moves
    assert surface_errors(true, curves(still()), GEOMETRY) is None


def test_gaze_of_shut_eyes_does_not_count() -> None:
    gaze = np.zeros((90, 2, 2))
    gaze[:, 0, 0] = np.radians(10)
    weights = still()
    assert gaze_error(curves(weights, gaze=gaze), curves(weights)) == pytest.approx(5, rel=1e-4)
    weights[:, INDEX["EyesClosedR"]] = 1.0
    assert gaze_error(curves(weights, gaze=gaze), curves(weights)) == pytest.approx(10, rel=1e-4)
    weights[:, INDEX["EyesClosedL"]] = 1.0
    assert gaze_error(curves(weights, gaze=gaze), curves(weights)) is None


def poses(count: int, rng: np.random.Generator) -> np.ndarray:
    out = np.tile(np.eye(4), (count, 1, 1))
    out[:, :3, :3] = Rotation.from_rotvec(0.1 * rng.standard_normal((count, 3))).as_matrix()
    out[:, :3, 3] = 0.01 * rng.standard_normal((count, 3))
    return out


def test_one_rigid_offset_is_taken_away() -> None:
    rng = np.random.default_rng(0)
    true, offset = poses(50, rng), poses(1, rng)[0]
    found = true @ offset
    np.testing.assert_allclose(pose_offset(found, true), offset, atol=1e-9)
    assert pose_errors(found, true, offset) == pytest.approx((0, 0), abs=1e-5)
    slipped = found.copy()
    slipped[:, 0, 3] += 0.001 * np.where(np.arange(50) % 2, 1, -1)
    millimetres, degrees = pose_errors(slipped, true, pose_offset(slipped, true))
    assert millimetres == pytest.approx(1, rel=0.05) and degrees == pytest.approx(0, abs=1e-5)
    turned = found.copy()
    turned[:, :3, :3] = (
        found[:, :3, :3]
        @ Rotation.from_rotvec(np.radians(2) * np.where(np.arange(50) % 2, 1, -1)[:, None] * [0, 0, 1]).as_matrix()
    )
    assert pose_errors(turned, true, offset)[1] == pytest.approx(2, rel=1e-6)


def test_differences_are_paired_by_subject_and_have_intervals() -> None:
    rng = np.random.default_rng(0)
    level = rng.uniform(0, 1, 20)
    first = {f"S{i}": {"x": float(level[i] + 0.1 + 0.01 * rng.standard_normal()), "y": None} for i in range(20)}
    second = {f"S{i}": {"x": float(level[i]), "y": 0.0} for i in range(5, 25 - 5)}
    found = differences(first, second)
    gap = found["x"]
    assert gap is not None and gap.subjects == 15 and found["y"] is None
    assert 0.08 < gap.low < gap.mean < gap.high < 0.12
    assert differences(first, second) == found
