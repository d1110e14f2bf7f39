"""Decoding LZFSE, against streams that Apple's reference encoder made."""

from __future__ import annotations

import base64
import struct
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refa_cli.commands.import_ import lzfse
from tests.commands.import_made import as_literals, stored

# What the reference encoder makes of pattern(...), one stream for each way to code a block.
STREAMS = {
    (600, 5): """
YnZ4blgCAACeAAAA4C0DFBUKEAsXFwkVFg0SAgkPGggXCgcKCRQRAw8PDRQQDwIWDQgWEwUVDgoPBQwHFQ4OChgDDhEYEQQMEgoC
OD3wIzgn8A3gIBUJFwwMEhUVBwsOBAsGBRsOEhQKFwcDBw4HGhgEFA0MEwkIEwYKCBEOCwsKEBgHDjgk8Ao4uPAjOGHwAziu8A85
JfA0INg4VfBv4ggWBgAAAAAAAABidngk
""",
    (5000, 12): """
YnZ4MogTAAAIAZAJAKMAMC90bDNZYgFwsgAAAD+8gAIfAlEAAEBUABwKQ7l9ARYJEMhFcrAy5zzoze3Bxe3hzenh2c3F5WoDAAAA
AAAAHHH4Bxz9AX/AF/EPfA6vwR/wC/wBr8I/8A+8Bn/AT/AevAc/wS9wf3t0DwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA4GIRgYnKPv9o9H5hFxfd5OzghWq8diqNML/uP5VnNi8Ie9RSDBfZ8JIiP77l
Yq66p712oJExbgxqEzYvKxrhvStA7S3iROOIN0tSSQfssTyOqgR9DYkVkvQphtsL2M4cNpxpK2Q8s8eNeaJIKBkMZJSOf+ZYqSO8
kFVLwe/kpYqDdUUzXOInFlUefA8gBuY45R+0LHgyDAAAAAAAAAAAAAAYwXwa1wyAniSwXjXbAAomVvuyj8fKzgXVdNpDYNI1JrLM
BRR3JAFCFukeJ2SAuK9E3g+zI9XsLl/FITHQSFn4gAQ/KBetyOObeShhh10W/4qWjvJZFGRQ+KxIz15Up094t4jRsH0lsxkpCjwI
DP63Dxd/nBSX6NN4aBqdrENV7b4XMhwuGCnhBSEUVFPsvVP5CTbN1FeqZ7AFrv2Zuomow8Lfy5BQJfW+QLjGZO8suQp337oFCOMP
fOlRy6itX8QljxSr6x90Gmr+P3xaNg2Xp1x6o9yix87C/JSpIZ6wisQnQv+5bUtGV2Hd/zC7FbzKk4qOnTaMQEr2SDk+kkf+xzMV
pGpKn6q5csviCR9fMoJ4ZrdEERFzni20G4gqk6qjALLeWZE5rwcSSmY42iDEuku+igV5gpIFG4NqjCd0GSSIAKBUYr1UpkWwYNFe
0UkbklxE/69U/GJ2eCQ=
""",
    (9000, 3): """
YnZ4MigjAABQAOACAJ4AIIo5oof+SQFgsAAAAD8s4AJvAgACAAAoAEYAqi/AEwABbgDg5vqEB2De3T0Bd6cnn8D1wQwAAAAAAAAA
AAAvwG/wArwDL8Cj8A68A1/DO/AOvAMfxNfwAjwKL8A78Ci8AC/A1W/A1RUAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAgPuTmWbdjlyQhVcwT3vZ3Pix9rkpCrk5dSsTJMDa/77DEcDYzBeuSEaDpj0FAAAA
AAAAAAAAAPhARCipI6BbI7YRF3PRNJYXfTUpIFIRMjbQmsVImWQhQDN/+RUuPNP3jH0PuCeSznvpRppNGFhj4sKmh4BmEiaUsjOw
yW+RVZc6b5BwOQjOKPEnuFqgjUX00xODBDJBu14vNDbVw2cIXwTJrehlDy4TVAe4aVDnQej9JAljN9+wXfgop6XwACMBgdghublS
5F8s6UyeC1MDCyeYkSLAsBnyfSTXGbBpRhTwMIqZZBz0KT1hPX5KaEhB1CDuLMbyJKwsKa9xGFm4R2TBSIL+i1Bn/GGwYQEVd7NW
qMcbNGeUrgTsF0OqYKoluMOKlAakRC3nCRTeYKIuAZilT3DFTpdiVCkTQNDqu99qM8BR5Fi9JyRqCGI9RzBNIIyAPxgG3F8PsL9v
wQEZTQtRd/fYQlXCPTJHsqI/4kkGDChFHQBidngk
""",
}


