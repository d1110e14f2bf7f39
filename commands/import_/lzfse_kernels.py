"""The inner loops of LZFSE: entropy-coded literals, matches, and LZVN, for `lzfse`.

Written from the published format (Apple's reference description of LZFSE, BSD licence). Whatever the input says, the
loops write only to out[at:stop] and end; every other wish is answered with REFUSED.

Entropy-coded streams are read backwards, from their last bit: bit `position` of the payload taken as one
little-endian number. A state of a decoder (finite state entropy coding) tells a symbol, how many bits to read and what
to add to them for the next state.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from refa_cli.formats.spec import U8

I64 = NDArray[np.int64]
REFUSED = -1
_int: Any = np.int64  # bytes must be widened before they are shifted
LITERAL_STATES, L_STATES, M_STATES, D_STATES = 1024, 64, 64, 256


def extra_bits(*counts: tuple[int, int]) -> I64:
    """Bits that follow each symbol, from pairs (number of symbols, their bits)."""
    return np.array([bits for symbols, bits in counts for _ in range(symbols)], dtype=np.int64)


# L: literals to copy, M: length of the match behind them, D: how far back it lies.
L_EXTRA = extra_bits((16, 0), (1, 2), (1, 3), (1, 5), (1, 8))
M_EXTRA = extra_bits((16, 0), (1, 3), (1, 5), (1, 8), (1, 11))
D_EXTRA = extra_bits(*((4, bits) for bits in range(16)))


def _states_loop(frequencies: I64, extra: I64, count: int, table: I64) -> bool:
    """Fills table [count, 5]: symbol, bits to read in all, of these extra bits, added to the rest, added to the extra.

    frequencies: states of each symbol, `count` in all or fewer; a symbol stands for 2**extra values from where the
    one before it ends.
    """
    row, base = 0, 0
    for symbol in range(len(frequencies)):
        frequency = frequencies[symbol]
        if frequency > 0:
            if row + frequency > count:
                return False
            shift = 0
            while frequency << shift < count:
                shift += 1
            longer = ((2 * count) >> shift) - frequency
            for j in range(frequency):
                bits = shift if j < longer else shift - 1
                table[row, 0] = symbol
                table[row, 1] = bits + extra[symbol]
                table[row, 2] = extra[symbol]
                table[row, 3] = ((frequency + j) << shift) - count if j < longer else (j - longer) << bits
                table[row, 4] = base
                row += 1
        base += 1 << extra[symbol]
    return True


_states = njit(cache=True, nogil=True)(_states_loop)


def _bits_loop(data: U8, begin: int, position: int, count: int) -> int:
    """`count` (up to 32) bits, the lowest at bit `position` after byte `begin`; data ends in 8 spare bytes."""
    byte = begin + (position >> 3)
    value: int = _int(0)
    for i in range(5):
        value |= _int(data[byte + i]) << (8 * i)
    return int((value >> (position & 7)) & ((_int(1) << count) - 1))


_bits = njit(cache=True, nogil=True)(_bits_loop)


def _literals_loop(data: U8, begin: int, position: int, states: I64, frequencies: I64, out: U8) -> int:
    """Fills out [N, a multiple of 4] from four interleaved streams. position: bits of the payload; states: [4]."""
    table = np.zeros((LITERAL_STATES, 5), np.int64)
    if not _states(frequencies, np.zeros(256, np.int64), LITERAL_STATES, table):
        return REFUSED
    for i in range(len(out)):
        entry = table[states[i & 3]]
        position -= entry[1]
        if position < 0:
            return REFUSED
        states[i & 3] = entry[3] + _bits(data, begin, position, entry[1])
        out[i] = entry[0]
    return 0


literals = njit(cache=True, nogil=True)(_literals_loop)


def _matches_loop(
    data: U8, begin: int, position: int, states: I64, frequencies: I64, count: int, literal: U8, out: U8, at: int,
    stop: int
) -> int:  # fmt: skip
    """Writes `count` times L literals and a match of M bytes to out from `at` on; returns where it ended.

    states: [3] of L, M, D; frequencies: [20 + 20 + 64].
    """
    table_l = np.zeros((L_STATES, 5), np.int64)
    table_m = np.zeros((M_STATES, 5), np.int64)
    table_d = np.zeros((D_STATES, 5), np.int64)
    if not (
        _states(frequencies[:20], L_EXTRA, L_STATES, table_l)
        and _states(frequencies[20:40], M_EXTRA, M_STATES, table_m)
        and _states(frequencies[40:], D_EXTRA, D_STATES, table_d)
    ):
        return REFUSED
    values = np.zeros(3, np.int64)
    taken, distance = 0, 0
    for _ in range(count):
        for part in range(3):
            table = table_l if part == 0 else table_m if part == 1 else table_d
            entry = table[states[part]]
            position -= entry[1]
            if position < 0:
                return REFUSED
            read = _bits(data, begin, position, entry[1])
            states[part] = entry[3] + (read >> entry[2])
            values[part] = entry[4] + (read & ((1 << entry[2]) - 1))
        length, copied = values[0], values[1]
        distance = values[2] if values[2] else distance  # 0: as before
        if taken + length > len(literal) or at + length + copied > stop:
            return REFUSED
        out[at : at + length] = literal[taken : taken + length]
        at += length
        taken += length
        if copied and not 0 < distance <= at:
            return REFUSED
        for _ in range(copied):  # byte by byte: a match may overlap what it writes
            out[at] = out[at - distance]
            at += 1
    return at


matches = njit(cache=True, nogil=True)(_matches_loop)


def _lzvn_loop(data: U8, begin: int, end: int, out: U8, at: int, stop: int) -> int:
    """Decodes data[begin:end], which ends in LZVN's end mark, to out from `at` on; returns where it ended."""
    distance = 0
    while begin < end:
        code = _int(data[begin])
        low = code & 7
        if code == 6:  # end of stream: 8 bytes
            return at if begin + 8 == end else REFUSED
        if code == 14 or code == 22:  # nothing
            begin += 1
            continue
        size, length, copied = 1, 0, 0
        if code >= 240:  # match at the last distance
            size = 2 if code == 240 else 1
            copied = _int(data[begin + 1]) + 16 if code == 240 else code & 15
        elif code >= 224:  # literals
            size = 2 if code == 224 else 1
            length = _int(data[begin + 1]) + 16 if code == 224 else code & 15
        elif 112 <= code < 128 or code >= 208 or (low == 6 and code < 64):  # undefined
            return REFUSED
        elif 160 <= code < 192:  # 101LLMMM DDDDDDMM DDDDDDDD
            pair = _int(data[begin + 1]) | _int(data[begin + 2]) << 8
            size, length, copied = 3, (code >> 3) & 3, ((low << 2) | (pair & 3)) + 3
            distance = pair >> 2
        else:
            length, copied = code >> 6, ((code >> 3) & 7) + 3
            if low == 7:  # LLMMM111 DDDDDDDD DDDDDDDD
                size, distance = 3, _int(data[begin + 1]) | _int(data[begin + 2]) << 8
            elif low < 6:  # LLMMMDDD DDDDDDDD; 6: the last distance
                size, distance = 2, low << 8 | _int(data[begin + 1])
        begin += size
        if begin + length >= end or at + length + copied > stop:
            return REFUSED
        out[at : at + length] = data[begin : begin + length]
        at += length
        begin += length
        if copied and not 0 < distance <= at:
            return REFUSED
        for _ in range(copied):
            out[at] = out[at - distance]
            at += 1
    return REFUSED


lzvn = njit(cache=True, nogil=True)(_lzvn_loop)


def padded(data: bytes) -> NDArray[Any]:
    """data as uint8 with the spare bytes that `_bits` and `lzvn` may look at behind the end."""
    return np.frombuffer(data + bytes(8), dtype=np.uint8)
