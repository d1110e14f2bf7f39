"""The frames of one take of phone scans: their files, cameras and landmarks, and reading one frame's pictures."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from refa_cli.formats import json_text, pictures
from refa_cli.formats.errors import DataError
from refa_cli.formats.face import KEYPOINT_COUNT
from refa_cli.formats.json_fields import Fields
from refa_cli.formats.payload import check_schema
from refa_cli.formats.spec import B1, F32, F64, U8

Pixel = TypeVar("Pixel", bound=np.generic)
FRAMES_SCHEMA, LANDMARKS_SCHEMA = "refa.frames/1", "refa.landmarks/1"
STEM = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}"
DEPTH_RANGE = (0.05, 5.0)  # metres; the median of a face held before a phone lies well inside


@dataclass(frozen=True)
class Camera:
    """A pinhole camera. Pixels; pixel centres at +0.5; (cx, cy) from the picture's upper left corner."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float

    @property
    def matrix(self) -> F64:
        """[3, 3] pixels from camera coordinates (x right, y down, z forward)."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])

    def as_dict(self) -> dict[str, float]:
        """As scans.json writes it."""
        return {key: getattr(self, key) for key in ("width", "height", "fx", "fy", "cx", "cy")}


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame. All numbers and all that the methods return are unflipped, whatever `mirrored` was.

    camera, depth_camera: of the colour and depth pictures (the same one if aligned); color_from_depth: [4, 4] m;
    depth_unit: metres per count; landmarks: [100, 2] pixels in the colour picture, NaN where not seen, or None.
    """

    stem: str
    color: Path
    depth: Path
    mask: Path | None
    camera: Camera
    depth_camera: Camera
    color_from_depth: F64
    depth_unit: float
    landmarks: F32 | None
    mirrored: bool

    def read_color(self) -> U8:
        """The sRGB picture [H, W, 3]. Raises DataError."""
        return self._unflip(pictures.read_color(self.color, self.camera.width, self.camera.height))

    def read_depth(self) -> F32:
        """Depth along z [H, W] in metres, NaN where there is no reading. Raises DataError if empty or implausible."""
        counts = pictures.read_depth(self.depth, self.depth_camera.width, self.depth_camera.height)
        metres = counts * np.float32(self.depth_unit)
        median = float(np.median(metres[counts > 0]))
        if not DEPTH_RANGE[0] <= median <= DEPTH_RANGE[1]:
            expected = f"a median depth of {DEPTH_RANGE[0]:g} to {DEPTH_RANGE[1]:g} m"
            advice = f"correct depth_unit, now {self.depth_unit:g} metres per count"
            raise DataError(self.depth, "depth", expected, f"{median:.4g} m", advice)
        metres[counts == 0] = np.nan
        return self._unflip(metres)

    def read_mask(self) -> B1 | None:
        """True [H, W] on the face in the colour picture, or None if there is no mask. Raises DataError."""
        if self.mask is None:
            return None
        mask = self._unflip(pictures.read_mask(self.mask, self.camera.width, self.camera.height))
        if not mask.any():
            raise DataError(self.mask, "mask", "some bright pixels", "none", "correct it or remove the file")
        return mask

    def _unflip(self, picture: NDArray[Pixel]) -> NDArray[Pixel]:
        return np.ascontiguousarray(picture[:, ::-1]) if self.mirrored else picture


def read_camera(path: Path, where: str, value: Any, mirrored: bool) -> Camera:
    """A camera of a JSON file; its cx is turned round when the picture is flipped. Raises DataError."""
    fields = Fields(path, where, value, ("width", "height", "fx", "fy", "cx", "cy"))
    width, height = (fields.whole(key, 16, pictures.MAX_SIDE) for key in ("width", "height"))
    if width * height > pictures.MAX_PIXELS:
        fields.wrong("width", f"at most {pictures.MAX_PIXELS} pixels", width * height)
    camera = Camera(
        width,
        height,
        fields.number("fx", 0.2 * width, 20.0 * width),
        fields.number("fy", 0.2 * height, 20.0 * height),
        fields.number("cx", 0.0, width),
        fields.number("cy", 0.0, height),
    )
    return replace(camera, cx=width - camera.cx) if mirrored else camera


