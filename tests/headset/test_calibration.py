"""Calibration files as OpenCV and Kalibr write them, and what is refused of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from refa_cli.formats.errors import DataError
from refa_cli.headset.calibration import read_calibration
from refa_cli.headset.default import load_headset
from refa_cli.headset.description import load
from refa_cli.headset.parts import lens_of

OPENCV = """%YAML:1.0
---
calibration_time: "Tue 01 Jan"
image_width: 640
image_height: 480
camera_matrix: !!opencv-matrix
   rows: 3
   cols: 3
   dt: d
   data: [ 500.5, 0., 320.25, 0., 501.5, 240.75, 0., 0., 1. ]
distortion_coefficients: !!opencv-matrix
   rows: 5
   cols: 1
   dt: d
   data: [ -0.1, 0.02, 0.001, -0.002, 0.003 ]
"""
KALIBR = """cam0:
  camera_model: pinhole
  intrinsics: [460.0, 461.0, 199.5, 200.5]
  distortion_model: equidistant
  distortion_coeffs: [-0.01, 0.003, -0.001, 0.0002]
  resolution: [400, 402]
cam1:
  T_cn_cnm1:
  - [1.0, 0.0, 0.0, -0.06]
  - [0.0, 1.0, 0.0, 0.0]
  - [0.0, 0.0, 1.0, 0.0]
  - [0.0, 0.0, 0.0, 1.0]
  camera_model: pinhole
  intrinsics: [458.0, 459.0, 200.0, 198.0]
  distortion_model: radtan
  distortion_coeffs: [-0.2, 0.05, 0.0001, 0.0002]
  resolution: [400, 402]
"""


def write(folder: Path, text: str, name: str = "calibration.yaml") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_opencv_s_numbers_come_over_half_a_pixel_on(tmp_path: Path) -> None:
    (one,) = read_calibration(write(tmp_path, OPENCV))
    assert one.lens.model == "brown_conrady" and one.lens.size == (480, 640)
    assert one.lens.intrinsics == (500.5, 501.5, 320.75, 241.25)
    assert one.lens.distortion == (-0.1, 0.02, 0.001, -0.002, 0.003)


def test_json_and_plain_lists_and_fisheyes_are_read(tmp_path: Path) -> None:
    text = ('{"K": [[300, 0, 199.5], [0, 300, 199.5], [0, 0, 1]], "D": [[0.1], [0.0], [0.0], [0.0]], "width": 400, '
            '"height": 400, "distortion_model": "fisheye"}')  # fmt: skip
    (one,) = read_calibration(write(tmp_path, text, "calibration.json"))
    assert one.lens.model == "kannala_brandt" and one.lens.intrinsics == (300, 300, 200, 200)


def test_kalibr_s_chain_is_followed(tmp_path: Path) -> None:
    first, second = read_calibration(write(tmp_path, KALIBR))
    assert (first.lens.model, second.lens.model) == ("kannala_brandt", "brown_conrady")
    assert first.lens.size == (402, 400) and first.lens.intrinsics[2:] == (200.0, 201.0)
    assert second.from_first is not None
    np.testing.assert_allclose(second.from_first @ [0.06, 0, 1, 1], [0, 0, 1, 1])


def test_a_calibration_alone_becomes_a_headset(tmp_path: Path) -> None:
    headset = load_headset(write(tmp_path, KALIBR))
    assert headset.camera_names == ("cam0", "cam1")
    poses = headset.camera_from_headset.astype(np.float64)
    np.testing.assert_allclose((poses[1] @ np.linalg.inv(poses[0]))[:3, 3], [-0.06, 0, 0], atol=1e-6)
    eyes = (poses[0] @ headset.headset_from_head) @ [0, 0, 0, 1]
    assert 0.05 < eyes[2] < 0.3


def test_a_description_takes_lens_and_place_from_a_calibration(tmp_path: Path) -> None:
    write(tmp_path, KALIBR)
    text = """
name = "calibrated"
[[camera]]
name = "a"
role = "mouth_left"
calibration = "calibration.yaml"
calibration_camera = "cam0"
position_mm = [30, -40, 20]
look_at_mm = [0, -75, 0]
[[camera]]
name = "b"
role = "mouth_right"
calibration = "calibration.yaml"
calibration_camera = "cam1"
placed_by = "a"
"""
    headset = load(text, tmp_path / "headset.toml").headset()
    assert lens_of(headset, 0).model == "kannala_brandt" and lens_of(headset, 1).model == "brown_conrady"
    poses = headset.camera_from_headset.astype(np.float64)
    np.testing.assert_allclose((poses[1] @ np.linalg.inv(poses[0]))[:3, 3], [-0.06, 0, 0], atol=1e-6)
    for change, words in (
        (("placed_by", 'look_at_mm = [0, 0, 0]\nplaced_by'), "remove one of the two"),
        (('placed_by = "a"', 'placed_by = "c"'), "a camera above this one"),
        (('calibration_camera = "cam1"\n', ""), "say which|cam0, cam1"),
        (('"cam1"', '"cam7"'), "one of cam0, cam1"),
        (("position_mm = [30", "field_degrees = 80\nposition_mm = [30"), "nothing beside calibration"),
        (('"calibration.yaml"', '"missing.yaml"'), "a calibration in YAML"),
    ):  # fmt: skip
        with pytest.raises(DataError, match=words):
            load(text.replace(*change), tmp_path / "headset.toml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1, 2]", "got list"),
        ("a: [", "a calibration in YAML"),
        ("a: !!python/object/apply:os.system [true]", "a calibration in YAML"),
        ("something: 3", "cam0, cam1"),
        (OPENCV.replace("500.5, 0.,", "500.5, 3.,"), "unskewed"),
        (OPENCV.replace("0., 1. ]", "0. ]"), "9 numbers"),
        (OPENCV.replace("500.5", "-500.5"), "positive"),
        (OPENCV.replace("500.5", ".nan"), "9 numbers"),
        (OPENCV.replace("0.003 ]", "0.003, 1.0 ]"), "4 or 5 or 8 numbers"),
        (OPENCV.replace("image_width: 640", "image_width: 640.5"), "whole sides"),
        (OPENCV.replace("image_width: 640\n", ""), "2 numbers"),
        (KALIBR.replace("pinhole", "omni"), "pinhole"),
        (KALIBR.replace("equidistant", "fov"), "radtan"),
        (KALIBR.replace("[1.0, 0.0, 0.0, -0.06]", "[2.0, 0.0, 0.0, -0.06]"), "a rigid transform"),
        (KALIBR.replace("[1.0, 0.0, 0.0, -0.06]", "[1.0, 0.0]"), "16 numbers"),
        (KALIBR.replace("cam0:\n", "cam0: 3\ncam2:\n"), "a camera's table"),
    ],
)
def test_broken_calibrations_are_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_calibration(write(tmp_path, text))


def test_huge_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="at most 1 MB"):
        read_calibration(write(tmp_path, "#" * (2 << 20)))


def test_a_camera_whose_place_is_not_told_needs_a_description(tmp_path: Path) -> None:
    start = KALIBR.index("  T_cn_cnm1")
    text = KALIBR[:start] + KALIBR[KALIBR.index("  camera_model", start) :]
    with pytest.raises(DataError, match="T_cn_cnm1"):
        load_headset(write(tmp_path, text))
