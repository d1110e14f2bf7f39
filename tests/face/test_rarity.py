"""Rows that show what is rare are drawn more often, in the share that is asked for."""

from __future__ import annotations

import numpy as np
import pytest

from refa_cli.face.rarity import odds, pick, rarity


def test_rare_rows_come_more_often() -> None:
    weights = np.zeros((100, 53), np.float32)
    weights[:90, 0] = 1.0
    weights[90:99, 1] = 1.0
    weights[99, 2] = 1.0
    told = rarity(weights)
    assert told.mean() == pytest.approx(1) and told[0] < told[90] < told[99]
    drawn = pick(odds(weights, 1.0), np.random.default_rng(0).random(20000))
    shares = np.bincount(drawn, minlength=100) / len(drawn)
    np.testing.assert_allclose([shares[:90].sum(), shares[99]], [told[:90].sum() / 100, told[99] / 100], atol=0.01)


def test_without_preference_all_rows_alike() -> None:
    weights = np.random.default_rng(0).random((10, 53), np.float32)
    np.testing.assert_allclose(np.diff(odds(weights, 0.0)), 0.1)
    np.testing.assert_allclose(np.diff(odds(np.zeros((10, 53), np.float32), 1.0)), 0.1)
    assert list(pick(odds(weights, 0.0), np.array([0.0, 0.05, 0.999, 1.0]))) == [0, 0, 9, 9]
