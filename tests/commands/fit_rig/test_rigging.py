"""Example-based rigging: known shapes back from combinations, priors where nothing is shown, bounded weights."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import lsq_linear

from refa_cli.commands.fit_rig.person import Parts
from refa_cli.commands.fit_rig.rigging import MOST, SLIDE, Examples, bounded, frames, gains, ridge, solve, solve_places
from refa_cli.face.default import default_face
from refa_cli.face.deformation import transfer
from refa_cli.face.prompts import expected_weights
from refa_cli.face.shapes import EXPRESSIONS, INDEX
from tests.commands.fit_rig.heads import Head

COUNT = len(EXPRESSIONS)


@pytest.fixture(scope="module")
def made() -> dict[str, np.ndarray]:
    """A person whose shapes have gains of their own, and what the 60 prompts look like on that face."""
    face, head, rng = default_face(), Head.random(8), np.random.default_rng(2)
    neutral = head.vertices()
    prior = transfer(face.mean.astype(np.float64), face.expression_basis.astype(np.float64), neutral, face.triangles)
    gain = rng.uniform(0.8, 1.2, COUNT)
    truth = gain[:, None, None] * prior
    expected = expected_weights().astype(np.float64)
    seen = np.tensordot(expected, truth, 1)
    return {"neutral": neutral, "prior": prior, "truth": truth, "expected": expected, "seen": seen}


def test_known_shapes_come_back(made: dict[str, np.ndarray]) -> None:
    face = default_face()
    parts = Parts.of(face)
    sure = np.tile(parts.moving.astype(float), (len(made["seen"]), 1))
    solved = solve(made["neutral"], face.triangles, made["prior"], Examples(made["seen"], sure, made["expected"]),
                   parts.skin, parts.moving)  # fmt: skip
    a = solved.shapes[:, parts.moving].reshape(COUNT, -1)
    b = made["truth"][:, parts.moving].reshape(COUNT, -1)
    cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    assert cosine.min() > 0.95
    # What a scan shows is weight times shape: compare the most that was shown of each.
    most, asked = solved.weights.max(0), made["expected"].max(0)
    found = gains(solved.shapes * (most / asked)[:, None, None], made["truth"], parts.moving)
    assert ((found > 0.85) & (found < 1.15)).mean() > 0.9
    before = gains(made["prior"], made["truth"], parts.moving)
    assert np.abs(found - 1).mean() < 0.5 * np.abs(before - 1).mean()
    assert (solved.weights >= 0).all() and (solved.weights <= MOST).all()
    again = made["neutral"] + np.tensordot(solved.weights, solved.shapes, 1)
    error = np.linalg.norm(again - made["neutral"] - made["seen"], axis=2)[:, parts.moving]
    assert np.median(error) < 0.0002


def test_a_shape_that_nothing_shows_stays_at_its_prior(made: dict[str, np.ndarray]) -> None:
    face = default_face()
    parts = Parts.of(face)
    hidden = INDEX["JawThrust"]
    shown = made["expected"][:, hidden] == 0
    sure = np.tile(parts.moving.astype(float), (int(shown.sum()), 1))
    solved = solve(made["neutral"], face.triangles, made["prior"],
                   Examples(made["seen"][shown], sure, made["expected"][shown]), parts.skin, parts.moving)  # fmt: skip
    difference = np.linalg.norm(solved.shapes[hidden] - made["prior"][hidden], axis=1)
    assert difference.max() < 0.1 * np.linalg.norm(made["prior"][hidden], axis=1).max()
    assert solved.resolution[hidden] < 0.1 < solved.resolution[INDEX["JawDrop"]]


def test_bounded_least_squares_agrees_with_scipy() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        a, b = rng.standard_normal((30, 12)), 2 * rng.standard_normal(30)
        x = bounded(a.T @ a, a.T @ b, 0.0, 1.0, np.zeros(12))
        assert np.abs(x - lsq_linear(a, b, (0, 1)).x).max() < 1e-4


def test_places_bring_what_gradients_lose_and_hold_the_rest() -> None:
    """A smooth lack of every scan comes back into the shape that shows it, less where its prior is still."""
    rng = np.random.default_rng(3)
    weights = rng.uniform(0, 1, (40, 2))
    weights[:10] = 0
    prior = np.zeros((2, 5, 3))
    prior[0, :3, 1] = 0.004  # the last two vertices are still
    lack = np.array([0.001, -0.0005, 0.0002, 0.0006, 0.0])[:, None] * [0.0, 1.0, 0.0]
    displacement = np.tensordot(weights[:, 0], prior[0] + lack, 0) + np.tensordot(weights[:, 1], prior[1], 0)
    examples = Examples(displacement, np.ones((40, 5)), weights)
    turn = frames(np.tile([0.0, 1.0, 0.0], (5, 1)))
    found = solve_places(weights, prior, prior, examples, np.ones(5, bool), turn)
    np.testing.assert_allclose(found[0, :3], lack[:3], atol=1e-4)
    assert 0 < found[0, 3, 1] < 0.8 * lack[3, 1]
    assert np.abs(found[1]).max() < 2e-4


def test_along_the_skin_the_prior_weighs_more() -> None:
    turn = frames(np.array([[0.0, 0.0, 2.0], [3.0, 0.0, 0.0]]))
    np.testing.assert_allclose(turn @ turn.transpose(0, 2, 1), np.tile(np.eye(3), (2, 1, 1)), atol=1e-12)
    np.testing.assert_allclose(turn[:, 0], [[0, 0, 1], [1, 0, 0]], atol=1e-12)
    weights, wanted = np.ones((4, 1)), np.ones((4, 1, 3, 1))
    found = ridge(weights, wanted, np.ones((4, 1)), np.ones((1, 1)))[0, 0, :, 0]
    np.testing.assert_allclose(found, [4 / 5, 4 / (4 + SLIDE), 4 / (4 + SLIDE)])
