"""Ways to damage bytes, without knowing what they mean."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import numpy as np

Damage = Callable[[bytes, np.random.Generator], bytes]


def truncate(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: _place(data, rng)]


def drop_the_start(data: bytes, rng: np.random.Generator) -> bytes:
    return data[1 + _place(data, rng) :]


def flip_a_bit(data: bytes, rng: np.random.Generator) -> bytes:
    return _put(data, _place(data, rng), lambda old: bytes([old[0] ^ 1 << int(rng.integers(8))]), 1)


def flip_a_bit_near_the_end(data: bytes, rng: np.random.Generator) -> bytes:
    place = max(0, len(data) - 1 - int(rng.integers(200)))
    return _put(data, place, lambda old: bytes([old[0] ^ 1 << int(rng.integers(8))]), 1)


def zero_a_range(data: bytes, rng: np.random.Generator) -> bytes:
    return _put(data, _place(data, rng), lambda old: bytes(len(old)), int(rng.integers(1, 400)))


def fill_a_range(data: bytes, rng: np.random.Generator) -> bytes:
    return _put(data, _place(data, rng), lambda old: b"\xff" * len(old), int(rng.integers(1, 16)))


def copy_a_range_over_another(data: bytes, rng: np.random.Generator) -> bytes:
    source = _place(data, rng)
    piece = data[source : source + int(rng.integers(1, 300))]
    place = _place(data, rng)
    return data[:place] + piece + data[place + len(piece) :]


def insert_bytes(data: bytes, rng: np.random.Generator) -> bytes:
    place = _place(data, rng)
    return data[:place] + rng.bytes(int(rng.integers(1, 30))) + data[place:]


def remove_a_range(data: bytes, rng: np.random.Generator) -> bytes:
    place = _place(data, rng)
    return data[:place] + data[place + int(rng.integers(1, 60)) :]


def append_bytes(data: bytes, rng: np.random.Generator) -> bytes:
    return data + rng.bytes(int(rng.integers(1, 60)))


def say_it_twice(data: bytes, rng: np.random.Generator) -> bytes:
    return data + data


def change_a_number(data: bytes, rng: np.random.Generator) -> bytes:
    numbers = list(re.finditer(rb"-?\d+", data))
    if not numbers:
        return data + b"0"
    chosen = numbers[int(rng.integers(len(numbers)))]
    others = (b"0", b"-1", b"1", b"99999999999", b"1e308", b"1e999", b"NaN", b"18446744073709551616", b"true", b"null")
    return data[: chosen.start()] + others[int(rng.integers(len(others)))] + data[chosen.end() :]


def change_a_word(data: bytes, rng: np.random.Generator) -> bytes:
    """Damages headers of ZIP files as 16 and 32 bit numbers."""
    place = _place(data, rng)
    number = int(rng.choice([0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF]))
    width = 2 if number <= 0xFFFF else 4
    return data[:place] + number.to_bytes(width, "little") + data[place + width :]


EVERY: tuple[Damage, ...] = (
    truncate, drop_the_start, flip_a_bit, flip_a_bit_near_the_end, zero_a_range, fill_a_range, insert_bytes,
    copy_a_range_over_another, remove_a_range, append_bytes, say_it_twice, change_a_number, change_a_word,
)  # fmt: skip


def damaged(data: bytes, seed: int, rounds: int) -> Iterator[tuple[str, bytes]]:
    """(what was done, bytes) for each way, rounds times over; those that changed nothing are passed over."""
    for number in range(rounds):
        for way in EVERY:
            result = way(data, np.random.default_rng([seed, number, EVERY.index(way)]))
            if result != data:
                yield f"{way.__name__}, round {number}", result
    yield "nothing left", b""


def _place(data: bytes, rng: np.random.Generator) -> int:
    return int(rng.integers(max(1, len(data))))


def _put(data: bytes, place: int, change: Callable[[bytes], bytes], length: int) -> bytes:
    old = data[place : place + length]
    return data[:place] + (change(old) if old else b"") + data[place + len(old) :]


def odd_values(value: object, rng: np.random.Generator) -> object:
    """A copy of a JSON value with one thing in it, anywhere, replaced, removed or added."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        copy, key = dict(value), sorted(value)[int(rng.integers(len(value)))]
        choice = rng.random()
        if choice < 0.1:
            del copy[key]
        elif choice < 0.2:
            copy[key + "x"] = copy[key]
        else:
            copy[key] = odd_values(value[key], rng)
        return copy
    if isinstance(value, list) and value and rng.random() < 0.8:
        items = list(value)
        place = int(rng.integers(len(items)))
        items[place] = odd_values(items[place], rng)
        return items
    others = (
        None,
        True,
        -1,
        0,
        1,
        7,
        2**31,
        2**63,
        10**40,
        0.5,
        -1e300,
        "",
        "x",
        "../x",
        "\ud800",
        [],
        [[]],
        {},
        {"a": 1},
    )
    return others[int(rng.integers(len(others)))]
