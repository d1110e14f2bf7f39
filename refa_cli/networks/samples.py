"""Frames and labels of captures and synthetic stores as one table that training draws from.

    real = from_captures(path, labels, cameras, pixels=96, subjects={"S0001", ...})
    made = from_synth(path, cameras, pixels=96, subjects={"P0001", ...})

Pictures are brought to one size by averaging, and those of right cameras are mirrored, once; they lie in a file that is
mapped into memory when there are many.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from refa_cli.face.shapes import EXPRESSIONS
from refa_cli.formats.cameras import Cameras, embedded
from refa_cli.formats.captures import Captures
from refa_cli.formats.dataset import Dataset, Recording
from refa_cli.formats.errors import DataError
from refa_cli.formats.labels import Labels
from refa_cli.formats.resizing import squares
from refa_cli.formats.spec import B1, F32, I32, U8
from refa_cli.formats.synth import Synth

IN_MEMORY: Final = 1 << 30
"""Bytes of pictures beyond which they lie in a temporary file."""
AT_ONCE: Final = 50


@dataclass(frozen=True)
class Samples:
    """frames [N, C, S, S], mirrored; present [N, C]; weights [N, 53]; gaze [N, 2, 2]; labelled [N]; subject [N]: index
    into subjects."""

    frames: U8
    present: B1
    weights: F32
    gaze: F32
    labelled: B1
    subject: I32
    subjects: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.present)

    def rows_of(self, subjects: Collection[str]) -> NDArray[np.intp]:
        """Rows of these subjects."""
        wanted = [i for i, name in enumerate(self.subjects) if name in subjects]
        return np.flatnonzero(np.isin(self.subject, wanted))


def cameras_of(path: Path, kind: type[Captures] | type[Synth]) -> Cameras:
    """The embedded cameras of a store, which must be the same in all its recordings. Raises DataError."""
    found: dict[Cameras, str] = {}
    for subject in Dataset.read(path, kind).subjects.values():
        for recording in subject.recordings.values():
            found.setdefault(embedded(recording), f"{subject.name}/{recording.name}")
    if not found:
        raise DataError(path, "", "a recording", "none", "name a store that has some")
    if len(found) > 1:
        first, other = list(found.items())[:2]
        raise DataError(path, other[1], f"the cameras of {first[1]}", ", ".join(other[0].names), "train on one headset")
    return next(iter(found))


def from_captures(
    path: Path, labels: Path | None, cameras: Cameras, pixels: int, subjects: Collection[str], every: int = 1
) -> Samples:
    """Frames of these subjects, every so many; labelled where `labels` has a valid row of that time. Without labels, or
    for recordings that they lack, frames stand unlabelled."""
    told = None if labels is None else Dataset.read(labels, Labels)
    parts = []
    for subject in Dataset.read(path, Captures).subjects.values():
        if subject.name not in subjects:
            continue
        for recording in subject.recordings.values():
            held = recording.load(streamed=False)
            rows = np.arange(0, len(held.time_ns), every)
            weights, gaze, labelled = _labels(told, subject.name, recording.name, held.time_ns[rows])
            order = cameras.order_in(recording)
            parts.append((subject.name, recording, order, rows, held.present[rows][:, order], weights, gaze, labelled))
    return _table(parts, cameras, pixels)


def from_synth(path: Path, cameras: Cameras, pixels: int, subjects: Collection[str]) -> Samples:
    """Synthetic frames of these subjects."""
    parts = []
    for subject in Dataset.read(path, Synth).subjects.values():
        if subject.name not in subjects:
            continue
        for recording in subject.recordings.values():
            held = recording.load(streamed=False)
            columns = [held.shapes.index(name) for name in EXPRESSIONS]
            rows = np.arange(len(held.take))
            order = cameras.order_in(recording)
            here = np.ones((len(rows), len(order)), bool)
            parts.append((subject.name, recording, order, rows, here, held.expressions[:, columns], held.gaze,
                          np.ones(len(rows), bool)))  # fmt: skip
    return _table(parts, cameras, pixels)


def _labels(told: Dataset[Labels] | None, subject: str, name: str, times: NDArray[np.int64]) -> tuple[F32, F32, B1]:
    """Weights, gaze and whether there are any, at these times."""
    weights, gaze = np.zeros((len(times), len(EXPRESSIONS)), np.float32), np.zeros((len(times), 2, 2), np.float32)
    labelled = np.zeros(len(times), bool)
    if told is None or subject not in told.subjects or name not in told.subjects[subject].recordings:
        return weights, gaze, labelled
    held = told.subjects[subject].recordings[name].load()
    rows = np.minimum(np.searchsorted(held.time_ns, times), max(len(held.time_ns) - 1, 0))
    labelled = (held.time_ns[rows] == times) & held.valid[rows]
    columns = [held.shapes.index(shape) for shape in EXPRESSIONS]
    weights[labelled] = held.expressions[rows][:, columns][labelled]
    gaze[labelled] = held.gaze[rows][labelled]
    return weights, gaze, labelled


def _table(parts: Sequence[tuple[Any, ...]], cameras: Cameras, pixels: int) -> Samples:
    subjects = tuple(dict.fromkeys(part[0] for part in parts))
    total = sum(len(part[3]) for part in parts)
    shape = (total, len(cameras.names), pixels, pixels)
    frames: U8
    if int(np.prod(shape)) > IN_MEMORY:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the map
        frames = np.memmap(file, np.uint8, "w+", shape=shape)
    else:
        frames = np.empty(shape, np.uint8)
    at = 0
    for _, recording, order, rows, *_ in parts:
        for pictures in pictures_of(recording, order, rows, cameras, pixels):
            frames[at : at + len(pictures)] = pictures
            at += len(pictures)
    count = len(cameras.names)
    none: dict[int, tuple[int, ...]] = {4: (0, count), 5: (0, len(EXPRESSIONS)), 6: (0, 2, 2), 7: (0,)}
    columns = [np.concatenate([np.zeros(none[i]), *(part[i] for part in parts)]) for i in (4, 5, 6, 7)]
    index = np.concatenate([np.zeros(0, int), *(np.full(len(part[3]), subjects.index(part[0])) for part in parts)])
    return Samples(frames, columns[0].astype(bool), columns[1].astype(np.float32), columns[2].astype(np.float32),
                   columns[3].astype(bool), index.astype(np.int32), subjects)  # fmt: skip


def pictures_of(
    recording: Recording[Any], order: list[int], rows: NDArray[np.intp], cameras: Cameras, pixels: int
) -> Iterator[U8]:
    """Pictures [n, C, S, S] of rows, some at a time."""
    sizes = recording.rows("camera_size")
    step = int(rows[1] - rows[0]) if len(rows) > 1 else 1
    for start in range(0, len(rows), AT_ONCE):
        some = rows[start : start + AT_ONCE]
        if step == 1:
            block = recording.rows("frames", int(some[0]), int(some[-1]) + 1)
        else:
            block = np.concatenate([recording.rows("frames", int(row), int(row) + 1) for row in some])
        out = np.empty((len(some), len(order), pixels, pixels), np.uint8)
        for c, camera in enumerate(order):
            height, width = map(int, sizes[camera])
            out[:, c] = squares(block[:, camera, :height, :width], pixels)
            if cameras.mirrored[c]:
                out[:, c] = out[:, c, :, ::-1]
        yield out
