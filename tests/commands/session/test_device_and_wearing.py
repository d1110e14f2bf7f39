"""The device is not quite as calibrated, sits where the face lets it, and fails now and then."""

from __future__ import annotations

import numpy as np
import pytest

from refa_cli.commands.simulate.session.device import Window, device_of
from refa_cli.commands.simulate.session.faults import Fault, blocked, draw_faults
from refa_cli.commands.simulate.session.filming import Film, open_film
from refa_cli.commands.simulate.session.wearing import drift, wear
from refa_cli.face.shapes import INDEX
from refa_cli.formats.spec import same
from refa_cli.headset.default import default_headset
from refa_cli.headset.donning import pushed
from tests.commands.session.people import person, plan

HEADSET = default_headset()
PERSON = person()
TIME = np.arange(600) / 30
STILL = np.zeros((600, 53))


def test_tolerances_are_small_and_absent_at_misfit_0() -> None:
    exact = device_of(HEADSET, PERSON, 0)
    assert same(exact.nominal, exact.true) and not any(w.haze or w.clear is not None for w in exact.windows)
    real = device_of(HEADSET, PERSON, 1)
    assert same(real.nominal, exact.nominal)
    focal = real.true.camera_intrinsics[:, 0] / real.nominal.camera_intrinsics[:, 0] - 1
    assert 0.0005 < np.abs(focal).max() < 0.025
    off = real.true.camera_from_headset @ np.linalg.inv(real.nominal.camera_from_headset)
    turn = np.degrees(np.arccos(np.clip((np.trace(off[:, :3, :3], axis1=1, axis2=2) - 1) / 2, -1, 1)))
    assert 0.02 < turn.max() < 1.5
    assert np.abs(off[:, :3, 3]).max() < 0.0008
    power = real.true.led_intensity / real.nominal.led_intensity
    assert 0.5 < power.min() < 0.99 and 1.01 < power.max() < 1.8


def test_lenses_are_set_to_the_eyes() -> None:
    apart = np.linalg.norm(np.diff(PERSON.geometry.eye_centers, axis=0))
    assert abs(float(device_of(HEADSET, PERSON, 1).nominal.ipd) - apart) < 0.0003 or apart < 0.058 or apart > 0.072


def test_a_still_face_in_an_exact_world_keeps_the_headset_still() -> None:
    held = wear(PERSON, HEADSET, "peaks", TIME, STILL, 0, None)
    assert np.allclose(held.pose, held.pose[0]) and held.worn.all()
    drifting = wear(PERSON, HEADSET, "peaks", TIME, STILL, 1, None)
    shift = np.linalg.norm(drifting.pose[:, :3, 3] - drifting.pose[0, :3, 3], axis=1)
    assert 0.0001 < shift.max() < 0.012
    assert np.abs(np.diff(drifting.pose[:, :3, 3], axis=0)).max() < 0.001


def test_it_drifts_as_far_at_the_ends_of_a_recording_as_between() -> None:
    rng = np.random.default_rng(0)
    ways = np.concatenate([drift(rng, 80, 60.0) for _ in range(200)], 1)
    assert (ways[0] == 0).all()
    for early, late in ((0, 40), (20, 60), (39, 79), (0, 79)):
        expected = 2 - 2 * np.exp(-(((late - early) / 120) ** 2))
        assert np.mean((ways[late] - ways[early]) ** 2) == pytest.approx(expected, rel=0.15)


def test_cheeks_push_it() -> None:
    weights = STILL.copy()
    weights[300:, [INDEX["CheekRaiserL"], INDEX["CheekRaiserR"]]] = 1.0
    held = wear(PERSON, HEADSET, "peaks", TIME, weights, 0, None)
    moved = held.pose[400, :3, 3] - held.pose[0, :3, 3]
    push = pushed(weights[400]).shift
    assert moved @ -push > 0 and 0.4 < np.linalg.norm(moved) / np.linalg.norm(push) < 1.6


def test_taken_off_it_is_not_worn() -> None:
    held = wear(PERSON, HEADSET, "free", TIME, STILL, 1, (10.0, 30.0))
    assert held.worn[TIME < 10].all() and not held.worn[(TIME > 10.6)].any()
    assert held.pose[-1, 2, 3] < held.pose[0, 2, 3] - 0.1


def test_faults_come_at_their_rate_and_never_at_misfit_0() -> None:
    people = [person(f"S{i:04d}") for i in range(40)]
    found = [fault for p in people for fault in draw_faults(p, "peaks", 80.0, 5, 1)]
    assert 40 < len(found) < 130
    assert {fault.kind for fault in found} == {"blocked", "saturated", "frozen", "missing"}
    assert all(0 <= fault.start <= fault.end <= 80 and 0 <= fault.camera < 5 for fault in found)
    assert not draw_faults(PERSON, "peaks", 1000.0, 5, 0)
    off = [fault.kind for p in people for fault in draw_faults(p, "free", 15.0, 5, 1)].count("not_worn")
    assert 8 < off < 32


def test_a_blocked_camera_and_a_hazy_window_show_less() -> None:
    light = np.abs(np.random.default_rng(0).standard_normal((80, 100))).astype(np.float32)
    seen = blocked(light, np.random.default_rng(1))
    assert seen.shape == light.shape and seen.std() < 0.8 * light.std()
    hazy = Window(None, 0.2).through(light)
    assert hazy.mean() == pytest.approx(light.mean(), rel=0.1) and hazy.std() < light.std()
    assert np.array_equal(Window(None, 0.0).through(light), light)
    assert np.allclose(Window(np.full((80, 100), 0.5, np.float32), 0.0).through(light), light / 2)


@pytest.fixture(scope="module")
def film() -> Film:
    from dataclasses import replace

    held = open_film(plan(), "S0001", "peaks")
    faults = (
        Fault("frozen", 0, 1.0, 1.5), Fault("missing", 1, 1.0, 1.5), Fault("saturated", 2, 1.0, 1.5),
        Fault("blocked", 3, 1.0, 1.5),
    )  # fmt: skip
    return replace(held, faults=faults)


def test_faults_show_in_the_frames(film: Film) -> None:
    before, first, later = film.pictures(20), film.pictures(30), film.pictures(40)
    assert np.array_equal(first[0], later[0]) and not np.array_equal(before[0], first[0])
    assert not first[1].any() and before[1].any()
    assert (first[2] == 255).mean() > (before[2] == 255).mean() + 0.05
    assert not np.array_equal(first[4], later[4])  # noise at least
    present = film.present()
    assert not present[30:45, 1].any() and present[:30].all() and present[45:].all()
    assert present[:, [0, 2, 3, 4]].all()


def test_frames_repeat_and_differ_by_their_noise(film: Film) -> None:
    assert all(np.array_equal(a, b) for a, b in zip(film.pictures(3), film.pictures(3), strict=True))
    assert not np.array_equal(film.pictures(3)[4], film.pictures(4)[4])
