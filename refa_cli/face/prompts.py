"""The scripted set of 60 expressions that people are asked to show, read from `prompts.toml` beside this file.

    PROMPTS[0].id                     # "neutral"
    by_id("jaw_open").expected        # {"JawDrop": 1.0}
    expected_weights()                # [60, 53] float32: the art priors

The file itself says what each field means.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refa_cli.face.shapes import EXPRESSIONS, INDEX
from refa_cli.formats.errors import DataError

SPLITS = ("calibration", "scoring")
KEY = 0.5
"""A shape that an expression is expected to show at least this much is a key shape of it."""
_SIDES = {"": ("L", "R", "LB", "LT", "RB", "RT"), "B": ("LB", "RB"), "T": ("LT", "RT")}


@dataclass(frozen=True)
class Prompt:
    """One scripted expression.

    prompt: what the person is told; split: one of SPLITS; expected: peak activation of each shape that is not
    expected to rest, by full name; gaze: (yaw, pitch) of both eyes in radians.
    """

    id: str
    prompt: str
    split: str
    expected: Mapping[str, float]
    gaze: tuple[float, float]

    @property
    def weights(self) -> NDArray[np.float32]:
        """The expected activations [53]."""
        row = np.zeros(len(EXPRESSIONS), np.float32)
        for name, weight in self.expected.items():
            row[INDEX[name]] = weight
        return row

    @property
    def key_shapes(self) -> tuple[str, ...]:
        """The shapes that this expression is there to show."""
        return tuple(name for name, weight in self.expected.items() if weight >= KEY)

    @property
    def closed(self) -> tuple[bool, bool]:
        """Whether the (left, right) eye is expected to be shut."""
        return self.expected.get("EyesClosedL", 0.0) >= 0.9, self.expected.get("EyesClosedR", 0.0) >= 0.9


def expand(name: str) -> tuple[str, ...]:
    """The shapes that a name of the file stands for: itself, both sides, or all four parts. Empty if unknown."""
    if name in EXPRESSIONS:
        return (name,)
    for lip in ("B", "T"):
        found = tuple(name[:-1] + side for side in _SIDES[lip] if name.endswith(lip))
        if found and set(found) <= set(EXPRESSIONS):
            return found
    return tuple(name + side for side in _SIDES[""] if name + side in EXPRESSIONS)


def load(text: str, path: str = "prompts.toml") -> tuple[Prompt, ...]:
    """Read a prompt list. Raises DataError for text that is not one, naming the expression at fault."""
    try:
        entries = tomllib.loads(text)["expression"]
    except (tomllib.TOMLDecodeError, KeyError) as problem:
        raise DataError(path, "", "TOML with [[expression]] tables", str(problem), "correct it") from problem
    prompts = tuple(_read(path, entry) for entry in entries)
    ids = [prompt.id for prompt in prompts]
    for twice in sorted({i for i in ids if ids.count(i) > 1}):
        raise DataError(path, twice, "each id once", f"{ids.count(twice)} of it", "rename one")
    if not prompts or prompts[0].id != "neutral" or prompts[0].expected:
        raise DataError(path, "neutral", "a first expression without activations", str(ids[:1]), "put neutral first")
    return prompts


def _read(path: str, entry: Mapping[str, Any]) -> Prompt:
    """One table of the file, checked."""
    name = str(entry.get("id", "(no id)"))

    def refuse(expected: str, got: object) -> DataError:
        return DataError(path, name, expected, str(got), "correct this expression")

    if not name.isascii() or not name.isidentifier() or name != name.lower():
        raise refuse("an id in snake_case", name)
    unknown = set(entry) - {"id", "prompt", "split", "expected", "gaze_degrees"}
    if unknown:
        raise refuse("id, prompt, split, expected, gaze_degrees", ", ".join(sorted(unknown)))
    if entry.get("split") not in SPLITS:
        raise refuse(f"split one of {', '.join(SPLITS)}", entry.get("split"))
    if not str(entry.get("prompt", "")).strip():
        raise refuse("a prompt to tell the person", "none")
    weights: dict[str, float] = {}
    for stem, weight in entry.get("expected", {}).items():
        shapes = expand(stem)
        if not shapes:
            raise refuse("names of refa's 53 shapes", stem)
        if not isinstance(weight, int | float) or not 0 < weight <= 1:
            raise refuse(f"a weight over 0 and up to 1 for {stem}", weight)
        if set(shapes) & set(weights):
            raise refuse("each shape once", stem)
        weights |= dict.fromkeys(shapes, float(weight))
    if weights.get("LipsToward", 0.0) > weights.get("JawDrop", 0.0):
        raise refuse("LipsToward no more than JawDrop", weights["LipsToward"])
    angles = entry.get("gaze_degrees", [0, 0])
    numbers = isinstance(angles, list) and all(isinstance(a, int | float) for a in angles)
    if not numbers or len(angles) != 2 or max(map(abs, angles)) > 45:
        raise refuse("gaze_degrees of two angles up to 45", angles)
    yaw, pitch = (float(np.radians(angle)) for angle in angles)
    ordered = {shape: weights[shape] for shape in EXPRESSIONS if shape in weights}
    return Prompt(name, str(entry["prompt"]), str(entry["split"]), ordered, (yaw, pitch))


PROMPTS: tuple[Prompt, ...] = load(files(__package__).joinpath("prompts.toml").read_text(encoding="utf-8"))
"""The 60 expressions, neutral first."""
_BY_ID = {prompt.id: prompt for prompt in PROMPTS}


def by_id(name: str) -> Prompt:
    """The expression of that id. Raises KeyError for an unknown one."""
    return _BY_ID[name]


def expected_weights(ids: Iterable[str] | None = None) -> NDArray[np.float32]:
    """The art priors [E, 53] of these expressions, of all 60 in order if none are named."""
    chosen = PROMPTS if ids is None else [by_id(name) for name in ids]
    return np.stack([prompt.weights for prompt in chosen]) if chosen else np.zeros((0, len(EXPRESSIONS)), np.float32)
