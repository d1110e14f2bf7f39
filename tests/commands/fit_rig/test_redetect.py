"""Keypoints detected on drawings of the fit: nothing is asked of a head that is right, and a weak one is led on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from refa_cli.commands.fit_rig.expressions import Expression, fit_expression
from refa_cli.commands.fit_rig.person import Parts, fit_person
from refa_cli.commands.fit_rig.redetect import Redetector, Shot, chosen, skin_colors
from refa_cli.commands.fit_rig.similarity import apply
from refa_cli.face.default import default_face
from refa_cli.face.keypoints import DETECTOR_INDEX, GROUPS
from refa_cli.face.keypoints import INDEX as KEYPOINT
from refa_cli.face.shapes import EXPRESSIONS, INDEX
from refa_cli.formats.face import MATERIALS
from refa_cli.landmarks.detector import detect
from refa_cli.render.cameras import around
from refa_cli.render.preview import MATERIAL_COLORS, preview
from tests.commands.fit_rig.heads import SCAN_FROM_HEAD, Head, keypoints_of, scan_of

Float = NDArray[np.float64]
LOWER_LIP = [KEYPOINT[name] for name in ("lip_lower_outer_middle", "lip_lower_outer_3_l", "lip_lower_outer_3_r")]
SIZE = (480, 640)


def colors() -> Float:
    face = default_face()
    material = np.zeros(len(face.mean), int)
    np.maximum.at(material, face.triangles.reshape(-1), face.material.repeat(3))
    return np.asarray(MATERIAL_COLORS[material], np.float64)


def shots_of(vertices: Float) -> list[Shot]:
    """What a phone's pictures show of a head whose scan lies at SCAN_FROM_HEAD."""
    out = []
    for yaw in (0.0, 0.25, -0.25):
        view = around(yaw, distance=0.4, width=0.42, size=SIZE)
        found = detect(preview(vertices, default_face().triangles, view, vertex_colors=colors()))
        assert found is not None
        camera_from_scan = view.camera_from_head @ np.linalg.inv(SCAN_FROM_HEAD)
        out.append(Shot(found.points[DETECTOR_INDEX, :2].astype(float), camera_from_scan, np.array(view.intrinsics),
                        SIZE))  # fmt: skip
    return out


@pytest.fixture(scope="module")
def wide_open() -> tuple[Head, Float, list[Shot]]:
    head = Head.random(11)
    shown = head.vertices(JawDrop=1.0)
    return head, shown, shots_of(shown)


def test_nothing_is_asked_of_a_head_that_is_right(wide_open: tuple[Head, Float, list[Shot]]) -> None:
    _, shown, shots = wide_open
    wanted = Redetector(default_face(), colors()).wanted(shown, np.linalg.inv(SCAN_FROM_HEAD), shots)
    known = np.isfinite(wanted[:, 0])
    assert set(np.flatnonzero(~known)) == set(range(GROUPS["iris"].start, GROUPS["iris"].stop))
    apart = np.linalg.norm(apply(np.linalg.inv(SCAN_FROM_HEAD), wanted) - keypoints_of(shown), axis=1)[known]
    assert np.median(apart) < 0.0003 and apart.max() < 0.002


@pytest.mark.parametrize("scale", [1.0, 1.6])
def test_a_weak_expression_is_led_on_whatever_the_scan_s_units(
    wide_open: tuple[Head, Float, list[Shot]], scale: float
) -> None:
    """The jaw that opened half as far is asked to go a good part of the way, and not beyond."""
    head, shown, shots = wide_open
    half = head.vertices(JawDrop=0.5)
    head_from_scan = np.diag([scale, scale, scale, 1.0]) @ np.linalg.inv(SCAN_FROM_HEAD)
    wanted = Redetector(default_face(), colors()).wanted(scale * half, head_from_scan, shots)
    go = apply(np.linalg.inv(SCAN_FROM_HEAD), wanted) - keypoints_of(half)
    way = keypoints_of(shown) - keypoints_of(half)
    share = (go[LOWER_LIP] * way[LOWER_LIP]).sum(1) / (way[LOWER_LIP] ** 2).sum(1)
    assert share.min() > 0.4 and share.max() < 1.3


def test_a_keypoint_that_no_shot_knows_is_unknown(wide_open: tuple[Head, Float, list[Shot]]) -> None:
    _, shown, shots = wide_open
    without = [replace(shot, pixels=np.where(np.arange(100)[:, None] == 3, np.nan, shot.pixels)) for shot in shots]
    wanted = Redetector(default_face(), colors()).wanted(shown, np.linalg.inv(SCAN_FROM_HEAD), without)
    assert np.isnan(wanted[3]).all() and np.isfinite(wanted[4]).all()


