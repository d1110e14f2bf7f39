"""Taking apart a JSON object that people write by hand: known keys, typed and bounded values, one-sentence errors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from refa_cli.formats.checks import check_pose
from refa_cli.formats.errors import DataError
from refa_cli.formats.json_text import in_short
from refa_cli.formats.spec import F64


class Fields:
    """One object of a JSON file. path: the file; where: the object's place in it, "" for the whole."""

    def __init__(
        self, path: Path, where: str, value: Any, required: Sequence[str], optional: Sequence[str] = ()
    ) -> None:
        self.path, self.where, self.value = path, where, value
        if not isinstance(value, dict):
            self.wrong("", "an object {...}", value)
        for key in value:
            if key not in required and key not in optional:
                known = ", ".join((*required, *optional))
                raise DataError(
                    path, self.place(key), f"one of the keys {known}", "an unknown key", "remove or rename it"
                )
        for key in required:
            if key not in value:
                raise DataError(path, self.place(key), "a value", "none", "add it")

    def __contains__(self, key: str) -> bool:
        return key in self.value

    def place(self, key: str) -> str:
        """The key with where it stands, e.g. "camera.fx"."""
        name = in_short(key, 60)
        return f"{self.where}.{name}" if self.where and name else self.where or name

    def wrong(self, key: str, expected: str, got: Any, advice: str = "correct it") -> Any:
        """Raises the refusal of a value."""
        raise DataError(self.path, self.place(key), expected, in_short(repr(got)), advice)

    def number(self, key: str, low: float, high: float, default: float | None = None) -> float:
        """A number from low to high."""
        value = self.value.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            self.wrong(key, f"a number from {low:g} to {high:g}", value)
        return float(value)

    def whole(self, key: str, low: int, high: int) -> int:
        """A whole number from low to high."""
        value = self.value[key]
        if type(value) is not int or not low <= value <= high:
            self.wrong(key, f"a whole number from {low} to {high}", value)
        return int(value)

    def flag(self, key: str, default: bool) -> bool:
        """true or false."""
        value = self.value.get(key, default)
        if not isinstance(value, bool):
            self.wrong(key, "true or false", value)
        return bool(value)

    def text(self, key: str, pattern: str) -> str:
        """A string that wholly matches pattern."""
        value = self.value[key]
        if not isinstance(value, str) or re.fullmatch(pattern, value) is None:
            self.wrong(key, f"text of the form {pattern}", value)
        return str(value)

    def object(self, key: str, pattern: str) -> dict[str, Any]:
        """An object whose keys all match pattern."""
        value = self.value.get(key, {})
        if not isinstance(value, dict):
            self.wrong(key, "an object {...}", value)
        for name in value:
            if re.fullmatch(pattern, name) is None:
                self.wrong(key, f"names of the form {pattern}", name)
        return dict(value)

    def pose(self, key: str) -> F64:
        """A rigid 4x4 transform, written as four rows of four numbers; metres."""
        rows = self.value[key]
        whole = isinstance(rows, list) and len(rows) == 4
        for row in rows if whole else ():
            whole = whole and isinstance(row, list) and len(row) == 4
            whole = whole and all(type(item) in (int, float) and abs(item) < 1e6 for item in row)
        if not whole:
            self.wrong(key, "four rows of four numbers", rows)
        matrix = np.array(rows, dtype=np.float64)
        try:
            check_pose(str(self.path), self.place(key), matrix)
        except DataError as error:
            self.wrong(key, error.expected, rows)
        return matrix
