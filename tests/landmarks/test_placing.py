"""Keypoints on the default face, and the frame of a head in unknown axes and units."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from refa_cli.face.keypoints import GROUPS, INDEX, KEYPOINTS, MIRROR
from refa_cli.formats.errors import DataError
from refa_cli.formats.face import MATERIALS
from refa_cli.landmarks.frame import find_face_frame, similarity
from refa_cli.landmarks.lifting import Surface
from refa_cli.landmarks.margins import nearest_on_chain
from refa_cli.landmarks.placing import Placed, keypoint_positions, place_keypoints, with_irises
from refa_cli.render.cameras import around
from tests.landmarks.faces import face, need_networks


@lru_cache(maxsize=1)
def placed() -> Placed:
    need_networks()
    model = face()
    return place_keypoints(model.mean, model.triangles, model.material, model.lid_pairs, model.lip_pairs)


def test_symmetric_and_in_order() -> None:
    points = keypoint_positions(face().mean, face().triangles, placed())
    assert np.linalg.norm(points - points[MIRROR] * [-1, 1, 1], axis=1).max() < 0.0015
    assert np.median(placed().spread_mm) < 1.5
    named = {name: points[i] for name, i in INDEX.items()}
    assert named["jaw_1_l"][0] > named["eye_outer_l"][0] > named["eye_inner_l"][0] > 0 > named["eye_inner_r"][0]
    heights = ["forehead", "nose_bridge_1", "nose_bridge_3", "nose_tip", "nose_base", "lip_upper_outer_middle"]
    heights += ["lip_lower_outer_middle", "chin"]
    assert all(named[a][1] > named[b][1] for a, b in zip(heights, heights[1:], strict=False))
    for k in range(1, 5):
        assert named[f"brow_upper_{k}_l"][0] > named[f"brow_upper_{k + 1}_l"][0]
        assert named[f"lid_upper_{k}_l"][0] > named[f"lid_upper_{k + 1}_l"][0]


def test_on_the_right_materials_and_margins() -> None:
    model, got = face(), placed()
    points = keypoint_positions(model.mean, model.triangles, got)
    for group, part in GROUPS.items():
        names = {MATERIALS[m] for m in model.material[got.triangles[part]]}
        allowed = {"iris": {"sclera", "iris", "pupil"}}.get(group, {"skin", "lips"})
        assert names <= allowed
    assert (got.barycentric >= 0).all()
    np.testing.assert_allclose(got.barycentric.sum(axis=1), 1, atol=1e-5)
    for side, eye in zip("lr", model.eye_centers, strict=True):
        assert np.linalg.norm(points[INDEX[f"iris_center_{side}"], :2] - eye[:2]) < 0.003
    for row, part in enumerate(("upper", "lower")):
        chain = model.mean[np.unique(model.lid_pairs[0, :, row])].astype(np.float64)
        for k in range(1, 6):
            point = points[INDEX[f"lid_{part}_{k}_l"]]
            assert np.linalg.norm(point - nearest_on_chain(point, chain)) < 0.0015


def test_a_head_without_a_face_is_refused() -> None:
    need_networks()
    model = face()
    with pytest.raises(DataError, match="renders"):
        place_keypoints(model.mean * [1, 1, -1], model.triangles[:, ::-1], model.material)


def test_hidden_irises_are_painted() -> None:
    model = face()
    plain = np.where(np.isin(model.material, [3, 4]), 2, model.material).astype(np.uint8)
    painted = with_irises(model.mean.astype(np.float64), model.triangles, plain)
    changed = np.flatnonzero(painted != plain)
    assert set(painted[changed]) <= {3, 4} and len(changed) > 20
    assert (np.abs(model.mean[model.triangles[changed]].mean(axis=1)[:, 0]) > 0.02).all()
    assert with_irises(model.mean.astype(np.float64), model.triangles, model.material) is model.material


@pytest.mark.parametrize(("angles", "unit"), [((90, 0, 0), 100.0), ((10, 190, 75), 1000.0)])
def test_the_frame_of_a_head_in_any_axes(angles: tuple[float, float, float], unit: float) -> None:
    need_networks()
    model = face()
    turn = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    moved = unit * (model.mean @ turn.T + [0.3, -1.0, 2.0])
    frame = find_face_frame(moved, model.triangles, material=model.material)
    matrix = frame.metric()
    apart = matrix[:3, :3] / np.cbrt(np.linalg.det(matrix[:3, :3])) @ turn
    assert np.degrees(Rotation.from_matrix(apart).magnitude()) < 2.5
    assert frame.eye_distance == pytest.approx(unit * 0.063, rel=0.08)
    back = moved @ matrix[:3, :3].T + matrix[:3, 3]
    assert np.linalg.norm(back - model.mean, axis=1).max() < 0.02
    assert np.linalg.norm(frame.head_from_mesh[:3, 0]) == pytest.approx(1)


def test_what_is_no_face_has_no_frame() -> None:
    need_networks()
    ball = np.random.default_rng(0).normal(size=(500, 3))
    ball /= np.linalg.norm(ball, axis=1, keepdims=True)
    from scipy.spatial import ConvexHull

    with pytest.raises(DataError, match="face"):
        find_face_frame(ball, ConvexHull(ball).simplices)
    with pytest.raises(ValueError, match="extent"):
        find_face_frame(np.zeros((3, 3)), np.array([[0, 1, 2]]))


def test_lifting_finds_the_place_under_a_pixel() -> None:
    x, y = np.meshgrid(np.linspace(-0.1, 0.1, 21), np.linspace(-0.1, 0.1, 21))
    vertices = np.stack([x.ravel(), y.ravel(), 0.3 * x.ravel()], axis=1)
    corner = (np.arange(20)[:, None] * 21 + np.arange(20)).ravel()
    halves = [[corner, corner + 1, corner + 22], [corner, corner + 22, corner + 21]]
    triangles = np.concatenate([np.stack(h, axis=1) for h in halves])
    view = around(0.2, 0.1, target=(0, 0, 0), width=0.3)
    want = np.array([[0.031, 0.012, 0.0093], [-0.0502, -0.07, -0.01506]])
    surface = Surface(vertices, triangles, view)
    every = np.ones((2, len(triangles)), bool)
    got = surface.lift(view.project(want), every, 4)
    np.testing.assert_allclose(got.points, want, atol=1e-4)
    assert (got.facing > 0.8).all()
    right = np.tile(vertices[triangles].mean(axis=1)[:, 0] > 0.0315, (2, 1))  # only what lies further right counts
    moved = surface.lift(view.project(want), right, 4)
    assert 0 < np.linalg.norm(moved.points[0] - want[0]) < 0.004 and np.isnan(moved.points[1]).all()
    outside = surface.lift(np.array([[-50.0, 10.0], [2.0, 2.0]]), every, 4)
    assert np.isnan(outside.points).all() and (outside.facing == 0).all()
    turned = Surface(vertices, triangles[:, ::-1], view).lift(view.project(want), every, 4)
    assert np.isnan(turned.points).all()


def test_similarity_gives_back_what_was_done() -> None:
    rng = np.random.default_rng(3)
    points, turn = rng.normal(size=(12, 3)), Rotation.random(random_state=1).as_matrix()
    scale, rotation, translation = similarity(points, 2.5 * points @ turn.T + [1, 2, 3])
    assert scale == pytest.approx(2.5)
    np.testing.assert_allclose(rotation, turn, atol=1e-9)
    np.testing.assert_allclose(translation, [1, 2, 3], atol=1e-9)
    flat = similarity(points, points * [-1, 1, 1])[1]
    assert np.linalg.det(flat) == pytest.approx(1)


def test_every_keypoint_has_a_spread() -> None:
    assert placed().spread_mm.shape == (len(KEYPOINTS),) and (placed().spread_mm >= 0).all()
