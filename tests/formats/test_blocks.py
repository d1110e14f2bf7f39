"""Recordings written in blocks are those written at once; what is damaged or missing is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refa_cli.formats.blocks import Blocks
from refa_cli.formats.captures import FRAMES_PER_SHARD, Captures
from refa_cli.formats.dataset import Dataset, SubjectWriter, finish_dataset
from refa_cli.formats.errors import DataError
from refa_cli.formats.spec import Streamed, same
from tests.formats.made import made
from tests.formats.test_damage import set_json

COUNT = 2 * FRAMES_PER_SHARD + 7
STREAMED = ("frames", "other_frames")


@pytest.fixture
def whole() -> Captures:
    return made(Captures, 3, T=COUNT, C=3, S=4, E=2)


def written_at_once(folder: Path, captures: Captures) -> str:
    writer = SubjectWriter(folder / "S0001", Captures, "S0001")
    writer.add("one", captures)
    writer.finish({})
    return finish_dataset(folder, Captures, {})


def blocks_of(folder: Path, captures: Captures) -> Blocks:
    dims = {"T": COUNT, **{name: length for name, length in captures.dims.items() if name != "T"}}
    return Blocks(folder / "S0001" / "one", Captures, dims)


def write_blocks(blocks: Blocks, captures: Captures, order: Sequence[int]) -> None:
    for block in order:
        rows = blocks.rows(block)
        names = (*STREAMED, "present", "time_ns")
        blocks.write(block, {name: getattr(captures, name)[rows.start : rows.stop] for name in names})


def finish_blocks(folder: Path, blocks: Blocks, captures: Captures) -> str:
    writer = SubjectWriter(folder / "S0001", Captures, "S0001")
    rest: dict[str, Any] = {f.name: getattr(captures, f.name) for f in fields(captures)}
    writer.add("one", Captures(**{**rest, **blocks.arrays()}))
    blocks.remove()
    writer.finish({})
    return finish_dataset(folder, Captures, {})


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_blocks_in_any_order_give_the_same_files(tmp_path: Path, whole: Captures) -> None:
    once, pieces = tmp_path / "once", tmp_path / "pieces"
    digest = written_at_once(once, whole)
    blocks = blocks_of(pieces, whole)
    assert blocks.count == 3 and [len(blocks.rows(i)) for i in range(3)] == [50, 50, 7]
    write_blocks(blocks, whole, [2, 0])
    assert [blocks.has(i) for i in range(3)] == [True, False, True]
    write_blocks(blocks_of(pieces, whole), whole, [1])  # by another worker
    assert finish_blocks(pieces, blocks, whole) == digest
    assert contents(pieces) == contents(once)
    dataset = Dataset.read(pieces, Captures)
    dataset.verify()
    recording = dataset.subjects["S0001"].recordings["one"]
    assert same(recording.load(), whole)
    light = recording.load(streamed=False)
    assert isinstance(light.frames, Streamed) and light.frames.shape == whole.frames.shape
    assert np.array_equal(light.time_ns, whole.time_ns)
    assert np.array_equal(recording.rows("frames", 45, 103), whole.frames[45:103])


def test_a_missing_or_broken_block_is_told(tmp_path: Path, whole: Captures) -> None:
    blocks = blocks_of(tmp_path, whole)
    write_blocks(blocks, whole, [0, 2])
    with pytest.raises(DataError, match="00001"):
        blocks.arrays()
    write_blocks(blocks, whole, [1])
    waiting = tmp_path / "S0001" / "one" / "blocks" / "00001.bin"
    waiting.write_bytes(waiting.read_bytes()[:40])
    with pytest.raises(DataError, match="a finished block"):
        blocks.arrays()


def test_rows_that_do_not_fit_are_refused(tmp_path: Path, whole: Captures) -> None:
    blocks = blocks_of(tmp_path, whole)
    good = {name: getattr(whole, name)[:50] for name in STREAMED}
    with pytest.raises(ValueError, match="50"):
        blocks.write(0, {**good, "present": whole.present[:49]})
    with pytest.raises(ValueError, match="frames is"):
        blocks.write(0, {**good, "frames": good["frames"].astype(np.float32)})
    assert not blocks.has(0)


def test_a_changed_frame_or_digest_is_seen(tmp_path: Path, whole: Captures) -> None:
    """Checksums of chunks see a flipped bit; the digest sees whole chunks that changed places."""
    written_at_once(tmp_path, whole)
    shard = tmp_path / "S0001" / "one" / "frames" / "c" / "0" / "0" / "0" / "0"
    if not shard.exists():
        pytest.skip("no embedded camera drawn")
    good = shard.read_bytes()
    size = whole.frames[0].nbytes + 4
    shard.write_bytes(good[size : 2 * size] + good[:size] + good[2 * size :])
    with pytest.raises(DataError, match="recorded SHA-256"):
        Dataset.read(tmp_path, Captures).verify()
    shard.write_bytes(bytes([good[0] ^ 1]) + good[1:])
    with pytest.raises(DataError, match="checksum"):
        Dataset.read(tmp_path, Captures).subjects["S0001"].recordings["one"].rows("frames", 0, 1)


def test_only_streamed_arrays_may_be_left_on_disk(whole: Captures) -> None:
    with pytest.raises(DataError, match="present"):
        replace(whole, present=Streamed(whole.present.shape, "0" * 64))  # type: ignore[arg-type]
    with pytest.raises(DataError, match="frames"):
        replace(whole, frames=Streamed((COUNT + 1, *whole.frames.shape[1:]), "0" * 64))  # type: ignore[arg-type]


def test_a_store_with_another_digest_of_its_frames_is_refused(tmp_path: Path, whole: Captures) -> None:
    written_at_once(tmp_path, whole)
    head = tmp_path / "S0001" / "one" / "refa.json"
    set_json(head, lambda h: h["arrays"]["frames"].update(sha256="0" * 64), fix_digest=True)
    with pytest.raises(DataError, match="another"):
        Dataset.read(tmp_path, Captures).verify()
