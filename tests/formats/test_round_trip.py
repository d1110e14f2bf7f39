"""What is written is read back, in files whose bytes the contents decide."""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refa_cli.formats.dataset import Dataset, SubjectWriter, finish_dataset
from refa_cli.formats.face import FaceModel
from refa_cli.formats.labels import Labels
from refa_cli.formats.npz import NpzArtifact
from refa_cli.formats.rig import Rig
from refa_cli.formats.spec import ArraySpec, same, specs_of
from tests.formats.made import artifacts, made

FILES: tuple[type[NpzArtifact], ...] = (FaceModel, Rig)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
).filter(lambda value: "\\ud" not in ascii(value))  # lone surrogates are refused


@pytest.mark.parametrize("kind", FILES)
def test_files(kind: type[NpzArtifact], tmp_path: Path) -> None:
    @settings(max_examples=60)
    @given(artifacts(kind), st.dictionaries(st.text(max_size=5), json_values, max_size=3))
    def check(artifact: NpzArtifact, recipe: dict[str, Any]) -> None:
        values = {name: getattr(artifact, name) for name in specs_of(kind)}
        artifact = kind(**values, recipe=recipe)
        artifact.write(tmp_path / "a.npz")
        back = kind.read(tmp_path / "a.npz")
        assert same(back, artifact)
        assert back.recipe == artifact.recipe == recipe
        assert back.digest == artifact.digest
        back.write(tmp_path / "b.npz")
        assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()

    check()


@pytest.mark.parametrize("kind", FILES)
def test_numpy_reads_them(kind: type[NpzArtifact], tmp_path: Path) -> None:
    artifact = made(kind, 1, V=9)
    artifact.write(tmp_path / "a.npz")
    names = [name for name, spec in specs_of(kind).items() if isinstance(spec, ArraySpec)]
    with np.load(tmp_path / "a.npz", allow_pickle=False) as arrays:
        for name in names:
            assert np.array_equal(arrays[name], getattr(artifact, name)), name
            assert arrays[name].dtype == getattr(artifact, name).dtype


def test_the_digest_follows_the_payload_not_the_recipe() -> None:
    rig = made(Rig, 3, V=5, E=2)
    values = {name: getattr(rig, name) for name in specs_of(Rig)}
    assert Rig(**values, recipe={"command": "other"}).digest == rig.digest
    for name, changed in (("gain", rig.gain + 1), ("subject", "S0002"), ("expression_ids", ("one", "two"))):
        assert Rig(**(values | {name: changed})).digest != rig.digest, name


def test_bytes_know_no_time_or_place(tmp_path: Path) -> None:
    made(FaceModel, 2, V=6).write(tmp_path / "a.npz")
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.infolist()[0].filename == "refa.json"
    assert str(tmp_path).encode() not in (tmp_path / "a.npz").read_bytes()


@settings(max_examples=30)
@given(st.lists(artifacts(Labels), min_size=1, max_size=3))
def test_datasets(tmp_path_factory: pytest.TempPathFactory, recordings: list[Labels]) -> None:
    root = tmp_path_factory.mktemp("labels")
    for store in ("a.zarr", "b.zarr"):
        writer = SubjectWriter(root / store / "S0001", Labels, "S0001")
        for index, recording in enumerate(recordings):
            writer.add(f"take_{index}", recording)
        subject_digest = writer.finish({"command": "label"})
        digest = finish_dataset(root / store, Labels, {"command": "label"})
    opened = Dataset.read(root / "a.zarr", Labels)
    assert opened.digest == digest
    for index, recording in enumerate(recordings):
        assert same(opened.subjects["S0001"].recordings[f"take_{index}"].load(), recording)
    opened.verify()
    alone = Dataset.read(root / "a.zarr" / "S0001", Labels)
    assert alone.subjects["S0001"].digest == subject_digest
    ours, theirs = ({path.relative_to(root / store): path.read_bytes() for path in (root / store).rglob("*") if
                     path.is_file()} for store in ("a.zarr", "b.zarr"))  # fmt: skip
    assert ours == theirs


