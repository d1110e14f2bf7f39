"""Bad scans of frames: `refa fit-rig` refuses each in one sentence that names it, and places nothing."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from refa_cli.commands.fit_rig.subject import check_scale
from refa_cli.face.default import default_face
from refa_cli.formats.errors import DataError
from refa_cli.formats.pictures import write_picture
from refa_cli.formats.scans import Scans
from tests.commands.fit_rig import scans_made
from tests.commands.fit_rig.refusals import refused
from tests.commands.fit_rig.scans_made import BLACK, YAWS, cut, edit

Captured = pytest.CaptureFixture[str]


@pytest.mark.parametrize("what", ["frame", "expression", "listed"])
def test_strict_makes_them_fatal(scans: Path, capsys: Captured, what: str) -> None:
    if what == "frame":
        at = scans / "neutral" / "color" / "f0.jpg"
        write_picture(at, BLACK)
    elif what == "expression":
        at = scans / "grin.ply"
        at.write_bytes(b"ply\nnot one")
        edit(scans, lambda value: value["expressions"].update(grin="grin.ply"))
    else:
        at = scans / "neutral" / "depth"
        (at / "f0.png").unlink()
    assert str(at) in refused(capsys, scans, "--strict")


def write_landmarks(scans: Path, frames: dict[str, Any]) -> None:
    value = {"schema": "refa.landmarks/1", "frames": frames}
    (scans / "neutral" / "landmarks.json").write_text(json.dumps(value))


def write_masks(scans: Path, mask: np.ndarray[Any, Any]) -> None:
    (scans / "neutral" / "mask").mkdir()
    for index in range(len(YAWS)):
        write_picture(scans / "neutral" / "mask" / f"f{index}.png", mask)


def all_frames(scans: Path, kind: str, change: Callable[[Path], None]) -> None:
    for file in sorted((scans / "neutral" / kind).iterdir()):
        change(file)


def no_face(scans: Path) -> None:
    all_frames(scans, "color", lambda file: write_picture(file, np.full((240, 320, 3), 90, np.uint8)))


def empty_depth(scans: Path) -> None:
    all_frames(scans, "depth", lambda file: write_picture(file, np.zeros((240, 320), np.uint16)))


def shallow_depth(scans: Path) -> None:
    all_frames(scans, "depth", lambda file: write_picture(file, np.full((240, 320), 40, np.uint8)))


def depth_beside_the_face(scans: Path) -> None:
    counts = np.zeros((240, 320), np.uint16)
    counts[:40] = 4000
    all_frames(scans, "depth", lambda file: write_picture(file, counts))


def cut_short(scans: Path) -> None:
    all_frames(scans, "depth", lambda file: cut(file, 5000))


def small_pictures(scans: Path) -> None:
    all_frames(scans, "color", lambda file: write_picture(file, np.zeros((120, 160, 3), np.uint8)))


def double_intrinsics(scans: Path) -> None:
    edit(scans, lambda value: value["camera"].update(fx=2 * value["camera"]["fx"], fy=2 * value["camera"]["fy"]))


def coarse_depth_unit(scans: Path) -> None:
    edit(scans, lambda value: value.update(depth_unit=0.001))


def fine_depth_unit(scans: Path) -> None:
    edit(scans, lambda value: value.update(depth_unit=0.00001))


def metres_for_depth(scans: Path) -> None:
    edit(scans, lambda value: value.update(depth_unit=1.0))


def few_landmarks(scans: Path) -> None:
    frames = {stem: [None] * 95 + points[95:] for stem, points in scans_made.true_landmarks().items()}
    write_landmarks(scans, frames)


def landmarks_on_a_line(scans: Path) -> None:
    write_landmarks(scans, {f"f{index}": [[100 + i, 100] for i in range(100)] for index in range(len(YAWS))})


def mask_beside_the_face(scans: Path) -> None:
    mask = np.zeros((240, 320), np.uint8)
    mask[:20] = 255
    write_masks(scans, mask)


def tiny_mask(scans: Path) -> None:
    mask = np.zeros((240, 320), np.uint8)
    mask[115:130, 150:165] = 255
    write_masks(scans, mask)


def no_neutral(scans: Path) -> None:
    edit(scans, lambda value: value.update(expressions={"jaw_open": "jaw_open"}))


def no_neutral_there(scans: Path) -> None:
    edit(scans, lambda value: value.update(expressions={"neutral": "relaxed", "jaw_open": "jaw_open"}))


def neutral_without_frames(scans: Path) -> None:
    shutil.rmtree(scans / "neutral" / "depth")
    (scans / "neutral" / "depth").mkdir()


def unknown_expression(scans: Path) -> None:
    edit(scans, lambda value: value["expressions"].update(jaw_opne="jaw_open"))


def unknown_shape(scans: Path) -> None:
    def change(value: dict[str, Any]) -> None:
        value["expressions"]["mine"] = "jaw_open"
        value["activations"] = {"mine": {"JawDorp": 1.0}}

    edit(scans, change)


def no_scans_file(scans: Path) -> None:
    (scans / "scans.json").unlink()


FRAME = "neutral/{}/f0"
BAD_FRAMES: dict[Callable[[Path], None], tuple[str, ...]] = {
    no_face: (FRAME.format("color"), "a face", "nothing else of neutral is usable"),
    empty_depth: (FRAME.format("depth"), "every pixel is 0"),
    shallow_depth: (FRAME.format("depth"), "16-bit", "8-bit grey"),
    depth_beside_the_face: (FRAME.format("depth"), "keypoints", "0 of 100"),
    cut_short: (FRAME.format("depth"), "cut short"),
    small_pictures: (FRAME.format("color"), "320x240", "160x120"),
    double_intrinsics: ("scale", "eyes 4 cm to 10 cm apart", "fx"),
    coarse_depth_unit: (FRAME.format("depth"), "correct depth_unit, now 0.001"),
    fine_depth_unit: (FRAME.format("depth"), "correct depth_unit, now 1e-05"),
    metres_for_depth: ("scans.json", "depth_unit"),
    few_landmarks: ("neutral/landmarks.json", "frames.f0", "at least 20 keypoints", "got 5"),
    landmarks_on_a_line: ("neutral/landmarks.json", "frames.f0", "one line"),
    mask_beside_the_face: (FRAME.format("mask"), "mask"),
    tiny_mask: (FRAME.format("depth"), "at least 2000 readings"),
    no_neutral: ("scans.json: expressions", "a scan of 'neutral'"),
    no_neutral_there: ("expressions.neutral", "relaxed", "nothing there"),
    neutral_without_frames: ("neutral/depth", "f0", "a picture beside its color"),
    unknown_expression: ("scans.json: expressions.jaw_opne", "did you mean jaw_open?"),
    unknown_shape: ("scans.json: activations.mine", "JawDorp", "did you mean JawDrop"),
    no_scans_file: ("a folder with scans.json",),
}


@pytest.mark.parametrize("damage", BAD_FRAMES, ids=lambda damage: damage.__name__)
def test_bad_frames(scans: Path, capsys: Captured, damage: Callable[[Path], None]) -> None:
    damage(scans)
    sentence = refused(capsys, scans)
    for words in (str(scans), *BAD_FRAMES[damage]):
        assert words in sentence


@pytest.mark.parametrize(
    ("millimetres", "identity", "words"),
    [(63, 1.0, ""), (44, 1.0, "44 mm"), (90, 1.0, "90 mm"), (63, 3.0, "3.0 standard deviations")],
)
def test_stretched_heads(made: Path, millimetres: float, identity: float, words: str) -> None:
    """What keypoints let pass is seen on the fitted head: eyes of nobody, or a shape far from everybody's."""
    eyes = np.array([[millimetres / 2000, 0, 0], [-millimetres / 2000, 0, 0]])
    person: Any = SimpleNamespace(eye_centers=eyes, identity=np.full(8, identity))
    scans = Scans.read(made)
    check_scale(scans, default_face(), person, auto_scale=True)
    with pytest.raises(DataError, match=f"{words}.*depth_unit or mesh_unit") if words else contextlib.nullcontext():
        check_scale(scans, default_face(), person, auto_scale=False)
