"""Record3D recordings as the tests make them: known depth, known cameras, any part of them replaceable."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

WIDTH, HEIGHT = 48, 64  # of depth; colour is twice that
FX, FY, CX, CY = 110.0, 112.0, 47.0, 65.0  # of colour


def stored(data: bytes) -> bytes:
    """LZFSE without compression."""
    return b"bvx-" + struct.pack("<I", len(data)) + data + b"bvx$"


def as_literals(data: bytes) -> bytes:
    """LZFSE with one LZVN block of nothing but literals."""
    parts = [data[start : start + 271] for start in range(0, len(data), 271)]
    codes = [bytes([0xE0, len(part) - 16]) if len(part) > 15 else bytes([0xE0 | len(part)]) for part in parts]
    payload = b"".join(code + part for code, part in zip(codes, parts, strict=True)) + bytes([6] + [0] * 7)
    return b"bvxn" + struct.pack("<2I", len(data), len(payload)) + payload + b"bvx$"


def depth(frame: int) -> NDArray[np.float32]:
    """A bowl [HEIGHT, WIDTH] in whole tenths of a millimetre, with holes, something far away, and no symmetry."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    counts = 3000 + 10 * frame + (x - 20) ** 2 + 2 * (y - 30) ** 2 // 3
    metres = (counts * np.float32(1e-4)).astype(np.float32)
    metres[3, 5], metres[4, 5], metres[5, 5] = np.nan, 0, -1
    metres[0, :7] = 8.0
    return metres


def color(frame: int, sharp: bool) -> NDArray[np.uint8]:
    """A picture [2 HEIGHT, 2 WIDTH, 3]: bright above, dark below; with stripes if sharp."""
    picture = np.full((2 * HEIGHT, 2 * WIDTH, 3), 60, np.uint8)
    picture[:HEIGHT] = 200
    if sharp:
        picture[HEIGHT // 2 : 3 * HEIGHT // 2, ::8] //= 2
    return picture


def jpeg(picture: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=95, subsampling=0)
    return buffer.getvalue()


def metadata(frames: int, **changes: Any) -> dict[str, Any]:
    """As Record3D writes it; a change to None removes the key."""
    whole: dict[str, Any] = {
        "w": 2 * WIDTH,
        "h": 2 * HEIGHT,
        "dw": WIDTH,
        "dh": HEIGHT,
        "fps": 30,
        "K": [FX, 0, 0, 0, FY, 0, CX, CY, 1],
        "perFrameIntrinsicCoeffs": [[FX + frame, FY + frame, CX, CY] for frame in range(frames)],
        "poses": [[0, 0, 0, 1, 0, 0, 0]] * frames,
    }
    return {key: value for key, value in (whole | changes).items() if value is not None}


def recording(
    path: Path, frames: int = 12, *, changes: Mapping[str, Any] | None = None, members: Mapping[str, Any] | None = None
) -> Path:
    """Writes a `.r3d` file. changes: of the metadata; members: name -> bytes instead of what stands there, or None."""
    content: dict[str, bytes | None] = {"metadata": json.dumps(metadata(frames, **(changes or {}))).encode()}
    for frame in range(frames):
        content[f"rgbd/{frame}.jpg"] = jpeg(color(frame, sharp=frame % 3 == 1))
        content[f"rgbd/{frame}.depth"] = (stored if frame % 2 else as_literals)(depth(frame).tobytes())
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in (content | dict(members or {})).items():
            if data is not None:
                archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return path
