"""The default headset is plausible, descriptions say what they mean, and mistakes are named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from refa_cli.face.default import default_face
from refa_cli.formats.errors import DataError
from refa_cli.formats.headset import Headset
from refa_cli.formats.spec import same
from refa_cli.headset.default import default_headset, load_headset
from refa_cli.headset.description import load
from refa_cli.headset.parts import at_ipd, camera_centers, cameras_with, lens_of, triangles_of
from refa_cli.render.rasterize import see

TOP = 'name = "test"\n'
CAMERA = """
[[camera]]
name = "one_left"
role = "mouth_left"
position_mm = [30, -40, 20]
look_at_mm = [0, -75, 0]
field_degrees = 80
"""
TURNED = "look_at_mm = [0, -75, 0]", "rotation = [[2, 0, 0], [0, 1, 0], [0, 0, 1]]"
LED = "[[led]]\nposition_mm = [0, 0, 0]\nlook_at_mm = [0, 0, {}]\nintensity_mw_per_sr = 1\n"
FLIP = np.diag([-1.0, 1.0, 1.0, 1.0])


def test_the_default_has_the_paper_s_cameras() -> None:
    headset = default_headset()
    assert len(cameras_with(headset, embedded=True)) == 5 and len(cameras_with(headset, embedded=False)) == 5
    for role in ("eye_left", "eye_right", "mouth_left", "mouth_right", "glabella"):
        assert len(cameras_with(headset, role=role, embedded=True)) == 1
    assert (headset.camera_size == 400).all() and (headset.camera_rate == 30).all()


def test_the_default_is_the_same_on_both_sides() -> None:
    headset, names = default_headset(), default_headset().camera_names
    for i, name in enumerate(names):
        if "left" not in name:
            continue
        j = names.index(name.replace("left", "right"))
        np.testing.assert_allclose(
            headset.camera_from_headset[j], FLIP @ headset.camera_from_headset[i] @ FLIP, atol=1e-6
        )
    positions = {tuple(np.round(p, 5).tolist()) for p in headset.led_position}
    assert positions == {(-x, y, z) for x, y, z in positions} or all(
        any(abs(q[0] + p[0]) < 1e-5 and abs(q[1] - p[1]) < 1e-5 for q in positions) for p in positions
    )


def test_a_mirrored_camera_sees_the_mirror_image() -> None:
    calibrated = 'intrinsics = [300, 310, 190, 205]\nlens = "brown_conrady"\ndistortion = [-0.1, 0.02, 0.002, 0.003]'
    headset = load(TOP + CAMERA.replace("field_degrees = 80", calibrated) + 'mirror = "one_right"\n').headset()
    points = np.random.default_rng(0).uniform(-0.02, 0.02, (20, 3)) + [0.0, -0.075, -0.005]
    pixels = []
    for camera, flip in ((0, 1), (1, -1)):
        pose = headset.camera_from_headset[camera].astype(np.float64)
        pixels.append(lens_of(headset, camera).project((points * [flip, 1, 1]) @ pose[:3, :3].T + pose[:3, 3]))
    np.testing.assert_allclose(pixels[1][:, 0], 400 - pixels[0][:, 0], atol=1e-3)
    np.testing.assert_allclose(pixels[1][:, 1], pixels[0][:, 1], atol=1e-3)


@pytest.mark.parametrize("camera", range(10))
def test_every_camera_sees_a_face_past_the_headset(camera: int) -> None:
    """Of what each is there to see, a good part is neither outside its picture nor hidden."""
    headset, face = default_headset(), default_face()
    pose = (headset.camera_from_headset[camera] @ headset.headset_from_head).astype(np.float64)
    of_headset = headset.camera_from_headset[camera].astype(np.float64)
    solid, _ = triangles_of(headset, "housing", "lens")
    head = face.mean.astype(np.float64) @ pose[:3, :3].T + pose[:3, 3]
    parts = headset.solid_vertices.astype(np.float64) @ of_headset[:3, :3].T + of_headset[:3, 3]
    points = np.concatenate([head, parts])
    ids = see(points, np.concatenate([face.triangles, solid + len(face.mean)]), lens_of(headset, camera)).ids
    seen = np.mean((ids >= 0) & (ids < len(face.triangles)))
    assert seen > (0.08 if "glabella" in headset.camera_names[camera] else 0.2)


def test_no_camera_and_no_light_stands_in_a_keep_out_or_a_barrel() -> None:
    """Straight up from the place, an even number of walls is crossed: it is outside of every closed part."""
    headset = default_headset()
    solid, _ = triangles_of(headset, "lens", "keep_out")
    corners = headset.solid_vertices[solid].astype(np.float64)
    places = np.concatenate([camera_centers(headset), headset.led_position])
    way = np.array([0.0123, 1.0, 0.0087])
    for place in places:
        a, b, c = (corners[:, i] - place for i in range(3))
        signs = [np.sign(np.einsum("ti,i->t", np.cross(p, q), way)) for p, q in ((a, b), (b, c), (c, a))]
        ahead = np.einsum("ti,ti->t", a, np.cross(b - a, c - a)) * np.einsum("i,ti->t", way, np.cross(b - a, c - a)) > 0
        crossed = (signs[0] == signs[1]) & (signs[1] == signs[2]) & ahead
        assert crossed.sum() % 2 == 0, place


def test_eye_cameras_and_barrels_move_with_the_ipd() -> None:
    headset = default_headset()
    wide = at_ipd(headset, float(headset.ipd) + 0.008)
    moved = camera_centers(wide) - camera_centers(headset)
    for name, way in zip(headset.camera_names, moved, strict=True):
        wanted = 0.004 if name.startswith("eye_left") else -0.004 if name.startswith("eye_right") else 0.0
        np.testing.assert_allclose(way, [wanted, 0, 0], atol=1e-6)
    shift = wide.solid_vertices - headset.solid_vertices
    left = headset.solid_names.index("barrel_left")
    of_left = np.unique(headset.solid_triangles[headset.solid_of_triangle == left])
    np.testing.assert_allclose(shift[of_left], np.tile([0.004, 0, 0], (len(of_left), 1)), atol=1e-6)
    np.testing.assert_allclose(at_ipd(wide, 0.063).camera_from_headset, headset.camera_from_headset, atol=1e-6)
    with pytest.raises(DataError, match="ipd"):
        at_ipd(headset, 0.2)


@pytest.mark.parametrize("lens", ["pinhole", "brown_conrady", "kannala_brandt"])
def test_a_field_is_what_the_picture_spans(lens: str) -> None:
    distortion = {"pinhole": "", "brown_conrady": "distortion = [-0.05, 0.01, 0, 0]\n",
                  "kannala_brandt": "distortion = [-0.01, 0.002, 0, 0]\n"}[lens]  # fmt: skip
    made = load(TOP + CAMERA + f'lens = "{lens}"\n' + distortion).headset()
    edge = lens_of(made, 0).directions(np.array([[0.0, 200.0], [400.0, 200.0]]))
    np.testing.assert_allclose(np.degrees(np.arctan(edge[:, 0])), [-40, 40], atol=1e-3)


def test_it_can_be_written_and_read_and_is_refused_when_damaged(tmp_path: Path) -> None:
    headset = default_headset()
    headset.write(tmp_path / "headset.npz")
    assert same(load_headset(tmp_path / "headset.npz"), headset)
    valid = headset.camera_valid.copy()
    with pytest.raises(DataError, match="at most 400x400"):
        replace(headset, camera_size=headset.camera_size + 1)
    with pytest.raises(DataError, match="unit vectors"):
        replace(headset, led_direction=headset.led_direction * 0.5)
    with pytest.raises(DataError, match="positive fx"):
        replace(headset, camera_intrinsics=-headset.camera_intrinsics)
    with pytest.raises(DataError, match="for a kannala_brandt lens"):
        replace(headset, camera_coefficients=headset.camera_coefficients * 0)
    with pytest.raises(DataError, match="beyond the picture"):
        replace(headset, camera_size=headset.camera_size - 1, camera_valid=valid | True)


def test_a_description_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(TOP + CAMERA)
    assert isinstance(load_headset(file), Headset)
    with pytest.raises(DataError, match="readable TOML"):
        load_headset(tmp_path / "missing.toml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name = ", "expected TOML"),
        (TOP, "camera"),
        (TOP + CAMERA.replace("[[camera]]", "[camera]"), "tables"),
        (TOP + CAMERA + "colour = 3\n", "unknown key"),
        (TOP + CAMERA.replace("mouth_left", "ear"), "one of eye_left"),
        (TOP + CAMERA.replace("[30, -40, 20]", "[30, -40]"), "3 numbers"),
        (TOP + CAMERA.replace("[30, -40, 20]", "[3000, -40, 0]"), "from -500 to 500"),
        (TOP + CAMERA.replace("[0, -75, 0]", "[30, -40, 20]"), "place beside the camera"),
        (TOP + CAMERA + "intrinsics = [1, 1, 1, 1]\n", "either intrinsics or field_degrees, got 'both'"),
        (TOP + CAMERA.replace("field_degrees = 80", ""), "neither"),
        (TOP + CAMERA.replace("field_degrees = 80", "intrinsics = [-1, 1, 1, 1]"), "positive fx"),
        (TOP + CAMERA + 'lens = "kannala_brandt"\ndistortion = [1]\n', "4 numbers for a kannala_brandt"),
        (TOP + CAMERA + 'lens = "brown_conrady"\ndistortion = [-0.5, 0, 0, 0]\n', "folds"),
        (TOP + CAMERA + "rotation = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]\n", "either look_at_mm or rotation"),
        (TOP + CAMERA.replace(*TURNED), "a rotation"),
        (TOP + CAMERA + CAMERA, "each name once"),
        (TOP + CAMERA + LED.format(0), "another place"),
        (TOP + CAMERA + LED.format(1) + 'for = ["x"]\n', "names of cameras"),
        (TOP + CAMERA + '[[solid]]\nname = "a"\nkind = "housing"\n', "either box_mm or cone_mm"),
        (TOP + CAMERA + '[[solid]]\nname = "a"\nkind = "housing"\nbox_mm = [[0, 0, 0], [1, 1, 0]]\n', "second corner"),
        (TOP + CAMERA + '[[solid]]\nname = "a"\nkind = "wall"\nbox_mm = [[0, 0, 0], [1, 1, 1]]\n', "one of housing"),
        (TOP + CAMERA + '[[solid]]\nname = "a"\nkind = "lens"\ncone_mm = [[0, 0, 0], [0, 0, 0]]\n', "needs a length"),
        ("ipd_mm = 200\n" + TOP + CAMERA, "from 40 to 90"),
    ],
)  # fmt: skip
def test_mistakes_are_named(text: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        load(text)
