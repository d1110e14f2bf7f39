"""Recordings that are written in blocks: some rows of every array at a time, by several workers, to go on after a kill.

    blocks = Blocks(subject / "peaks", Captures, {"T": 3000, "A": 5, "H": 400, "W": 400, "B": 0, "J": 0, "K": 0})
    for i in range(blocks.count):                                     # in any order, by any worker
        if not blocks.has(i):
            blocks.write(i, {"frames": ..., "present": ...})          # rows blocks.rows(i)
    writer.add("peaks", Captures(**blocks.arrays(), time_ns=..., ...))
    blocks.remove()

A block is one shard of every streamed array; what it holds of other arrays waits in a small file, written last, that
says that the block is whole.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from functools import cached_property
from math import ceil, prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refa_cli.formats import json_text
from refa_cli.formats.errors import DataError
from refa_cli.formats.payload import little_endian
from refa_cli.formats.shards import Layout, digest_of_shards, shard_digest, write_shard
from refa_cli.formats.spec import DTYPES, ArraySpec, Checked, Streamed, specs_of

WAITING = "blocks"
DIGEST = "digest:"


class Blocks:
    """The blocks of one recording in its folder; dims: the lengths of its dimensions, the first of them the rows'."""

    def __init__(self, folder: Path, kind: type[Checked], dims: Mapping[str, int]) -> None:
        self.folder, self.kind = folder, kind
        self.length = next(iter(dims.values()))
        self.layouts = {
            name: Layout.of(spec, tuple(dims[dim] if isinstance(dim, str) else dim for dim in spec.dims))
            for name, spec in specs_of(kind).items()
            if isinstance(spec, ArraySpec) and spec.streamed
        }

    @cached_property
    def size(self) -> int:
        """Rows of a block. Raises ValueError where streamed arrays are cut differently."""
        sizes = {layout.shard_rows for layout in self.layouts.values()}
        if len(sizes) != 1:
            raise ValueError(f"the streamed arrays of {self.kind.__name__} have shards of {sorted(sizes)} rows")
        return sizes.pop()

    @property
    def count(self) -> int:
        """The number of blocks."""
        return ceil(self.length / self.size)

    def rows(self, block: int) -> range:
        """The rows of a block."""
        return range(block * self.size, min((block + 1) * self.size, self.length))

    def has(self, block: int) -> bool:
        """Whether a block is written."""
        return self._waiting(block).exists()

    def write(self, block: int, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Writes the rows of a block: all streamed arrays, and of others those that are made with them.

        Raises ValueError for another number of rows or another dtype of a streamed array.
        """
        count = len(self.rows(block))
        for name, rows in arrays.items():
            if len(rows) != count:
                raise ValueError(f"{name} has {len(rows)} rows in a block of {count}")
        held: dict[str, Any] = {name: rows for name, rows in arrays.items() if name not in self.layouts}
        for name, layout in self.layouts.items():
            rows = arrays[name]
            if rows.shape[1:] != layout.shape[1:] or rows.dtype != layout.dtype:
                raise ValueError(f"{name} is {rows.dtype} {rows.shape[1:]}, not {layout.dtype} {layout.shape[1:]}")
            if layout.shards:
                write_shard(self.folder / name, layout, block, rows)
                _flush(layout.shard_path(self.folder / name, block))
            held[DIGEST + name] = np.frombuffer(shard_digest(rows), np.uint8)
        self._keep(block, held)

    def arrays(self) -> dict[str, Any]:
        """Everything that was written, for the recording's class: streamed arrays as `Streamed`.

        Raises DataError if a block is missing or cannot be read.
        """
        parts = [self._read(block) for block in range(self.count)]
        found: dict[str, Any] = {}
        for name in parts[0] if parts else ():
            if name.startswith(DIGEST):
                layout = self.layouts[name.removeprefix(DIGEST)]
                digests = [part[name].tobytes() for part in parts] if layout.shards else []
                found[name.removeprefix(DIGEST)] = Streamed(layout.shape, digest_of_shards(digests))
            else:
                found[name] = np.concatenate([part[name] for part in parts])
        return found

    def remove(self) -> None:
        """Removes what told of the blocks; the recording's manifest tells all now."""
        shutil.rmtree(self.folder / WAITING, ignore_errors=True)

    def _keep(self, block: int, held: Mapping[str, NDArray[Any]]) -> None:
        """Writes the arrays of a block one after the other, and last what they are."""
        target = self._waiting(block)
        target.parent.mkdir(parents=True, exist_ok=True)
        plain = {name: little_endian(np.asarray(rows)) for name, rows in held.items()}
        data = target.with_suffix(".bin")
        data.write_bytes(b"".join(rows.tobytes() for rows in plain.values()))
        _flush(data)
        draft = target.with_suffix(".draft")
        said = {name: [rows.dtype.name, list(rows.shape)] for name, rows in plain.items()}
        draft.write_bytes(json_text.pretty({"arrays": said, "sha256": hashlib.sha256(data.read_bytes()).hexdigest()}))
        _flush(draft)
        os.replace(draft, target)

    def _read(self, block: int) -> dict[str, NDArray[Any]]:
        target, found, at = self._waiting(block), {}, 0
        said = json_text.read(target)
        try:
            data = target.with_suffix(".bin").read_bytes()
            if hashlib.sha256(data).hexdigest() != said["sha256"]:
                raise ValueError("other bytes than it says")
            for name, (dtype, shape) in said["arrays"].items():
                if dtype not in DTYPES:
                    raise ValueError(f"an array of {dtype}")
                rows = np.frombuffer(data, np.dtype(dtype).newbyteorder("<"), prod(shape), at).reshape(shape)
                found[name], at = rows.astype(dtype, copy=False), at + rows.nbytes
        except (OSError, ValueError, TypeError, KeyError) as problem:
            advice = "remove it and run the command again"
            raise DataError(target, "", "a finished block", str(problem), advice) from problem
        return found

    def _waiting(self, block: int) -> Path:
        return self.folder / WAITING / f"{block:05d}.json"


def _flush(path: Path) -> None:
    """Makes sure that a file is on the disk before another says that it is."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
