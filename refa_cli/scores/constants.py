"""The numbers of the scores, from `constants.toml` beside this file, which says what each means."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Constants:
    """As in the file, section and name joined."""

    semantic_split: str
    semantic_enough: float
    neutral_threshold: float
    neutral_spared: float
    smoothness_rate_hz: float
    smoothness_scale: float
    closure_middle: float
    closure_eye_shut: float
    closure_mouth_open: float
    gaming_unasked: float
    gaming_falsely_shut: float
    gaming_blink_seconds: float
    errors_moving_m: float
    errors_rows: int
    errors_shut: float
    intervals_draws: int
    intervals_level: float


@cache
def constants() -> Constants:
    """The shipped ones."""
    tables = tomllib.loads(files(__package__).joinpath("constants.toml").read_text(encoding="utf-8"))
    return Constants(**{f"{table}_{name}": value for table, values in tables.items() for name, value in values.items()})
