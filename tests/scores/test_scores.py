"""Every score against recordings whose value is known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from refa_cli.face.prompts import PROMPTS, by_id
from refa_cli.face.shapes import EXPRESSIONS, INDEX
from refa_cli.formats.labels import Labels
from refa_cli.scores.constants import constants
from refa_cli.scores.gaps import gaps
from refa_cli.scores.rest import resampled
from refa_cli.scores.scoring import GAMING, SCORES, Score, average, levels, score_recording
from tests.scores.made import peak, recording, still

C = constants()
NEUTRAL = {"kind": "neutral", "start": 0.0, "end": 2.0}


def scores(labels: Labels) -> Mapping[str, Score]:
    return score_recording(labels)


def expected(name: str, factor: float = 1.0) -> np.ndarray:
    return np.tile(factor * by_id(name).weights, (90, 1))


def test_what_a_recording_lacks_is_not_applicable() -> None:
    got = scores(recording(still()))
    assert set(got) == {*SCORES, *GAMING}
    assert [name for name, value in got.items() if value is not None] == ["smoothness"]
    assert all(value is None for value in scores(recording(still()[:1])).values())


def test_semantic_accuracy_is_the_reached_share_of_key_shapes() -> None:
    grin = [peak("grin")]
    assert scores(recording(expected("grin"), grin))["semantic_accuracy"] == pytest.approx(1)
    half = scores(recording(expected("grin", 0.45), grin))["semantic_accuracy"]
    assert half == pytest.approx(0.45 / C.semantic_enough, rel=1e-5)
    one = expected("grin")
    one[:, INDEX["LipCornerPullerL"]] = 0.0
    keys = by_id("grin").key_shapes
    assert scores(recording(one, grin))["semantic_accuracy"] == pytest.approx(1 - 1 / len(keys))
    assert scores(recording(np.ones((90, 53)), grin))["semantic_accuracy"] == 1


def test_only_scoring_prompts_and_only_their_hold_count() -> None:
    calibration = next(p.id for p in PROMPTS if p.split == "calibration" and p.key_shapes)
    got = scores(recording(expected(calibration), [peak(calibration)]))
    assert got["semantic_accuracy"] is None
    late = expected("grin")
    late[:30] = 0  # before the hold
    late[61:] = 0
    assert scores(recording(late, [peak("grin")]))["semantic_accuracy"] == pytest.approx(1)
    both = [peak("grin"), peak("laugh", 2.0, 2.2, 2.9)]
    assert scores(recording(late, both))["semantic_accuracy"] == pytest.approx(0.5)


def test_rows_that_are_not_valid_do_not_count() -> None:
    weights = expected("grin")
    weights[45:] = 0
    valid = np.arange(90) < 45
    assert scores(recording(weights, [peak("grin")], valid=valid))["semantic_accuracy"] == pytest.approx(1)
    nothing = scores(recording(weights, [peak("grin"), NEUTRAL], valid=np.zeros(90, bool)))
    assert all(value is None for value in nothing.values())


def test_over_activation_and_cross_talk_tell_too_much() -> None:
    right = scores(recording(expected("grin"), [peak("grin")]))
    assert right["over_activation"] == pytest.approx(0, abs=1e-6) and right["cross_talk"] == 0
    everything = scores(recording(np.ones((90, 53)), [peak("grin")]))
    asked = np.array(list(by_id("grin").expected.values()))
    assert everything["over_activation"] == pytest.approx(float((1 - asked).mean()))
    unasked = len(EXPRESSIONS) - len(asked)
    assert everything["cross_talk"] == pytest.approx(unasked * (1 - C.gaming_unasked) / asked.sum(), rel=1e-5)
    slight = expected("grin")
    slight[:, INDEX["JawDrop"]] = C.gaming_unasked
    assert scores(recording(slight, [peak("grin")]))["cross_talk"] == pytest.approx(0, abs=1e-6)


def test_neutralness_is_the_share_of_quiet_shapes() -> None:
    assert scores(recording(still(), [NEUTRAL]))["neutralness"] == 1
    three = still(JawDrop=0.2, LipPuckerL=0.2, LipPuckerR=0.11, BrowLowererL=0.09)
    assert scores(recording(three, [NEUTRAL]))["neutralness"] == pytest.approx(50 / 53)
    assert scores(recording(np.ones((90, 53)), [NEUTRAL]))["neutralness"] == 0
    blinking = still()
    blinking[10:16, [INDEX["EyesClosedL"], INDEX["EyesClosedR"]]] = 1.0  # 6 of 61 rows
    assert scores(recording(blinking, [NEUTRAL]))["neutralness"] == 1
    blinking[10:30, [INDEX["EyesClosedL"], INDEX["EyesClosedR"]]] = 1.0
    assert scores(recording(blinking, [NEUTRAL]))["neutralness"] == pytest.approx(51 / 53)


def test_smoothness_of_a_parabola_is_known_and_does_not_depend_on_the_frame_rate() -> None:
    """a t^2 has second differences of 2 a / rate^2 everywhere."""
    wanted = np.exp(-(2 * 0.2 / C.smoothness_rate_hz**2) / 53 / C.smoothness_scale)
    for rate in (30.0, 60.0, 90.0, 72.0):
        weights = still(2.0, rate)
        weights[:, INDEX["JawDrop"]] = 0.2 * (np.arange(len(weights)) / rate) ** 2
        assert scores(recording(weights, rate=rate))["smoothness"] == pytest.approx(wanted, rel=1e-4)
    line = still(2.0)
    line[:] = np.linspace(0, 1, len(line))[:, None]
    assert scores(recording(line))["smoothness"] == pytest.approx(1, rel=1e-4)


def test_noise_is_not_smooth() -> None:
    noise = np.clip(0.5 + 0.03 * np.random.default_rng(0).standard_normal((3000, 53)), 0, 1)
    size = 0.03 * np.sqrt(6) * np.sqrt(2 / np.pi)  # of the second differences of white noise
    got = scores(recording(noise))["smoothness"]
    assert got is not None and np.exp(-size / C.smoothness_scale) < got < np.exp(-0.4 * size / C.smoothness_scale)


def test_gaps_in_time_are_not_jumps() -> None:
    weights = still(3.0)
    weights[45:] = 1.0
    valid = np.ones(90, bool)
    jump = scores(recording(weights, valid=valid))["smoothness"]
    valid[44:46] = False
    assert jump is not None and jump < 0.999
    assert scores(recording(weights, valid=valid))["smoothness"] == pytest.approx(1)


def test_resampling_keeps_means() -> None:
    seconds = np.cumsum(np.random.default_rng(1).uniform(0.005, 0.03, 200))
    values = np.sin(seconds)[:, None]
    even = resampled(seconds, values, 30.0)
    at = seconds[0] + (np.arange(len(even)) + 0.5) / 30
    np.testing.assert_allclose(even[:, 0], np.sin(at), atol=2e-4)


@pytest.mark.parametrize("side", ["both", "left", "right"])
def test_eye_closure_is_that_of_the_asked_eyes(side: str) -> None:
    shut = {"both": ("EyesClosedL", "EyesClosedR"), "left": ("EyesClosedL",), "right": ("EyesClosedR",)}[side]
    asked = [{"kind": "eyes_closed", "side": side, "start": 0.0, "end": 2.0}]
    got = scores(recording(still(**dict.fromkeys(shut, 1.0)), asked))
    assert got["eye_closure"] == pytest.approx(1, abs=1e-6) and got["false_closure"] in (0, None)
    assert scores(recording(still(), asked))["eye_closure"] == pytest.approx(0, abs=1e-6)
    half = scores(recording(still(**dict.fromkeys(shut, 0.5)), asked))["eye_closure"]
    assert half == pytest.approx(0.5 / C.closure_eye_shut, abs=1e-3)  # lids turn on a straight line
    if side != "both":
        everything = scores(recording(still(EyesClosedL=1.0, EyesClosedR=1.0), asked))
        assert everything["eye_closure"] == pytest.approx(1) and everything["false_closure"] == 1


def test_false_closure_forgives_blinks() -> None:
    weights = still()
    weights[20:28, [INDEX["EyesClosedL"], INDEX["EyesClosedR"]]] = 1.0
    assert scores(recording(weights, [NEUTRAL]))["false_closure"] == 0
    weights[20:50, INDEX["EyesClosedL"]] = 1.0
    assert scores(recording(weights, [NEUTRAL]))["false_closure"] == pytest.approx(30 / 61 / 2)


def test_mouth_closure_follows_the_lips() -> None:
    asked = [{"kind": "mouth_closed", "start": 0.0, "end": 2.0}]
    assert scores(recording(still(), asked))["mouth_closure"] == pytest.approx(1, abs=0.02)
    assert scores(recording(still(JawDrop=0.5), asked))["mouth_closure"] == 0
    together = scores(recording(still(JawDrop=0.5, LipsToward=0.5), asked))["mouth_closure"]
    assert together is not None and together > 0.9
    ajar = scores(recording(still(JawDrop=0.125), asked))["mouth_closure"]
    assert ajar is not None and 0.4 < ajar < 0.75  # gaps do not grow in proportion


def test_gaps_fall_as_eyes_close() -> None:
    weights = np.zeros((11, 53))
    weights[:, INDEX["EyesClosedL"]] = np.linspace(0, 1, 11)
    shut = gaps().eyes_shut(weights, np.zeros((11, 2, 2)))
    assert (np.diff(shut[:, 0]) > 0).all() and shut[0, 0] == 0 and shut[-1, 0] == 1
    assert not shut[:, 1].any()


def test_eyes_that_are_shut_hard_are_shut() -> None:
    """Lids that cross on the avatar are no further apart than lids that touch."""
    for name in ("eyes_closed", "eyes_squeezed", "wink_left"):
        shut = gaps().eyes_shut(by_id(name).weights[None].astype(float), np.zeros((1, 2, 2)))[0]
        assert shut[0] == pytest.approx(1, abs=0.01), name
        assert shut[1] == pytest.approx(0 if name == "wink_left" else 1, abs=0.1), name
    wide = np.zeros((1, 53))
    wide[0, [INDEX["UpperLidRaiserL"], INDEX["JawDrop"]]] = 1.0
    apart, rest = gaps().of(wide, np.zeros((1, 2, 2)))[0], gaps().of(np.zeros((1, 53)), np.zeros((1, 2, 2)))[0]
    assert apart[0] > rest[0] > 0.005 and apart[1] == rest[1] and apart[2] > 0.02 and rest[2] < 0.001


def test_averages_are_over_recordings_then_subjects_and_never_pooled() -> None:
    rows: dict[str, dict[str, dict[str, Score]]] = {
        "A": {"one": {"x": 1.0, "y": None}, "two": {"x": 0.0, "y": 0.4}, "three": {"x": 0.5, "y": None}},
        "B": {"one": {"x": 0.0, "y": None}},
    }
    subjects, dataset = levels(rows)
    assert subjects["A"] == {"x": 0.5, "y": 0.4} and subjects["B"] == {"x": 0.0, "y": None}
    assert dataset == {"x": 0.25, "y": 0.4}
    assert average([]) == {}


def test_constants_are_all_documented() -> None:
    from importlib.resources import files

    text = files("refa_cli.scores").joinpath("constants.toml").read_text(encoding="utf-8")
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if "=" in line and not line.startswith("#"):
            assert lines[number - 1].startswith("#"), line