def test_rows_across_chunks_and_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = specs_of(Labels)["expressions"]
    assert isinstance(spec, ArraySpec)
    labels = made(Labels, 5, T=2 * spec.rows_per_shard + spec.rows_per_chunk + 7)
    writer = SubjectWriter(tmp_path / "S1", Labels, "S1")
    writer.add("long", labels)
    writer.finish({})
    recording = Dataset.read(tmp_path / "S1", Labels).subjects["S1"].recordings["long"]
    assert len(list((tmp_path / "S1" / "long" / "expressions" / "c").iterdir())) == 3
    edge, end = spec.rows_per_shard, len(labels.time_ns)
    for start, stop in ((0, 0), (0, 1), (edge - 1, edge + 1), (spec.rows_per_chunk, 2 * edge + 3), (end - 1, end)):
        assert np.array_equal(recording.rows("expressions", start, stop), labels.expressions[start:stop])
    with pytest.raises(ValueError, match="rows"):
        recording.rows("expressions", 0, end + 1)


def test_zarr_reads_the_same(tmp_path: Path) -> None:
    """refa writes and reads shards itself; zarr is the other reader that keeps the format honest."""
    zarr = pytest.importorskip("zarr")
    labels = made(Labels, 7, T=20000, S=3, E=2)
    writer = SubjectWriter(tmp_path / "labels.zarr" / "S1", Labels, "S1")
    writer.add("long", labels)
    writer.add("empty", made(Labels, 8, T=0, S=0))
    writer.finish({})
    finish_dataset(tmp_path / "labels.zarr", Labels, {})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about refa.json, which is not zarr's
        group = zarr.open_group(tmp_path / "labels.zarr", mode="r")
        arrays = dict(group["S1/long"].arrays())
        empty = dict(group["S1/empty"].arrays())
    wanted = {name: spec for name, spec in specs_of(Labels).items() if isinstance(spec, ArraySpec)}
    assert set(arrays) == set(wanted) == set(empty)
    for name, spec in wanted.items():
        assert np.array_equal(arrays[name][:], getattr(labels, name)), name
        assert arrays[name].attrs["unit"] == spec.unit
        assert empty[name].shape[0] == 0


def test_a_subject_may_be_copied_into_another_dataset_but_not_go_missing(tmp_path: Path) -> None:
    from refa_cli.formats.errors import DataError

    for store, subject in (("a.zarr", "S1"), ("b.zarr", "S2")):
        writer = SubjectWriter(tmp_path / store / subject, Labels, subject)
        writer.add("one", made(Labels, 9, T=5))
        writer.finish({})
        finish_dataset(tmp_path / store, Labels, {})
    before = Dataset.read(tmp_path / "a.zarr", Labels)
    (tmp_path / "b.zarr" / "S2").rename(tmp_path / "a.zarr" / "S2")
    after = Dataset.read(tmp_path / "a.zarr", Labels)
    assert list(after.subjects) == ["S1", "S2"]
    assert after.digest != before.digest
    with pytest.raises(DataError, match="S2: expected a subject it was written with, got nothing there"):
        Dataset.read(tmp_path / "b.zarr", Labels)
    (tmp_path / "a.zarr" / "S2").rename(tmp_path / "a.zarr" / "S3")
    with pytest.raises(DataError, match="give the folder that name"):
        Dataset.read(tmp_path / "a.zarr", Labels)


def test_an_interrupted_subject_goes_on(tmp_path: Path) -> None:
    recordings = {name: made(Labels, seed, T=4) for seed, name in enumerate(("one", "two"))}
    whole = SubjectWriter(tmp_path / "whole", Labels, "S1")
    for name, recording in recordings.items():
        whole.add(name, recording)
    whole.finish({})
    first = SubjectWriter(tmp_path / "S1", Labels, "S1")
    first.add("one", recordings["one"])
    again = SubjectWriter(tmp_path / "S1", Labels, "S1")
    assert again.has("one") and not again.has("two")
    again.add("two", recordings["two"])
    assert again.finish({}) == Dataset.read(tmp_path / "whole", Labels).subjects["S1"].digest
