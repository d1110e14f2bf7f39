"""What is asked stands in order; what is shown follows it, within what faces and eyes can do."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from refa_cli.commands.simulate.session.eyes import blinks, both_eyes, fixations
from refa_cli.commands.simulate.session.motion import Motion, perform_script, perform_take
from refa_cli.commands.simulate.session.script import RECORDINGS, Part, Script, script_of
from refa_cli.commands.simulate.session.speech import speech
from refa_cli.face.prompts import PROMPTS, by_id
from refa_cli.face.shapes import EXPRESSIONS, INDEX
from refa_cli.formats.labels import STATES, Labels
from tests.commands.session.people import person

EVERY = tuple(prompt.id for prompt in PROMPTS)
PERSON = person()


def script(name: str, misfit: int = 0, expressions: tuple[str, ...] = EVERY) -> Script:
    return script_of(name, PERSON, 1.0, 12.0, expressions, misfit)


def moved(held: Script, rate: float = 100.0) -> Motion:
    return perform_script(PERSON, held, np.arange(int(held.seconds * rate)) / rate)


def during(motion: Motion, part: Part) -> np.ndarray:
    """Rows of the middle of a hold."""
    length = part.end - part.hold
    return (motion.time > part.hold + 0.3 * length) & (motion.time < part.end - 0.2 * length)


@pytest.mark.parametrize("name", RECORDINGS)
def test_parts_start_hold_and_end_within_their_recording(name: str) -> None:
    held = script(name, 1)
    for part in held.parts:
        assert 0 <= part.start <= part.hold <= part.end <= held.seconds
    assert held.name == name
    faster = script_of(name, PERSON, 0.5, 12.0, EVERY, 1)
    if name not in ("speech", "free"):
        assert faster.seconds == pytest.approx(held.seconds / 2)


def test_every_expression_is_asked_once_from_neutral() -> None:
    held = script("peaks")
    peaks = [part for part in held.parts if part.kind == "peak"]
    assert [part.expression for part in peaks] == list(EVERY[1:])
    assert {part.performed for part in peaks} == {"fully"}
    for before, part in zip(held.parts, held.parts[1:], strict=False):
        assert part.kind != "peak" or before.kind == "neutral"


def test_some_prompts_are_shown_weakly_wrongly_or_not_at_all() -> None:
    counts: Counter[str] = Counter()
    for i in range(6):
        parts = script_of("peaks", person(f"S{i:04d}"), 1.0, 5.0, EVERY, 1).parts
        counts.update(part.performed for part in parts if part.kind == "peak")
        for part in parts:
            if part.kind != "peak":
                continue
            assert part.expression is not None and part.shown is not None
            asked = by_id(part.expression)
            keys = [INDEX[name] for name in asked.key_shapes if not PERSON.face.lacks[INDEX[name]]]
            if part.performed == "omitted":
                assert not part.shown.any()
            elif keys and part.performed == "weakly":
                assert 0.1 < part.shown[keys].max() < 0.65
            elif keys and part.performed == "fully":
                assert part.shown[keys].min() > 0.4
    total = sum(counts.values())
    assert 0.75 < counts["fully"] / total < 0.93
    assert all(counts[kind] > 0 for kind in ("weakly", "wrongly", "omitted"))


def test_an_asked_shape_comes_and_goes() -> None:
    held = script("peaks", expressions=("neutral", "jaw_open"))
    motion = moved(held)
    jaw = motion.weights[:, INDEX["JawDrop"]]
    peak = held.parts[-1]
    assert jaw[during(motion, peak)].min() > 0.8
    assert jaw[motion.time < peak.start].max() < 0.15
    assert jaw[-1] < 0.1
    speed = np.abs(np.gradient(jaw, motion.time))
    assert 2 < speed.max() < 15  # up within 0.1 to 1 s, without jumps


def test_winks_shut_one_eye_and_lids_follow_their_rules() -> None:
    held = script("closures")
    motion = moved(held)
    left, right = (motion.weights[:, INDEX[f"EyesClosed{side}"]] for side in "LR")
    for part in held.parts:
        if part.kind == "eyes_closed":
            rows = during(motion, part)
            assert (left[rows].min() > 0.99) == (part.side != "right")
            assert (right[rows].min() > 0.99) == (part.side != "left")
            if part.side != "both":
                other = right if part.side == "left" else left
                assert np.median(other[rows]) < 0.25
        else:
            assert np.median(motion.weights[during(motion, part)][:, INDEX["JawDrop"]]) < 0.02
    held_up = motion.weights[:, INDEX["UpperLidRaiserL"]]
    assert (held_up <= 1 - left + 1e-6).all()


@pytest.mark.parametrize("name", RECORDINGS)
def test_motion_keeps_the_rules_of_weights(name: str) -> None:
    motion = moved(script(name, 1), 30.0)
    assert motion.weights.min() >= 0 and motion.weights.max() <= 1
    assert (motion.weights[:, INDEX["LipsToward"]] <= motion.weights[:, INDEX["JawDrop"]] + 1e-12).all()
    assert np.abs(motion.gaze).max() < np.radians(45)
    again = moved(script(name, 1), 30.0)
    assert np.array_equal(motion.weights, again.weights) and np.array_equal(motion.gaze, again.gaze)
    assert not PERSON.face.lacks[:53][motion.weights.any(0)].any()


def test_people_move_in_ways_of_their_own() -> None:
    held = script("peaks", expressions=("neutral", "grin"))
    time = np.arange(int(held.seconds * 100)) / 100
    rises = []
    for i in range(5):
        weights = perform_script(person(f"S{i:04d}"), held, time).weights[:, INDEX["LipCornerPullerL"]]
        rises.append(time[np.argmax(weights > 0.5)])
    assert np.ptp(rises) > 0.03


def test_gaze_goes_where_it_is_sent() -> None:
    held = script("gaze")
    motion = moved(held)
    for part in held.parts:
        assert part.gaze is not None
        mean = motion.gaze[during(motion, part)].mean((0, 1))
        assert np.abs(mean - part.gaze).max() < np.radians(4)


def test_eyes_blink_rest_and_meet() -> None:
    rng = np.random.default_rng(0)
    time = np.arange(0, 120, 0.005)
    shut = blinks(time, rng)
    starts = np.flatnonzero((shut[1:] > 0.5) & (shut[:-1] <= 0.5))
    assert 15 < len(starts) < 60  # 8 to 30 a minute
    assert 0.08 < (shut > 0.5).sum() * 0.005 / len(starts) < 0.25
    gaze = fixations(time, rng)
    speed = np.abs(np.gradient(gaze, time, axis=0)).max(1)
    assert (speed < 0.01).mean() > 0.8 and speed.max() > 2
    eyes = both_eyes(gaze, rng)
    assert (eyes[:, 0, 0] < eyes[:, 1, 0]).all() and np.array_equal(eyes[:, 0, 1], eyes[:, 1, 1])


def test_speech_opens_and_shuts_the_mouth_some_times_a_second() -> None:
    time = np.arange(0, 40, 0.01)
    weights = speech(time, np.random.default_rng(1))
    jaw = weights[:, INDEX["JawDrop"]]
    crossings = ((jaw[1:] > 0.15) & (jaw[:-1] <= 0.15)).sum() / 40
    assert 1.0 < crossings < 6 and jaw.max() < 0.75
    assert weights[:, INDEX["LipPressorL"]].max() > 0.2 and weights[:, INDEX["LipPuckerL"]].max() > 0.3
    assert (weights.max(1) < 0.05).mean() > 0.02  # pauses


def test_a_take_is_shown_in_time() -> None:
    count = 90
    weights = np.zeros((count, 53), np.float32)
    weights[:, INDEX["JawDrop"]] = np.linspace(0, 0.8, count)
    weights[:, INDEX["LipsToward"]] = 0.5
    nothing = np.zeros(0, np.uint8)
    take = Labels(
        shapes=EXPRESSIONS, expression_ids=(), time_ns=np.arange(count) * 33_333_333 + 10**12, expressions=weights,
        gaze=np.full((count, 2, 2), 0.1), headset_from_head=np.tile(np.eye(4), (count, 1, 1)),
        confidence=np.ones((count, 3)), valid=np.ones(count, bool),
        state=np.full(count, STATES.index("tracked"), np.uint8),
        segment_ns=np.zeros((0, 3), np.int64), segment_kind=nothing, segment_side=nothing,
        segment_expression=np.zeros(0, np.int32), segment_performed=nothing,
    )  # fmt: skip
    motion = perform_take(PERSON, take, 1.0, np.arange(40) / 20)
    jaw = motion.weights[:, INDEX["JawDrop"]]
    slope = np.polyfit(motion.time[:30], jaw[:30], 1)
    strength = slope[0] / (0.8 / (count - 1) / 0.033333333)
    assert 0.8 < strength < 1.15 and jaw[0] == pytest.approx(strength * 0.8 * 30 / (count - 1), rel=0.05)
    assert (motion.weights[:, INDEX["LipsToward"]] <= jaw).all() and np.allclose(motion.gaze, 0.1)


def test_unknown_recordings_are_refused() -> None:
    with pytest.raises(ValueError, match="recordings are"):
        script("dance")
