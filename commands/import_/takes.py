"""Takes of Live Link Face (.csv): ARKit weights and eye angles of a performance -> labels, to be used as motion.

A row is a time code (hours, minutes, seconds, sixtieths with decimals), the number of values, and 52 weights with nine
angles in radians, positive to the right and down. Rows without values (tracking was lost) stay in time, not valid, with
what lies between their neighbours; rows that do not go on in time are dropped; weights over 1 count as 1.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import pi
from pathlib import Path
from typing import Any, Final

import numpy as np

from refa_cli.face.maps import shape_map
from refa_cli.face.shapes import EXPRESSIONS
from refa_cli.formats.checks import SUBJECT
from refa_cli.formats.dataset import SubjectWriter, finish_dataset
from refa_cli.formats.errors import DataError
from refa_cli.formats.labels import SEGMENT_KINDS, STATES, Labels
from refa_cli.formats.spec import F32, F64, I64

FIRST: Final = ("Timecode", "BlendShapeCount")
EYES: Final = (("LeftEyeYaw", "LeftEyePitch"), ("RightEyeYaw", "RightEyePitch"))
PER_SECOND: Final = 60.0
DAY: Final = 24 * 3600.0
MOST: Final = 1.5
"""A weight over this is no weight."""
WIDEST: Final = pi / 2
LARGEST: Final = 256 << 20
AGAIN: Final = "export the take from Live Link Face again"


@dataclass(frozen=True)
class Take:
    """One take: labels, and how many rows were lost, dropped, or held a weight over 1."""

    name: str
    path: Path
    labels: Labels
    lost: int
    dropped: int
    over: int
    digest: str


def is_take(path: Path) -> bool:
    """Whether a file begins as Live Link Face's CSV does."""
    try:
        with open(path, "rb") as file:
            return file.read(64).decode("utf-8-sig", "replace").split(",")[: len(FIRST)] == list(FIRST)
    except OSError:
        return False


