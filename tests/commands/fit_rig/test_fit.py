"""Fitting, refining and rigging against people whose truth is known."""

from __future__ import annotations

import numpy as np

from refa_cli.commands.fit_rig.expressions import fit_expression
from refa_cli.commands.fit_rig.fuse import merge
from refa_cli.commands.fit_rig.person import Parts, fit_person
from refa_cli.commands.fit_rig.similarity import apply, motion, rigid
from refa_cli.commands.fit_rig.target import residuals
from refa_cli.face.default import default_face
from refa_cli.face.shapes import EXPRESSIONS, INDEX
from tests.commands.fit_rig.heads import SCAN_FROM_HEAD, Head, keypoints_of, scan_of


def test_rigid_finds_the_motion_in_spite_of_wrong_pairs() -> None:
    rng = np.random.default_rng(0)
    source = rng.standard_normal((60, 3)) * 0.05
    truth = motion(np.array([0.3, -0.2, 1.0]), np.array([0.1, 0.2, 0.3]), 1.0)
    target = apply(truth, source) + 0.0005 * rng.standard_normal(source.shape)
    target[:8] += 0.05
    assert np.abs(rigid(source, target) - truth).max() < 0.02
    grown = motion(np.array([0.3, -0.2, 1.0]), np.array([0.1, 0.2, 0.3]), 1.7)
    assert np.abs(rigid(source, apply(grown, source), scale=True) - grown).max() < 1e-6


def test_merging_averages_noise_and_keeps_the_plane() -> None:
    rng = np.random.default_rng(1)
    flat = np.column_stack([rng.uniform(0, 0.02, (20_000, 2)), 0.00013 * rng.standard_normal(20_000)])
    points, normals, colors = merge(flat, np.tile([0.0, 0.0, 1.0], (len(flat), 1)), np.full((len(flat), 3), 9.0),
                                    np.ones(len(flat)))  # fmt: skip
    assert len(points) < 900
    assert np.abs(points[:, 2]).std() < 0.00006
    assert np.allclose(normals, [0, 0, 1])
    assert np.allclose(colors, 9)


def test_neutral_and_pose_are_found() -> None:
    face, head = default_face(), Head.random(3)
    parts = Parts.of(face)
    truth = head.vertices()
    target = scan_of(truth, keypoint_noise=0.001)
    person = fit_person(face, parts, target, auto_scale=False)
    found = residuals(person.scanned, face.triangles, parts.candidates, target.moved(person.head_from_scan))
    assert np.median(found) < 0.0001 and np.percentile(found, 95) < 0.0006
    error = np.linalg.norm(keypoints_of(person.scanned) - keypoints_of(truth), axis=1)
    assert np.median(error) < 0.001
    offset = person.head_from_scan @ SCAN_FROM_HEAD
    assert np.linalg.norm(offset[:3, 3]) < 0.003
    assert np.abs(person.eye_centers - head.geometry.eye_centers).max() < 0.003
    triangles = person.neutral[face.triangles]
    assert (
        np.linalg.norm(np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]), axis=1) > 0
    ).all()


def test_a_neutral_with_eyes_shut_gives_an_open_rig() -> None:
    face, head = default_face(), Head.random(4)
    person = fit_person(face, Parts.of(face), scan_of(head.vertices(EyesClosedL=1, EyesClosedR=1)), auto_scale=False)
    assert min(person.rest[INDEX["EyesClosedL"]], person.rest[INDEX["EyesClosedR"]]) > 0.7
    for pairs in face.lid_pairs:
        gap = person.neutral[pairs[:, 0], 1] - person.neutral[pairs[:, 1], 1]
        assert gap.max() > 0.004


def test_scale_auto_fixes_the_eyes_apart() -> None:
    face, head = default_face(), Head.random(5)
    grown = motion(np.zeros(3), np.zeros(3), 40.0) @ SCAN_FROM_HEAD
    target = scan_of(head.vertices(), grown)
    target.sigma[:] *= 40
    person = fit_person(face, Parts.of(face), target, auto_scale=True)
    assert abs(np.linalg.norm(person.eye_centers[0] - person.eye_centers[1]) - 0.063) < 1e-4
    found = residuals(person.scanned, face.triangles, Parts.of(face).candidates, target.moved(person.head_from_scan))
    assert np.median(found) < 0.0002


def test_expression_is_found_beyond_what_the_prompt_says() -> None:
    face, head = default_face(), Head.random(6)
    parts = Parts.of(face)
    person = fit_person(face, parts, scan_of(head.vertices()), auto_scale=False)
    truth = head.vertices(JawDrop=0.6, LipCornerPullerL=0.8)
    asked = np.zeros(len(EXPRESSIONS))
    asked[INDEX["JawDrop"]] = 1.0
    found = fit_expression(face, parts, person, "jaw_open", scan_of(truth), asked)
    assert abs(found.weights[INDEX["JawDrop"]] - 0.6) < 0.15
    assert abs(found.weights[INDEX["LipCornerPullerL"]] - 0.8) < 0.2
    moved = np.linalg.norm(truth - head.vertices(), axis=1) > 0.001
    moved &= parts.moving
    nothing = np.linalg.norm(person.neutral - truth, axis=1)[moved]
    error = np.linalg.norm(found.refined - truth, axis=1)[moved]
    assert np.median(error) < 0.25 * np.median(nothing)
