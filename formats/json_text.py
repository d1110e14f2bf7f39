"""JSON that is read strictly (no duplicate keys, no NaN, bounded size) and written in one fixed way."""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from refa_cli.formats.errors import DataError

MAX_JSON = 16 << 20
WRITE_AGAIN = "write the file again"


def canonical(value: Any) -> bytes:
    """value as JSON bytes: sorted keys, no spaces, so that equal values give equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def pretty(value: Any) -> bytes:
    """value as JSON bytes for people: indented, in the given order, with a final newline."""
    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def parse(data: bytes | bytearray, path: str | os.PathLike[str], field: str = "") -> Any:
    """The value of JSON bytes. Raises DataError naming path and field."""
    try:
        return json.loads(data, object_pairs_hook=_without_duplicates, parse_constant=_no_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise DataError(
            path, field, "JSON text", f"text that is not ({in_short(error)})", "correct the text there"
        ) from None


def to_mapping(where: str, field: str, value: Any) -> dict[str, Any]:
    """A deep copy of value, which must be an object that JSON holds exactly. Raises DataError."""
    try:
        copied = json.loads(canonical(value))
    except (TypeError, ValueError, RecursionError) as error:
        raise DataError(where, field, "an object of JSON values", in_short(error), "use plain values only") from None
    if not isinstance(value, Mapping) or not isinstance(copied, dict):
        raise DataError(where, field, "an object of JSON values", type(value).__name__, "use plain values only")
    return copied


def read(path: Path, limit: int = MAX_JSON) -> Any:
    """The value of a JSON file of at most limit bytes. Raises DataError."""
    return parse(read_bytes(path, limit), path)


def read_bytes(path: Path, limit: int) -> bytes:
    """The bytes of a regular file of at most limit bytes. Raises DataError."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise DataError(path, "", "a file", kind_of(status.st_mode), "name a file")
        with open(path, "rb") as file:
            data = file.read(limit + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise unreadable(path, error) from None
    if len(data) > limit:
        raise DataError(path, "", f"at most {limit} bytes", f"{status.st_size}", WRITE_AGAIN)
    return data


def in_short(words: object, limit: int = 120) -> str:
    """Words of unknown origin as part of one sentence: on one line, printable, not long."""
    line = " ".join(str(words).split())
    line = "".join(letter if letter.isprintable() else "?" for letter in line)
    return line if len(line) <= limit else line[:limit] + "..."


def unreadable(path: str | os.PathLike[str], error: OSError | ValueError) -> DataError:
    """The refusal for a path that cannot be opened."""
    if isinstance(error, FileNotFoundError):
        return DataError(path, "", "an existing path", "nothing there", "check the path")
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return DataError(path, "", "something readable", in_short(reason), "check the path and its permissions")


def kind_of(mode: int) -> str:
    """A stat mode in words."""
    if stat.S_ISDIR(mode):
        return "a directory"
    return "a file" if stat.S_ISREG(mode) else "neither a file nor a directory"


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"key {next(key for key in keys if keys.count(key) > 1)!r} stands twice")
    return result


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"number {digits} is too large")
    return value
