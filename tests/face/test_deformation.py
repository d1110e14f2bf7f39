"""Gradients, fields from gradients, transfer, and corrections that close lids and lips."""

from __future__ import annotations

import numpy as np

from refa_cli.face.closing import Closer, clear_eyeballs
from refa_cli.face.default import default_face
from refa_cli.face.deformation import Gradients, deformation, transfer
from refa_cli.face.shapes import INDEX


def person(seed: int) -> np.ndarray:
    face = default_face()
    identity = np.clip(np.random.default_rng(seed).standard_normal(len(face.identity_basis)), -2, 2)
    return (face.mean + np.tensordot(identity, face.identity_basis, 1)).astype(np.float64)


def test_gradient_of_a_linear_field_is_its_matrix_on_the_surface() -> None:
    face = default_face()
    vertices = face.mean.astype(np.float64)
    matrix = np.random.default_rng(0).standard_normal((3, 3))
    gradients = Gradients(vertices, face.triangles)
    found = gradients.of(vertices @ matrix.T)
    assert np.abs(found - matrix @ gradients.tangent).max() < 1e-6


def test_fields_come_back_from_their_gradients() -> None:
    face = default_face()
    gradients = Gradients(face.mean, face.triangles)
    shape = face.expression_basis[INDEX["LipCornerPullerL"]].astype(np.float64)
    assert np.abs(gradients.field(gradients.of(shape), shape) - shape).max() < 1e-7


def test_deformation_of_a_rotation_is_the_rotation() -> None:
    face = default_face()
    vertices = face.mean.astype(np.float64)
    angle = 0.4
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1.0]])
    found = deformation(vertices, vertices @ turn.T - vertices, face.triangles)
    assert np.abs(found - turn).max() < 1e-6


def test_transfer_to_itself_changes_nothing_and_to_a_larger_head_scales() -> None:
    face = default_face()
    shapes = face.expression_basis[:12].astype(np.float64)
    mean = face.mean.astype(np.float64)
    assert np.abs(transfer(mean, shapes, mean, face.triangles) - shapes).max() < 1e-7
    assert np.abs(transfer(mean, shapes, 1.2 * mean, face.triangles) - 1.2 * shapes).max() < 1e-6


def test_closing_makes_lids_meet_and_touches_nothing_far_away() -> None:
    face, head = default_face(), person(3)
    shapes = transfer(face.mean.astype(np.float64), face.expression_basis.astype(np.float64), head, face.triangles)
    pairs = face.lid_pairs[0]
    moved = head + shapes[INDEX["EyesClosedL"]]
    before = np.linalg.norm(moved[pairs[:, 0]] - moved[pairs[:, 1]], axis=1)
    correction = Closer(head, face.triangles, pairs, face.eyeball).meet(moved)
    after = np.linalg.norm((moved + correction)[pairs[:, 0]] - (moved + correction)[pairs[:, 1]], axis=1)
    assert before.max() > 0.0003 and after.max() < 0.00002
    assert np.linalg.norm(correction, axis=1).max() < 2 * before.max()
    far = np.linalg.norm(head - head[pairs[0, 0]], axis=1) > 0.06
    assert not correction[far].any() and not correction[face.eyeball > 0].any()


def test_uncross_moves_only_what_crosses() -> None:
    face, head = default_face(), person(4)
    pairs = face.lip_pairs
    closer = Closer(head, face.triangles, pairs, face.eyeball)
    up = np.array([0.0, 1.0, 0.0])
    opened = head + face.expression_basis[INDEX["JawDrop"]]
    assert not closer.uncross(opened, up).any()
    crossed = head.copy()
    crossed[pairs[:, 0], 1] -= 0.003
    fixed = crossed + closer.uncross(crossed, up)
    assert (fixed[pairs[:, 0], 1] - fixed[pairs[:, 1], 1]).min() > -0.0001


def test_lids_are_pushed_out_of_the_eyeballs() -> None:
    face = default_face()
    vertices = face.mean.astype(np.float64)
    lids = np.unique(face.lid_pairs)
    radii = np.array([0.02, 0.02])  # larger than the eye: every lid vertex is inside
    out = vertices + clear_eyeballs(vertices, face.eye_centers.astype(np.float64), radii, lids)
    for side in (0, 1):
        distance = np.linalg.norm(out[np.unique(face.lid_pairs[side])] - face.eye_centers[side], axis=1)
        assert distance.min() > 0.02
