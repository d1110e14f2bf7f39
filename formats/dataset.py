"""The directory container: a dataset of subjects, a subject of recordings, a recording of arrays (see `shards`).

    labels.zarr/              refa.json {schema, role: dataset, subjects: {name: digest}, recipe, digest}
      S0001/                  refa.json {schema, role: subject, subject, recordings: {name: digest}, recipe, digest}
        rec_1/                refa.json {schema, role: recording, texts, arrays: {name: dtype, shape, sha256}, digest}
          expressions/        zarr.json, c/0/0 ...

All of it is one Zarr version 3 group. Each refa.json is written last in its folder: without it a store is unfinished
and refused. A digest covers everything below it (not the recipes). A subject is whole by itself: it may be read alone
and copied into another dataset of its schema; a dataset refuses only if a subject that it was written with is gone.
Opening reads manifests; arrays are read, and their chunks' checksums compared, when asked for; `verify` also compares
the recorded digest of every array.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from refa_cli.formats import json_text
from refa_cli.formats.checks import SUBJECT
from refa_cli.formats.errors import DataError
from refa_cli.formats.payload import (
    ADVICE,
    HEAD,
    check_head,
    check_payload,
    digest_of,
    object_of,
    payload_of,
)
from refa_cli.formats.shards import (
    META,
    Layout,
    describe_rows,
    digest_of_shards,
    read_layout,
    read_rows,
    shard_digest,
    write_array,
)
from refa_cli.formats.spec import ArraySpec, Checked, Streamed, specs_of

R = TypeVar("R", bound=Checked)
NAME = SUBJECT
LIMIT_BYTES = 2 << 30  # of what `load` brings into memory at once


@dataclass(frozen=True)
class Recording(Generic[R]):
    """One recording of kind `kind`, opened; nothing but its manifest is in memory."""

    path: Path
    kind: type[R]
    name: str
    digest: str
    texts: Mapping[str, Any]
    entries: Mapping[str, Mapping[str, Any]]
    shapes: Mapping[str, tuple[int, ...]]

    def layout(self, array: str) -> Layout:
        """How an array is stored. Raises DataError if its zarr.json is not the one that stands for its shape."""
        spec = specs_of(self.kind)[array]
        assert isinstance(spec, ArraySpec)
        return read_layout(self.path / array, spec, self.shapes[array])

    def rows(self, array: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """Rows start to stop (all by default) of one array. Raises DataError."""
        return read_rows(self.path / array, self.layout(array), start, self.shapes[array][0] if stop is None else stop)

    def blocks(self, array: str) -> Iterator[NDArray[Any]]:
        """All rows of an array, as many at a time as a shard is written with. Raises DataError."""
        shape = self.shapes[array]
        size = Layout.of(self.layout(array).spec, shape).shard_rows
        for start in range(0, shape[0] if prod(shape) else 0, size):
            yield self.rows(array, start, min(start + size, shape[0]))

    def load(self, *, streamed: bool = True) -> R:
        """The recording in memory, checked; streamed=False: without what it declares as streamed, for `rows` to read.

        Raises DataError, also if that is more than LIMIT_BYTES.
        """
        there = {name: spec for name, spec in specs_of(self.kind).items() if isinstance(spec, ArraySpec)}
        left = {name for name, spec in there.items() if spec.streamed and not streamed}
        sizes = [prod(self.shapes[name]) * np.dtype(there[name].dtype).itemsize for name in there.keys() - left]
        if sum(sizes) > LIMIT_BYTES:
            raise DataError(self.path, "", f"at most {LIMIT_BYTES} bytes", f"{sum(sizes)}", "read it row by row")
        arrays = {
            name: Streamed(self.shapes[name], self.entries[name]["sha256"]) if name in left else self.rows(name)
            for name in there
        }
        loaded: R = object_of(self.path, self.kind, self.texts, arrays)
        return loaded

    def verify(self) -> None:
        """Reads everything, shard by shard, and compares the recorded digest of each array. Raises DataError."""
        held = self.load(streamed=False)
        for name, spec in specs_of(self.kind).items():
            if not isinstance(spec, ArraySpec):
                continue
            value = getattr(held, name)
            if isinstance(value, Streamed):
                value = Streamed(value.shape, digest_of_shards(map(shard_digest, self.blocks(name))))
            if describe_rows(spec, value) != self.entries[name]:
                raise DataError(self.path, name, "the bytes of its recorded SHA-256", "others", ADVICE)


@dataclass(frozen=True)
class Subject(Generic[R]):
    """One subject, opened."""

    path: Path
    kind: type[R]
    name: str
    digest: str
    recipe: Mapping[str, Any]
    digests: Mapping[str, str]

    @cached_property
    def recordings(self) -> Mapping[str, Recording[R]]:
        """Name -> recording, in order of names. Raises DataError."""
        return {name: self._open(name) for name in sorted(self.digests)}

    def _open(self, name: str) -> Recording[R]:
        path = self.path / name
        keys = {"role": str, "texts": dict, "arrays": dict}
        head = check_head(path, manifest(path), self.kind.SCHEMA, keys)
        if head["role"] != "recording" or head["digest"] != self.digests[name]:
            raise DataError(path, "digest", "the recording its subject was written with", "another", ADVICE)
        shapes = check_payload(path, head, self.kind)
        return Recording(path, self.kind, name, head["digest"], head["texts"], head["arrays"], shapes)

    def verify(self) -> None:
        """Verifies every recording. Raises DataError."""
        for recording in self.recordings.values():
            recording.verify()


@dataclass(frozen=True)
class Dataset(Generic[R]):
    """A dataset, or one subject of it, opened."""

    path: Path
    kind: type[R]
    recipe: Mapping[str, Any]
    subjects: Mapping[str, Subject[R]]

    @property
    def digest(self) -> str:
        """64 hexadecimal digits that stand for the subjects it has now."""
        return _dataset_digest(self.kind, {name: subject.digest for name, subject in self.subjects.items()})

    @classmethod
    def read(cls, path: str | os.PathLike[str], kind: type[R]) -> Dataset[R]:
        """Opens a dataset of kind, or one subject (a dataset of one). Raises DataError."""
        root = Path(path)
        head = manifest(root)
        if isinstance(head, dict) and head.get("role") == "subject":
            subject = _open_subject(root, kind)
            return cls(root, kind, subject.recipe, {subject.name: subject})
        head = check_head(root, head, kind.SCHEMA, {"role": str, "subjects": dict, "recipe": dict})
        if head["role"] != "dataset":
            raise DataError(
                root, "role", "a dataset or one subject of it", repr(head["role"])[:80], "name one of these"
            )
        try:
            found = {entry.name for entry in os.scandir(root) if entry.is_dir() and not entry.name.startswith(".")}
        except OSError as error:
            raise json_text.unreadable(root, error) from None
        for name in sorted(head["subjects"].keys() - found):
            raise DataError(
                root, json_text.in_short(name), "a subject it was written with", "nothing there", "copy it back"
            )
        subjects = {name: _open_subject(root / name, kind) for name in sorted(found)}
        for name, subject in subjects.items():
            if subject.name != name:
                raise DataError(root / name, "subject", repr(name), repr(subject.name), "give the folder that name")
        return cls(root, kind, head["recipe"], subjects)

    def verify(self) -> None:
        """Verifies every subject. Raises DataError."""
        for subject in self.subjects.values():
            subject.verify()


class SubjectWriter:
    """Writes one subject: recordings as they come, then `finish`. What an interrupted run finished, `has` tells."""

    def __init__(self, path: str | os.PathLike[str], kind: type[Checked], subject: str) -> None:
        self.path, self.kind, self.subject = Path(path), kind, subject
        self.digests: dict[str, str] = {}
        _check_name(self.path, "subject", subject)
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / HEAD).unlink(missing_ok=True)

    def has(self, name: str) -> bool:
        """Whether the recording stands there finished; it is then taken as it is."""
        _check_name(self.path, "recording", name)
        try:
            keys = {"role": str, "texts": dict, "arrays": dict}
            head = check_head(self.path / name, manifest(self.path / name), self.kind.SCHEMA, keys)
        except DataError:
            return False
        self.digests[name] = head["digest"]
        return True

    def add(self, name: str, recording: Checked) -> None:
        """Writes one recording; of arrays that are `Streamed` the shards stand there already (see `blocks`)."""
        _check_name(self.path, "recording", name)
        if type(recording) is not self.kind:
            raise TypeError(f"a {type(recording).__name__} where {self.kind.__name__} was expected")
        folder = self.path / name
        (folder / HEAD).unlink(missing_ok=True)
        for array, spec in specs_of(self.kind).items():
            if isinstance(spec, ArraySpec):
                write_array(folder / array, spec, getattr(recording, array))
        self.digests[name] = _finish(folder, {**payload_of(recording, describe_rows), "role": "recording"})

    def finish(self, recipe: Mapping[str, Any]) -> str:
        """Writes the subject's manifest; returns its digest."""
        head = {"schema": self.kind.SCHEMA, "role": "subject", "subject": self.subject, "recordings": self.digests}
        return _finish(self.path, {**head, "recipe": json_text.to_mapping(str(self.path), "recipe", recipe)})


