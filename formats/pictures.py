"""Reading and writing one picture file: 8-bit colour, 16-bit depth, a mask.

The caller says what size the picture must have, and the header is compared with it before anything is decoded, so no
picture can ask for more memory than its camera's description does.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refa_cli.formats import json_text
from refa_cli.formats.errors import DataError
from refa_cli.formats.spec import B1, U8

U16 = NDArray[np.uint16]
MAX_SIDE = 8192
MAX_PIXELS = 40_000_000
MAX_FILE = 256 << 20
EXIF_ORIENTATION = 274
PNG = b"\x89PNG\r\n\x1a\n"


def read_color(path: Path, width: int, height: int) -> U8:
    """The sRGB picture [H, W, 3] of a JPEG or PNG file. Raises DataError."""
    return _decode(path, width, height, {"RGB", "RGBA", "L", "P"}, "an 8-bit colour picture", "RGB")


def read_depth(path: Path, width: int, height: int) -> U16:
    """The counts [H, W] of a 16-bit grey PNG file, 0 where there is no reading. Raises DataError, also if all are 0."""
    counts = _decode(path, width, height, {"I;16", "I;16B", "I"}, "a 16-bit grey PNG", None)
    if not counts.any():
        raise DataError(path, "depth", "some readings", "none: every pixel is 0", "scan again or remove the frame")
    return counts.astype(np.uint16)


def read_mask(path: Path, width: int, height: int) -> B1:
    """True [H, W] where a grey or black-and-white PNG file is brighter than half. Raises DataError."""
    picture = _decode(path, width, height, {"L", "1"}, "an 8-bit grey or black-and-white PNG", "L")
    return picture > 127


def write_picture(path: Path, picture: NDArray[Any]) -> None:
    """Writes [H, W, 3] uint8, [H, W] uint8 or [H, W] uint16; .png loses nothing, .jpg has quality 95."""
    from PIL import Image

    buffer = io.BytesIO()
    image = Image.fromarray(np.ascontiguousarray(picture))
    if path.suffix == ".jpg":
        image.save(buffer, "JPEG", quality=95, subsampling=0)
    else:
        image.save(buffer, "PNG", compress_level=3)
    path.write_bytes(buffer.getvalue())


def _decode(path: Path, width: int, height: int, modes: set[str], kind: str, convert: str | None) -> NDArray[Any]:
    """The pixels of a picture of the given size and one of the given Pillow modes."""
    from PIL import Image, UnidentifiedImageError

    data = json_text.read_bytes(path, min(MAX_FILE, (1 << 20) + 16 * width * height))
    if data.startswith(PNG):
        _check_png(path, data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=["JPEG", "PNG"] if convert == "RGB" else ["PNG"])
        with image:
            if image.size != (width, height):
                got = f"{image.size[0]}x{image.size[1]}"
                advice = "correct the width and height of its camera, or the picture"
                raise DataError(path, "size", f"{width}x{height} pixels as its camera has", got, advice)
            if image.mode not in modes:
                words = {"L": "8-bit grey", "1": "1-bit", "P": "an 8-bit palette", "RGB": "8-bit colour"}
                bits = words.get(image.mode, image.mode)
                raise DataError(path, "pixels", kind, bits, "write it again in that form")
            image.load()
            if convert == "RGB" and image.getexif().get(EXIF_ORIENTATION, 1) not in (0, 1):
                advice = "turn the pixels themselves upright and drop the EXIF tag"
                raise DataError(path, "orientation", "upright pixels", "pixels turned by an EXIF tag", advice)
            pixels = np.array(image.convert(convert) if convert else image)
    except DataError:
        raise
    except (
        Exception
    ) as error:  # Pillow lets many kinds through on damaged files (SyntaxError, struct.error, KeyError...)
        known = isinstance(error, UnidentifiedImageError)
        reason = "something else" if known else json_text.in_short(error) or type(error).__name__
        raise DataError(path, "", f"{kind} that can be decoded", reason, "replace it by a whole copy") from None
    if pixels.shape[:2] != (height, width):
        raise DataError(path, "size", f"{width}x{height} pixels", f"{pixels.shape}", "replace it by a whole copy")
    return pixels


def _check_png(path: Path, data: bytes) -> None:
    """Compares the CRC-32 of every chunk up to the last: Pillow passes over those of the pixels."""
    position = len(PNG)
    kind = b""
    while kind != b"IEND":
        length = struct.unpack(">I", data[position : position + 4].ljust(4, b"\xff"))[0]
        end = position + 8 + length
        kind = data[position + 4 : position + 8]
        if end + 4 > len(data):
            raise DataError(path, "", "a whole PNG file", "one that was cut short", "replace it by a whole copy")
        if struct.pack(">I", zlib.crc32(memoryview(data)[position + 4 : end])) != data[end : end + 4]:
            raise DataError(path, "", "bytes of their CRC-32", "damaged ones", "replace it by a whole copy")
        position = end + 4
