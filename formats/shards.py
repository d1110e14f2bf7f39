"""One array of a dataset on disk: Zarr version 3, one shard file per run of rows, a CRC-32C in every chunk.

Rows are indices along the first axis; a chunk is `chunk_rows` whole rows and a shard `shard_rows` of them. Chunks are
stored as they are, in order, so a shard's index and length follow from the shape alone. zarr reads these files; refa
reads them itself, because zarr takes sizes from the file and gives zeros for chunks that were never written. Here the
description must be the one that stands for the shape, a shard must have its length and its index, and every chunk
that is read must match its checksum. An array's digest is that of its shards' digests, so that several workers can
write one array and nobody reads it again for its digest.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from math import ceil, prod
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from refa_cli.formats import json_text
from refa_cli.formats.errors import DataError
from refa_cli.formats.payload import ADVICE, little_endian
from refa_cli.formats.spec import ArraySpec, Streamed

META = "zarr.json"
MAX_META = 1 << 20
MAX_CHUNK_BYTES = 64 << 20
MAX_CHUNKS_PER_SHARD = 1 << 16
CHECKSUM_BYTES = 4
ABSENT = 2**64 - 1
LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}
CRC32C = {"name": "crc32c"}


def crc32c(data: bytes | memoryview) -> bytes:
    """The CRC-32C of data as it stands in a file."""
    import google_crc32c

    return struct.pack("<I", google_crc32c.value(bytes(data)))


@dataclass(frozen=True)
class Layout:
    """How an array of a declared kind and given shape lies in its shards."""

    spec: ArraySpec
    shape: tuple[int, ...]
    chunk_rows: int
    shard_rows: int

    @classmethod
    def of(cls, spec: ArraySpec, shape: tuple[int, ...]) -> Self:
        """The layout to write: the rows that the declaration asks for, and no more than there are."""
        rows = max(shape[0], 1)
        chunk_rows = min(spec.rows_per_chunk, rows)
        return cls(spec, shape, chunk_rows, chunk_rows * ceil(min(spec.rows_per_shard, rows) / chunk_rows))

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        """The dtype in the file."""
        return np.dtype(self.spec.dtype).newbyteorder("<")

    @cached_property
    def chunk_bytes(self) -> int:
        """Length of a chunk without its checksum; the last chunk of an array is padded with zeros to this."""
        return self.chunk_rows * prod(self.shape[1:]) * self.dtype.itemsize

    @property
    def shards(self) -> int:
        """The number of shard files."""
        return ceil(self.shape[0] / self.shard_rows) if prod(self.shape) else 0

    def chunks_in(self, shard: int) -> int:
        """The number of chunks in a shard."""
        return ceil(min(self.shard_rows, self.shape[0] - shard * self.shard_rows) / self.chunk_rows)

    def index(self, shard: int) -> bytes:
        """The (offset, length) of each chunk of a shard and the checksum of that, as at the end of its file."""
        stored = self.chunk_bytes + CHECKSUM_BYTES
        entries = np.full((self.shard_rows // self.chunk_rows, 2), ABSENT, dtype="<u8")
        count = self.chunks_in(shard)
        entries[:count, 0] = np.arange(count, dtype="<u8") * stored
        entries[:count, 1] = stored
        return entries.tobytes() + crc32c(entries.tobytes())

    def document(self) -> dict[str, Any]:
        """The zarr.json of the array."""
        rest = [max(length, 1) for length in self.shape[1:]]
        sharding = {
            "chunk_shape": [self.chunk_rows, *rest],
            "codecs": [LITTLE, CRC32C],
            "index_codecs": [LITTLE, CRC32C],
            "index_location": "end",
        }
        return {
            "zarr_format": 3,
            "node_type": "array",
            "shape": list(self.shape),
            "data_type": self.spec.dtype,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [self.shard_rows, *rest]}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "fill_value": {"b": False, "f": 0.0}.get(self.dtype.kind, 0),
            "codecs": [{"name": "sharding_indexed", "configuration": sharding}],
            "attributes": {"unit": self.spec.unit, "frame": self.spec.frame},
            "dimension_names": [str(dim) if isinstance(dim, str) else None for dim in self.spec.dims],
        }

    def shard_path(self, folder: Path, shard: int) -> Path:
        """The file of a shard."""
        return folder / "c" / "/".join([str(shard), *("0" for _ in self.shape[1:])])


def describe_rows(spec: ArraySpec, value: NDArray[Any] | Streamed) -> dict[str, Any]:
    """What the manifest of a recording says about an array."""
    if isinstance(value, Streamed):
        return {"dtype": spec.dtype, "shape": list(value.shape), "sha256": value.digest}
    layout = Layout.of(spec, value.shape)
    blocks = (value[i * layout.shard_rows : (i + 1) * layout.shard_rows] for i in range(layout.shards))
    return {"dtype": spec.dtype, "shape": list(value.shape), "sha256": digest_of_shards(map(shard_digest, blocks))}


def shard_digest(rows: NDArray[Any]) -> bytes:
    """SHA-256 of the rows of one shard."""
    return hashlib.sha256(little_endian(rows).data if rows.size else b"").digest()


def digest_of_shards(digests: Iterable[bytes]) -> str:
    """The digest of an array from those of its shards in order, cut as `Layout.of` cuts them: 64 hexadecimal digits."""
    return hashlib.sha256(b"".join(digests)).hexdigest()


def write_array(folder: Path, spec: ArraySpec, value: NDArray[Any] | Streamed) -> None:
    """Writes an array as a Zarr node in folder; of one whose shards stand there already, only the description."""
    layout = Layout.of(spec, value.shape)
    folder.mkdir(parents=True, exist_ok=True)
    if not isinstance(value, Streamed):
        for shard in range(layout.shards):
            write_shard(folder, layout, shard, value[shard * layout.shard_rows : (shard + 1) * layout.shard_rows])
    (folder / META).write_bytes(json_text.pretty(layout.document()))


def write_shard(folder: Path, layout: Layout, shard: int, rows: NDArray[Any]) -> None:
    """Writes one whole shard: its shard_rows rows, or in the last one those that are left."""
    path = layout.shard_path(folder, shard)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        for start in range(0, len(rows), layout.chunk_rows):
            chunk = little_endian(rows[start : start + layout.chunk_rows]).tobytes().ljust(layout.chunk_bytes, b"\0")
            file.write(chunk)
            file.write(crc32c(chunk))
        file.write(layout.index(shard))


def read_layout(folder: Path, spec: ArraySpec, shape: tuple[int, ...]) -> Layout:
    """The layout of the array in folder, which must be of the given kind and shape. Raises DataError."""
    path = folder / META
    found = json_text.read(path, MAX_META)
    try:
        shard_rows = found["chunk_grid"]["configuration"]["chunk_shape"][0]
        chunk_rows = found["codecs"][0]["configuration"]["chunk_shape"][0]
    except (TypeError, KeyError, IndexError):
        raise DataError(path, "codecs", "sharding_indexed over a regular grid", "something else", ADVICE) from None
    whole = type(shard_rows) is int and type(chunk_rows) is int and 1 <= chunk_rows <= shard_rows
    if not whole or shard_rows % chunk_rows or shard_rows // chunk_rows > MAX_CHUNKS_PER_SHARD:
        got = f"{shard_rows!r} and {chunk_rows!r}"[:80]
        raise DataError(path, "chunk_shape", "shards of some whole chunks", got, ADVICE)
    layout = Layout(spec, shape, chunk_rows, shard_rows)
    if layout.chunk_bytes > MAX_CHUNK_BYTES:
        raise DataError(path, "chunk_shape", f"at most {MAX_CHUNK_BYTES} bytes", f"{layout.chunk_bytes}", ADVICE)
    wanted = layout.document()
    if found != wanted:
        odd = next((key for key in sorted(wanted.keys() | found.keys()) if found.get(key) != wanted.get(key)), META)
        raise DataError(path, json_text.in_short(odd), repr(wanted.get(odd))[:200], repr(found.get(odd))[:200], ADVICE)
    return layout


def read_rows(folder: Path, layout: Layout, start: int, stop: int) -> NDArray[Any]:
    """Rows start to stop of the array in folder, every chunk checked. Raises DataError; ValueError for other rows."""
    if not 0 <= start <= stop <= layout.shape[0]:
        raise ValueError(f"rows {start} to {stop} of {layout.shape[0]}")
    result = np.empty((stop - start, *layout.shape[1:]), dtype=layout.dtype)
    if result.size:
        for shard in range(start // layout.shard_rows, ceil(stop / layout.shard_rows)):
            first = shard * layout.shard_rows
            low, high = max(start, first), min(stop, first + layout.shard_rows)
            _read_shard(folder, layout, shard, low - first, result[low - start : high - start])
    return result.astype(result.dtype.newbyteorder("="), copy=False)


def _read_shard(folder: Path, layout: Layout, shard: int, start: int, out: NDArray[Any]) -> None:
    """Fills out with the rows of a shard from its row start on."""
    path = layout.shard_path(folder, shard)
    index = layout.index(shard)
    stored = layout.chunk_bytes + CHECKSUM_BYTES
    length = layout.chunks_in(shard) * stored + len(index)
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size != length:
                raise DataError(path, "", f"a shard of {length} bytes", f"{size}", ADVICE)
            file.seek(length - len(index))
            if file.read(len(index)) != index:
                raise DataError(path, "index", "the index of its shape", "another", ADVICE)
            for chunk in range(start // layout.chunk_rows, ceil((start + len(out)) / layout.chunk_rows)):
                file.seek(chunk * stored)
                data = file.read(stored)
                if len(data) != stored or crc32c(memoryview(data)[: layout.chunk_bytes]) != data[layout.chunk_bytes :]:
                    raise DataError(path, f"chunk {chunk}", "bytes of its checksum", "others", ADVICE)
                rows = np.frombuffer(data, layout.dtype, layout.chunk_bytes // layout.dtype.itemsize)
                rows = rows.reshape(layout.chunk_rows, *layout.shape[1:])
                first = chunk * layout.chunk_rows - start
                low, high = max(first, 0), min(first + layout.chunk_rows, len(out))
                out[low:high] = rows[low - first : high - first]
    except OSError as error:
        raise json_text.unreadable(path, error) from None
