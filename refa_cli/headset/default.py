"""refa's default headset, described in `default.toml`."""

from __future__ import annotations

from functools import cache, lru_cache
from importlib.resources import files
from os import PathLike
from pathlib import Path

from refa_cli.formats.errors import DataError
from refa_cli.formats.headset import Headset
from refa_cli.headset.description import load, of_calibration
from refa_cli.headset.parts import resized


@cache
def default_headset() -> Headset:
    """Five embedded cameras, five for ground truth."""
    return load(files(__package__).joinpath("default.toml").read_text(encoding="utf-8"), "default.toml").headset()


@lru_cache(maxsize=4)
def sized_headset(path: Path | None, pixels: int) -> Headset:
    """The same, with pictures whose longer side has so many pixels; 0 leaves them as they are."""
    held = load_headset(path)
    return resized(held, pixels) if pixels else held


def load_headset(path: str | PathLike[str] | None = None) -> Headset:
    """A headset.npz, a description (.toml), a calibration (.yaml, .yml, .json), or refa's default. Raises DataError."""
    if path is None:
        return default_headset()
    file = Path(path)
    if file.suffix in (".yaml", ".yml", ".json"):
        return of_calibration(file).headset()
    if file.suffix != ".toml":
        return Headset.read(file)
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise DataError(file, "", "a headset's description", str(problem), "give a readable TOML file") from problem
    return load(text, file).headset()
