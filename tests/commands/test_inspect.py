"""`refa inspect`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refa_cli import app
from refa_cli.formats.dataset import SubjectWriter, finish_dataset
from refa_cli.formats.frames import Camera
from refa_cli.formats.labels import Labels
from refa_cli.formats.npz import NpzArtifact
from refa_cli.formats.rig import Rig
from refa_cli.formats.scans_writer import ScansWriter
from refa_cli.formats.spec import specs_of
from tests.formats.made import made

Captured = pytest.CaptureFixture[str]


def ask(capsys: Captured, *arguments: object, code: int = 0) -> Any:
    """What `refa inspect --json` prints."""
    assert app.main(["inspect", *map(str, arguments), "--json"]) == code
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def rig(tmp_path: Path) -> Path:
    whole = made(Rig, 1, V=6, E=2)
    fields = {name: getattr(whole, name) for name in specs_of(Rig)}
    artifact: NpzArtifact = Rig(**fields, recipe={"command": "fit-rig", "seed": 3})
    artifact.write(tmp_path / "rig.npz")
    return tmp_path / "rig.npz"


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    writer = SubjectWriter(tmp_path / "labels.zarr" / "S1", Labels, "S1")
    writer.add("one", made(Labels, 1, T=9))
    writer.finish({"command": "label"})
    finish_dataset(tmp_path / "labels.zarr", Labels, {"command": "label"})
    return tmp_path / "labels.zarr"


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    writer = ScansWriter(tmp_path / "scans", "S1", Camera(32, 24, 30.0, 30.0, 16.0, 12.0))
    for stem in ("0", "1"):
        writer.frame("neutral", "neutral", stem, np.zeros((24, 32, 3), np.uint8), np.full((24, 32), 0.3))
    writer.finish()
    return tmp_path / "scans"


def test_a_file(rig: Path, capsys: Captured) -> None:
    report = ask(capsys, rig)
    held = Rig.read(rig)
    assert (report["schema"], report["whole"], report["digest"]) == ("refa.rig/1", "yes", held.digest)
    assert report["recipe"] == {"command": "fit-rig", "seed": 3}
    assert report["contents"]["subject"] == "S0001" and report["contents"]["V"] == 6
    row = next(row for row in report["arrays"] if row["array"] == "neutral")
    assert (row["shape"], row["dtype"], row["unit"], row["frame"]) == ([6, 3], "float32", "m", "head")
    assert (row["min"], row["max"]) == (float(held.neutral.min()), float(held.neutral.max()))
    assert app.main(["inspect", str(rig)]) == 0
    out = capsys.readouterr().out
    assert "recipe.seed\t3" in out and "\tneutral\t[6, 3]\tfloat32\tm\thead\t" in out


def test_a_damaged_file(rig: Path, capsys: Captured) -> None:
    data = rig.read_bytes()
    rig.write_bytes(data[: len(data) // 2])
    assert app.main(["inspect", str(rig)]) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1 and "rig.npz" in captured.err


def test_a_dataset_and_a_subject(labels: Path, capsys: Captured) -> None:
    report = ask(capsys, labels)
    assert report["contents"] == {"subjects": ["S1"], "recordings": 1}
    assert report["whole"].startswith("manifests only")
    assert next(row for row in report["arrays"] if row["array"] == "gaze")["shape"] == [9, 2, 2]
    whole = ask(capsys, labels / "S1", "--verify")
    assert whole["whole"] == "yes"
    assert next(row for row in whole["arrays"] if row["array"] == "gaze")["max"] <= 1.6


def test_verify_finds_a_flipped_bit(labels: Path, capsys: Captured) -> None:
    shard = labels / "S1" / "one" / "expressions" / "c" / "0" / "0"
    data = bytearray(shard.read_bytes())
    data[100] ^= 1
    shard.write_bytes(data)
    assert app.main(["inspect", str(labels)]) == 0
    assert app.main(["inspect", str(labels), "--verify"]) == 1
    assert "chunk 0: expected bytes of its checksum" in capsys.readouterr().err


def test_scans(scans: Path, capsys: Captured) -> None:
    report = ask(capsys, scans, "--verify")
    assert (report["whole"], report["contents"]["frames"]) == ("yes", 2)
    assert ask(capsys, scans / "scans.json")["contents"]["expressions"] == {"neutral": ["neutral"]}
    (scans / "neutral/depth/1.png").write_bytes(b"x")
    assert ask(capsys, scans)["whole"].startswith("all files listed")
    broken = ask(capsys, scans, "--verify", code=1)
    assert broken["whole"] == "no" and len(broken["problems"]) == 1 and "1.png" in broken["problems"][0]


@pytest.mark.parametrize("name", ["nothing", "folder", "text.npz", "other.npz"])
def test_what_is_no_artifact(name: str, tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.npz").write_text("text")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    assert app.main(["inspect", str(tmp_path / name)]) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith("refa: ") and captured.err.count("\n") == 1


def test_an_unknown_schema(labels: Path, capsys: Captured) -> None:
    manifest = labels / "refa.json"
    manifest.write_text(manifest.read_text().replace("refa.labels/2", "refa.labels/9"))
    assert app.main(["inspect", str(labels)]) == 1
    assert "refa.labels/2 or refa.synth/1, got 'refa.labels/9'" in capsys.readouterr().err
