"""Damaged artifacts are refused in one sentence, or what is read equals what was written. Memory stays bounded."""

from __future__ import annotations

import io
import json
import shutil
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refa_cli.formats import npz
from refa_cli.formats.dataset import Dataset, SubjectWriter, finish_dataset
from refa_cli.formats.errors import DataError
from refa_cli.formats.face import FaceModel
from refa_cli.formats.labels import Labels
from refa_cli.formats.npz import NpzArtifact
from refa_cli.formats.payload import digest_of
from refa_cli.formats.rig import Rig
from refa_cli.formats.spec import same
from tests.formats.damage import damaged, odd_values
from tests.formats.made import made

ROUNDS = 40
MEMORY = 24 << 20
FILES: tuple[type[NpzArtifact], ...] = (FaceModel, Rig)


@pytest.fixture(autouse=True)
def little_memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test here, whatever sizes a damaged file tells, takes more than MEMORY at once."""
    for kind in FILES:
        monkeypatch.setattr(kind, "LIMIT_BYTES", 4 << 20)
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MEMORY


def refused_or_same(read: Callable[[], Any], original: Any, what: str) -> bool:
    """Whether it was refused; fails if something else was raised, or other contents were read."""
    try:
        back = read()
    except DataError as error:
        sentence = str(error)
        assert sentence.endswith(".") and "\n" not in sentence and len(sentence) < 1000, (what, sentence)
        return True
    assert same(back, original), what
    return False


@pytest.mark.parametrize("kind", FILES)
def test_damaged_files(kind: type[NpzArtifact], tmp_path: Path) -> None:
    artifact = made(kind, 4, V=8, F=4, K=100, N=2, E=3)
    path = tmp_path / "a.npz"
    artifact.write(path)
    tried = [
        (path.write_bytes(data), refused_or_same(lambda: kind.read(path), artifact, what))[1]
        for what, data in damaged(path.read_bytes(), 1, ROUNDS)
    ]
    assert len(tried) > 400
    assert sum(tried) > 0.8 * len(tried)  # the rest hit dates and flags of the ZIP directory


def refused_or_valid(read: Callable[[], Any], what: str) -> None:
    """As refused_or_same, where the contents were changed with their digests."""
    try:
        read()
    except DataError as error:
        assert "\n" not in str(error) and len(str(error)) < 1000, (what, str(error))


def replace_in(head: dict[str, Any], other: Any) -> None:
    if isinstance(other, dict):
        head.clear()
        head.update(other)


def rewritten(path: Path, change: Callable[[dict[str, bytes]], None], *, compress: int = zipfile.ZIP_DEFLATED) -> None:
    """Writes the ZIP file again, with right CRCs, after a change of its members."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w", compress) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def change_head(change: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, bytes]], None]:
    """A change of refa.json, whose digest is made right again."""

    def apply(members: dict[str, bytes]) -> None:
        head = json.loads(members["refa.json"])
        change(head)
        head["digest"] = digest_of(head)
        members["refa.json"] = json.dumps(head).encode()

    return apply


def pickled(shape: tuple[int, ...]) -> bytes:
    """An array of objects as numpy pickles it."""
    buffer = io.BytesIO()
    np.save(buffer, np.full(shape, None, dtype=object), allow_pickle=True)
    return buffer.getvalue()


def swap(members: dict[str, bytes], one: str, other: str) -> None:
    members[one], members[other] = members[other], members[one]