def list_frames(
    folder: Path,
    camera: Camera,
    depth_camera: Camera | None,
    color_from_depth: F64 | None,
    depth_unit: float,
    mirrored: bool,
    problems: list[DataError],
) -> tuple[Frame, ...]:
    """The usable frames of a take folder by stem; unusable ones are added to problems. Raises DataError if none is."""
    colors = _pictures(folder / "color", (".jpg", ".jpeg", ".png"), problems)
    depths = _pictures(folder / "depth", (".png",), problems)
    masks = _pictures(folder / "mask", (".png",), problems) if (folder / "mask").exists() else {}
    cameras = _cameras(folder / "frames.json", mirrored)
    landmarks = _landmarks(folder / "landmarks.json", camera, cameras, mirrored)
    for name, stems in (("mask", masks), ("frames.json", cameras), ("landmarks.json", landmarks)):
        for stem in stems:
            if stem not in colors:
                problems.append(DataError(folder / name, stem, "a picture in color/", "none", "remove or rename it"))
    frames = []
    for stem in sorted(colors.keys() | depths.keys()):
        if stem in colors and stem in depths:
            own = cameras.get(stem, camera)
            aligned = depth_camera is None
            frames.append(
                Frame(
                    stem=stem,
                    color=colors[stem],
                    depth=depths[stem],
                    mask=masks.get(stem),
                    camera=own,
                    depth_camera=own if depth_camera is None else depth_camera,
                    color_from_depth=np.eye(4) if aligned or color_from_depth is None else color_from_depth,
                    depth_unit=depth_unit,
                    landmarks=landmarks.get(stem),
                    mirrored=mirrored,
                )
            )
        else:
            lacking = "depth" if stem in colors else "color"
            problems.append(
                DataError(folder / lacking, stem, f"a picture beside its {'color' if lacking == 'depth' else 'depth'}",
                          "none", "add it or remove the frame")
            )  # fmt: skip
    if not frames:
        raise DataError(folder, "", "frames with color and depth", "none usable", "add frames or remove the take")
    return tuple(frames)


def _pictures(folder: Path, suffixes: tuple[str, ...], problems: list[DataError]) -> dict[str, Path]:
    """stem -> file, for the pictures in a folder; hidden files are passed over."""
    root = os.path.join(os.path.realpath(folder.parent), "")
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if not entry.name.startswith("."))
    except OSError as error:
        raise json_text.unreadable(folder, error) from None
    found: dict[str, Path] = {}
    twice = set()
    for name in names:
        path = folder / name
        if path.suffix.lower() not in suffixes or not path.is_file():
            problems.append(DataError(path, "", f"a {' or '.join(suffixes)} file", "another", "convert or remove it"))
        elif not os.path.realpath(path).startswith(root):
            problems.append(
                DataError(path, "", "a file inside its take", "a link that leads out", "copy the file here")
            )
        elif path.stem in found:
            twice.add(path.stem)
            problems.append(
                DataError(path, "", "one picture of each stem", f"also {found[path.stem].name}", "remove one")
            )
        else:
            found[path.stem] = path
    return {stem: path for stem, path in found.items() if stem not in twice}


def _per_frame(path: Path, schema: str) -> Mapping[str, Any]:
    if not path.exists():
        return {}
    value = json_text.read(path)
    check_schema(path, value.get("schema") if isinstance(value, dict) else None, schema)
    return Fields(path, "", value, ("schema", "frames")).object("frames", STEM)


def _cameras(path: Path, mirrored: bool) -> dict[str, Camera]:
    frames = _per_frame(path, FRAMES_SCHEMA)
    return {stem: read_camera(path, f"frames.{stem}", value, mirrored) for stem, value in frames.items()}


def _landmarks(path: Path, camera: Camera, cameras: Mapping[str, Camera], mirrored: bool) -> dict[str, F32]:
    result = {}
    for stem, points in _per_frame(path, LANDMARKS_SCHEMA).items():
        place = f"frames.{stem}"
        if not isinstance(points, list) or len(points) != KEYPOINT_COUNT:
            got = f"{len(points)}" if isinstance(points, list) else type(points).__name__
            raise DataError(path, place, f"a list of {KEYPOINT_COUNT} points", got, "write refa's keypoints in order")
        pixels = np.full((KEYPOINT_COUNT, 2), np.nan, dtype=np.float32)
        for index, point in enumerate(points):
            if point is None:
                continue
            if not isinstance(point, list) or len(point) != 2 or not all(type(v) in (int, float) for v in point):
                raise DataError(path, f"{place}[{index}]", "[x, y] or null", repr(point)[:80], "correct it")
            if max(abs(point[0]), abs(point[1])) > 4 * pictures.MAX_SIDE:
                raise DataError(path, f"{place}[{index}]", "pixels", repr(point)[:80], "correct it")
            pixels[index] = point
        if mirrored:
            pixels[:, 0] = cameras.get(stem, camera).width - pixels[:, 0]
        result[stem] = pixels
    return result
