"""`refa metrics`: tables of each level, errors with the truth, comparisons, gates, files."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from refa_cli import app
from refa_cli.face.default import default_face
from refa_cli.face.evaluate import Geometry
from refa_cli.face.prompts import by_id
from refa_cli.formats.dataset import SubjectWriter, finish_dataset
from refa_cli.formats.labels import Labels
from refa_cli.formats.rig import Rig
from tests.scores.made import peak, recording, still

Captured = pytest.CaptureFixture[str]
SUBJECTS = ("S0001", "S0002")


def store(folder: Path, factor: float) -> Path:
    """Two subjects who grin so strongly, then rest."""
    for number, subject in enumerate(SUBJECTS):
        writer = SubjectWriter(folder / subject, Labels, subject)
        weights = np.concatenate([np.tile(factor * by_id("grin").weights, (90, 1)), still(2.0)])
        neutral = {"kind": "neutral", "start": 3.2, "end": 4.8}
        writer.add("one", recording(weights * (1 - 0.1 * number), [peak("grin"), neutral]))
        writer.add("two", recording(still(), [{"kind": "gaze", "start": 0.0, "end": 2.0}]))
        writer.finish({})
    finish_dataset(folder, Labels, {})
    return folder


@pytest.fixture(scope="module")
def true(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return store(tmp_path_factory.mktemp("true") / "truth.zarr", 0.9)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return store(tmp_path_factory.mktemp("found") / "preds.zarr", 0.45)


@pytest.fixture(scope="module")
def rigs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    face, folder = default_face(), tmp_path_factory.mktemp("rigs")
    geometry = Geometry.of_face(face)
    for subject in SUBJECTS:
        Rig(
            subject=subject, face_digest=face.digest, neutral=geometry.neutral, expressions=geometry.expressions,
            eye_follow=geometry.eye_follow, eye_centers=geometry.eye_centers, gain=np.ones(53), evidence=np.ones(53),
            expression_ids=(), weights=np.zeros((0, 53)), residual_mm=np.zeros((0, 3)),
            scan_from_head=np.zeros((0, 4, 4)), texture=np.zeros((0, 0, 3), np.uint8),
        ).write(folder / f"{subject}.npz")  # fmt: skip
    return folder


def printed(capsys: Captured, *arguments: str) -> dict[str, list[dict[str, object]]]:
    assert app.main(["metrics", *arguments, "--json", "--quiet"]) == 0
    document: dict[str, list[dict[str, object]]] = json.loads(capsys.readouterr().out)
    return document


def test_levels(found: Path, capsys: Captured) -> None:
    rows = printed(capsys, str(found), "--level", "recording")["recording"]
    assert [(row["subject"], row["recording"]) for row in rows] == [(s, r) for s in SUBJECTS for r in ("one", "two")]
    assert rows[1]["semantic_accuracy"] == "n/a" and rows[0]["semantic_accuracy"] == pytest.approx(0.5, abs=1e-3)
    subjects = printed(capsys, str(found), "--level", "subject")["subject"]
    assert subjects[1]["semantic_accuracy"] == pytest.approx(0.45, abs=1e-3)
    (whole,) = printed(capsys, str(found), "--level", "dataset")["dataset"]
    assert whole["semantic_accuracy"] == pytest.approx(0.475, abs=1e-3) and whole["subjects"] == 2
    (one,) = printed(capsys, str(found / "S0002"))["subject"]
    assert one["subject"] == "S0002"


def test_truth_adds_errors(true: Path, found: Path, rigs: Path, capsys: Captured) -> None:
    (row,) = printed(capsys, str(found), "--truth", str(true), "--rigs", str(rigs), "--level", "dataset")["dataset"]
    assert row["surface_mm"] == pytest.approx(float(str(row["unmoved_mm"])) / 2, rel=0.01)
    assert row["weight_error"] > 0.01 and row["pose_mm"] == 0 and row["gaze_degrees"] == 0  # type: ignore[operator]
    exact = printed(capsys, str(true), "--truth", str(true), "--rigs", str(rigs), "--level", "dataset")
    assert exact["dataset"][0]["surface_mm"] == 0
    assert "surface_mm" not in printed(capsys, str(found), "--truth", str(true))["subject"][0]


def test_poses_that_were_not_predicted_are_not_compared(true: Path, tmp_path: Path, capsys: Captured) -> None:
    writer = SubjectWriter(tmp_path / "preds.zarr" / "S0001", Labels, "S0001")
    held = recording(still(), headset_from_head=np.tile(np.eye(4), (90, 1, 1)))
    writer.add("two", held)
    writer.finish({})
    finish_dataset(tmp_path / "preds.zarr", Labels, {})
    row = printed(capsys, str(tmp_path / "preds.zarr"), "--truth", str(true))["subject"][0]
    assert "gaze_degrees" in row and "pose_mm" not in row


def test_against_and_worst(true: Path, found: Path, capsys: Captured) -> None:
    document = printed(capsys, str(true), "--against", str(found), "--worst", "1")
    gap = {row["score"]: row for row in document["against"]}["semantic_accuracy"]
    assert gap["mean"] == pytest.approx(0.475, abs=0.01) and gap["subjects"] == 2
    for kind in ("worst_subjects", "worst_recordings"):
        least = {row["score"]: row for row in document[kind]}
        assert least["semantic_accuracy"]["subject"] == "S0002" and "eye_closure" not in least
    assert document["worst_recordings"][0]["recording"] == "one"
    assert app.main(["metrics", str(true), "--against", str(found), "--worst", "1"]) == 0
    assert "semantic_accuracy" in capsys.readouterr().out


def test_gates(found: Path, capsys: Captured) -> None:
    assert app.main(["metrics", str(found), "--fail-under", "semantic_accuracy=0.4"]) == 0
    arguments = ["--fail-under", "semantic_accuracy=0.6", "--fail-under", "eye_closure=0.1"]
    assert app.main(["metrics", str(found), *arguments]) == 3
    err = capsys.readouterr().err
    assert "semantic_accuracy is 0.4" in err and "eye_closure is n/a" in err
    for bad in ("semantic_accuracy", "beauty=1", "neutralness=much", "smoothness=nan"):
        assert app.main(["metrics", str(found), "--fail-under", bad]) == 2


def test_csv_has_a_row_a_recording(found: Path, tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    assert app.main(["metrics", str(found), "--csv", str(path), "--quiet"]) == 0
    rows = list(csv.DictReader(path.open()))
    assert len(rows) == 4 and rows[0]["subject"] == "S0001" and float(rows[0]["smoothness"]) > 0.9


def test_what_does_not_fit_is_told(true: Path, found: Path, rigs: Path, tmp_path: Path, capsys: Captured) -> None:
    assert app.main(["metrics", str(found), "--rigs", str(rigs)]) == 2
    assert app.main(["metrics", str(found / "S0001"), "--against", str(true / "S0002")]) == 1
    assert "a subject of" in capsys.readouterr().err
    assert app.main(["metrics", str(found), "--truth", str(true / "S0001")]) == 1
    assert "truth of every recording" in capsys.readouterr().err
    shifted = tmp_path / "shifted.zarr"
    writer = SubjectWriter(shifted / "S0001", Labels, "S0001")
    held = recording(still())
    writer.add("two", replace(held, time_ns=held.time_ns + 5))
    writer.finish({})
    finish_dataset(shifted, Labels, {})
    assert app.main(["metrics", str(shifted), "--truth", str(true)]) == 1
    assert "time stamps of the truth" in capsys.readouterr().err
    assert app.main(["metrics", str(found), "--truth", str(true), "--rigs", str(rigs / "S0001.npz")]) == 1
