"""Reading a recording of the phone app Record3D, exported as `.r3d`.

The file is a ZIP of `metadata` (JSON) and, for frame N from 0, `rgbd/N.jpg` and `rgbd/N.depth`: float32 metres, row by
row, LZFSE-compressed; LiDAR recordings also have `rgbd/N.conf`: uint8 0 (low) to 2 (high), compressed alike. Of the
metadata, used are: w, h, the size that the intrinsics are for; dw, dh, the size of depth (absent from old versions);
K, nine numbers by column, of the first frame; perFrameIntrinsicCoeffs, [fx, fy, cx, cy] of each (absent from old
versions). Colour and depth are aligned, so one camera scaled to either size serves both; there is no lens distortion.
Source: the app author's answers in the issues of github.com/marek-simonik/record3d (7, 30, 81, 83, 88, 93, 108).

A member is read only under a name that stands above and up to a size that the picture's own allows, whatever the
archive says of itself; nothing is unpacked to the disk.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refa_cli.commands.import_ import lzfse, thinning
from refa_cli.formats import json_text
from refa_cli.formats.errors import DataError
from refa_cli.formats.frames import Camera
from refa_cli.formats.pictures import MAX_PIXELS, MAX_SIDE
from refa_cli.formats.spec import F32, U8

MEMBER = re.compile(r"rgbd/(0|[1-9][0-9]{0,6})\.(jpg|depth|conf)")
MAX_MEMBERS = 200_000
MAX_JPEG = 32 << 20
ASPECT_TOLERANCE = 0.01
AGAIN = "export the recording from Record3D again"


@dataclass(frozen=True)
class Recording:
    """What a `.r3d` file holds; its pictures are read one by one.

    width, height: of depth, pixels; cameras: scaled to that size, of each frame, or the first one's for all;
    frames: numbers that have colour and depth; lidar: it has confidences, as the phone's rear sensor gives.
    """

    path: Path
    width: int
    height: int
    cameras: tuple[Camera, ...]
    frames: tuple[int, ...]
    lidar: bool
    digest: str

    def camera(self, frame: int) -> Camera:
        """The camera of colour and depth at the size of depth."""
        return self.cameras[frame] if len(self.cameras) > 1 else self.cameras[0]

    def color(self, frame: int) -> U8:
        """The sRGB picture [height, width, 3], resized to depth. Raises DataError."""
        from PIL import Image

        size = self.width, self.height
        with self._picture(frame) as image:
            picture = image.convert("RGB")
        return np.array(picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS))

    def sharpness(self, frame: int) -> float:
        """How sharp the picture is, compared with others of this recording. Raises DataError."""
        with self._picture(frame) as image:
            image.draft("L", (self.width // 2, self.height // 2))  # decodes fast, in grey, at that size or larger
            return thinning.sharpness(np.array(image.convert("L")))

    @contextlib.contextmanager
    def _picture(self, frame: int) -> Iterator[Any]:
        """The opened JPEG of a frame; its size is checked before it is decoded."""
        from PIL import Image, UnidentifiedImageError

        place = f"rgbd/{frame}.jpg"
        with _opened(self.path) as archive:
            data = _member(self.path, archive, place, MAX_JPEG)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", Image.DecompressionBombWarning)
                with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
                    _check_aspect(self.path, place, image.size, (self.width, self.height))
                    yield image
        except DataError:
            raise
        except Exception as error:  # Pillow lets many kinds through on damaged files
            known = isinstance(error, UnidentifiedImageError)
            got = "something else" if known else json_text.in_short(error) or type(error).__name__
            raise DataError(self.path, place, "a JPEG picture", got, AGAIN) from None

    def depth(self, frame: int) -> F32:
        """Depth along z [height, width] in metres, 0 where there is no reading or one of low confidence."""
        with _opened(self.path) as archive:
            metres = self._plane(archive, f"rgbd/{frame}.depth", np.dtype("<f4")).astype(np.float32)
            place = f"rgbd/{frame}.conf"
            if self.lidar and place in archive.NameToInfo:
                metres[self._plane(archive, place, np.dtype(np.uint8)) == 0] = 0
        metres[~(metres > 0) | ~np.isfinite(metres)] = 0
        return metres

    def _plane(self, archive: zipfile.ZipFile, place: str, kind: np.dtype[Any]) -> NDArray[Any]:
        size = self.width * self.height * kind.itemsize
        data = _member(self.path, archive, place, size + size // 8 + 4096)
        try:
            return lzfse.decode(data, size).view(kind).reshape(self.height, self.width)
        except lzfse.Malformed as error:
            expected = f"{self.width}x{self.height} values of {kind.name}, LZFSE-compressed"
            raise DataError(self.path, place, expected, str(error), AGAIN) from None


def is_recording(path: Path) -> bool:
    """Whether a file looks like a Record3D export, by what it holds."""
    try:
        with zipfile.ZipFile(path) as archive:
            return "metadata" in archive.NameToInfo
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError, RuntimeError):
        return False


def read(path: Path) -> Recording:
    """A recording, checked as far as its metadata and list of members tell. Raises DataError."""
    with _opened(path) as archive:
        members = archive.infolist()
        if len(members) > MAX_MEMBERS:
            raise DataError(path, "", f"at most {MAX_MEMBERS} members", str(len(members)), AGAIN)
        if "metadata" not in archive.NameToInfo:
            raise DataError(path, "metadata", "a member of that name, as Record3D exports", "none", AGAIN)
        metadata = json_text.parse(_member(path, archive, "metadata", json_text.MAX_JSON), path, "metadata")
        found: dict[str, set[int]] = {"jpg": set(), "depth": set(), "conf": set()}
        for member in members:
            match = MEMBER.fullmatch(member.filename)
            if match is not None:
                found[match[2]].add(int(match[1]))
        frames = tuple(sorted(found["jpg"] & found["depth"]))
        if not frames:
            raise DataError(path, "rgbd", "frames N.jpg with N.depth", "none", AGAIN)
        if not isinstance(metadata, dict):
            raise DataError(path, "metadata", "a JSON object", type(metadata).__name__, AGAIN)
        width, height = _depth_size(path, archive, metadata, frames[0])
    # Names, sizes and checksums of all members: as good as hashing gigabytes of them.
    listing = [[member.filename, member.file_size, member.CRC] for member in members]
    digest = hashlib.sha256(json_text.canonical(listing)).hexdigest()
    cameras = _cameras(path, metadata, width, height)
    if 1 < len(cameras) <= frames[-1]:
        got = f"{len(cameras)} for frames up to {frames[-1]}"
        raise DataError(path, "metadata.perFrameIntrinsicCoeffs", "intrinsics for every frame", got, AGAIN)
    return Recording(path, width, height, cameras, frames, bool(found["conf"]), digest)


def _whole(path: Path, metadata: dict[str, Any], key: str) -> int:
    value = metadata.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        raise DataError(path, f"metadata.{key}", "a size in pixels", json_text.in_short(repr(value)), AGAIN)
    if not 16 <= value <= MAX_SIDE:
        raise DataError(path, f"metadata.{key}", f"16 to {MAX_SIDE} pixels", json_text.in_short(value), AGAIN)
    return int(value)


def _depth_size(path: Path, archive: zipfile.ZipFile, metadata: dict[str, Any], first: int) -> tuple[int, int]:
    """Width and height of depth: said by the metadata, or told by the amount of data and the picture's aspect."""
    color = _whole(path, metadata, "w"), _whole(path, metadata, "h")
    if "dw" in metadata and "dh" in metadata:
        size = _whole(path, metadata, "dw"), _whole(path, metadata, "dh")
    else:
        place = f"rgbd/{first}.depth"
        limit = 4 * MAX_PIXELS
        try:
            values = lzfse.stated_size(_member(path, archive, place, limit), limit) // 4
        except lzfse.Malformed as error:
            raise DataError(path, place, "LZFSE-compressed depth", str(error), AGAIN) from None
        width = round((values * color[0] / color[1]) ** 0.5)
        size = width, values // max(width, 1)
    if size[0] * size[1] > MAX_PIXELS or min(size) < 16:
        raise DataError(path, "metadata.dw", f"16 to {MAX_PIXELS} pixels of depth", f"{size[0]}x{size[1]}", AGAIN)
    _check_aspect(path, "metadata.w", color, size)
    return size


