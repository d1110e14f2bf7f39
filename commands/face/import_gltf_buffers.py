"""The numbers in a glTF file: accessors over buffer views over buffers, dense or sparse, checked against the bytes."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from refa_cli.formats.errors import DataError

_DTYPES = {5120: "i1", 5121: "u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
_MAX_COUNT = 10_000_000


class Buffers:
    """The buffers of one file. Every method raises DataError for sizes that the bytes do not bear out."""

    def __init__(self, path: Path, gltf: Any) -> None:
        self.path, self.gltf = path, gltf
        self._loaded: dict[int, bytes] = {}

    def vectors(self, index: int, width: int) -> NDArray[np.float64]:
        """A float accessor, or a normalised integer one: [count, width], finite."""
        accessor = self._get(self.gltf.accessors, index, "accessor")
        values = self._values(accessor, f"accessor {index}")
        if values.shape[1] != width:
            raise self._wrong(f"accessor {index}", f"{width} numbers a row", f"{values.shape[1]}")
        real = values.astype(np.float64)
        if accessor.normalized and values.dtype.kind in "iu":
            real = np.maximum(real / np.iinfo(values.dtype).max, -1.0)
        if not np.isfinite(real).all():
            raise self._wrong(f"accessor {index}", "finite numbers", "NaN or infinity")
        return real

    def scalars(self, index: int) -> NDArray[Any]:
        """An integer accessor: [count]."""
        values = self._values(self._get(self.gltf.accessors, index, "accessor"), f"accessor {index}")
        if values.shape[1] != 1 or values.dtype.kind not in "iu":
            raise self._wrong(f"accessor {index}", "whole numbers", f"{values.dtype} x {values.shape[1]}")
        return values[:, 0]

    def _values(self, accessor: Any, label: str) -> NDArray[Any]:
        dtype, width = _DTYPES.get(accessor.componentType), _WIDTHS.get(accessor.type)
        count = accessor.count
        if dtype is None or width is None or not isinstance(count, int) or not 0 < count <= _MAX_COUNT:
            raise self._wrong(label, "a count and a known type", f"{count} of {accessor.type} {accessor.componentType}")
        if accessor.bufferView is None:
            values = np.zeros((count, width), dtype)
        else:
            values = self._view(accessor.bufferView, accessor.byteOffset or 0, count, width, dtype, label).copy()
        if accessor.sparse is not None:
            part = accessor.sparse
            if not isinstance(part.count, int) or not 0 < part.count <= count:
                raise self._wrong(label, f"1 to {count} sparse rows", str(part.count))
            kind = _DTYPES.get(part.indices.componentType, "<u4")
            offset = part.indices.byteOffset or 0
            rows = self._view(part.indices.bufferView, offset, part.count, 1, kind, label)[:, 0].astype(np.int64)
            if rows.max() >= count or rows.min() < 0:
                raise self._wrong(label, f"sparse rows below {count}", str(rows.max()))
            values[rows] = self._view(
                part.values.bufferView, part.values.byteOffset or 0, part.count, width, dtype, label
            )
        return values

    def _view(self, index: int, offset: int, count: int, width: int, dtype: str, label: str) -> NDArray[Any]:
        view = self._get(self.gltf.bufferViews, index, "buffer view")
        data = self._buffer(view.buffer)
        row = np.dtype(dtype).itemsize * width
        stride, start, length = view.byteStride or row, view.byteOffset or 0, view.byteLength
        if not all(isinstance(n, int) and n >= 0 for n in (offset, start, length)) or stride < row:
            raise self._wrong(label, "offsets and strides of a row or more", f"{offset}, {start}, {length}, {stride}")
        end = offset + stride * (count - 1) + row
        if end > length or start + length > len(data):
            raise self._wrong(label, f"{end} bytes", f"a view of {length} in {len(data)}")
        rows = np.lib.stride_tricks.as_strided(
            np.frombuffer(data, np.uint8, end - offset, start + offset), (count, row), (stride, 1), writeable=False
        )
        return np.ascontiguousarray(rows).view(dtype).reshape(count, width)

    def _buffer(self, index: int) -> bytes:
        if index not in self._loaded:
            buffer = self._get(self.gltf.buffers, index, "buffer")
            try:
                if not buffer.uri:
                    self._loaded[index] = self.gltf.binary_blob() or b""
                elif buffer.uri.startswith("data:"):
                    self._loaded[index] = base64.b64decode(buffer.uri.partition(",")[2], validate=True)
                else:
                    self._loaded[index] = self._file(unquote(buffer.uri)).read_bytes()
            except (OSError, binascii.Error) as problem:
                raise self._wrong(f"buffer {index}", "its bytes", str(problem)) from problem
        return self._loaded[index]

    def _file(self, name: str) -> Path:
        """A buffer's own file; only beside or below the glTF file."""
        folder = self.path.parent.resolve()
        file = (folder / name).resolve()
        if not file.is_relative_to(folder):
            raise self._wrong("buffer", f"a file in {folder}", name)
        return file

    def _get(self, items: Any, index: Any, kind: str) -> Any:
        if not isinstance(index, int) or not 0 <= index < len(items or []):
            raise self._wrong(kind, f"an index below {len(items or [])}", str(index))
        return items[index]

    def _wrong(self, field: str, expected: str, got: str) -> DataError:
        return DataError(self.path, field, expected, got, "export the file again")
