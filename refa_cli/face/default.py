"""The face model that refa ships, and reading another one in its place."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from refa_cli.formats.face import FaceModel

DEFAULT_PATH = Path(__file__).parent / "data" / "face.npz"


@lru_cache(maxsize=1)
def default_face() -> FaceModel:
    """The model in refa's package data, read once per process."""
    return FaceModel.read(DEFAULT_PATH)


def load_face(path: Path | None = None) -> FaceModel:
    """The face model at `path`, or the default one. Raises DataError."""
    return default_face() if path is None else FaceModel.read(path)
