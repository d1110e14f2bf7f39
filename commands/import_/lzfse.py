"""Decoding LZFSE, the compression that Apple's systems and the depth pictures of Record3D use.

    pixels = lzfse.decode(data, 4 * width * height)

The caller says how many bytes must come out, so that no input can ask for more memory or time than that. A stream is
a row of blocks, each with a four-byte mark: stored (bvx-), LZVN (bvxn), entropy-coded with plain or packed tables
(bvx1, bvx2), end (bvx$).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from refa_cli.commands.import_ import lzfse_kernels as kernels
from refa_cli.commands.import_.lzfse_kernels import I64, REFUSED
from refa_cli.formats.spec import U8

SYMBOLS = (20, 20, 64, 256)  # of L, M, D and literals
MAX_MATCHES, MAX_LITERALS = 10_000, 40_000  # in one block
V1_SIZE = 772

# A frequency of a packed table is one of these prefix codes, lowest bit first: 5 bits -> (length, value); the two
# longest codes hold the value itself.
_LENGTHS = (2, 3, 2, 5, 2, 3, 2, 8, 2, 3, 2, 5, 2, 3, 2, 14) * 2
_VALUES = (0, 2, 1, 4, 0, 3, 1, 0, 0, 2, 1, 5, 0, 3, 1, 0, 0, 2, 1, 6, 0, 3, 1, 0, 0, 2, 1, 7, 0, 3, 1, 0)


class Malformed(ValueError):
    """Data that is not a whole LZFSE stream of the expected size; the message completes "got ..."."""


@dataclass(frozen=True)
class Block:
    """The header of an entropy-coded block. Sizes in bytes, bits 0 to -7: of the last byte not used."""

    size: int
    raw: int
    literals: int
    matches: int
    literal_payload: int
    match_payload: int
    literal_bits: int
    match_bits: int
    literal_states: I64  # [4]
    match_states: I64  # [3] of L, M, D
    frequencies: I64  # [360] of L, M, D, literals


def decode(data: bytes, size: int) -> U8:
    """The decoded bytes [size]. Raises Malformed."""
    padded, out = kernels.padded(data), np.empty(size, np.uint8)
    position = at = 0
    while True:
        mark = data[position : position + 4]
        if mark == b"bvx$":
            break
        if mark not in (b"bvx-", b"bvxn", b"bvx1", b"bvx2"):
            raise Malformed("LZFSE data that is cut short" if len(mark) < 4 else "bytes that are not LZFSE")
        if mark == b"bvx-":
            (raw,) = _unpack("<I", data, position + 4)
            position += 8
            end = position + raw
            _within(end, len(data), at + raw, size)
            out[at : at + raw] = padded[position:end]
            reached = at + raw
        elif mark == b"bvxn":
            raw, payload = _unpack("<2I", data, position + 4)
            position += 12
            end = position + payload
            _within(end, len(data), at + raw, size)
            reached = kernels.lzvn(padded, position, end, out, at, at + raw)
        else:
            block = _block_v2(data, position) if mark == b"bvx2" else _block_v1(data, position)
            raw = block.raw
            position += block.size
            end = position + block.literal_payload + block.match_payload
            _within(end, len(data), at + raw, size)
            reached = _entropy_coded(padded, position, block, out, at)
        if reached != at + raw:
            raise Malformed("damaged LZFSE data")
        position, at = end, reached
    if at != size:
        raise Malformed(f"{at} bytes in LZFSE data")
    return out


def stated_size(data: bytes, limit: int) -> int:
    """How many bytes a stream of at most `limit` says that it holds, without decoding it. Raises Malformed."""
    position = total = 0
    while (mark := data[position : position + 4]) != b"bvx$":
        if mark == b"bvx-":
            (raw,) = _unpack("<I", data, position + 4)
            position += 8 + raw
        elif mark == b"bvxn":
            raw, payload = _unpack("<2I", data, position + 4)
            position += 12 + payload
        elif mark in (b"bvx1", b"bvx2"):
            block = _block_v2(data, position) if mark == b"bvx2" else _block_v1(data, position)
            raw = block.raw
            position += block.size + block.literal_payload + block.match_payload
        else:
            raise Malformed("LZFSE data that is cut short" if len(mark) < 4 else "bytes that are not LZFSE")
        total += raw
        _within(position, len(data), total, limit)
    return total


def _within(end: int, length: int, reached: int, size: int) -> None:
    if end > length:
        raise Malformed("LZFSE data that is cut short")
    if reached > size:
        raise Malformed(f"LZFSE data of more than {size} bytes")


def _unpack(form: str, data: bytes, position: int) -> tuple[int, ...]:
    try:
        return struct.unpack_from(form, data, position)
    except struct.error:
        raise Malformed("LZFSE data that is cut short") from None


def _entropy_coded(padded: U8, position: int, block: Block, out: U8, at: int) -> int:
    literals = np.empty(block.literals, np.uint8)
    middle = position + block.literal_payload
    bits = 8 * block.literal_payload + block.literal_bits
    states = block.literal_states
    if kernels.literals(padded, position, bits, states, block.frequencies[104:], literals) == REFUSED:
        return REFUSED
    bits = 8 * block.match_payload + block.match_bits
    states, frequencies = block.match_states, block.frequencies[:104]
    stop = at + block.raw
    return int(kernels.matches(padded, middle, bits, states, frequencies, block.matches, literals, out, at, stop))


def _block_v1(data: bytes, position: int) -> Block:
    _, raw, _, literals, matches, literal_payload, match_payload, literal_bits, *states = _unpack(
        "<7Ii4Hi3H", data, position
    )
    frequencies = _unpack("<360H", data, position + 50)
    return _checked(
        Block(
            V1_SIZE, raw, literals, matches, literal_payload, match_payload, literal_bits, states[4],
            np.array(states[:4]), np.array(states[5:]), np.array(frequencies),
        )
    )  # fmt: skip


def _block_v2(data: bytes, position: int) -> Block:
    _, raw, first, second, third = _unpack("<2I3Q", data, position)

    def field(word: int, low: int, bits: int) -> int:
        return (word >> low) & ((1 << bits) - 1)

    size = field(third, 0, 32)
    if not 32 <= size <= len(data) - position:
        raise Malformed("LZFSE data that is cut short")
    return _checked(
        Block(
            size,
            raw,
            field(first, 0, 20),
            field(first, 40, 20),
            field(first, 20, 20),
            field(second, 40, 20),
            field(first, 60, 3) - 7,
            field(second, 60, 3) - 7,
            np.array([field(second, low, 10) for low in (0, 10, 20, 30)]),
            np.array([field(third, low, 10) for low in (32, 42, 52)]),
            _frequencies(data[position + 32 : position + size]),
        )
    )


def _frequencies(packed: bytes) -> I64:
    """The 360 frequencies of a packed table; all 0 for an empty one."""
    result = np.zeros(sum(SYMBOLS), np.int64)
    bits, left = int.from_bytes(packed[:720], "little"), 8 * min(len(packed), 720)
    for index in range(len(result) if packed else 0):
        code = bits & 31
        length = _LENGTHS[code]
        value = _VALUES[code]
        if length == 8:
            value = 8 + ((bits >> 4) & 15)
        elif length == 14:
            value = 24 + ((bits >> 4) & 1023)
        result[index] = value
        bits >>= length
        left -= length
        if left < 0:
            raise Malformed("damaged LZFSE data")
    if left >= 8:
        raise Malformed("damaged LZFSE data")
    return result


def _checked(block: Block) -> Block:
    """The block, if its numbers are such as the format allows."""
    limits = (kernels.L_STATES, kernels.M_STATES, kernels.D_STATES)
    if (
        block.literals > MAX_LITERALS
        or block.literals % 4
        or block.matches > MAX_MATCHES
        or not -7 <= block.literal_bits <= 0
        or not -7 <= block.match_bits <= 0
        or block.literal_states.max() >= kernels.LITERAL_STATES
        or (block.match_states >= limits).any()
    ):
        raise Malformed("damaged LZFSE data")
    return block
