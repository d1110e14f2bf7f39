"""Donnings move the head in the headset's frame as the words say."""

from __future__ import annotations

import numpy as np

from refa_cli.face.shapes import EXPRESSIONS, INDEX
from refa_cli.headset.default import default_headset
from refa_cli.headset.donning import FARTHEST, PIVOT, SHIFT_SIGMA, TURN_SIGMA, Slip, pushed, random_slip

STRAIGHT = default_headset().headset_from_head.astype(np.float64)


def test_no_slip_changes_nothing() -> None:
    np.testing.assert_allclose(Slip(np.zeros(3), np.zeros(3)).applied(STRAIGHT), STRAIGHT, atol=1e-12)


def test_a_headset_that_slides_up_sees_the_head_lower() -> None:
    donned = Slip(np.array([0, 0.004, 0]), np.zeros(3)).applied(STRAIGHT)
    np.testing.assert_allclose(donned[:3, 3] - STRAIGHT[:3, 3], [0, -0.004, 0], atol=1e-12)


def test_it_turns_about_the_pad() -> None:
    donned = Slip(np.zeros(3), np.array([0.05, -0.02, 0.03])).applied(STRAIGHT)
    on_head = np.linalg.inv(STRAIGHT) @ [*PIVOT, 1]
    np.testing.assert_allclose((donned @ on_head)[:3], PIVOT, atol=1e-12)
    turn = donned[:3, :3] @ STRAIGHT[:3, :3].T
    np.testing.assert_allclose(np.arccos((np.trace(turn) - 1) / 2), np.linalg.norm([0.05, 0.02, 0.03]), atol=1e-9)


def test_random_slips_spread_as_stated_and_repeat() -> None:
    slips = [random_slip(np.random.default_rng([5, i])) for i in range(800)]
    again = random_slip(np.random.default_rng([5, 0]))
    assert np.array_equal(again.shift, slips[0].shift) and np.array_equal(again.turn, slips[0].turn)
    for values, sigma in (
        (np.array([s.shift for s in slips]), SHIFT_SIGMA),
        (np.array([s.turn for s in slips]), TURN_SIGMA),
    ):
        assert (np.abs(values) <= FARTHEST * np.array(sigma) + 1e-12).all()
        np.testing.assert_allclose(values.std(0) / sigma, 0.95, atol=0.1)  # the tails are cut
        np.testing.assert_allclose(values.mean(0) / sigma, 0, atol=0.15)
    assert not random_slip(np.random.default_rng(1), 0.0).shift.any()


def test_cheeks_push_the_headset_out_and_one_cheek_rolls_it() -> None:
    weights = np.zeros(len(EXPRESSIONS))
    assert not pushed(weights).shift.any()
    weights[INDEX["CheekRaiserL"]] = weights[INDEX["CheekRaiserR"]] = 1
    both = pushed(weights)
    assert both.shift[2] > 0.001 and both.shift[1] > 0 and not both.turn.any()
    weights[INDEX["CheekRaiserR"]] = 0
    one = pushed(weights)
    assert 0 < one.shift[2] < both.shift[2] and one.turn[2] > 0