CRAFTED: dict[str, tuple[Callable[[dict[str, bytes]], None], str]] = {
    "members swapped": (lambda m: swap(m, "expression_basis.npy", "eye_follow_basis.npy"), "expected .* bytes"),
    "members of one size swapped": (lambda m: swap(m, "rigid.npy", "eyeball.npy"), "header"),
    "member missing": (lambda m: m.pop("mirror.npy") and None, "mirror.npy"),
    "member too many": (lambda m: m.update({"more.npy": b"x"}), "more.npy"),
    "no head": (lambda m: m.pop("refa.json") and None, "without one refa.json"),
    "head no object": (lambda m: m.update({"refa.json": b"[]"}), "object"),
    "head no text": (lambda m: m.update({"refa.json": b"\xff\xfe{"}), "JSON"),
    "head too deep": (lambda m: m.update({"refa.json": b"[" * 200_000}), "JSON"),
    "head with a key twice": (lambda m: m.update({"refa.json": b'{"a":1,"a":2}'}), "twice"),
    "digest wrong": (
        lambda m: m.update({"refa.json": m["refa.json"].replace(b'"digest":"', b'"digest":"0')}),
        "digest",
    ),
    "objects": (lambda m: m.update({"material.npy": pickled((4,))}), "material"),
    "a longer .npy header": (lambda m: m.update({"mean.npy": b"\x93NUMPY\x02\x00" + m["mean.npy"][8:]}), "header"),
    "values changed": (lambda m: m.update({"mean.npy": m["mean.npy"][:-1] + b"\x01"}), "SHA-256"),
    "another version": (change_head(lambda h: h.update(schema="refa.face/2")), "version 1 of refa.face"),
    "another kind": (change_head(lambda h: h.update(schema="refa.rig/1")), "'refa.face/1', got 'refa.rig/1'"),
    "schema no text": (change_head(lambda h: h.update(schema=["refa.face/1"])), "schema"),
    "unknown key": (change_head(lambda h: h.update(more=1)), "'more'"),
    "recipe no object": (change_head(lambda h: h.update(recipe=[])), "recipe"),
    "field missing": (change_head(lambda h: h["texts"].pop("licence")), "licence"),
    "text no text": (change_head(lambda h: h["texts"].update(licence=5)), "licence"),
    "lone surrogate": (change_head(lambda h: h["texts"].update(licence="\ud800")), "UTF-8"),
    "dtype of objects": (change_head(lambda h: h["arrays"]["mean"].update(dtype="object")), "dtype float32"),
    "negative shape": (change_head(lambda h: h["arrays"]["mean"].update(shape=[-8, 3])), "shape"),
    "fractional shape": (change_head(lambda h: h["arrays"]["mean"].update(shape=[8.0, 3])), "shape"),
    "huge shape": (change_head(lambda h: h["arrays"]["mean"].update(shape=[10**30, 3])), "values"),
    "huge shape of nothing": (
        change_head(lambda h: h["arrays"]["identity_basis"].update(shape=[2**62, 0, 3])),
        "values",
    ),
    "large shape": (change_head(lambda h: h["arrays"]["mean"].update(shape=[10**9, 3])), "bytes|shape"),
    "other dimensions": (change_head(lambda h: h["arrays"]["mirror"].update(shape=[9])), r"shape \[V\] = \[8\]"),
    "shape no list": (change_head(lambda h: h["arrays"]["mean"].update(shape="8 3")), "shape"),
    "entry no object": (change_head(lambda h: h["arrays"].update(mean=1)), "mean"),
}


@pytest.mark.parametrize("name", CRAFTED)
def test_crafted_files(name: str, tmp_path: Path) -> None:
    change, words = CRAFTED[name]
    path = tmp_path / "a.npz"
    made(FaceModel, 4, V=8, F=4, K=100, N=2).write(path)
    rewritten(path, change)
    with pytest.raises(DataError, match=words):
        FaceModel.read(path)


@pytest.mark.parametrize("kind", FILES)
def test_heads_changed_at_random(kind: type[NpzArtifact], tmp_path: Path) -> None:
    """With digests made right again, so that every later check is reached: refused, or a valid artifact."""
    path = tmp_path / "a.npz"
    made(kind, 4, V=8, F=4, K=100, N=2, E=3).write(path)
    whole = path.read_bytes()
    for seed in range(300):
        path.write_bytes(whole)
        rng = np.random.default_rng(seed)
        rewritten(path, change_head(lambda head, rng=rng: replace_in(head, odd_values(head, rng))))
        refused_or_valid(lambda: kind.read(path), f"seed {seed}")


def zeros_bomb(path: Path, size: int, lie: int | None = None) -> None:
    """The member mean.npy inflates to size zeros; lie: what the ZIP says that it inflates to."""
    rewritten(path, lambda members: members.update({"mean.npy": bytes(size)}))
    if lie is not None:
        data = path.read_bytes()
        path.write_bytes(data.replace(size.to_bytes(4, "little"), lie.to_bytes(4, "little")))