def read_take(path: Path) -> Take:
    """One take. Raises DataError for a file that is damaged or of another kind."""
    try:
        if path.stat().st_size > LARGEST:
            raise DataError(path, "", f"at most {LARGEST >> 20} MB", f"{path.stat().st_size >> 20} MB", AGAIN)
        content = path.read_bytes()
        rows = list(csv.reader(content.decode("utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise DataError(path, "", "a take of Live Link Face", str(problem), AGAIN) from problem
    names = _checked_header(path, rows)
    times, values = [], []
    for number, row in enumerate(rows[1:], 2):
        if not row:
            continue
        times.append(_seconds(path, number, row[0]))
        values.append(_values(path, number, row, len(names)))
    held: F64 = np.array(values, dtype=np.float64).reshape(len(times), len(names))
    time, kept = _in_order(np.array(times))
    held, seen = held[kept], np.isfinite(held[kept, 0]) if len(held) else np.zeros(0, bool)
    if seen.sum() < 2:
        raise DataError(path, "", "at least 2 rows with a tracked face", str(int(seen.sum())), AGAIN)
    for column in range(held.shape[1]):
        held[~seen, column] = np.interp(time[~seen], time[seen], held[seen, column])
    weights = _weights(path, names, held)
    over = int((held[:, [names.index(name) for name in names if not _is_angle(name)]] > 1).any(1).sum())
    return Take(_name(path), path, _labels(time, weights, _gaze(path, names, held), seen), int((~seen).sum()),
                len(times) - len(kept), over, hashlib.sha256(content).hexdigest())  # fmt: skip


def _checked_header(path: Path, rows: list[list[str]]) -> list[str]:
    """The names of the values. Raises DataError."""
    if not rows or rows[0][: len(FIRST)] != list(FIRST):
        raise DataError(path, "line 1", ",".join(FIRST) + ",...", ",".join(rows[0][:2]) if rows else "nothing", AGAIN)
    names = rows[0][len(FIRST) :]
    lower = {name.lower() for name in names}
    missing = [name for name in (*shape_map("arkit", "refa").source_names, *(n for eye in EYES for n in eye))
               if name.lower() not in lower]  # fmt: skip
    if missing or len(lower) != len(names):
        raise DataError(path, "line 1", "52 ARKit weights and the eyes' angles, each once",
                        f"no {missing[0]}" if missing else "one twice", AGAIN)  # fmt: skip
    return names


def _seconds(path: Path, line: int, text: str) -> float:
    """A time code such as 12:24:24:19.960."""
    found = re.fullmatch(r"(\d{1,2}):(\d{1,2}):(\d{1,2}):(\d{1,3}(?:\.\d{1,9})?)", text.strip())
    if found is None:
        raise DataError(path, f"line {line}", "a time code such as 12:24:24:19.960", text[:40], AGAIN)
    hours, minutes, seconds, frames = found.groups()
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds) + float(frames) / PER_SECOND


def _values(path: Path, line: int, row: list[str], count: int) -> list[float]:
    """The values of a row; all NaN where tracking was lost."""
    if len(row) == 2 and row[1].strip() == "0":
        return [float("nan")] * count
    try:
        values = [float(text) for text in row[2:]]
    except ValueError:
        values = []
    if len(values) != count or row[1].strip() != str(count) or not np.isfinite(values).all():
        raise DataError(path, f"line {line}", f"{count} numbers, or 0 of them", f"{max(len(row) - 2, 0)} values", AGAIN)
    return values


def _in_order(seconds: F64) -> tuple[F64, np.ndarray]:
    """Seconds from the first row on, past midnight, and the rows [K] that go on in time."""
    wrapped = seconds + DAY * np.cumsum(np.r_[0, np.diff(seconds) < -DAY / 2]) if len(seconds) else seconds
    kept: list[int] = []
    for i, value in enumerate(wrapped):
        if not kept or value > wrapped[kept[-1]]:
            kept.append(i)
    time = wrapped[kept] - wrapped[kept[0]] if kept else wrapped
    return time, np.array(kept, dtype=np.int64)


def _weights(path: Path, names: list[str], held: F64) -> F32:
    """refa's expression weights [T, 53]."""
    mapping = shape_map("arkit", "refa")
    lower = [name.lower() for name in names]
    arkit = held[:, [lower.index(name.lower()) for name in mapping.source_names]]
    if arkit.size and (arkit.max() > MOST or arkit.min() < -0.01):
        raise DataError(path, "", "weights from 0 to about 1", f"{arkit.min():.3g} to {arkit.max():.3g}", AGAIN)
    mapped = mapping.apply(np.clip(arkit, 0, 1))
    return np.ascontiguousarray(mapped[:, [mapping.target_names.index(name) for name in EXPRESSIONS]])


def _gaze(path: Path, names: list[str], held: F64) -> F32:
    """[T, 2, 2]: theirs is positive to the right and down, refa's to the left and up."""
    gaze = -np.stack([held[:, [names.index(name) for name in eye]] for eye in EYES], 1)
    if gaze.size and np.abs(gaze).max() > WIDEST:
        raise DataError(path, "LeftEyeYaw ...", "angles in radians", f"{np.abs(gaze).max():.3g}", AGAIN)
    return gaze.astype(np.float32)


def _is_angle(name: str) -> bool:
    return name.endswith(("Yaw", "Pitch", "Roll"))


def _labels(time: F64, weights: F32, gaze: F32, seen: np.ndarray) -> Labels:
    stamps: I64 = np.rint(time * 1e9).astype(np.int64)
    count = len(stamps)
    return Labels(
        shapes=EXPRESSIONS, expression_ids=(), time_ns=stamps, expressions=weights, gaze=gaze,
        headset_from_head=np.tile(np.eye(4, dtype=np.float32), (count, 1, 1)),
        confidence=np.repeat(seen[:, None], 3, 1).astype(np.float32), valid=seen,
        state=np.where(seen, STATES.index("tracked"), STATES.index("lost")).astype(np.uint8),
        segment_ns=np.array([[stamps[0], stamps[0], stamps[-1]]]),
        segment_kind=np.array([SEGMENT_KINDS.index("free")], np.uint8), segment_side=np.zeros(1, np.uint8),
        segment_expression=np.full(1, -1, np.int32), segment_performed=np.zeros(1, np.uint8),
    )  # fmt: skip


def _name(path: Path) -> str:
    """The take's name in the store: its file's, with what names may not hold replaced."""
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", path.stem).lstrip("_.-")[:64]
    return name if re.fullmatch(SUBJECT, name) else "take"


def read_all(paths: Sequence[Path]) -> list[Take]:
    """All takes. Raises DataError, also for two of one name."""
    takes = [read_take(path) for path in paths]
    names: dict[str, Path] = {}
    for take in takes:
        if take.name in names:
            raise DataError(
                take.path, "", "names that differ", f"{take.name}, as of {names[take.name].name}", "rename one"
            )
        names[take.name] = take.path
    return takes


def write(folder: Path, takes: Sequence[Take], subject: str, recipe: dict[str, Any]) -> None:
    """A dataset of labels with one subject, a recording a take."""
    writer = SubjectWriter(folder / subject, Labels, subject)
    for take in takes:
        writer.add(take.name, take.labels)
    writer.finish(recipe)
    finish_dataset(folder, Labels, recipe)


def rows(takes: Sequence[Take]) -> list[dict[str, Any]]:
    """A line a take."""
    return [{"take": take.name, "source": take.path.name, "rows": len(take.labels.time_ns),
             "seconds": round(float(take.labels.time_ns[-1]) / 1e9, 2), "lost": take.lost, "dropped": take.dropped,
             "over 1": take.over} for take in takes]  # fmt: skip
