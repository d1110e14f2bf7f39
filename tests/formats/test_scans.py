"""Phone scans: written, read back, refused."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from refa_cli.formats.errors import DataError
from refa_cli.formats.frames import Camera, Frame
from refa_cli.formats.scans import Scans
from refa_cli.formats.scans_writer import ScansWriter
from tests.formats.damage import damaged, odd_values

CAMERA = Camera(40, 30, 50.0, 51.0, 19.0, 16.5)
DEPTH_CAMERA = Camera(20, 16, 25.0, 25.0, 10.0, 8.0)
POSE = np.array([[1.0, 0, 0, 0.01], [0, 1, 0, 0.002], [0, 0, 1, 0], [0, 0, 0, 1]])
RNG = np.random.default_rng(0)
COLOR = RNG.integers(0, 256, (30, 40, 3), dtype=np.uint8)
DEPTH = np.where(RNG.random((30, 40)) < 0.1, 0, RNG.uniform(0.2, 0.5, (30, 40)))
LANDMARKS = np.where(RNG.random((100, 1)) < 0.1, np.nan, RNG.uniform(0, 30, (100, 2)))


def write(root: Path, **options: Any) -> Path:
    """Two expressions: neutral of two frames; jaw_drop of one frame and a mesh."""
    writer = ScansWriter(root, "S0001", CAMERA, color_suffix=".png", **options)
    depth = DEPTH[:16, :20] if "depth_camera" in options else DEPTH
    own = Camera(40, 30, 52.0, 52.0, 20.0, 15.0)
    writer.frame("neutral", "neutral", "0000", COLOR, depth, mask=DEPTH > 0.3, landmarks=LANDMARKS)
    writer.frame("neutral", "neutral", "0001", COLOR[::-1], depth, camera=own)
    writer.frame("jaw_drop", "jaw_drop_2", "a", COLOR, depth)
    (root / "source").write_text("ply\n")
    writer.mesh("jaw_drop", "jaw_drop.ply", root / "source")
    writer.activate("jaw_drop", {"JawDrop": 0.8})
    writer.finish()
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write(tmp_path / "scans")


def test_round_trip(root: Path) -> None:
    scans = Scans.read(root, strict=True)
    assert (scans.subject, scans.mirrored, scans.camera, scans.depth_camera) == ("S0001", False, CAMERA, None)
    assert scans.activations == {"jaw_drop": {"JawDrop": 0.8}}
    assert [(take.kind, take.name) for take in scans.expressions["jaw_drop"]] == [
        ("frames", "jaw_drop_2"), ("ply", "jaw_drop.ply")]  # fmt: skip
    first, second = scans.expressions["neutral"][0].frames
    assert (first.stem, second.stem) == ("0000", "0001")
    assert (first.camera, second.camera.fx) == (CAMERA, 52.0)
    assert np.array_equal(first.read_color(), COLOR)
    depth = first.read_depth()
    assert depth.dtype == np.float32
    assert np.array_equal(np.isnan(depth), DEPTH == 0)
    assert np.nanmax(np.abs(depth - DEPTH)) <= scans.depth_unit / 2 + 1e-7
    mask = first.read_mask()
    assert mask is not None and np.array_equal(mask, DEPTH > 0.3)
    assert first.landmarks is not None
    assert np.array_equal(np.isnan(first.landmarks), np.isnan(LANDMARKS))
    assert np.nanmax(np.abs(first.landmarks - LANDMARKS)) < 0.001
    assert second.read_mask() is None and second.landmarks is None
    assert np.array_equal(first.color_from_depth, np.eye(4))


def test_mirrored_scans_come_back_unflipped(tmp_path: Path) -> None:
    """A point seen by the depth camera lands on the same picture content as in the unflipped scans."""
    options: dict[str, Any] = {"depth_camera": DEPTH_CAMERA, "color_from_depth": POSE}
    plain = Scans.read(write(tmp_path / "plain", **options)).expressions["neutral"][0].frames[0]
    flipped = Scans.read(write(tmp_path / "flipped", mirrored=True, **options)).expressions["neutral"][0].frames[0]
    assert np.array_equal(flipped.read_color(), plain.read_color()[:, ::-1])
    point = np.array([0.03, -0.02, 0.4, 1.0])
    flip = np.array([-1.0, 1, 1, 1])

    def pixel(frame: Frame, camera: Camera, pose: Any, where: Any) -> Any:
        x = camera.matrix @ (pose @ where)[:3]
        return x[:2] / x[2]

    for camera in ("camera", "depth_camera"):
        pose = (lambda frame: frame.color_from_depth) if camera == "camera" else (lambda frame: np.eye(4))
        width = getattr(plain, camera).width
        one = pixel(plain, getattr(plain, camera), pose(plain), point)
        other = pixel(flipped, getattr(flipped, camera), pose(flipped), point * flip)
        assert np.allclose(other, [width - one[0], one[1]])
    assert plain.landmarks is not None and flipped.landmarks is not None
    assert np.allclose(flipped.landmarks[:, 0], 40 - plain.landmarks[:, 0], equal_nan=True)


def test_same_scans_same_bytes_and_digest(tmp_path: Path) -> None:
    one, two = write(tmp_path / "one"), write(tmp_path / "two")
    for path in sorted(one.rglob("*.*")):
        assert path.read_bytes() == (two / path.relative_to(one)).read_bytes()
    digest = Scans.read(one).digest
    assert digest == Scans.read(two).digest
    (two / "jaw_drop.ply").write_text("ply2")
    assert digest != Scans.read(two).digest


def edit(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def apply(root: Path) -> None:
        value = json.loads((root / "scans.json").read_text())
        change(value)
        (root / "scans.json").write_text(json.dumps(value))

    return apply


def expressions(**takes: Any) -> Callable[[Path], None]:
    return edit(lambda value: (value.pop("activations"), value.update(expressions=takes)))


def camera(**numbers: Any) -> Callable[[Path], None]:
    return edit(lambda value: value["camera"].update(numbers))


HEAD: list[tuple[Callable[[Path], Any], str]] = [
    (lambda root: (root / "scans.json").unlink(), "a folder with scans.json"),
    (lambda root: shutil.rmtree(root), "nothing there"),
    (lambda root: (root / "scans.json").write_text("{"), "JSON"),
    (lambda root: (root / "scans.json").write_text('{"a": 1, "a": 2}'), "stands twice"),
    (lambda root: (root / "scans.json").write_text("[]"), "schema"),
    (edit(lambda value: value.update(schema="refa.scans/2")), "version 1 of refa.scans"),
    (edit(lambda value: value.update(colour=1)), "colour: expected one of the keys"),
    (edit(lambda value: value.pop("subject")), "subject: expected a value, got none"),
    (edit(lambda value: value.update(subject="a/b")), "subject"),
    (edit(lambda value: value.update(mirrored="no")), "mirrored: expected true or false"),
    (edit(lambda value: value.update(depth_unit=0)), "depth_unit"),
    (edit(lambda value: value.update(depth_unit="mm")), "depth_unit"),
    (edit(lambda value: value.update(mesh_unit=-1)), "mesh_unit"),
    (edit(lambda value: value.update(color_from_depth=POSE.tolist())), "depth_camera beside it"),
    (edit(lambda value: value.update(depth_camera=value["camera"], color_from_depth=[[1]])), "four rows"),
    (edit(lambda value: value.update(depth_camera=value["camera"], color_from_depth=(2 * POSE).tolist())), "rotation"),
    (edit(lambda value: value.update(activations={"smile": {}})), "smile"),
    (edit(lambda value: value.update(activations={"neutral": {"jaw drop": 1}})), "jaw drop"),
    (edit(lambda value: value.update(activations={"neutral": {"JawDrop": 1.5}})), "activations.neutral.JawDrop"),
    (edit(lambda value: value.update(activations={"neutral": [1]})), "activations.neutral"),
    (camera(width=100_000), "camera.width"),
    (camera(width=8192, height=8192), "pixels"),
    (camera(width=40.0), "whole number"),
    (camera(fx=0), "camera.fx"),
    (camera(cx=-1), "camera.cx"),
    (camera(k1=0.1), "camera.k1: expected one of the keys"),
    (expressions(), "at least one expression"),
    (expressions(neutral=[]), "at least one take"),
    (expressions(neutral=5), "a path, or a list of paths"),
    (expressions(neutral="../scans/neutral"), "a path inside this folder"),
    (expressions(neutral="/etc"), "a path inside this folder"),
    (expressions(neutral="C:\\x"), "a path inside this folder"),
    (expressions(neutral="."), "a path inside this folder"),
    (expressions(neutral="a\0b"), "a path"),
    (expressions(neutral="neutral", smile=["neutral"]), "takes that stand once"),
    (expressions(neutral=["neutral", "./neutral"]), "takes that stand once"),
    (edit(lambda value: value["expressions"].update({"Smile!": "x"})), "Smile!"),
]


@pytest.mark.parametrize(("change", "words"), HEAD, ids=range(len(HEAD)))
def test_scans_json_refused(change: Callable[[Path], Any], words: str, root: Path) -> None:
    change(root)
    with pytest.raises(DataError, match=words) as caught:
        Scans.read(root)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600


def outside(root: Path) -> None:
    shutil.copytree(root / "neutral", root.parent / "outside")
    shutil.rmtree(root / "neutral")
    (root / "neutral").symlink_to(root.parent / "outside")


def link_out(root: Path) -> None:
    (root / "neutral/color/0000.png").rename(root.parent / "0000.png")
    (root / "neutral/color/0000.png").symlink_to(root.parent / "0000.png")


def landmarks(points: Any) -> Callable[[Path], None]:
    value = {"schema": "refa.landmarks/1", "frames": {"0000": points}}
    return lambda root: (root / "neutral/landmarks.json").write_text(json.dumps(value)) and None


TAKES: list[tuple[Callable[[Path], Any], str, int]] = [
    (lambda root: shutil.rmtree(root / "neutral"), "nothing there", 0),
    (outside, "a take inside this folder", 0),
    (link_out, "a link that leads out", 1),
    (lambda root: (root / "neutral/depth/0000.png").unlink(), "depth: 0000: expected a picture beside its color", 1),
    (lambda root: (root / "neutral/color/0001.png").unlink(), "color: 0001: expected a picture beside its depth", 1),
    (lambda root: shutil.rmtree(root / "neutral/depth"), "depth: expected an existing path", 0),
    (lambda root: shutil.copy(root / "neutral/color/0000.png", root / "neutral/color/0000.jpg"), "one picture", 1),
    (lambda root: (root / "neutral/depth/0000.png").rename(root / "neutral/depth/0000.tiff"), "another", 1),
    (lambda root: (root / "neutral/mask/0000.png").rename(root / "neutral/mask/7.png"), "mask: 7", 2),
    (lambda root: (root / "neutral/frames.json").write_text("{}"), "schema", 0),
    (landmarks([[1, 2]] * 99), "a list of 100 points, got 99", 0),
    (landmarks([[1, 2, 3]] * 100), r"frames.0000\[0\]", 0),
    (landmarks([["1", 2]] * 100), r"frames.0000\[0\]", 0),
    (landmarks([[1e300, 2]] * 100), "pixels", 0),
    (edit(lambda value: value.pop("camera")), "a camera, for takes of frames", 0),
    (expressions(neutral="neutral.stl", jaw_drop="jaw_drop_2"), "nothing there", 0),
    (expressions(neutral="source", jaw_drop="jaw_drop_2"), "a .ply, .obj or .glb file", 0),
]


@pytest.mark.parametrize(("change", "words", "usable"), TAKES, ids=range(len(TAKES)))
def test_unusable_takes_are_left_out_and_told(
    change: Callable[[Path], Any], words: str, usable: int, root: Path
) -> None:
    change(root)
    scans = Scans.read(root)
    assert any(re.search(words, str(problem)) for problem in scans.left_out), scans.left_out
    assert sum(len(take.frames) for take in scans.expressions.get("neutral", ())) == usable
    with pytest.raises(DataError):
        Scans.read(root, strict=True)


def test_hidden_files_are_passed_over(root: Path) -> None:
    (root / "neutral/color/.DS_Store").write_bytes(b"x")
    Scans.read(root, strict=True)


def first_frame(root: Path) -> Frame:
    return Scans.read(root, strict=True).expressions["neutral"][0].frames[0]


def save(picture: np.ndarray, name: str, **options: Any) -> Callable[[Path], None]:
    return lambda root: Image.fromarray(picture).save(root / "neutral" / name, **options)


def exif() -> Any:
    tags = Image.Exif()
    tags[274] = 6
    return tags


PICTURES: list[tuple[Callable[[Path], Any], str, str]] = [
    (save(np.zeros((30, 40), np.uint16), "depth/0000.png"), "read_depth", "some readings, got none"),
    (save(np.full((30, 40), 90, np.uint8), "depth/0000.png"), "read_depth", "16-bit grey PNG, got 8-bit grey"),
    (save(COLOR, "depth/0000.png"), "read_depth", "16-bit grey PNG, got 8-bit colour"),
    (save(np.full((15, 20), 9000, np.uint16), "depth/0000.png"), "read_depth", "40x30 pixels.*got 20x15"),
    (save(np.full((30, 40), 60000, np.uint16), "depth/0000.png"), "read_depth", "depth_unit, now 0.0001"),
    (save(np.full((30, 40), 300, np.uint16), "depth/0000.png"), "read_depth", "a median depth of 0.05 to 5 m"),
    (save(COLOR[:, :20], "color/0000.png"), "read_color", "40x30 pixels.*got 20x30"),
    (save(np.full((30, 40), 9000, np.uint16), "color/0000.png"), "read_color", "8-bit colour picture, got I;16"),
    (save(COLOR, "color/0000.png", exif=exif()), "read_color", "turned by an EXIF tag"),
    (save(np.zeros((30, 40), np.uint8), "mask/0000.png"), "read_mask", "some bright pixels"),
    (save(COLOR, "mask/0000.png"), "read_mask", "black-and-white PNG, got 8-bit colour"),
    (lambda root: (root / "neutral/color/0000.png").write_bytes(b""), "read_color", "something else"),
    (lambda root: (root / "neutral/color/0000.png").write_text("<svg/>"), "read_color", "something else"),
    (lambda root: os.truncate(root / "neutral/depth/0000.png", 500), "read_depth", "cut short"),
    (save(np.zeros((9000, 9000), np.uint8), "color/0000.png"), "read_color", "got 9000x9000"),
    (save(np.zeros((12000, 12000), bool), "color/0000.png"), "read_color", "that can be decoded"),
]


@pytest.mark.parametrize(("change", "read", "words"), PICTURES, ids=range(len(PICTURES)))
def test_pictures_refused(change: Callable[[Path], Any], read: str, words: str, root: Path) -> None:
    change(root)
    frame = first_frame(root)
    with pytest.raises(DataError, match=words) as caught:
        getattr(frame, read)()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["scans.json", "neutral/frames.json", "neutral/landmarks.json"])
def test_damaged_json(name: str, root: Path) -> None:
    """Made by hand, it carries no checksum: what can be read at all is a valid description, the rest is refused."""
    whole = (root / name).read_bytes()
    refused = 0
    for what, data in damaged(whole, 1, 25):
        (root / name).write_bytes(data)
        try:
            scans = Scans.read(root, strict=True)
        except DataError as error:
            assert "\n" not in str(error) and len(str(error)) < 1000, what
            refused += 1
        else:
            for take in (take for takes in scans.expressions.values() for take in takes):
                assert take.path.is_relative_to(root)
                assert all(frame.camera.width <= 8192 and frame.camera.fx > 0 for frame in take.frames)
    assert refused > 150


@pytest.mark.parametrize("name", ["scans.json", "neutral/frames.json", "neutral/landmarks.json"])
def test_json_changed_at_random(name: str, root: Path) -> None:
    """Only DataError, whatever stands there."""
    whole = json.loads((root / name).read_text())
    for seed in range(300):
        (root / name).write_text(json.dumps(odd_values(whole, np.random.default_rng(seed))))
        try:
            assert Scans.read(root).digest
        except DataError as error:
            assert "\n" not in str(error) and len(str(error)) < 1000, seed


@pytest.mark.parametrize("name", ["color/0000.png", "depth/0000.png", "mask/0000.png"])
def test_damaged_pictures(name: str, root: Path) -> None:
    """PNG carries checksums: refused, or the same pixels."""
    read = f"read_{name.split('/')[0]}"
    frame, path = first_frame(root), root / "neutral" / name
    pixels = getattr(frame, read)()
    refused = 0
    for what, data in damaged(path.read_bytes(), 2, 25):
        path.write_bytes(data)
        try:
            assert np.array_equal(getattr(frame, read)(), pixels, equal_nan=name[0] == "d"), what
        except DataError as error:
            assert "\n" not in str(error) and len(str(error)) < 1000, what
            refused += 1
    assert refused > 200


def test_damaged_jpeg(root: Path) -> None:
    """JPEG has no checksum: refused, or a picture of its camera's size."""
    (root / "neutral/color/0000.png").unlink()
    path = root / "neutral/color/0000.jpg"
    Image.fromarray(COLOR).save(path)
    frame = first_frame(root)
    refused = 0
    for what, data in damaged(path.read_bytes(), 3, 25):
        path.write_bytes(data)
        try:
            assert frame.read_color().shape == (30, 40, 3), what
        except DataError:
            refused += 1
    assert refused > 50


