"""`refa import` of Record3D recordings."""

from __future__ import annotations

import json
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refa_cli import app
from refa_cli.commands.import_ import record3d, thinning, upright
from refa_cli.formats.errors import DataError
from refa_cli.formats.frames import Camera
from refa_cli.formats.scans import Scans
from refa_cli.landmarks import detector
from tests.commands import import_made as made

Captured = pytest.CaptureFixture[str]


def run(*arguments: object, code: int = 0) -> None:
    assert app.main(["import", *map(str, arguments)]) == code


def taken(root: Path) -> dict[str, bytes]:
    """Every file of the scans but the log."""
    files = sorted(path for path in root.rglob("*") if path.is_file() and path.name != "refa.log")
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def expected_depth(frame: int, degrees: int = 0) -> Any:
    metres = made.depth(frame)
    metres[~(metres > 0) | (metres > 6.5)] = np.nan
    return np.rot90(metres, -degrees // 90)


def test_depth_and_cameras_come_through_exactly(tmp_path: Path, capsys: Captured) -> None:
    made.recording(tmp_path / "neutral.r3d", 12)
    made.recording(tmp_path / "Jaw Open 2.r3d", 5)
    run(tmp_path, "-o", tmp_path / "scans", "--frames", 4, "--rotate", 0, "--subject", "P7", "--json")
    report = json.loads(capsys.readouterr().out)
    assert [(row["take"], row["frames"], row["of"]) for row in report["takes"]] == [
        ("neutral", 4, 12),
        ("jaw_open", 4, 5),
    ]
    assert report["takes"][0]["beyond 6.6 m, %"] == round(700 / made.WIDTH / made.HEIGHT, 2)
    assert len(report["missing"]) == 58
    scans = Scans.read(tmp_path / "scans", strict=True)
    assert (scans.subject, scans.depth_unit, scans.mirrored) == ("P7", 1e-4, False)
    assert list(scans.expressions) == ["neutral", "jaw_open"]
    frames = scans.expressions["neutral"][0].frames
    assert [int(frame.stem) for frame in frames] == [1, 4, 7, 10]  # the sharp one of each three
    for frame in frames:
        number = int(frame.stem)
        np.testing.assert_allclose(frame.read_depth(), expected_depth(number), atol=1e-7)
        own = Camera(made.WIDTH, made.HEIGHT, (made.FX + number) / 2, (made.FY + number) / 2, made.CX / 2, made.CY / 2)
        assert frame.camera == frame.depth_camera == own
        color = frame.read_color()
        assert color.shape == (made.HEIGHT, made.WIDTH, 3)
        assert color[2].mean() > 190 and color[-2].mean() < 70


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_turned_pictures_see_the_same_points(tmp_path: Path, degrees: int) -> None:
    made.recording(tmp_path / "neutral.r3d", 3)
    for turn in (0, degrees):
        run(tmp_path / "neutral.r3d", "-o", tmp_path / f"scans{turn}", "--rotate", turn)
    clouds = []
    for turn in (0, degrees):
        frame = Scans.read(tmp_path / f"scans{turn}", strict=True).expressions["neutral"][0].frames[1]
        z = frame.read_depth()
        np.testing.assert_allclose(z, expected_depth(1, turn), atol=1e-7)
        y, x = np.nonzero(z > 0)
        rays = np.stack([x + 0.5, y + 0.5, np.ones(len(x))]) * z[y, x]
        points = np.linalg.inv(frame.camera.matrix) @ rays
        turned = np.radians(-turn)  # back to where the untouched camera saw them
        about_z = [[np.cos(turned), -np.sin(turned), 0], [np.sin(turned), np.cos(turned), 0], [0, 0, 1]]
        points = (np.array(about_z) @ points).T
        clouds.append(points[np.lexsort(points.round(5).T)])
    np.testing.assert_allclose(clouds[0], clouds[1], atol=2e-6)


def test_auto_turns_by_the_face_that_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    made.recording(tmp_path / "neutral.r3d", 3)
    looked_at = []

    def found(picture: Any) -> Any:
        looked_at.append(picture)
        if len(looked_at) < 2:
            return None
        points = np.zeros((478, 3), np.float32)
        points[33, :2], points[263, :2] = (20, 10), (22, 50)  # right eye above the left: lies on its side
        return detector.Detection(points, 1.0, np.zeros(4, np.float32), None)  # type: ignore[arg-type]

    monkeypatch.setattr(detector, "detect", found)
    run(tmp_path / "neutral.r3d", "-o", tmp_path / "scans")
    frame = Scans.read(tmp_path / "scans", strict=True).expressions["neutral"][0].frames[0]
    np.testing.assert_allclose(frame.read_depth(), expected_depth(0, 270), atol=1e-7)
    monkeypatch.setattr(detector, "detect", lambda picture: None)
    run(tmp_path / "neutral.r3d", "-o", tmp_path / "scans", "--overwrite")
    assert "no face found to tell which side is up" in capsys.readouterr().err


def test_a_real_face_is_turned_upright() -> None:
    data = pytest.importorskip("skimage.data")
    try:
        picture = data.astronaut()
    except Exception as error:  # not in every build of the library
        pytest.skip(f"no picture of a face: {error}")
    for degrees in (0, 90, 180, 270):
        assert upright.needed_turn([upright.turn(picture, degrees)]) == -degrees % 360


def test_old_recordings_without_size_or_intrinsics_per_frame(tmp_path: Path) -> None:
    changes = {"dw": None, "dh": None, "perFrameIntrinsicCoeffs": None}
    made.recording(tmp_path / "neutral.r3d", 2, changes=changes)
    run(tmp_path / "neutral.r3d", "-o", tmp_path / "scans", "--rotate", 0, "--mirrored")
    scans = Scans.read(tmp_path / "scans", strict=True)
    assert scans.mirrored and not (tmp_path / "scans" / "neutral" / "frames.json").exists()
    frame = scans.expressions["neutral"][0].frames[1]
    np.testing.assert_allclose(frame.read_depth()[:, ::-1], expected_depth(1), atol=1e-7)


def test_low_confidence_of_lidar_is_no_reading(tmp_path: Path, capsys: Captured) -> None:
    confidence = np.full((made.HEIGHT, made.WIDTH), 2, np.uint8)
    confidence[40:, :] = 0
    conf = {f"rgbd/{frame}.conf": made.stored(confidence.tobytes()) for frame in range(2)}
    made.recording(tmp_path / "neutral.r3d", 2, members=conf)
    run(tmp_path / "neutral.r3d", "-o", tmp_path / "scans", "--rotate", 0)
    assert "selfie camera" in capsys.readouterr().err
    z = Scans.read(tmp_path / "scans").expressions["neutral"][0].frames[0].read_depth()
    assert np.isnan(z[40:]).all() and np.isfinite(z[10:40]).all()


def test_same_recordings_same_bytes_and_takes_in_natural_order(tmp_path: Path) -> None:
    for name in ("neutral", "grin", "grin (10)", "grin (2)"):
        made.recording(tmp_path / f"{name}.r3d", 2)
    run(tmp_path, "-o", tmp_path / "one", "--rotate", 0, "--quiet")
    run(*sorted(tmp_path.glob("*.r3d"), reverse=True), "-o", tmp_path / "two", "--rotate", 0, "--quiet")
    assert taken(tmp_path / "one") == taken(tmp_path / "two")
    assert json.loads((tmp_path / "one" / "scans.json").read_text())["expressions"] == {
        "neutral": "neutral",
        "grin": ["grin", "grin_2", "grin_3"],
    }


def test_dry_run_writes_nothing(tmp_path: Path, capsys: Captured) -> None:
    made.recording(tmp_path / "grin.r3d", 3)
    before = sorted(tmp_path.iterdir())
    run(tmp_path / "grin.r3d", "-o", tmp_path / "scans", "--dry-run")
    shown = capsys.readouterr()
    assert "grin\tgrin\tgrin.r3d\t3\t3" in shown.out
    assert "no neutral" in shown.err and "nothing was written" in shown.err
    assert sorted(tmp_path.iterdir()) == before


def test_an_empty_frame_is_left_out_and_an_empty_recording_refused(tmp_path: Path, capsys: Captured) -> None:
    empty = made.stored(bytes(4 * made.WIDTH * made.HEIGHT))
    made.recording(tmp_path / "neutral.r3d", 2, members={"rgbd/0.depth": empty})
    run(tmp_path / "neutral.r3d", "-o", tmp_path / "scans", "--rotate", 0)
    assert "frame 0 has no depth" in capsys.readouterr().err
    made.recording(tmp_path / "neutral.r3d", 2, members={"rgbd/0.depth": empty, "rgbd/1.depth": empty})
    run(tmp_path / "neutral.r3d", "-o", tmp_path / "none", "--rotate", 0, code=1)
    assert "expected depth in some frame" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def shortened(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[data.index(b"rgbd/0.jpg") + 60] ^= 0xFF
    path.write_bytes(bytes(data))


def other(path: Path) -> None:
    path.write_bytes(b"not a recording")


WRONG: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "no metadata": ({}, {"metadata": None}, "damaged or of another kind"),
    "metadata is a list": ({}, {"metadata": b"[1]"}, "metadata: expected a JSON object"),
    "metadata is not JSON": ({}, {"metadata": b"{"}, "metadata: expected JSON text"),
    "no width": ({"w": None}, {}, "metadata.w: expected a size in pixels"),
    "width is text": ({"w": "96"}, {}, "metadata.w: expected a size in pixels"),
    "gigantic": ({"w": 10**9}, {}, "metadata.w: expected 16 to 8192 pixels"),
    "gigantic depth": ({"dw": 8000, "dh": 8000}, {}, "pixels of depth"),
    "depth of another aspect": ({"dw": 64, "dh": 48}, {}, "expected a picture of the aspect of its depth, 64x48"),
    "depth of another size": ({"dw": 96, "dh": 128}, {}, "rgbd/0.depth: expected 96x128 values of float32"),
    "no intrinsics": ({"K": None, "perFrameIntrinsicCoeffs": None}, {}, "metadata.K: expected a 3x3 matrix"),
    "intrinsics by row": (
        {"K": [110, 0, 47, 0, 112, 65, 0, 0, 1], "perFrameIntrinsicCoeffs": []}, {}, "intrinsics that fit the picture"
    ),
    "too few intrinsics": ({"perFrameIntrinsicCoeffs": [[110, 112, 47, 65]] * 2}, {}, "intrinsics for every frame"),
    "intrinsics are text": ({"perFrameIntrinsicCoeffs": [["110", 1, 1, 1]] * 3}, {}, "perFrameIntrinsicCoeffs[0]"),
    "no frames": ({}, {f"rgbd/{n}.depth": None for n in range(3)}, "rgbd: expected frames N.jpg with N.depth"),
    "a picture of another kind": ({}, {"rgbd/1.jpg": b"GIF89a"}, "rgbd/1.jpg: expected a JPEG picture"),
    "a picture of another aspect": (
        {}, {"rgbd/1.jpg": made.jpeg(np.zeros((96, 96, 3), np.uint8))}, "rgbd/1.jpg: expected a picture of the aspect"
    ),
    "depth that is not LZFSE": ({}, {"rgbd/1.depth": b"plain"}, "rgbd/1.depth: expected 48x64 values"),
    "depth cut short": ({}, {"rgbd/1.depth": made.stored(bytes(99))[:-20]}, "got LZFSE data that is cut short"),
    "depth of too few bytes": ({}, {"rgbd/1.depth": made.stored(bytes(99))}, "got 99 bytes in LZFSE data"),
    "a bomb in LZFSE": (
        {}, {"rgbd/1.depth": b"bvxn" + struct.pack("<2I", 2**32 - 1, 9) + bytes(9)}, "got LZFSE data of more than"
    ),
    "a bomb in the ZIP": ({}, {"rgbd/1.depth": bytes(30_000_000)}, "rgbd/1.depth: expected at most"),
    "a bomb as metadata": ({}, {"metadata": b" " * 20_000_000}, "metadata: expected at most"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_wrong_recordings_are_refused_in_a_sentence(tmp_path: Path, capsys: Captured, case: str) -> None:
    changes, members, sentence = WRONG[case]
    path = made.recording(tmp_path / "neutral.r3d", 3, changes=changes, members=members)
    run(path, "-o", tmp_path / "scans", "--rotate", 0, code=1)
    said = capsys.readouterr().err
    assert sentence in said and "neutral.r3d" in said and said.count("\n") == 1
    assert not (tmp_path / "scans").exists()


@pytest.mark.parametrize("damage", [shortened, flipped, other])
def test_damaged_files_are_refused(tmp_path: Path, capsys: Captured, damage: Callable[[Path], None]) -> None:
    path = made.recording(tmp_path / "neutral.r3d", 3)
    damage(path)
    run(path, "-o", tmp_path / "scans", "--rotate", 0, code=1)
    assert capsys.readouterr().err.count("\n") == 1


def test_names_that_lead_out_are_never_followed(tmp_path: Path) -> None:
    path = made.recording(tmp_path / "neutral.r3d", 2, members={"../../evil.jpg": b"x", "/rgbd/0.jpg": b"x"})
    run(path, "-o", tmp_path / "in" / "scans", "--rotate", 0)
    assert sorted(file.name for file in (tmp_path / "in" / "scans" / "neutral" / "color").iterdir()) == [
        "000000.jpg",
        "000001.jpg",
    ]
    assert not list(tmp_path.rglob("evil*"))


def test_a_recording_is_recognised_by_what_it_holds(tmp_path: Path, capsys: Captured) -> None:
    path = made.recording(tmp_path / "neutral.r3d", 2)
    shutil.copy(path, tmp_path / "neutral.zip")
    run(tmp_path / "neutral.zip", "-o", tmp_path / "scans", "--rotate", 0)
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.writestr("a.jpg", b"x")
    run(tmp_path / "photos.zip", "-o", tmp_path / "more", code=1)
    assert "expected a Record3D recording" in capsys.readouterr().err


def test_keeps_the_sharpest_of_every_part() -> None:
    values = {3: 9.0, 4: 9.0, 12: 5.0}
    assert thinning.choose(range(20), 2, lambda frame: values.get(frame, 0.0)) == [3, 12]
    assert thinning.choose([5, 7], 8, lambda frame: 0.0) == [5, 7]
    stripes = np.tile(np.repeat([100, 140], 4), (64, 8)).astype(np.uint8)
    assert thinning.sharpness(stripes) > 4 * thinning.sharpness(np.full((64, 64), 120, np.uint8) + (stripes // 100))


def test_reading_says_what_a_file_is_not(tmp_path: Path) -> None:
    (tmp_path / "text.r3d").write_text("text")
    with pytest.raises(DataError, match="a Record3D export"):
        record3d.read(tmp_path / "text.r3d")
