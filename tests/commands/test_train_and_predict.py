"""`refa train` learns, repeats, resumes and splits by subject; `refa predict` tells the same without torch."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from refa_cli import app
from refa_cli.commands.train import work
from refa_cli.commands.train.plan import Settings, plan_of
from refa_cli.face.shapes import INDEX
from refa_cli.formats.cameras import Cameras
from refa_cli.formats.captures import Captures
from refa_cli.formats.dataset import Dataset
from refa_cli.formats.errors import DataError
from refa_cli.formats.labels import Labels
from refa_cli.formats.model import Model
from refa_cli.networks import loop
from refa_cli.networks.packing import Seen, pack, unpack
from refa_cli.networks.parallel import Group
from refa_cli.networks.samples import from_captures
from refa_cli.networks.tracker import Tracker
from refa_cli.networks.training import TrackerTask
from refa_cli.runtime.inference import Engine
from tests.networks.made import SIDE, captures, marked, synth

Captured = pytest.CaptureFixture[str]
NAMES = ("eye_left", "eye_right", "mouth_left", "mouth_right", "glabella")
SUBJECTS = ("S0001", "S0002", "S0003", "S0004")
OPTIONS = ["--pixels", str(SIDE), "--batch", "16", "--every", "20", "--validation", "0.25", "--quiet"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    captures(folder, SUBJECTS)
    synth(folder)
    return folder


def arguments(data: Path, out: Path, steps: int, *more: str) -> list[str]:
    inputs = [str(data / "captures.zarr"), "--labels", str(data / "labels.zarr"), "--synth", str(data / "synth.zarr")]
    return ["train", *inputs, "-o", str(out), "--steps", str(steps), "--held-out", "S0004", *OPTIONS, *more]


@pytest.fixture(scope="module")
def model(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    assert app.main(arguments(data, folder / "model.npz", 300, "--curves", str(folder / "curves.png"))) == 0
    assert (folder / "curves.png").stat().st_size > 1000 and not (folder / "model.npz.training").exists()
    return folder / "model.npz"


def test_it_learns_what_pictures_tell(data: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "preds.zarr"
    assert (
        app.main(
            [
                "predict",
                str(data / "captures.zarr" / "S0004"),
                "--model",
                str(model),
                "-o",
                str(out),
                "--held-out",
                "--quiet",
            ]
        )
        == 0
    )
    found = Dataset.read(out, Labels).subjects["S0004"].recordings["one"].load()
    true = Dataset.read(data / "labels.zarr", Labels).subjects["S0004"].recordings["one"].load()
    for name in ("JawDrop", "EyesClosedL", "EyesClosedR"):
        a, b = found.expressions[:, INDEX[name]], true.expressions[:, INDEX[name]]
        assert np.corrcoef(a, b)[0, 1] > 0.8, name
    assert found.expressions.max() <= 1 and found.valid.all() and np.array_equal(found.time_ns, true.time_ns)
    assert found.confidence.min() > 0 and found.confidence.max() < 1


def test_the_model_remembers_whom_it_saw(data: Path, model: Path, tmp_path: Path, capsys: Captured) -> None:
    held = Model.read(model)
    assert held.training_subjects == ("P0001", "S0001", "S0002", "S0003")  # P0001 is drawn
    assert held.feature_distance.shape == (5, 3) and (np.diff(held.feature_distance, axis=1) >= 0).all()
    recordings = Dataset.read(data / "captures.zarr", Captures).subjects["S0001"].digests
    assert len(held.training_recordings) == 3 and set(recordings.values()) < set(held.training_recordings)
    other = replace(Dataset.read(data / "captures.zarr", Captures).subjects["S0001"], name="renamed")
    assert held.saw(other) and not held.saw(Dataset.read(data / "captures.zarr", Captures).subjects["S0004"])
    everything = ["predict", str(data / "captures.zarr"), "--model", str(model), "-o", str(tmp_path / "p.zarr")]
    assert app.main([*everything, "--held-out"]) == 1
    assert "trained on" in capsys.readouterr().err
    kept = tmp_path / "features"
    seen = [*everything[:4], "--only", "S0001", "-o", str(tmp_path / "seen.zarr"), "--features", str(kept), "--quiet"]
    assert app.main(seen) == 0
    assert np.load(kept / "S0001" / "one.npy").shape == (40, 5, 512)
    assert app.main(["metrics", str(tmp_path / "seen.zarr"), "--held-out"]) == 1
    assert "trained on" in capsys.readouterr().err
    assert app.main(["metrics", str(tmp_path / "seen.zarr")]) == 0
    assert "say nothing of other people" in capsys.readouterr().err
    assert app.main([*everything, "--dry-run"]) == 0
    assert "warning" in capsys.readouterr().err and not (tmp_path / "p.zarr").exists()


def test_some_subjects_only(data: Path, model: Path, tmp_path: Path, capsys: Captured) -> None:
    arguments = [
        "predict",
        str(data / "captures.zarr"),
        "--model",
        str(model),
        "-o",
        str(tmp_path / "p.zarr"),
        "--quiet",
    ]
    assert app.main([*arguments, "--only", "S0004", "--held-out"]) == 0
    assert list(Dataset.read(tmp_path / "p.zarr", Labels).subjects) == ["S0004"]
    assert app.main([*arguments, "--only", "S0009", "--overwrite"]) == 2
    assert "no subject" in capsys.readouterr().err


def test_without_torch_it_tells_the_same(data: Path, model: Path) -> None:
    held = Model.read(model)
    frames = np.random.default_rng(0).integers(0, 256, (6, 5, SIDE, SIDE), dtype=np.uint8)
    present = np.random.default_rng(1).random((6, 5)) < 0.7
    told = Engine(held).run([frames[:, c] for c in range(5)], present)
    mirrored = np.stack([frames[:, c, :, ::-1] if held.mirrored[c] else frames[:, c] for c in range(5)], 1)
    with torch.no_grad():
        out = unpack(held)(torch.from_numpy(mirrored.copy()).float(), torch.from_numpy(present))
    np.testing.assert_allclose(told.weights, out.weights.numpy(), atol=1e-5)
    np.testing.assert_allclose(told.gaze, out.gaze.numpy(), atol=1e-5)
    np.testing.assert_allclose(told.features, out.features.numpy(), atol=1e-4)
    assert (told.weights[:, INDEX["LipsToward"]] <= told.weights[:, INDEX["JawDrop"]] + 1e-7).all()


@pytest.mark.parametrize("more", [["--no-eye-branch"], ["--size", "paper"]])
def test_other_networks_become_the_same_graphs(data: Path, tmp_path: Path, more: list[str]) -> None:
    out = tmp_path / "model.npz"
    assert app.main(arguments(data, out, 1, *more)) == 0
    held = Model.read(out)
    frames = np.random.default_rng(0).integers(0, 256, (2, 5, SIDE, SIDE), dtype=np.uint8)
    told = Engine(held).run([frames[:, c] for c in range(5)], np.ones((2, 5), bool))
    mirrored = np.stack([frames[:, c, :, ::-1] if held.mirrored[c] else frames[:, c] for c in range(5)], 1)
    with torch.no_grad():
        pictures = torch.from_numpy(mirrored.copy()).float()
        weights = unpack(held)(pictures, torch.ones(2, 5, dtype=torch.bool)).weights
    np.testing.assert_allclose(told.weights, weights.numpy(), atol=1e-5)


def test_killed_and_run_again_it_gives_the_same_weights(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tmp_path / "whole.npz"
    assert app.main(arguments(data, whole, 60)) == 0
    original = loop.train

    def killed(
        task: loop.Task, schedule: loop.Schedule, folder: Path, seed: int, machine: object
    ) -> list[dict[str, object]]:
        original(task, schedule, folder, seed, stopped=lambda step: step == 33)
        raise KeyboardInterrupt

    monkeypatch.setattr(work, "train", killed)
    again = tmp_path / "again.npz"
    assert app.main(arguments(data, again, 60)) == 130
    assert not again.exists() and (tmp_path / "again.npz.training" / "checkpoint.npz").exists()
    monkeypatch.undo()
    assert app.main(arguments(data, again, 60)) == 0
    assert np.array_equal(Model.read(again).parameters, Model.read(whole).parameters)
    assert again.read_bytes() == whole.read_bytes()


def test_another_recipe_starts_over(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "model.npz"
    stale = tmp_path / "model.npz.training"
    stale.mkdir()
    (stale / "recipe.json").write_text("{}")
    (stale / "checkpoint.npz").write_bytes(b"not a checkpoint")
    assert app.main(arguments(data, out, 2)) == 0


def test_subjects_are_split_and_never_frames(data: Path) -> None:
    plans = [plan_of(data / "captures.zarr", data / "labels.zarr", None, ["S0002"], 0.34, Settings(), seed)
             for seed in range(6)]  # fmt: skip
    for plan in plans:
        assert not set(plan.train) & set(plan.validation) and "S0002" not in {*plan.train, *plan.validation}
        assert len(plan.validation) == 1 and len(plan.train) == 2
    assert len({plan.validation for plan in plans}) > 1


def test_samples_follow_labels_and_cameras(data: Path) -> None:
    names = ("eye_left", "eye_right", "mouth_left", "mouth_right", "glabella")
    held = from_captures(data / "captures.zarr", data / "labels.zarr", Cameras(names, names), SIDE, {"S0001", "S0003"})
    assert len(held) == 80 and held.subjects == ("S0001", "S0003")
    assert held.labelled.sum() == 2 * 36 and not held.labelled[:4].any()
    frames = Dataset.read(data / "captures.zarr", Captures).subjects["S0001"].recordings["one"].rows("frames")
    assert np.array_equal(held.frames[:40, 0], frames[:, 0]) and np.array_equal(
        held.frames[:40, 1], frames[:, 1, :, ::-1]
    )
    assert np.array_equal(held.rows_of({"S0003"}), np.arange(40, 80))
    bare = from_captures(data / "captures.zarr", None, Cameras(names, names), SIDE, {"S0001"}, every=3)
    assert len(bare) == 14 and not bare.labelled.any()
    assert np.array_equal(bare.frames[:, 0], frames[::3, 0])


def test_an_ensemble_is_the_mean(data: Path, model: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.npz"
    assert app.main(arguments(data, other, 5)) == 0
    stores = []
    for name, models in (("a", [model]), ("b", [other]), ("both", [model, other])):
        out = tmp_path / f"{name}.zarr"
        more = [part for path in models[1:] for part in ("--ensemble", str(path))]
        subject = str(data / "captures.zarr" / "S0004")
        assert app.main(["predict", subject, "--model", str(models[0]), *more, "-o", str(out), "--quiet"]) == 0
        stores.append(Dataset.read(out, Labels).subjects["S0004"].recordings["one"].load())
    np.testing.assert_allclose(stores[2].expressions, (stores[0].expressions + stores[1].expressions) / 2, atol=1e-6)


def test_other_cameras_are_refused(data: Path, model: Path) -> None:
    held = Model.read(model)
    recording = Dataset.read(data / "captures.zarr", Captures).subjects["S0001"].recordings["one"]
    assert held.cameras.order_in(recording) == [0, 1, 2, 3, 4]
    assert replace(held.cameras, names=("a", "b", "c", "d", "e")).order_in(recording) == [0, 1, 2, 3, 4]  # by role
    with pytest.raises(DataError, match="a camera glabella"):
        replace(held.cameras, roles=("eye_left", "eye_right", "mouth_left", "mouth_right", "mouth_center")).order_in(
            recording
        )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "nothing to train on"),
        (["CAPTURES"], "can only adapt"),
        (["CAPTURES", "--labels", "LABELS", "--held-out", "S0009"], "no subject"),
        (["--synth", "SYNTH", "--no-synth"], "nothing to train on"),
        (["--labels", "LABELS", "--synth", "SYNTH"], "captures that they are of"),
    ],
)
def test_what_does_not_go_is_refused(
    data: Path, options: list[str], words: str, tmp_path: Path, capsys: Captured
) -> None:
    places = {"CAPTURES": data / "captures.zarr", "LABELS": data / "labels.zarr", "SYNTH": data / "synth.zarr"}
    given = [str(places.get(part, part)) for part in options]
    assert app.main(["train", *given, "-o", str(tmp_path / "model.npz")]) == 2
    assert words in capsys.readouterr().err


def test_labels_of_others_are_refused(data: Path, tmp_path: Path, capsys: Captured) -> None:
    captures(tmp_path, ("S0007",))
    given = ["train", str(data / "captures.zarr"), "--labels", str(tmp_path / "labels.zarr"), "-o"]
    assert app.main([*given, str(tmp_path / "model.npz"), "--dry-run"]) == 1
    assert "labels of a subject" in capsys.readouterr().err


def test_who_watches_a_training_has_labels(data: Path) -> None:
    """Captures without labels are all adapted to; synthetic people watch then, and may be held out as well."""
    adapting = plan_of(data / "captures.zarr", None, marked(data / "two"), ["S0002", "P0001"], 0.5, Settings(), 0)
    assert adapting.train == ("S0001", "S0003", "S0004") and adapting.made == ("P0002",)
    both = plan_of(data / "captures.zarr", None, data / "two" / "synth.zarr", [], 0.5, Settings(), 0)
    assert both.train == SUBJECTS and len(both.validation) == len(both.made) == 1
    with pytest.raises(DataError, match="a subject that is not held out"):
        plan_of(data / "captures.zarr", None, data / "synth.zarr", ["P0001"], 0.5, Settings(), 0)


def test_people_with_labels_alone_watch_by_them(data: Path) -> None:
    for seed in range(4):
        plan = plan_of(data / "captures.zarr", data / "labels.zarr" / "S0003", None, [], 0.5, Settings(), seed)
        assert plan.train == SUBJECTS and plan.validation == ()  # the only one with labels is trained on
    _, labels = captures(data / "few", SUBJECTS[:2])
    plan = plan_of(data / "captures.zarr", labels, None, [], 0.5, Settings(), 0)
    assert len(plan.validation) == 1 and plan.validation[0] in SUBJECTS[:2] and len(plan.train) == 3


def test_synthetic_twins_of_people(data: Path) -> None:
    """`refa synth` names people after the rigs that it is given."""
    twins = marked(data / "twins", ("S0001", "S0002"))
    adapting = plan_of(data / "captures.zarr", None, twins, [], 0.5, Settings(), 0)
    assert adapting.train == SUBJECTS and {*adapting.made, *adapting.validation} == {"S0001", "S0002"}
    task, _ = work._tracker(replace(adapting, settings=Settings(pixels=SIDE, batch=8)), Group())
    assert isinstance(task, TrackerTask) and task.adaptation == 1
    assert task.real is not None and set(task.real.samples.subjects) == set(SUBJECTS)
    assert task.held is not None and task.held.samples.labelled[task.held.rows].all()
    taught = plan_of(data / "captures.zarr", data / "labels.zarr", twins, ["S0003", "S0004"], 0.5, Settings(), 0)
    assert not {*taught.train, *taught.made} & set(taught.validation)


def test_statistics_are_of_cameras_that_are_there() -> None:
    tracker = Tracker("small", Cameras(NAMES, NAMES), SIDE)
    rng = np.random.default_rng(0)
    features, present = rng.normal(3, 2, (400, 5, 512)), rng.random((400, 5)) < 0.5
    features[~present] = 1e3
    present[:, 4] = False
    held = pack(tracker, Seen(), features, present, {})
    assert np.abs(held.feature_mean[:4] - 3).max() < 0.8 and np.abs(held.feature_scale[:4] - 2).max() < 0.6
    assert np.abs(held.feature_distance[:4, 0] - 1).max() < 0.05
    assert not held.feature_mean[4].any() and not held.feature_distance[4].any()


def test_synthetic_frames_alone_and_captures_without_labels(data: Path, tmp_path: Path, capsys: Captured) -> None:
    alone = [
        "train",
        "--synth",
        str(data / "synth.zarr"),
        "-o",
        str(tmp_path / "a.npz"),
        "--steps",
        "3",
        *OPTIONS,
        "--json",
    ]
    assert app.main(alone) == 0
    assert json.loads(capsys.readouterr().out)[0]["trained on"] == 1
    adapting = [
        "train",
        str(data / "captures.zarr"),
        "--synth",
        str(data / "synth.zarr"),
        "-o",
        str(tmp_path / "b.npz"),
    ]
    assert app.main([*adapting, "--steps", "3", *OPTIONS, "--json"]) == 0
    assert "domain" in json.loads(capsys.readouterr().out)[0]
