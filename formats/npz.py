"""The single-file container: a ZIP of .npy arrays, as numpy reads it, around one `refa.json`.

`refa.json` comes first and holds the schema, recipe, texts and names, and each array's dtype, shape and SHA-256;
`digest` is the SHA-256 of all that without the recipe, so one short string stands for the whole payload. The bytes
are a function of the contents alone: fixed order and dates, one .npy header, one compression level.

Reading trusts no declared number: members, sizes, dtypes and shapes are compared with the class's declaration and
LIMIT_BYTES before anything is allocated, .npy headers must equal the one that stands for the declared shape (they are
never evaluated), inflating stops at the declared size, and CRC-32 and SHA-256 must match. Nothing is ever unpickled.
"""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from refa_cli.formats import json_text
from refa_cli.formats.errors import DataError
from refa_cli.formats.payload import (
    ADVICE,
    HEAD,
    check_head,
    check_payload,
    describe_array,
    digest_of,
    little_endian,
    object_of,
    payload_of,
)
from refa_cli.formats.spec import ArraySpec, Checked

MAX_HEAD = 4 << 20
MAX_MEMBERS = 256
FOREIGN = (zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError, RuntimeError, ValueError, EOFError)


def _described(spec: ArraySpec, value: NDArray[Any]) -> dict[str, Any]:
    return describe_array(value)


@dataclass(frozen=True, kw_only=True, eq=False)
class NpzArtifact(Checked):
    """Base of the artifacts that are one .npz file. Subclasses set SCHEMA and declare their fields."""

    LIMIT_BYTES: ClassVar[int] = 256 << 20  # inflated; the largest real face model is a tenth of it

    recipe: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "recipe", json_text.to_mapping(self.SCHEMA, "recipe", self.recipe))
        super().__post_init__()

    @property
    def digest(self) -> str:
        """64 hexadecimal digits that stand for the payload (everything but the recipe); computed once."""
        known: str | None = getattr(self, "_digest", None)
        if known is None:
            known = digest_of(payload_of(self, _described))
            object.__setattr__(self, "_digest", known)
        return known

    def write(self, path: str | os.PathLike[str]) -> None:
        """Writes the file in place; for atomic placing write to `refa_cli.outputs.Output.partial`."""
        payload = payload_of(self, _described)
        head = {**payload, "recipe": self.recipe, "digest": digest_of(payload)}
        object.__setattr__(self, "_digest", head["digest"])
        with zipfile.ZipFile(path, "w") as archive:
            _add(archive, HEAD, json_text.canonical(head))
            for name in payload["arrays"]:
                value = getattr(self, name)
                _add(archive, name + ".npy", npy_header(value.dtype, value.shape) + little_endian(value).tobytes())

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Self:
        """The artifact in the file at path, wholly verified. Raises DataError."""
        head, arrays = read_members(Path(path), cls)
        artifact: Self = object_of(Path(path), cls, head["texts"], arrays, recipe=head["recipe"])
        object.__setattr__(artifact, "_digest", head["digest"])
        return artifact


def npy_header(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """The one .npy header (version 1.0) that refa writes and accepts for an array, a multiple of 64 bytes long."""
    dims = f"({shape[0]},)" if len(shape) == 1 else f"({', '.join(str(length) for length in shape)})"
    entry = f"{{'descr': '{dtype.newbyteorder('<').str}', 'fortran_order': False, 'shape': {dims}, }}".encode()
    padded = entry + b" " * (-(10 + len(entry) + 1) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(padded)) + padded


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    info.external_attr = 0o644 << 16
    info.create_system = 3
    archive.writestr(info, data, compress_type=zipfile.ZIP_DEFLATED, compresslevel=6)


def check_directory(path: Path) -> None:
    """Refuses, before zipfile makes an object of each entry, a ZIP directory that is larger than any artifact's.

    The file must end with a plain end record (no comment, no ZIP64). Raises DataError, OSError.
    """
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 42))
        end = file.read()
    if len(end) < 42 or end[20:24] != b"PK\x05\x06" or end[40:] != b"\0\0" or end[:4] == b"PK\x06\x07":
        raise DataError(path, "", "a .npz file of refa", "no ZIP directory at its end", ADVICE)
    count, length = struct.unpack("<HL", end[30:36])
    if count > MAX_MEMBERS or length > MAX_MEMBERS * 128:
        raise DataError(path, "", f"at most {MAX_MEMBERS} members", f"{count} in {length} bytes", ADVICE)