def test_bombs(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    artifact = made(FaceModel, 4, V=8, F=4, K=100, N=2)
    true_size = len(npz.npy_header(artifact.mean.dtype, artifact.mean.shape)) + artifact.mean.nbytes
    for size, lie in ((3_000_000, None), (3_000_001, true_size), (3_000_001, 0xFFFFFFF0)):
        artifact.write(path)
        tracemalloc.stop()  # making the bomb takes memory, reading it must not
        zeros_bomb(path, size, lie)
        tracemalloc.start()
        with pytest.raises(DataError):
            FaceModel.read(path)
    path.write_bytes(b"PK\x01\x02" + bytes(42) * 100_000 + b"PK\x05\x06" + bytes(4) + b"\xff" * 12 + b"\0\0")
    with pytest.raises(DataError, match="members"):
        FaceModel.read(path)


def test_a_declared_size_over_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(FaceModel, 4, V=200).write(tmp_path / "a.npz")
    monkeypatch.setattr(FaceModel, "LIMIT_BYTES", 100_000)
    with pytest.raises(DataError, match="expected at most"):
        FaceModel.read(tmp_path / "a.npz")


@pytest.mark.parametrize("make", [
    lambda path: path.mkdir(),
    lambda path: path.write_bytes(b""),
    lambda path: path.write_text("not a zip"),
    lambda path: path.write_bytes(pickled((3,))),
    lambda path: np.savez(path, mean=np.zeros(3)),
    lambda path: None,
])  # fmt: skip
def test_other_things_than_an_artifact(make: Callable[[Path], Any], tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    make(path)
    with pytest.raises(DataError, match=r"a\.npz"):
        FaceModel.read(path)


def test_wrong_kinds(tmp_path: Path) -> None:
    made(Rig, 1, V=5).write(tmp_path / "rig.npz")
    with pytest.raises(DataError, match=r"schema: expected 'refa.face/1', got 'refa.rig/1'"):
        FaceModel.read(tmp_path / "rig.npz")
    with pytest.raises(DataError):
        Dataset.read(tmp_path / "rig.npz", Labels)


@pytest.fixture
def store(tmp_path: Path) -> tuple[Path, Labels]:
    """A dataset of one subject with two recordings, and what the first holds."""
    labels = made(Labels, 3, T=50, S=4, E=3)
    writer = SubjectWriter(tmp_path / "labels.zarr" / "S1", Labels, "S1")
    writer.add("one", labels)
    writer.add("two", made(Labels, 4, T=50, S=4, E=3))
    writer.finish({"command": "label"})
    finish_dataset(tmp_path / "labels.zarr", Labels, {"command": "label"})
    return tmp_path / "labels.zarr", labels


def read_one(root: Path) -> Labels:
    return Dataset.read(root, Labels).subjects["S1"].recordings["one"].load()


def test_damaged_datasets(store: tuple[Path, Labels]) -> None:
    root, labels = store
    files = sorted(path for path in root.rglob("*") if path.is_file() and "two" not in path.parts)
    tried = []
    for index, path in enumerate(files):
        whole = path.read_bytes()
        for what, data in damaged(whole, index, 3):
            path.write_bytes(data)
            tried.append(refused_or_same(lambda: read_one(root), labels, f"{path}: {what}"))
        path.unlink()
        refused_or_same(lambda: read_one(root), labels, f"{path} missing")
        path.write_bytes(whole)
    assert len(tried) > 700
    assert same(read_one(root), labels)


def test_every_flipped_bit_of_a_shard_is_seen(store: tuple[Path, Labels]) -> None:
    root, _ = store
    path = next((root / "S1" / "one" / "confidence").rglob("0/0"))
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        with pytest.raises(DataError):
            read_one(root)


def set_json(path: Path, change: Callable[[dict[str, Any]], Any], *, fix_digest: bool = False) -> None:
    value = json.loads(path.read_text())
    change(value)
    if fix_digest:
        value["digest"] = digest_of(value)
    path.write_text(json.dumps(value))


def grid(rows: Any, chunk: Any) -> Callable[[dict[str, Any]], None]:
    def change(meta: dict[str, Any]) -> None:
        meta["chunk_grid"]["configuration"]["chunk_shape"][0] = rows
        meta["codecs"][0]["configuration"]["chunk_shape"][0] = chunk

    return change


META: dict[str, Callable[[dict[str, Any]], Any]] = {
    "absurd shards": grid(10**15, 10**15),
    "absurd chunks": grid(10**12, 10**12),
    "many tiny chunks": grid(10**9, 1),
    "no chunks": grid(0, 0),
    "uneven chunks": grid(50, 7),
    "chunks of text": grid("50", 50),
    "true chunks": grid(True, True),
    "another dtype": lambda meta: meta.update(data_type="float64"),
    "objects": lambda meta: meta.update(data_type="variable_length_bytes"),
    "another shape": lambda meta: meta.update(shape=[10**12, 53]),
    "another codec": lambda meta: meta["codecs"][0]["configuration"]["codecs"].append({"name": "zstd"}),
    "no checksums": lambda meta: meta["codecs"][0]["configuration"]["codecs"].pop(),
    "no codecs": lambda meta: meta.update(codecs=[]),
    "other key encoding": lambda meta: meta["chunk_key_encoding"]["configuration"].update(separator="../"),
    "another unit": lambda meta: meta["attributes"].update(unit="mm"),
    "Zarr 2": lambda meta: meta.update(zarr_format=2),
    "more keys": lambda meta: meta.update(must_understand={}),
}


@pytest.mark.parametrize("name", META)
def test_crafted_array_descriptions(name: str, store: tuple[Path, Labels]) -> None:
    root, _ = store
    set_json(root / "S1" / "one" / "expressions" / "zarr.json", META[name])
    with pytest.raises(DataError, match=r"zarr\.json|expressions"):
        read_one(root)


def test_crafted_manifests(store: tuple[Path, Labels], monkeypatch: pytest.MonkeyPatch) -> None:
    root, labels = store
    one, subject = root / "S1" / "one" / "refa.json", root / "S1" / "refa.json"

    def refused(path: Path, change: Callable[[dict[str, Any]], Any], words: str) -> None:
        whole = path.read_text()
        set_json(path, change, fix_digest=True)
        with pytest.raises(DataError, match=words):
            read_one(root)
        path.write_text(whole)

    refused(one, lambda head: head["texts"].update(shapes=["x"] * 53), "recording its subject was written with")
    refused(subject, lambda head: head.update(recordings={"../../x": "0"}), "name of the form")
    refused(subject, lambda head: head.update(subject="../x"), "name of the form")
    refused(subject, lambda head: head.update(role="dataset"), "role")
    refused(root / "refa.json", lambda head: head.update(schema="refa.labels/9"), "version 2 of refa.labels")
    refused(root / "refa.json", lambda head: head.update(role="recording"), "role")
    refused(root / "refa.json", lambda head: head["subjects"].update(S7="0"), "S7")
    assert same(read_one(root), labels)


def test_manifests_changed_at_random(store: tuple[Path, Labels]) -> None:
    root, labels = store
    one, subject = root / "S1" / "one" / "refa.json", root / "S1" / "refa.json"
    meta = root / "S1" / "one" / "gaze" / "zarr.json"
    wholes = {path: path.read_text() for path in (one, subject, root / "refa.json", meta)}
    for seed in range(400):
        rng = np.random.default_rng(seed)
        path = list(wholes)[seed % len(wholes)]
        set_json(path, lambda head, rng=rng: replace_in(head, odd_values(head, rng)), fix_digest=path != meta)
        if path == one:
            digest = json.loads(one.read_text())["digest"]
            set_json(subject, lambda head, digest=digest: head["recordings"].update(one=digest), fix_digest=True)
        refused_or_valid(lambda: Dataset.read(root, Labels).verify(), f"{path}, seed {seed}")
        for path, text in wholes.items():
            path.write_text(text)
    assert same(read_one(root), labels)


def test_a_manifest_that_tells_of_terabytes(store: tuple[Path, Labels]) -> None:
    root, _ = store
    one, subject = root / "S1" / "one" / "refa.json", root / "S1" / "refa.json"

    def grow(head: dict[str, Any]) -> None:
        for entry in head["arrays"].values():
            entry["shape"] = [10**11 if length == 50 else length for length in entry["shape"]]

    set_json(one, grow, fix_digest=True)
    digest = json.loads(one.read_text())["digest"]
    set_json(subject, lambda head: head["recordings"].update(one=digest), fix_digest=True)
    with pytest.raises(DataError, match="expected at most"):
        read_one(root)


def test_moved_parts(store: tuple[Path, Labels]) -> None:
    root, labels = store
    one, two = root / "S1" / "one", root / "S1" / "two"
    one.rename(root / "x"), two.rename(one), (root / "x").rename(two)
    with pytest.raises(DataError, match="recording its subject was written with"):
        read_one(root)
    one.rename(root / "x"), two.rename(one), (root / "x").rename(two)
    assert same(read_one(root), labels)
    shutil.copytree(two / "expressions", one / "expressions", dirs_exist_ok=True)
    with pytest.raises(DataError, match="SHA-256"):
        Dataset.read(root, Labels).verify()


def test_unfinished_stores(store: tuple[Path, Labels]) -> None:
    root, _ = store
    (root / "refa.json").unlink()
    with pytest.raises(DataError, match="never finished"):
        Dataset.read(root, Labels)
    (root / "S1" / "refa.json").unlink()
    with pytest.raises(DataError, match="never finished"):
        Dataset.read(root / "S1", Labels)
    with pytest.raises(DataError, match="a folder without this file"):
        Dataset.read(root / "S1" / "one" / "gaze" / "c", Labels)