def finish_dataset(path: str | os.PathLike[str], kind: type[Checked], recipe: Mapping[str, Any]) -> str:
    """Writes the manifest of a folder of finished subjects; returns the dataset's digest. Raises DataError."""
    root = Path(path)
    folders = sorted(entry.name for entry in os.scandir(root) if entry.is_dir() and not entry.name.startswith("."))
    digests = {name: _open_subject(root / name, kind).digest for name in folders}
    head = {"schema": kind.SCHEMA, "role": "dataset", "subjects": digests}
    return _finish(root, {**head, "recipe": json_text.to_mapping(str(root), "recipe", recipe)})


def _dataset_digest(kind: type[Checked], digests: Mapping[str, str]) -> str:
    return digest_of({"schema": kind.SCHEMA, "role": "dataset", "subjects": dict(digests)})


def _finish(folder: Path, head: dict[str, Any]) -> str:
    """Makes folder a Zarr group and, last, writes its manifest; returns the digest."""
    group = {"zarr_format": 3, "node_type": "group", "attributes": {"schema": head["schema"], "role": head["role"]}}
    (folder / META).write_bytes(json_text.pretty(group))
    digest = digest_of(head)
    (folder / HEAD).write_bytes(json_text.pretty({**head, "digest": digest}))
    return digest