def read_head(path: Path) -> dict[str, Any]:
    """The `refa.json` of a .npz file of any schema: for telling what a file is. Raises DataError."""
    with _Archive(path, MAX_HEAD) as archive:
        return archive.head()


def read_members(path: Path, cls: type[NpzArtifact]) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The checked head and arrays of a file that should hold cls. Raises DataError."""
    with _Archive(path, cls.LIMIT_BYTES) as archive:
        head = check_head(path, archive.head(), cls.SCHEMA, {"texts": dict, "arrays": dict, "recipe": dict})
        shapes = check_payload(path, head, cls)
        expected = {HEAD, *(name + ".npy" for name in shapes)}
        if archive.members.keys() != expected:
            odd = sorted(archive.members.keys() ^ expected)
            raise DataError(
                path, json_text.in_short(odd[0]), "exactly the members of its schema", "one missing or too many", ADVICE
            )
        arrays = {name: archive.array(name, head["arrays"][name]["dtype"], shapes[name]) for name in shapes}
    for name, value in arrays.items():
        if describe_array(value) != head["arrays"][name]:
            raise DataError(path, name, "the bytes of its recorded SHA-256", "others", ADVICE)
        value.flags.writeable = False
    return head, arrays


class _Archive:
    """A ZIP file opened for reading, whose members are bounded by limit bytes in all."""

    def __init__(self, path: Path, limit: int) -> None:
        self.path, self.limit = path, limit

    def __enter__(self) -> Self:
        try:
            mode = os.stat(self.path).st_mode
            if json_text.kind_of(mode) != "a file":
                raise DataError(self.path, "", "a .npz file", json_text.kind_of(mode), "name a file")
            check_directory(self.path)
            self.file = zipfile.ZipFile(self.path)
        except FOREIGN as error:
            raise DataError(
                self.path, "", "a .npz file of refa", f"no whole ZIP ({json_text.in_short(error)})", ADVICE
            ) from None
        except OSError as error:
            raise json_text.unreadable(self.path, error) from None
        self.members = {info.filename: info for info in self.file.infolist()}
        return self

    def __exit__(self, *exception: object) -> None:
        self.file.close()

    def head(self) -> dict[str, Any]:
        if HEAD not in self.members or len(self.members) != len(self.file.infolist()):
            advice = "name a file that refa wrote"
            raise DataError(self.path, "", "a .npz file of refa", f"a ZIP without one {HEAD}", advice)
        head = json_text.parse(self._bytes(HEAD, self.members[HEAD].file_size, MAX_HEAD), self.path, HEAD)
        if not isinstance(head, dict):
            raise DataError(self.path, HEAD, "an object", type(head).__name__, ADVICE)
        return head

    def array(self, name: str, dtype: str, shape: tuple[int, ...]) -> NDArray[Any]:
        kind = np.dtype(dtype)
        header = npy_header(kind, shape)
        size = len(header) + prod(shape) * kind.itemsize
        data = self._bytes(name + ".npy", size, self.limit)
        self.limit -= size
        if data[: len(header)] != header:
            raise DataError(self.path, name, f"the .npy header of {dtype} {list(shape)}", "another", ADVICE)
        return np.frombuffer(data, kind.newbyteorder("<"), offset=len(header)).astype(kind, copy=False).reshape(shape)

    def _bytes(self, member: str, size: int, limit: int) -> bytearray:
        """Inflates a member that must hold exactly size bytes, and no more than limit."""
        info = self.members[member]
        if info.file_size != size:
            raise DataError(self.path, member, f"{size} bytes", f"{info.file_size}", ADVICE)
        if size > limit:
            raise DataError(self.path, member, f"at most {limit} bytes", f"{size}", ADVICE)
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise DataError(self.path, member, "deflated or stored bytes", f"method {info.compress_type}", ADVICE)
        data = bytearray()
        try:
            with self.file.open(info) as stream:
                # In pieces: one unbounded read would inflate a bomb before looking at the declared size.
                while piece := stream.read(min(1 << 20, size + 1 - len(data))):
                    data += piece
        except (*FOREIGN, OSError) as error:
            got = json_text.in_short(error) or "an early end"
            raise DataError(self.path, member, "whole compressed bytes", got, ADVICE) from None
        if len(data) != size:
            raise DataError(self.path, member, f"{size} bytes", f"{len(data)}", ADVICE)
        return data
