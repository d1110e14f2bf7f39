"""`refa predict`: taken up again, by several workers, with features, for other headsets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from refa_cli import app
from refa_cli.commands.predict import work
from refa_cli.formats.cameras import Cameras
from refa_cli.formats.dataset import Dataset
from refa_cli.formats.labels import Labels
from refa_cli.formats.model import Model
from refa_cli.networks.packing import Seen, pack, unpack
from refa_cli.networks.tracker import Tracker
from refa_cli.runtime.inference import Engine
from tests.networks.made import SIDE, captures

Captured = pytest.CaptureFixture[str]
NAMES = ("eye_left", "eye_right", "mouth_left", "mouth_right", "glabella")
SUBJECTS = ("S0001", "S0002", "S0003")


def model(path: Path, seed: int, roles: tuple[str, ...] = NAMES) -> Path:
    """A network that was never trained."""
    torch.manual_seed(seed)
    tracker = Tracker("small", Cameras(roles, roles), SIDE)
    for head in (tracker.face, tracker.eye):
        torch.nn.init.normal_(head.told.weight, 0.5, 0.5)
    features = np.random.default_rng(seed).normal(size=(9, len(roles), 512))
    pack(tracker, Seen(), features, np.ones((9, len(roles)), bool), {}).write(path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("predict")
    captures(out, SUBJECTS, 20)
    model(out / "model.npz", 0)
    return out


def arguments(folder: Path, out: Path, *more: str) -> list[str]:
    return ["predict", str(folder / "captures.zarr"), "--model", str(folder / "model.npz"), "-o", str(out), "--quiet",
            *more]  # fmt: skip


def weights(store: Path, subject: str) -> np.ndarray:
    return Dataset.read(store, Labels).subjects[subject].recordings["one"].load().expressions


def stopped_after(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """`refa predict` is interrupted after so many recordings."""
    original, done = work.predict_recording, []

    def once(job: work.Job) -> None:
        if len(done) == count:
            raise KeyboardInterrupt
        original(job)
        done.append(job)

    monkeypatch.setattr(work, "predict_recording", once)


def test_stopped_and_run_again_it_writes_the_same(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, again = tmp_path / "whole.zarr", tmp_path / "again.zarr"
    assert app.main(arguments(folder, whole, "--workers", "2")) == 0
    stopped_after(1, monkeypatch)
    assert app.main(arguments(folder, again)) == 130
    assert not again.exists()
    monkeypatch.undo()
    kept = tmp_path / "features"
    written = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "again.zarr.partial/S0001/one").iterdir()}
    assert app.main(arguments(folder, again, "--features", str(kept))) == 0
    assert Dataset.read(again, Labels).digest == Dataset.read(whole, Labels).digest
    assert sorted(path.parent.name for path in kept.rglob("one.npy")) == ["S0001", "S0002", "S0003"]
    assert written and written == {path.name: path.stat().st_mtime_ns for path in (again / "S0001/one").iterdir()}


def test_features_of_another_model_are_not_taken(folder: Path, tmp_path: Path, capsys: Captured) -> None:
    kept = tmp_path / "features"
    assert app.main(arguments(folder, tmp_path / "preds.zarr", "--features", str(kept))) == 0
    first = np.load(kept / "S0001/one.npy")
    other = ["--model", str(model(tmp_path / "other.npz", 5)), "--features", str(kept)]
    assert app.main(arguments(folder, tmp_path / "others.zarr", *other)) == 2
    assert "name a new folder" in capsys.readouterr().err
    assert app.main(arguments(folder, tmp_path / "preds.zarr", *other, "--overwrite")) == 0
    assert np.abs(np.load(kept / "S0001/one.npy") - first).max() > 0.01


def test_a_path_that_comes_to_hold_another_model(folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "captures.zarr").symlink_to(folder / "captures.zarr")
    told = []
    for seed in (1, 2):
        model(own / "model.npz", seed)
        assert app.main(arguments(own, tmp_path / "preds.zarr", "--overwrite")) == 0
        told.append(weights(tmp_path / "preds.zarr", "S0002"))
    assert np.abs(told[0] - told[1]).max() > 0.01


@pytest.mark.parametrize("roles", [("mouth_center",), ("eye_left", "eye_right", "mouth_center"), NAMES])
def test_other_headsets_and_sizes(tmp_path: Path, roles: tuple[str, ...]) -> None:
    torch.manual_seed(0)
    tracker = Tracker("small", Cameras(roles, roles), SIDE).eval()
    rng = np.random.default_rng(0)
    pack(tracker, Seen(), rng.normal(size=(9, len(roles), 512)), np.ones((9, len(roles)), bool), {}).write(
        tmp_path / "model.npz"
    )
    engine = Engine(Model.read(tmp_path / "model.npz"))
    frames = [rng.integers(0, 256, (3, 30 + 8 * i, 52), dtype=np.uint8) for i in range(len(roles))]
    present = np.ones((3, len(roles)), bool)
    told = engine.run(frames, present)
    with torch.no_grad():
        out = unpack(engine.model)(torch.from_numpy(engine.prepared(frames)), torch.from_numpy(present))
    np.testing.assert_allclose(told.weights, out.weights.numpy(), atol=1e-5)
    np.testing.assert_allclose(told.gaze, out.gaze.numpy(), atol=1e-5)
