"""A person in a headset is put together in the right places."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from refa_cli.face.default import default_face
from refa_cli.face.evaluate import Geometry
from refa_cli.face.shapes import EXPRESSIONS, INDEX
from refa_cli.headset.default import default_headset
from refa_cli.headset.parts import cameras_with, lens_of
from refa_cli.render.glasses import draw_glasses
from refa_cli.render.hair import JOINTS, brows, lashes
from refa_cli.render.infrared import MATERIALS, lights_of, radiance, shadow_maps
from refa_cli.render.scene import Actor, assemble
from refa_cli.render.views import Views

FACE, HEADSET = default_face(), default_headset()
NEUTRAL = np.zeros(len(EXPRESSIONS))
HEAD = slice(len(HEADSET.solid_vertices), len(HEADSET.solid_vertices) + len(FACE.mean))


@pytest.fixture(scope="module")
def actor() -> Actor:
    rng = np.random.default_rng(0)
    return Actor.of(FACE, Geometry.of_face(FACE), brows(FACE, rng, 100) + lashes(FACE, rng, 30))


def test_head_hair_and_headset_lie_in_the_headset_frame(actor: Actor) -> None:
    scene = assemble(actor, HEADSET, HEADSET.headset_from_head, NEUTRAL)
    np.testing.assert_allclose(scene.points[HEAD], FACE.mean + HEADSET.headset_from_head[:3, 3], atol=1e-6)
    np.testing.assert_allclose(scene.points[: HEAD.start], HEADSET.solid_vertices, atol=1e-6)
    assert scene.normals is not None and len(scene.normals) == len(scene.points)
    assert len(scene.triangles) == len(scene.material) == len(scene.uv_triangles)
    assert scene.triangles.max() < len(scene.points)
    assert scene.strands.shape[:2] == scene.strand_width.shape == (2 * 100 + 2 * (30 + 15), JOINTS)
    assert scene.fixed > 0 and (scene.triangles[: scene.fixed] < HEAD.start).all()
    assert (scene.uv_triangles[: scene.fixed] == -1).all()
    np.testing.assert_array_equal(scene.uv_triangles[scene.fixed :], FACE.uv_triangles)
    assert 0.01 < actor.eye_radius < 0.02


def test_eyes_look_where_they_are_told(actor: Actor) -> None:
    gaze = np.radians([[20.0, 5.0], [10.0, -5.0]])
    scene = assemble(actor, HEADSET, HEADSET.headset_from_head, NEUTRAL, gaze)
    np.testing.assert_allclose(np.arctan2(scene.gaze[:, 0], scene.gaze[:, 2]), gaze[:, 0], atol=1e-6)
    np.testing.assert_allclose(np.arcsin(scene.gaze[:, 1]), gaze[:, 1], atol=1e-6)
    ball = FACE.eyeball == 1
    straight = assemble(actor, HEADSET, HEADSET.headset_from_head, NEUTRAL)
    moved = scene.points[HEAD][ball] - straight.points[HEAD][ball]
    assert moved[straight.points[HEAD][ball][:, 2].argmax(), 0] > 0.003


def test_a_turned_donning_turns_everything_of_the_head(actor: Actor) -> None:
    turn = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    pose = np.eye(4)
    pose[:3, :3] = turn
    scene, straight = assemble(actor, HEADSET, pose, NEUTRAL), assemble(actor, HEADSET, np.eye(4), NEUTRAL)
    np.testing.assert_allclose(scene.points[HEAD], straight.points[HEAD] @ turn.T, atol=1e-9)
    assert scene.normals is not None and straight.normals is not None
    np.testing.assert_allclose(scene.normals[HEAD], straight.normals[HEAD] @ turn.T, atol=1e-9)
    np.testing.assert_allclose(scene.gaze, straight.gaze @ turn.T, atol=1e-12)
    np.testing.assert_allclose(scene.strands, straight.strands @ turn.T, atol=1e-9)


def test_shut_eyes_hide_pupils_and_their_glints(actor: Actor) -> None:
    """The darkest and the brightest of what an eye camera sees around the pupil go as the lids close."""
    camera = cameras_with(HEADSET, role="eye_left", embedded=True)[0]
    shut = NEUTRAL.copy()
    shut[INDEX["EyesClosedL"]] = 1.0
    pictures = []
    for weights in (NEUTRAL, shut):
        scene = assemble(actor, HEADSET, HEADSET.headset_from_head, weights)
        lights = lights_of(HEADSET, camera)
        pose = HEADSET.camera_from_headset[camera]
        pictures.append(radiance(scene, actor.look, lights, lens_of(HEADSET, camera), pose, shadow_maps(scene, lights)))
    pose = (HEADSET.camera_from_headset[camera] @ HEADSET.headset_from_head).astype(np.float64)
    pupil = pose[:3, :3] @ (FACE.eye_centers[0] + [0, 0, actor.eye_radius]) + pose[:3, 3]
    column, row = lens_of(HEADSET, camera).project(pupil).astype(int)
    around = np.s_[row - 12 : row + 13, column - 12 : column + 13]
    skin = np.median(pictures[1][around])
    assert np.median(pictures[0][around]) < 0.3 * skin
    assert np.percentile(pictures[1][around], 10) > 0.4 * skin  # below it are lashes
    assert pictures[0][around].max() > 2 * pictures[1][around].max()


def test_views_of_a_headset_are_its_cameras_one_by_one(actor: Actor) -> None:
    """What is drawn once for all moments changes nothing."""
    scene = assemble(actor, HEADSET, HEADSET.headset_from_head, NEUTRAL)
    cameras = cameras_with(HEADSET, embedded=True)[1:3]
    views = Views.of(HEADSET, cameras)
    pictures = views.pictures(scene, actor.look)
    for i, camera in enumerate(cameras):
        lights = lights_of(HEADSET, camera)
        pose = HEADSET.camera_from_headset[camera]
        alone = radiance(scene, actor.look, lights, lens_of(HEADSET, camera), pose, shadow_maps(scene, lights))
        assert np.array_equal(pictures[i].light, alone)
    assert np.array_equal(views.pictures(scene, actor.look, [1])[0].light, pictures[1].light)


def test_glasses_hide_shine_and_throw_shadows(actor: Actor) -> None:
    views = Views.of(HEADSET, cameras_with(HEADSET, role="eye_left", embedded=True))
    glasses = draw_glasses(actor.geometry, actor.eye_radius, np.random.default_rng(3))
    bare = assemble(actor, HEADSET, HEADSET.headset_from_head, NEUTRAL)
    scene = assemble(replace(actor, glasses=glasses), HEADSET, HEADSET.headset_from_head, NEUTRAL)
    assert len(scene.sheets) == 2 and (scene.material == MATERIALS.index("frame")).sum() == len(glasses.triangles)
    before, after = (views.pictures(s, actor.look)[0].light for s in (bare, scene))
    assert (after < 0.5 * before).mean() > 0.01  # frame and its shadow
    assert after.max() > 2 * before.max() or (after > 3 * before).any()  # lights in the lens
    clear = replace(scene, sheets=())
    through = views.pictures(clear, actor.look)[0].light
    changed = after != through
    assert 0.2 < changed.mean() < 1.0
    assert np.median(after[changed] / np.maximum(through[changed], 1e-9)) == pytest.approx(0.96, abs=0.05)


def test_what_moves_during_the_exposure_is_smeared(actor: Actor) -> None:
    views = Views.of(HEADSET, cameras_with(HEADSET, role="mouth_left", embedded=True))
    scene = assemble(actor, HEADSET, HEADSET.headset_from_head, NEUTRAL)
    opened = NEUTRAL.copy()
    opened[INDEX["JawDrop"]] = 0.1
    later = assemble(actor, HEADSET, HEADSET.headset_from_head, opened)
    still, same, smeared = (views.pictures(scene, actor.look, moved=m)[0].light for m in (None, scene, later))
    assert np.array_equal(still, same)
    assert not np.array_equal(still, smeared)
    rough = [np.abs(np.diff(picture[150:], axis=0)).sum() for picture in (still, smeared)]
    assert rough[1] < 0.9 * rough[0] and smeared.sum() == pytest.approx(still.sum(), rel=0.05)
