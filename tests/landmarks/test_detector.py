"""The detector on renders whose geometry is known: place, side, size and turn of the face; and what is no face."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from refa_cli.face.keypoints import DETECTOR_INDEX, INDEX, MIRROR
from refa_cli.formats.spec import F32, U8
from refa_cli.landmarks import blazeface
from refa_cli.landmarks.blendshapes import NAMES, POINTS, blendshapes
from refa_cli.landmarks.detector import Detection, detect
from refa_cli.landmarks.windows import Pyramid, Window, window_around
from refa_cli.render.cameras import View, around
from tests.landmarks.faces import SHARED, face, need_networks, picture, positions


def found(image: U8) -> Detection:
    need_networks()
    detection = detect(image)
    assert detection is not None
    return detection


def keypoints(detection: Detection) -> F32:
    return detection.points[DETECTOR_INDEX, :2]


def misses(detection: Detection, view: View) -> float:
    """The largest distance, in eye distances, between eyes and mouth found and where they are."""
    got = keypoints(detection)
    want = {name: view.project(point[None])[0] for name, point in positions(face()).items()}
    unit = np.linalg.norm(want["eye_l"] - want["eye_r"])
    pairs = {
        "eye_l": got[[INDEX["eye_outer_l"], INDEX["eye_inner_l"]]].mean(axis=0),
        "eye_r": got[[INDEX["eye_outer_r"], INDEX["eye_inner_r"]]].mean(axis=0),
        "mouth": got[[INDEX["lip_upper_inner_middle"], INDEX["lip_lower_inner_middle"]]].mean(axis=0),
    }
    return max(float(np.linalg.norm(pairs[name] - want[name]) / unit) for name in pairs)


VIEWS = {
    "plain": around(),
    "from the left": around(0.5),
    "from the right and above": around(-0.4, 0.25),
    "turned by 70 degrees": around(roll=np.radians(70)),
    "upside down": around(roll=np.pi),
    "fills the picture": around(width=0.15),
    "wide": around(width=0.5, size=(200, 640)),
    "small": around(width=2.4, size=(900, 900)),
    "tiny picture": around(size=(72, 72)),
}


@pytest.mark.parametrize("name", VIEWS)
def test_finds_the_face_where_it_is(name: str) -> None:
    detection = found(picture(VIEWS[name]))
    assert detection.score > 0.9
    assert misses(detection, VIEWS[name]) < 0.12


def test_left_is_the_subjects_left() -> None:
    points = keypoints(found(picture()))
    for name in ("iris_center", "eye_outer", "mouth_corner", "brow_upper_1", "jaw_1", "cheek", "ala_side"):
        assert points[INDEX[f"{name}_l"], 0] > 200 > points[INDEX[f"{name}_r"], 0]
    assert points[INDEX["iris_temple_l"], 0] > points[INDEX["iris_nasal_l"], 0]
    assert points[INDEX["iris_temple_r"], 0] < points[INDEX["iris_nasal_r"], 0]
    assert points[INDEX["lid_upper_3_l"], 1] < points[INDEX["lid_lower_3_l"], 1]


def test_a_mirrored_picture_gives_mirrored_points() -> None:
    image = picture()
    plain = keypoints(found(image))
    mirrored = keypoints(found(np.ascontiguousarray(image[:, ::-1])))[MIRROR]
    mirrored[:, 0] = image.shape[1] - mirrored[:, 0]
    assert np.abs(np.median(plain - mirrored, axis=0)).max() < 1.0  # half a pixel's slip of the network would be 1.2
    assert np.linalg.norm(plain - mirrored, axis=1).max() < 6


def test_looking_again_near_the_last_place_agrees() -> None:
    image = picture()
    first = found(image)
    again = detect(image, near=first.window)
    assert again is not None
    assert np.linalg.norm(keypoints(first) - keypoints(again), axis=1).max() < 2


def test_no_face_no_detection() -> None:
    need_networks()
    noise = np.random.default_rng(0).integers(0, 255, (200, 300, 3)).astype(np.uint8)
    for image in (noise, np.zeros((64, 64, 3), np.uint8), picture(around(np.pi))):
        assert detect(image) is None


def test_wrong_pictures_are_refused() -> None:
    for image in (np.zeros((10, 10), np.uint8), np.zeros((10, 10, 3)), np.zeros((10, 10, 4), np.uint8)):
        with pytest.raises(ValueError, match="uint8"):
            detect(image)  # type: ignore[arg-type]


def test_blendshapes_of_a_resting_face() -> None:
    scores = dict(zip(NAMES, blendshapes(found(picture())), strict=True))
    assert len(scores) == 52 and len(POINTS) == 146
    assert all(0 <= score <= 1 for score in scores.values())
    assert max(scores["jawOpen"], scores["mouthSmileLeft"], scores["eyeBlinkLeft"], scores["cheekPuff"]) < 0.4


def test_a_real_scan() -> None:
    folder = SHARED / "leeperrysmith"
    if not (folder / "LeePerrySmith.obj").exists():
        pytest.skip("no ../shared/data/leeperrysmith")
    image = photo_of_scan(folder)
    detection = found(image)
    scores = dict(zip(NAMES, blendshapes(detection), strict=True))
    assert detection.score > 0.99
    assert scores["eyeBlinkLeft"] > 0.4 and scores["eyeBlinkRight"] > 0.4  # its eyes are closed


def photo_of_scan(folder: Path) -> U8:
    """A textured render of the scan from the front. Its v runs down."""
    import trimesh

    from refa_cli.render.preview import Texture, preview

    mesh = trimesh.load(folder / "LeePerrySmith.obj", process=False)
    from PIL import Image

    uv = np.array(mesh.visual.uv)
    uv[:, 1] = 1 - uv[:, 1]
    texture = Texture(np.array(Image.open(folder / "color.jpg").convert("RGB")), uv, mesh.faces)
    view = around(distance=10, target=(0, 1.3, 1.0), width=6.0)
    return preview(mesh.vertices, np.asarray(mesh.faces), view, texture=texture)


def test_anchors_are_the_graphs() -> None:
    anchors = blazeface.anchors()
    assert anchors.shape == (896, 2)
    np.testing.assert_allclose(anchors[:3], [[1 / 32, 1 / 32]] * 2 + [[3 / 32, 1 / 32]])
    np.testing.assert_allclose(anchors[512:519], [[1 / 16, 1 / 16]] * 6 + [[3 / 16, 1 / 16]])


def test_overlapping_boxes_become_their_weighted_mean() -> None:
    regressors, logits = np.zeros((896, 16), np.float32), np.full(896, -20, np.float32)
    regressors[[0, 1, 700], 2:4] = 64
    regressors[1, 0] = 12.8  # a tenth to the right
    logits[[0, 1, 700]] = [3, 1, 2]
    faces = blazeface.decode(regressors, logits)
    assert [round(face.score, 3) for face in faces] == [0.953, 0.881]
    weight = faces[0].score / (faces[0].score + 1 / (1 + np.exp(-1)))
    assert faces[0].box[[0, 2]].mean() == pytest.approx(1 / 32 + 0.1 * (1 - weight), abs=1e-4)
    assert blazeface.decode(regressors, logits - 10) == []


def test_windows_map_to_the_pixels_they_cut_out() -> None:
    y, x = np.mgrid[0:120, 0:160]
    image = np.stack([x, y, np.full_like(x, 7)], axis=-1).astype(np.uint8)
    for window in (Window(80, 60, 40), Window(70, 50, 30, 0.7), Window(80.3, 61, 96)):
        crop = Pyramid(image).crop(window, 24, black_outside=True)
        rows, columns = np.mgrid[0:24, 0:24]
        unit = (np.stack([columns, rows], axis=-1).reshape(-1, 2) + 0.5) / 24
        np.testing.assert_allclose(crop[..., :2].reshape(-1, 2) + 0.5, window.to_image(unit), atol=0.6)
    outside = Window(0, 0, 40)
    assert (Pyramid(image).crop(outside, 8, black_outside=True)[0, 0] == 0).all()
    np.testing.assert_allclose(Pyramid(image).crop(outside, 8, black_outside=False)[0, 0], [0, 0, 7], atol=3)
    around_points = window_around(np.array([[10.0, 10.0], [20.0, 20.0]]), np.pi / 4, 2.0)
    assert around_points.side == pytest.approx(2 * np.sqrt(200)) and around_points.center_x == pytest.approx(15)
