"""Which expression a file shows: by its name, or by a list.

A name says it as the scripted set of expressions writes it ("jaw_open"), in any case, with spaces or hyphens for
underscores; a number behind it tells several takes apart ("Jaw Open 2", "jaw_open (1)"). A list is CSV with the
columns file and expression, or TOML with lines "file name" = "expression".
"""

from __future__ import annotations

import csv
import io
import re
import tomllib
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from refa_cli.face.prompts import PROMPTS
from refa_cli.formats import json_text
from refa_cli.formats.errors import DataError

IDS = tuple(prompt.id for prompt in PROMPTS)
TAKE = re.compile(r"[_ .-]*\(?[0-9]{1,4}\)?$")
MAX_LIST = 1 << 20


def expressions(files: Sequence[Path], listed: Path | None) -> list[tuple[str, Path]]:
    """(expression, file) of every file, in the order of the scripted set, then of the names.

    Raises DataError for a name or a list that tells no known expression, and for a list that names absent files.
    """
    known = read_list(listed) if listed is not None else {}
    names = {file.name for file in files}
    for name in known:
        if name not in names:
            near = get_close_matches(name, names, n=1)
            advice = f"did you mean {near[0]}" if near else "correct the list or import that file too"
            raise DataError(str(listed), name, "a file that is imported", "none of that name", advice)
    found = [(known[file.name] if file.name in known else of_name(file), file) for file in files]
    return sorted(found, key=lambda pair: (IDS.index(pair[0]), natural(pair[1])))


def natural(file: Path) -> list[tuple[int, str]]:
    """Sorts "take 2" before "take 10"."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"([0-9]+)", file.stem.lower())]


def of_name(file: Path) -> str:
    """The expression that a file's name tells. Raises DataError."""
    name = re.sub(r"[ -]+", "_", file.stem.lower())
    short = re.sub(r"[ -]+", "_", TAKE.sub("", file.stem.lower())).rstrip("_")
    for candidate in (name, short):
        if candidate in IDS:
            return candidate
    raise _unknown(file, "file name", file.stem, short, "rename it, or say what it shows with --map")


def _unknown(path: Path, field: str, name: str, like: str, advice: str) -> DataError:
    near = get_close_matches(like, IDS, n=1)
    hint = f"did you mean {near[0]}? {advice[0].upper()}{advice[1:]}" if near else advice
    return DataError(path, field, "the id of an expression, such as neutral", repr(json_text.in_short(name, 60)), hint)


def read_list(path: Path) -> dict[str, str]:
    """File name -> expression, as a CSV or TOML list tells. Raises DataError."""
    try:
        text = json_text.read_bytes(path, MAX_LIST).decode("utf-8-sig")
        rows = _csv_rows(path, text) if path.suffix.lower() == ".csv" else list(tomllib.loads(text).items())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, csv.Error) as error:
        got = json_text.in_short(error)
        raise DataError(path, "", "a list as CSV or TOML, in UTF-8", got, "correct the list") from None
    result: dict[str, str] = {}
    for name, expression in rows:
        if not isinstance(expression, str):
            got = json_text.in_short(repr(expression))
            raise DataError(path, json_text.in_short(name), "the id of an expression", got, "correct the list")
        if expression not in IDS:
            raise _unknown(path, json_text.in_short(name), expression, expression.lower(), "correct the list")
        if name in result:
            raise DataError(path, json_text.in_short(name), "each file once", "it twice", "correct the list")
        result[name] = expression
    if not result:
        raise DataError(path, "", "files with their expressions", "none", "correct the list")
    return result


def _csv_rows(path: Path, text: str) -> list[tuple[str, str]]:
    reader = csv.DictReader(io.StringIO(text), skipinitialspace=True, strict=True)
    if reader.fieldnames is None or not {"file", "expression"} <= set(reader.fieldnames):
        got = ", ".join(map(json_text.in_short, reader.fieldnames or ())) or "none"
        raise DataError(path, "", "the columns file and expression", got, "correct the first line")
    return [((row["file"] or "").strip(), (row["expression"] or "").strip()) for row in reader]