def _check_aspect(path: Path, place: str, color: tuple[int, int], depth: tuple[int, int]) -> None:
    ratio = color[0] * depth[1] / (color[1] * depth[0])
    if max(*color) > MAX_SIDE or color[0] * color[1] > MAX_PIXELS or abs(ratio - 1) > ASPECT_TOLERANCE:
        expected = f"a picture of the aspect of its depth, {depth[0]}x{depth[1]} pixels"
        raise DataError(path, place, expected, f"{color[0]}x{color[1]}", AGAIN)


def _cameras(path: Path, metadata: dict[str, Any], width: int, height: int) -> tuple[Camera, ...]:
    """The camera of every frame, or one for all, at the size of depth."""
    scale_x, scale_y = width / _whole(path, metadata, "w"), height / _whole(path, metadata, "h")

    def camera(place: str, numbers: list[Any], form: str) -> Camera:
        if not all(type(number) in (int, float) for number in numbers):
            raise DataError(path, place, form, json_text.in_short(numbers), AGAIN)
        fx, fy, cx, cy = (float(number) * scale for number, scale in zip(numbers, (scale_x, scale_y) * 2, strict=True))
        sides = (width, height)
        focal = all(0.2 * side <= value <= 20 * side for value, side in zip((fx, fy), sides, strict=True))
        if not focal or not (0 < cx < width and 0 < cy < height):
            got = f"fx {fx:.4g}, fy {fy:.4g}, cx {cx:.4g}, cy {cy:.4g} at {width}x{height} pixels"
            raise DataError(path, place, "intrinsics that fit the picture", got, AGAIN)
        return Camera(width, height, fx, fy, cx, cy)

    each = metadata.get("perFrameIntrinsicCoeffs")
    if isinstance(each, list) and each:
        place, form = "metadata.perFrameIntrinsicCoeffs", "[fx, fy, cx, cy] for each frame"
        cameras = []
        for index, row in enumerate(each):
            if not isinstance(row, list) or len(row) != 4:
                raise DataError(path, f"{place}[{index}]", form, json_text.in_short(repr(row)), AGAIN)
            cameras.append(camera(f"{place}[{index}]", row, form))
        return tuple(cameras)
    matrix = metadata.get("K")
    if not isinstance(matrix, list) or len(matrix) != 9:
        got = json_text.in_short(repr(matrix))
        raise DataError(path, "metadata.K", "a 3x3 matrix as nine numbers, by column", got, AGAIN)
    return (camera("metadata.K", [matrix[0], matrix[4], matrix[6], matrix[7]], "nine numbers, by column"),)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        archive = zipfile.ZipFile(path)
    except OSError as error:
        raise json_text.unreadable(path, error) from None
    except (zipfile.BadZipFile, ValueError, NotImplementedError, RuntimeError) as error:
        raise DataError(path, "", "a Record3D export (a ZIP)", json_text.in_short(error), AGAIN) from None
    with archive:
        yield archive


def _member(path: Path, archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """The bytes of a member, at most `limit`; zipfile compares their checksum."""
    try:
        with archive.open(name) as file:
            data = file.read(limit + 1)
    except KeyError:
        raise DataError(path, name, "a member of that name", "none", AGAIN) from None
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, ValueError) as error:
        got = json_text.in_short(error) or type(error).__name__
        raise DataError(path, name, "a whole member of the ZIP", got, AGAIN) from None
    if len(data) > limit:
        raise DataError(path, name, f"at most {limit} bytes", "more", AGAIN)
    return data
