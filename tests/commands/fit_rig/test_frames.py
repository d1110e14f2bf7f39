"""Measuring one frame of a phone scan: given masks and landmarks, flipped pictures, separate depth, units."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial import cKDTree

from refa_cli.commands.fit_rig.frames import read_cloud
from refa_cli.commands.fit_rig.measure import measure
from refa_cli.commands.fit_rig.units import eye_distance, face_size
from refa_cli.face.default import default_face
from refa_cli.face.keypoints import GROUPS, INDEX
from refa_cli.formats.errors import DataError
from refa_cli.formats.frames import Frame
from refa_cli.formats.pictures import write_picture
from refa_cli.formats.scans import Scans
from tests.commands.fit_rig import scans_made
from tests.commands.fit_rig.heads import Head, keypoints_of
from tests.commands.fit_rig.scans_made import Float, edit, true_landmarks, view_at

FRONT = 1
"""The frame whose yaw is 0."""


@pytest.fixture
def scans(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "scans")
    return tmp_path / "scans"


def front(scans: Path) -> Frame:
    return Scans.read(scans).expressions["neutral"][0].frames[FRONT]


def write_landmarks(scans: Path, name: str = "neutral") -> None:
    value = {"schema": "refa.landmarks/1", "frames": true_landmarks(name=name)}
    (scans / name / "landmarks.json").write_text(json.dumps(value))


def in_camera(points: Float, yaw: float = 0.0) -> Float:
    pose = view_at(yaw).camera_from_head
    return points @ pose[:3, :3].T + pose[:3, 3]


def test_points_lie_on_the_face(made: Path) -> None:
    cloud = read_cloud(front(made))
    vertices, triangles = in_camera(Head.random(3).vertices()), default_face().triangles
    sides = vertices[triangles[:, [0, 1, 2]]] / 2 + vertices[triangles[:, [1, 2, 0]]] / 2
    surface = np.concatenate([vertices, sides.reshape(-1, 3), vertices[triangles].mean(1)])
    distance = cKDTree(surface).query(cloud.points)[0]
    assert len(cloud.points) > 4000
    assert np.percentile(distance, 99) < 0.004  # the surface's samples are some millimetres apart
    toward = (cloud.normals * -cloud.points).sum(1)
    assert (toward > 0).all()
    truth = in_camera(keypoints_of(Head.random(3).vertices()))
    skin = np.isfinite(cloud.keypoints[:, 2])
    skin[GROUPS["iris"]] = False
    assert skin.sum() > 70
    assert np.median(np.linalg.norm(cloud.keypoints - truth, axis=1)[skin]) < 0.003


def test_eyes_and_open_mouth_are_left_out(made: Path) -> None:
    frame = Scans.read(made).expressions["jaw_open"][0].frames[FRONT]
    cloud = read_cloud(frame)
    truth = in_camera(keypoints_of(Head.random(3).vertices(JawDrop=1.0)))
    holes = [truth[[INDEX["lip_upper_inner_middle"], INDEX["lip_lower_inner_middle"]]].mean(0)]
    holes += [truth[INDEX["iris_center_l"]], truth[INDEX["iris_center_r"]]]
    for hole in holes:
        assert np.linalg.norm(cloud.points[:, :2] - hole[:2], axis=1).min() > 0.003


def test_mask_restricts_points(scans: Path) -> None:
    """A mask of the left half of the picture: the subject's right."""
    mask = np.zeros((scans_made.HIGH, scans_made.WIDE), np.uint8)
    mask[:, : scans_made.WIDE // 2] = 255
    (scans / "neutral" / "mask").mkdir()
    whole = read_cloud(front(scans))
    write_picture(scans / "neutral" / "mask" / "f1.png", mask)
    half = read_cloud(front(scans))
    assert half.points[:, 0].max() < 0.002 < whole.points[:, 0].max()
    assert 0.35 < len(half.points) / len(whole.points) < 0.65
    assert np.array_equal(half.keypoints, whole.keypoints, equal_nan=True)


def test_landmarks_replace_detection(scans: Path) -> None:
    """Given keypoints are used as they are: also in a black picture, in which nothing can be detected."""
    for color in (scans / "neutral" / "color").iterdir():
        write_picture(color, np.zeros((scans_made.HIGH, scans_made.WIDE, 3), np.uint8))
    with pytest.raises(DataError, match="a face, got none found"):
        read_cloud(front(scans))
    write_landmarks(scans)
    cloud = read_cloud(front(scans))
    truth = in_camera(keypoints_of(Head.random(3).vertices()))
    known = np.isfinite(cloud.keypoints[:, 2])
    known[GROUPS["iris"]] = False
    assert np.median(np.linalg.norm(cloud.keypoints - truth, axis=1)[known]) < 0.001
    left_out: list[DataError] = []
    measured = measure(Scans.read(scans), "neutral", left_out)
    assert (measured.frames, left_out) == (3, [])


def test_some_landmarks_are_enough(scans: Path) -> None:
    """null stands for a keypoint that was not seen; here all of the jaw and forehead, and one outside the picture."""
    frames = true_landmarks()
    for points in frames.values():
        for index in range(GROUPS["jaw"].start, 100):
            points[index] = None  # type: ignore[call-overload]
        points[0] = [-500.0, 10.0]
    value = {"schema": "refa.landmarks/1", "frames": frames}
    (scans / "neutral" / "landmarks.json").write_text(json.dumps(value))
    cloud = read_cloud(front(scans))
    assert np.isnan(cloud.keypoints[GROUPS["jaw"]]).all()
    assert np.isnan(cloud.keypoints[0]).all()


def test_flipped_pictures(made: Path, tmp_path: Path) -> None:
    """Pictures that a selfie camera flipped give the same points as those that it did not."""
    flipped = scans_made.write_frames(tmp_path / "flipped", mirrored=True)
    plain = front(made)
    unflipped = front(flipped)
    assert np.array_equal(plain.read_depth(), unflipped.read_depth(), equal_nan=True)
    landmarks = np.array(true_landmarks()["f1"], np.float32)
    one, other = (read_cloud(replace(frame, landmarks=landmarks)) for frame in (plain, unflipped))
    assert np.allclose(one.keypoints, other.keypoints, equal_nan=True)
    distance = cKDTree(one.points).query(other.points)[0]
    assert np.percentile(distance, 99) < 1e-6
    detected = read_cloud(unflipped)
    left = detected.keypoints[INDEX["eye_outer_l"]]
    assert left[0] > detected.keypoints[INDEX["eye_outer_r"]][0]


def test_depth_camera_of_its_own(scans: Path) -> None:
    """Depth that is not aligned: the same picture said to come from a camera beside gives the same face beside."""
    beside = np.eye(4)
    beside[0, 3] = 0.001

    def change(value: dict[str, Any]) -> None:
        value["depth_camera"] = value["camera"]
        value["color_from_depth"] = beside.tolist()

    before = read_cloud(front(scans))
    edit(scans, change)
    after = read_cloud(front(scans))
    middle = after.points.mean(axis=0) - before.points.mean(axis=0)
    assert middle == pytest.approx([0.001, 0, 0], abs=0.0005)


def test_moved_frame_is_named(scans: Path) -> None:
    """A frame with another expression among those of the neutral is left out by its own name."""
    for part, ending in (("color", "jpg"), ("depth", "png")):
        (scans / "neutral" / part / f"f0.{ending}").rename(scans / "neutral" / part / f"f9.{ending}")
    shutil.copy(scans / "neutral" / "color" / "f9.jpg", scans / "neutral" / "color" / "f0.jpg")
    depth = scans / "neutral" / "depth"
    counts = np.asarray(scans_made.read_counts(depth / "f9.png"), dtype=np.float64)
    wave = 1 + 0.03 * np.sin(np.arange(counts.shape[1]) / 4)
    write_picture(depth / "f0.png", (counts * wave).astype(np.uint16))
    left_out: list[DataError] = []
    measured = measure(Scans.read(scans), "neutral", left_out)
    assert measured.frames == 3
    assert [Path(problem.path).name for problem in left_out] == ["f0.png"]


def test_sizes() -> None:
    points = keypoints_of(Head.random(3).vertices())
    assert 0.050 < eye_distance(points) < 0.075
    turned = points * [0.3, 1, 1]  # what a turned head looks like
    assert 0.050 < face_size(turned[:, :2]) < 0.085
    points[INDEX["eye_outer_l"]] = np.nan
    assert np.isnan(eye_distance(points))
