"""Virtual people: outside the model's reach, with sane lids and lips; performances that keep to their prompts."""

from __future__ import annotations

import numpy as np
import pytest

from refa_cli.commands.simulate import constants
from refa_cli.commands.simulate.fields import rms, smooth_field
from refa_cli.commands.simulate.performance import drift, perform
from refa_cli.commands.simulate.person import Person, action, make_person
from refa_cli.commands.simulate.poses import phone_poses
from refa_cli.face.default import default_face
from refa_cli.face.prompts import PROMPTS, by_id, expected_weights
from refa_cli.face.shapes import ALL, EXPRESSIONS, INDEX
from refa_cli.formats.face import REGIONS

FACE = REGIONS.index("face")


@pytest.fixture(scope="module", params=["S0001", "S0002"])
def person(request: pytest.FixtureRequest) -> Person:
    return make_person(default_face(), request.param, seed=0)


def test_same_name_same_person(person: Person) -> None:
    again = make_person(default_face(), person.subject, seed=0)
    assert np.array_equal(again.geometry.expressions, person.geometry.expressions)
    assert np.array_equal(again.neutral, person.neutral)
    assert not np.array_equal(make_person(default_face(), person.subject, seed=1).neutral, person.neutral)


def test_outside_the_basis(person: Person) -> None:
    """What the best coefficients leave of the zero head, and of each shape, is not nothing."""
    face = person.face
    region = face.regions[FACE]
    basis = face.identity_basis.reshape(len(face.identity_basis), -1).T.astype(np.float64)
    off = (person.geometry.neutral - face.mean).ravel().astype(np.float64)
    left = off - basis @ np.linalg.lstsq(basis, off, rcond=None)[0]
    assert 0.0005 < rms(left.reshape(-1, 3), region) < 0.0015
    for i in range(len(EXPRESSIONS)):
        own, model = person.geometry.expressions[i].ravel(), face.expression_basis[i].ravel()
        gain = own @ model / (model @ model)
        part = np.linalg.norm(own - gain * model) / np.linalg.norm(gain * model)
        if "Closed" in EXPRESSIONS[i] or "Toward" in EXPRESSIONS[i]:  # what it takes to close comes on top
            assert part > 0.09, EXPRESSIONS[i]
        else:
            assert gain == pytest.approx(person.gain[i], rel=1e-4), EXPRESSIONS[i]
            assert part == pytest.approx(constants.SHAPE_VARIATION, abs=0.005), EXPRESSIONS[i]


def test_eyeballs_stay_balls(person: Person) -> None:
    assert not person.outside[person.face.eyeball > 0].any()
    assert np.linalg.norm(person.geometry.eye_centers.mean(axis=0)) < 0.002


def test_shapes_stay_where_they_move(person: Person) -> None:
    face = person.face
    for name in ("CheekPuffL", "BrowLowererR", "JawDrop", "LipCornerPullerL"):
        still = ~face.expression_basis[INDEX[name]].any(axis=1)
        assert not person.geometry.expressions[INDEX[name]][still].any()


def test_lids_and_lips_close(person: Person) -> None:
    face, geometry = person.face, person.geometry
    for side, name in enumerate(("EyesClosedL", "EyesClosedR")):
        upper, lower = face.lid_pairs[side].T
        shut = geometry.neutral + geometry.expressions[INDEX[name]]
        model = face.mean + face.expression_basis[INDEX[name]]
        opened = geometry.neutral[upper, 1] - geometry.neutral[lower, 1]
        assert np.median(opened) > 0.003
        assert np.abs((shut[upper] - shut[lower]) - (model[upper] - model[lower])).max() < 0.0005
    upper, lower = face.lip_pairs.T
    weights = np.zeros(53)
    weights[[INDEX["JawDrop"], INDEX["LipsToward"]]] = 0.7
    moved, zero = geometry.evaluate(weights), geometry.neutral
    assert np.abs((moved[upper] - moved[lower]) - (zero[upper] - zero[lower])).max() < 0.0003
    weights[INDEX["LipsToward"]] = 0
    assert np.median(geometry.evaluate(weights)[upper, 1] - geometry.evaluate(weights)[lower, 1]) > 0.01