@pytest.mark.parametrize(("change", "words"), [
    ({"subject": "a b"}, "subject"),
    ({"depth": np.full((30, 40), 7.0)}, "another depth_unit"),
    ({"depth": np.full((30, 40), -0.1)}, "0 to 6.554 m"),
    ({"color": COLOR[:20]}, "40x30 pixels"),
    ({"landmarks": np.zeros((5, 2))}, "landmarks"),
    ({"stem": "../x"}, "stem"),
    ({"take": "a/b"}, "take"),
    ({"expression": "Jaw Drop"}, "expression"),
])  # fmt: skip
def test_the_writer_refuses_what_could_not_be_read(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    frame = {"expression": "neutral", "take": "neutral", "stem": "0", "color": COLOR, "depth": DEPTH} | change
    with pytest.raises(DataError, match=words):
        ScansWriter(tmp_path, frame.pop("subject", "S1"), CAMERA).frame(**frame)


def test_a_mesh_only_folder_needs_no_camera(tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans/neutral.obj").write_text("v 0 0 0\n")
    text = '{"schema": "refa.scans/1", "subject": "lee", "mesh_unit": 0.001, "expressions": {"neutral": "neutral.obj"}}'
    (tmp_path / "scans/scans.json").write_text(text)
    scans = Scans.read(tmp_path / "scans/scans.json", strict=True)
    assert scans.camera is None and scans.mesh_unit == 0.001
    assert scans.expressions["neutral"][0].kind == "obj"
