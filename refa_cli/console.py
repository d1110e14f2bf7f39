"""Streams and exit codes: stdout carries data, stderr everything said to a person.

A table goes to a terminal as a table, into a pipe or file as tab-separated lines with a header, and with `--json` as
one JSON document. Notes and progress go to stderr and fall silent with `--quiet`; bars are drawn on terminals only.
"""

from __future__ import annotations

import json
import math
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any, TypeVar

import typer

from refa_cli.formats.errors import RefaError

T = TypeVar("T")
FAILED, USAGE, GATE, INTERRUPTED = 1, 2, 3, 130
"""Exit codes beside 0: bad data or failed work, wrong call, quality gate not met, Ctrl-C."""


@dataclass
class Settings:
    """What --quiet, --debug and --json of this call said."""

    quiet: bool = False
    debug: bool = False
    json: bool = False


settings = Settings()


def reset() -> None:
    """Forget the settings of an earlier call in the same process."""
    settings.quiet = settings.debug = settings.json = False


def note(message: str) -> None:
    """Say something on stderr; silent with --quiet."""
    if not settings.quiet:
        _say(message)


def warn(message: str) -> None:
    """Say on stderr, also with --quiet, that something was left out or may be wrong."""
    _say(f"warning: {message}")


def error(message: str) -> None:
    """Say on stderr why the command failed."""
    _say(f"refa: {message}")


def _say(message: str) -> None:
    if "tqdm" in sys.modules:  # keep a bar that is being drawn in one piece
        from tqdm import tqdm

        tqdm.write(message, file=sys.stderr)
    else:
        print(message, file=sys.stderr, flush=True)


def progress(
    items: Iterable[T], label: str, *, total: int | None = None, unit: str = "", told: Callable[[], str] | None = None
) -> Iterator[T]:
    """Yield the items; on a terminal, without --quiet, draw a bar once that has taken a second, with what `told` says
    after it."""
    if settings.quiet or not sys.stderr.isatty():
        yield from items
        return
    from tqdm import tqdm

    bar = tqdm(items, desc=label, total=total, unit=f" {unit}", delay=1.0, leave=False, file=sys.stderr)
    for item in bar:
        yield item
        if told is not None:
            bar.set_postfix_str(told(), refresh=False)


def emit(document: Any) -> None:
    """Print one JSON document on stdout: arrays as lists, paths as text, numbers that are not finite as null."""
    print(json.dumps(plain(document), indent=2, ensure_ascii=False, allow_nan=False))


def emit_line(document: Any) -> None:
    """Print one line of JSON on stdout, for streams of records."""
    print(json.dumps(plain(document), ensure_ascii=False, allow_nan=False), flush=True)


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None, title: str = "") -> None:
    """Print rows on stdout (see the top of this module for how).

    rows: mappings from column name to value, floats with 4 digits where not JSON; columns: which, in what order (those
    of the first row by default); title: shown on a terminal only.
    """
    names = list(columns) if columns is not None else list(rows[0]) if rows else []
    if settings.json:
        emit([{name: row.get(name) for name in names} for row in rows])
    elif sys.stdout.isatty():
        _rich_table(names, [[_cell(row.get(name)) for name in names] for row in rows], title)
    else:
        for cells in [names, *([_cell(row.get(name)) for name in names] for row in rows)]:
            print("\t".join(" ".join(cell.split()) for cell in cells))


def _rich_table(names: list[str], rows: list[list[str]], title: str) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(*names, title=title or None, title_justify="left", box=None, pad_edge=False)
    for row in rows:
        drawn.add_row(*map(Text, row))
    Console().print(drawn)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def plain(value: Any) -> Any:
    """The value in terms of JSON: dict, list, str, int, finite float, bool, None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, PathLike):
        return str(value)
    if hasattr(value, "tolist"):  # numpy arrays and scalars, without importing numpy
        return plain(value.tolist())
    return value


def report(failure: BaseException) -> int:
    """Say on stderr, in one sentence, what went wrong (with --debug also where); returns the exit code."""
    if isinstance(failure, KeyboardInterrupt):
        error("interrupted.")
        return INTERRUPTED
    if isinstance(failure, typer.TyperException):
        error(_usage_sentence(failure))
        return failure.exit_code
    if settings.debug:
        traceback.print_exception(failure, file=sys.stderr)
    if isinstance(failure, RefaError):
        error(str(failure))
        return failure.exit_code
    if isinstance(failure, OSError) and failure.strerror:
        where = f"{failure.filename}: " if failure.filename is not None else ""
        error(f"{where}{failure.strerror[0].lower()}{failure.strerror[1:]}.")
    else:
        text = " ".join(f"{type(failure).__name__}: {failure}".split()).rstrip(": ")
        error(f"unexpected {text}; run again with --debug for the traceback.")
    return FAILED


def _usage_sentence(failure: typer.TyperException) -> str:
    """A usage error of typer in one sentence, with the nearest spelling of an unknown option and where to look."""
    near: Sequence[str] | None = getattr(failure, "possibilities", None)
    name = getattr(failure, "option_name", "")
    if name and hasattr(failure, "possibilities"):
        sentence = f"no such option: {name}" + (f"; did you mean {' or '.join(near)}?" if near else "")
    else:
        sentence = " ".join(failure.format_message().split()).rstrip(".")
        sentence = (sentence[:1].lower() + sentence[1:]).replace(". Did you mean", "; did you mean")
    context = getattr(failure, "ctx", None)
    if sentence.endswith("?"):
        return sentence
    if context is None:
        return f"{sentence}."
    return f"{sentence}; see `{context.command_path} --help`."