def pattern(count: int, words: int) -> bytes:
    """Bytes of repeated words: a linear congruential generator says which words, and which of them follows."""
    state, out, vocabulary = 1, bytearray(), []

    def draw() -> int:
        nonlocal state
        state = (state * 1103515245 + 12345) % 2**31
        return state

    for _ in range(words):
        length = 1 + (draw() >> 16) % 40
        vocabulary.append(bytes((draw() >> 16) % 23 + (state >> 24) % 7 for _ in range(length)))
    while len(out) < count:
        out += vocabulary[(draw() >> 16) % words]
    return bytes(out[:count])


def stream(case: tuple[int, int]) -> bytes:
    return base64.b64decode(STREAMS[case])


@pytest.mark.parametrize("case", STREAMS)
def test_decodes_what_the_reference_encoder_made(case: tuple[int, int]) -> None:
    assert stream(case)[:4] == (b"bvxn" if case[0] < 4096 else b"bvx2")
    assert lzfse.decode(stream(case), case[0]).tobytes() == pattern(*case)
    assert lzfse.stated_size(stream(case), case[0]) == case[0]


def test_decodes_blocks_in_a_row_and_plain_tables() -> None:
    packed = stream((5000, 12))
    block = lzfse._block_v2(packed, 0)
    states = [*block.literal_states, block.match_bits, *block.match_states]
    sizes = (block.raw, 0, block.literals, block.matches, block.literal_payload, block.match_payload)
    head = b"bvx1" + struct.pack("<6Ii4Hi3H", *sizes, block.literal_bits, *states)
    head += struct.pack("<360H", *block.frequencies)
    plain = head.ljust(lzfse.V1_SIZE, b"\0") + packed[block.size : -4]
    data = plain + stored(b"between")[:-4] + as_literals(bytes(range(256)) * 3)[:-4] + packed
    expected = pattern(5000, 12) + b"between" + bytes(range(256)) * 3 + pattern(5000, 12)
    assert lzfse.decode(data, len(expected)).tobytes() == expected


@given(st.binary(max_size=2000))
def test_stored_and_literal_blocks_give_what_went_in(data: bytes) -> None:
    assert lzfse.decode(stored(data), len(data)).tobytes() == data
    assert lzfse.decode(as_literals(data), len(data)).tobytes() == data


@pytest.mark.parametrize("case", STREAMS)
def test_every_shortened_stream_is_refused(case: tuple[int, int]) -> None:
    for length in range(len(stream(case))):
        with pytest.raises(lzfse.Malformed):
            lzfse.decode(stream(case)[:length], case[0])


@pytest.mark.parametrize("case", STREAMS)
@pytest.mark.parametrize("wrong", [-1, 1])
def test_a_stream_of_another_size_is_refused(case: tuple[int, int], wrong: int) -> None:
    with pytest.raises(lzfse.Malformed):
        lzfse.decode(stream(case), case[0] + wrong)


@settings(max_examples=400)
@given(st.sampled_from(sorted(STREAMS)), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=4))
def test_damage_gives_bytes_of_the_size_or_a_refusal(case: tuple[int, int], damage: list[tuple[float, int]]) -> None:
    data = bytearray(stream(case))
    for place, value in damage:
        data[int(place * (len(data) - 1))] = value
    try:
        assert len(lzfse.decode(bytes(data), case[0])) == case[0]
    except lzfse.Malformed as error:
        assert "LZFSE" in str(error)


def test_a_bomb_is_refused_before_it_grows() -> None:
    far = b"bvxn" + struct.pack("<2I", 2**32 - 1, 20) + bytes(20)
    with pytest.raises(lzfse.Malformed, match="more than"):
        lzfse.decode(far + b"bvx$", 1000)
    with pytest.raises(lzfse.Malformed, match="more than"):
        lzfse.stated_size(far + b"bvx$", 1000)


def test_a_frame_takes_a_fraction_of_a_second() -> None:
    words = (5000, 12)
    lzfse.decode(stream(words), words[0])  # compiled or loaded before the clock starts
    count = 4 * 640 * 480 // words[0] + 1
    data = stream(words)[:-4] * count + b"bvx$"
    start = time.perf_counter()
    decoded = lzfse.decode(data, words[0] * count)
    assert time.perf_counter() - start < 0.5
    assert np.array_equal(decoded[-words[0] :], np.frombuffer(pattern(*words), np.uint8))