def test_where_no_face_is_drawn_nothing_is_known(wide_open: tuple[Head, Float, list[Shot]]) -> None:
    _, shown, shots = wide_open
    beside = [replace(shot, pinhole=shot.pinhole + [0, 0, 5000, 0]) for shot in shots]
    wanted = Redetector(default_face(), colors()).wanted(shown, np.linalg.inv(SCAN_FROM_HEAD), beside)
    assert np.isnan(wanted).all()


def test_the_most_frontal_shots_are_chosen() -> None:
    views = [around(yaw).camera_from_head @ np.diag([1.0, -1, -1, 1]) for yaw in (0.5, 0.0, -0.3, 0.2)]
    shots = [Shot(np.zeros((100, 2)), view, np.ones(4), SIZE) for view in views]
    assert [next(i for i, shot in enumerate(shots) if shot is one) for one in chosen(shots)] == [1, 3, 2]


def test_colors_come_from_the_scan_and_eyes_do_not() -> None:
    face, head = default_face(), Head.random(12)
    target = scan_of(head.vertices(), np.eye(4))
    assert skin_colors(face, head.vertices(), target) is None
    bright = np.where(target.vertices[:, :1] > 0, [200.0, 100, 50], [20.0, 40, 60])
    painted = skin_colors(face, head.vertices(), replace(target, colors=bright))
    assert painted is not None
    moving = Parts.of(face).moving
    left = moving & (head.vertices()[:, 0] > 0.005)
    right = moving & (head.vertices()[:, 0] < -0.005)
    assert np.median(np.abs(painted[left] * 255 - [200, 100, 50])) < 1
    assert np.median(np.abs(painted[right] * 255 - [20, 40, 60])) < 1
    irises = np.unique(face.triangles[face.material == MATERIALS.index("pupil")])
    assert (painted[irises] < 0.1).all()


def weight_of(found: Expression, name: str) -> float:
    return float(found.weights[INDEX[name]])


def test_a_jaw_that_opens_wider_than_the_model_s_is_followed(wide_open: tuple[Head, Float, list[Shot]]) -> None:
    """The detector tells of two thirds, and below the nose nothing was measured: only pictures show how far."""
    face, head = default_face(), wide_open[0]
    neutral = head.vertices()
    parts = Parts.of(face)
    shown = neutral + 1.4 * (head.vertices(JawDrop=1.0) - neutral)
    asked = np.zeros(len(EXPRESSIONS))
    asked[INDEX["JawDrop"]] = 1.0
    person = fit_person(face, parts, scan_of(neutral), auto_scale=False)
    assert person.redetector is None  # of a scan without colours
    person = replace(person, redetector=Redetector(face, colors()))
    target = scan_of(shown)
    weak = scan_of(neutral + 0.66 * (shown - neutral)).keypoints
    nose = apply(SCAN_FROM_HEAD, keypoints_of(neutral))[KEYPOINT["nose_base"], 1]
    target = replace(target, keypoints=weak, border=target.border | (target.vertices[:, 1] < nose))
    moved = parts.moving & (np.linalg.norm(shown - neutral, axis=1) > 0.02)
    without, using = (
        float(np.median(np.linalg.norm(found.refined - shown, axis=1)[moved]))
        for found in (fit_expression(face, parts, person, "jaw_open", target, asked, shots=s)
                      for s in ([], shots_of(shown)))
    )  # fmt: skip
    assert using < 0.75 * without


def test_lids_follow_where_the_prompt_looks() -> None:
    face, head = default_face(), Head.random(13)
    parts = Parts.of(face)
    person = fit_person(face, parts, scan_of(head.vertices()), auto_scale=False)
    gaze = (0.0, float(np.radians(-22.0)))
    shown = head.geometry.evaluate(np.zeros(53), np.broadcast_to(gaze, (2, 2))).astype(np.float64)
    assert np.abs(person.looking(np.zeros(2)) - person.neutral).max() < 1e-12
    moved = parts.moving & (np.linalg.norm(shown - head.vertices(), axis=1) > 0.001)
    gone, wanted = (person.looking(np.array(gaze)) - person.neutral)[moved], (shown - head.vertices())[moved]
    assert np.median(np.linalg.norm(gone - wanted, axis=1) / np.linalg.norm(wanted, axis=1)) < 0.35
    knowing, guessing = (
        fit_expression(face, parts, person, "look_down", scan_of(shown), np.zeros(53), gaze=g) for g in (gaze, (0, 0))
    )
    assert weight_of(knowing, "EyesClosedL") < 0.05 < weight_of(guessing, "EyesClosedL")
    np.testing.assert_allclose(knowing.base, person.looking(np.array(gaze)))