def test_rest_is_small_and_not_zero(person: Person) -> None:
    assert 0 < person.rest.max() <= constants.REST_LIMIT
    assert 3 <= np.count_nonzero(person.rest) <= constants.REST_COUNT
    assert set(np.array(EXPRESSIONS)[person.rest > 0]) <= set(constants.REST_SHAPES)


def test_sides_and_people_differ(person: Person) -> None:
    left, right = person.gain[INDEX["LipCornerPullerL"]], person.gain[INDEX["LipCornerPullerR"]]
    assert left != right
    free = [i for i, name in enumerate(ALL) if not name.startswith("EyesClosed")]
    assert 0.05 < np.std(np.log(person.gain[free])) < 0.2
    assert action("LipSuckLB") == action("LipSuckRT")
    assert action("MouthLeft") == action("MouthRight") != action("JawSidewaysLeft")


def test_performances_keep_to_the_script(person: Person) -> None:
    held = {prompt.id: perform(person, prompt, 4) for prompt in PROMPTS}
    means = np.stack([performance.mean_weights for performance in held.values()])
    expected = expected_weights()
    reached = means.max(axis=0)
    assert (reached >= 0.95 * expected.max(axis=0)).all()
    assert means.min() >= 0 and means.max() <= 1
    key = expected >= 0.5
    assert (means[key] >= 0.8 * expected[key]).all()
    assert (means[expected == 0] <= 0.25).all()
    assert np.abs(means - expected).mean() > 0.007  # nobody does just what the script says
    weights = np.stack([performance.weights for performance in held.values()])
    assert (weights[..., INDEX["LipsToward"]] <= weights[..., INDEX["JawDrop"]] + 1e-9).all()
    assert (held["eyes_closed"].weights[:, [INDEX["EyesClosedL"], INDEX["EyesClosedR"]]] == 1).all()
    assert np.allclose(held["neutral"].mean_weights, person.rest, atol=1e-9)
    assert not held["neutral"].residual.any()


def test_holds_drift_a_little(person: Person) -> None:
    performance = perform(person, by_id("jaw_open"), 8)
    jaw = performance.weights[:, INDEX["JawDrop"]]
    assert 0.001 < np.ptp(jaw) < 0.08
    assert rms(performance.residual, person.face.regions[FACE]) == pytest.approx(constants.EXPRESSION_RESIDUAL_RMS)
    assert np.abs(drift(8, 5, np.random.default_rng(0)).mean(axis=0)).max() < 1e-12


def test_gaze_follows_the_prompt(person: Person) -> None:
    up = perform(person, by_id("look_up"), 4).mean_gaze
    assert np.allclose(up[:, 1], np.radians(20), atol=np.radians(3))
    assert np.allclose(up[0], up[1])


def test_the_phone_goes_round(person: Person) -> None:
    poses = phone_poses(person, "neutral", 8)
    assert np.allclose(poses[:, :3, :3] @ poses[:, :3, :3].transpose(0, 2, 1), np.eye(3), atol=1e-9)
    where = -np.einsum("tji,tj->ti", poses[:, :3, :3], poses[:, :3, 3])
    yaw = np.degrees(np.arctan2(where[:, 0], where[:, 2]))
    assert yaw.max() > 25 and yaw.min() < -25
    middle = poses[:, :3, :3] @ np.array(constants.FACE_CENTER) + poses[:, :3, 3]
    assert ((middle[:, 2] > 0.25) & (middle[:, 2] < 0.47)).all()
    assert not np.allclose(poses, phone_poses(person, "grin", 8))


def test_fields_are_as_smooth_as_asked() -> None:
    points = np.array([[0.0, 0, 0], [0.01, 0, 0], [0.2, 0, 0]])
    near, far = [], []
    for seed in range(300):
        value = smooth_field(points, (0.04, 0.04), 1, np.random.default_rng(seed))
        near.append(value[0, 0] * value[1, 0])
        far.append(value[0, 0] * value[2, 0])
    assert np.mean(near) == pytest.approx(np.exp(-0.5 * 0.25**2), abs=0.25)
    assert np.mean(far) == pytest.approx(0, abs=0.25)