def _open_subject(path: Path, kind: type[R]) -> Subject[R]:
    keys = {"role": str, "subject": str, "recordings": dict, "recipe": dict}
    head = check_head(path, manifest(path), kind.SCHEMA, keys)
    if head["role"] != "subject":
        raise DataError(path, "role", "'subject'", repr(head["role"])[:80], "name a dataset or one subject of it")
    _check_name(path, "subject", head["subject"])
    for name in head["recordings"]:
        _check_name(path, "recordings", name)
    return Subject(path, kind, head["subject"], head["digest"], head["recipe"], head["recordings"])


def manifest(path: Path) -> Any:
    """The refa.json of a store. Raises DataError, with other words where the store was never finished."""
    try:
        entries = set(os.listdir(path))
    except OSError as error:
        raise json_text.unreadable(path, error) from None
    if HEAD not in entries:
        if META in entries or any((path / entry / META).exists() for entry in entries):
            raise DataError(path, HEAD, "a finished store", "one that was never finished", "run its command again")
        raise DataError(path, HEAD, "an artifact of refa", "a folder without this file", "name another folder")
    return json_text.read(path / HEAD)


def _check_name(path: Path, field: str, name: str) -> None:
    if re.fullmatch(NAME, name) is None:
        raise DataError(path, field, f"a name of the form {NAME}", repr(name[:80]), "choose another name")
