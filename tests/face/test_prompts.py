"""The scripted set of 60 expressions."""

from __future__ import annotations

import numpy as np
import pytest

from refa_cli.face.prompts import KEY, PROMPTS, SPLITS, by_id, expand, expected_weights, load
from refa_cli.face.shapes import EXPRESSIONS, INDEX, mirrored
from refa_cli.formats.errors import DataError

WEIGHTS = expected_weights()


def test_sixty_with_neutral_first() -> None:
    assert len(PROMPTS) == 60 and PROMPTS[0].id == "neutral" and WEIGHTS.shape == (60, 53)
    assert not WEIGHTS[0].any() and len({p.prompt for p in PROMPTS}) == 60


def test_every_shape_is_key_in_two_different_expressions() -> None:
    shown = (WEIGHTS >= KEY).sum(axis=0)
    assert (shown >= 2).all(), [n for n, k in zip(EXPRESSIONS, shown, strict=True) if k < 2]


def test_calibration_alone_shows_every_shape() -> None:
    calibration = np.array([p.split == "calibration" for p in PROMPTS])
    assert (WEIGHTS[calibration].max(axis=0) >= 0.6).all()
    for split in SPLITS:
        assert 24 <= sum(p.split == split for p in PROMPTS) <= 36


def test_lips_close_no_more_than_the_jaw_opens() -> None:
    assert (WEIGHTS[:, INDEX["LipsToward"]] <= WEIGHTS[:, INDEX["JawDrop"]]).all()


def test_one_sided_expressions_have_both_sides() -> None:
    for prompt in PROMPTS:
        if prompt.id.endswith("_left"):
            right = by_id(prompt.id.removesuffix("_left") + "_right")
            assert {mirrored(name): w for name, w in prompt.expected.items()} == right.expected


def test_closed_and_gaze() -> None:
    assert by_id("wink_left").closed == (True, False) and by_id("eyes_squeezed").closed == (True, True)
    assert by_id("look_down").gaze[1] == pytest.approx(-np.radians(20))
    assert expected_weights(["jaw_open"])[0, INDEX["JawDrop"]] == 1.0
    with pytest.raises(KeyError):
        by_id("grimace")


def test_short_names() -> None:
    assert expand("CheekPuff") == ("CheekPuffL", "CheekPuffR")
    assert expand("LipSuckB") == ("LipSuckLB", "LipSuckRB")
    assert set(expand("LipFunneler")) == {"LipFunnelerLB", "LipFunnelerLT", "LipFunnelerRB", "LipFunnelerRT"}
    assert expand("ChinRaiserB") == ("ChinRaiserB",) and expand("Nose") == ()


GOOD = '[[expression]]\nid = "neutral"\nprompt = "Rest."\nsplit = "calibration"\nexpected = {}\n'


@pytest.mark.parametrize(
    "more,complaint",
    [
        ('id = "Bad Id"\nprompt = "a"\nsplit = "scoring"\nexpected = {}', "snake_case"),
        ('id = "a"\nprompt = "a"\nsplit = "other"\nexpected = {}', "split"),
        ('id = "a"\nprompt = " "\nsplit = "scoring"\nexpected = {}', "prompt"),
        ('id = "a"\nprompt = "a"\nsplit = "scoring"\nexpected = { Smile = 1 }', "Smile"),
        ('id = "a"\nprompt = "a"\nsplit = "scoring"\nexpected = { JawDrop = 1.5 }', "1.5"),
        ('id = "a"\nprompt = "a"\nsplit = "scoring"\nexpected = { LipsToward = 0.5 }', "JawDrop"),
        ('id = "a"\nprompt = "a"\nsplit = "scoring"\nexpected = { CheekPuff = 1, CheekPuffL = 1 }', "once"),
        ('id = "a"\nprompt = "a"\nsplit = "scoring"\nexpected = {}\ngaze_degrees = [80, 0]', "45"),
        ('id = "a"\nprompt = "a"\nsplit = "scoring"\nexpected = {}\ngaze_degrees = []', "two angles"),
        ('id = "a"\nprompt = "a"\nsplit = "scoring"\nexpected = {}\ngase = 1', "gase"),
        ('id = "neutral"\nprompt = "a"\nsplit = "scoring"\nexpected = {}', "once"),
    ],
)
def test_refuses(more: str, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        load(GOOD + "[[expression]]\n" + more)


@pytest.mark.parametrize("text", ["", "x = [", "[[expression]]\nid='a'\nprompt='a'\nsplit='scoring'"])
def test_refuses_what_is_no_list(text: str) -> None:
    with pytest.raises(DataError):
        load(text)
