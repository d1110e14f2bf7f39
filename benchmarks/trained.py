"""People, synthetic frames and trackers that the pages about training share, and how these are measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from refa_cli.face.default import load_face
from refa_cli.face.evaluate import Geometry
from refa_cli.face.shapes import INDEX
from refa_cli.formats.dataset import Dataset
from refa_cli.formats.labels import Labels
from refa_cli.formats.rig import Rig
from refa_cli.scores.curves import Curves
from refa_cli.scores.errors import surface_errors
from refa_cli.scores.scoring import GAMING, SCORES

FOLDER = Path(__file__).parent
PIXELS, STEPS, BATCH = 96, 1500, 32
MADE = {"synth.zarr": (400, 20, 22), "many.zarr": (2000, 8, 23)}
"""Stores of synthetic frames: people, frames of each, seed."""
MEASURED = (*SCORES, *GAMING, "weight_error", "surface_mm", "gaze_degrees", "winks")
"""What `measured` tells."""


@dataclass(frozen=True)
class People:
    """Simulated people in a folder, made by `refa simulate --sessions` with some options: the first few to train on,
    the others to test on."""

    folder: str
    train: int
    test: int
    options: tuple[str, ...]

    @property
    def trained(self) -> list[str]:
        """Whom to train on."""
        return [f"S{i + 1:04d}" for i in range(self.train)]

    @property
    def tested(self) -> list[str]:
        """Whom to test on."""
        return [f"S{i + 1:04d}" for i in range(self.train, self.train + self.test)]


PEOPLE = People("people", 8, 12, ("--pace", "0.35", "--rate", "10", "--seconds", "8", "--seed", "21"))


@dataclass(frozen=True)
class Variant:
    """How to train: what its files are called, options (the path of people's labels follows --labels by itself),
    synthetic frames, steps, people."""

    name: str
    options: tuple[str, ...]
    made: str = "synth.zarr"
    steps: int = STEPS
    people: People = PEOPLE

    def model(self, out: Path, seed: int) -> Path:
        """Its file; a folder serves one version of what is trained."""
        return out / f"model_{self.name}_{self.steps}_{seed}.npz"


def refa(*arguments: str) -> str:
    """What a run prints."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, "-m", "refa_cli", *arguments, "--quiet"], check=True, env=environment,
                          stdout=subprocess.PIPE, text=True).stdout  # fmt: skip


def prepare(out: Path, people: People = PEOPLE, made: Sequence[str] = tuple(MADE)) -> None:
    """People and synthetic frames, those that are missing."""
    out.mkdir(parents=True, exist_ok=True)
    common = ["--pixels", str(PIXELS), "--workers", "2", "-o"]
    if not (out / people.folder).exists():
        count = ["--people", str(people.train + people.test), "--cameras", "embedded"]
        refa("simulate", "--sessions", *count, *people.options, *common, str(out / people.folder))
    for name in made:
        identities, frames, seed = MADE[name]
        if not (out / name).exists():
            drawn = ["--identities", str(identities), "--frames", str(frames), "--seed", str(seed)]
            refa("synth", *drawn, *common, str(out / name))


def trained(out: Path, how: Variant, seed: int) -> Path:
    """Predictions of one training on the people to test on."""
    people = out / how.people.folder
    model, preds = how.model(out, seed), out / f"preds_{how.name}_{how.steps}_{seed}.zarr"
    labels = str(people / "truth/truth.zarr")
    options = [part for flag in how.options for part in ([flag, labels] if flag == "--labels" else [flag])]
    if not model.exists():
        refa("train", str(people / "captures.zarr"), *options, "--synth", str(out / how.made), "--held-out",
             ",".join(how.people.tested), "--validation", "0", "--pixels", str(PIXELS), "--steps", str(how.steps),
             "--batch", str(BATCH), "--seed", str(seed), "-o", str(model))  # fmt: skip
    predict(out, how.people, preds, model)
    return preds


def all_trained(out: Path, variants: Sequence[Variant], seeds: int) -> dict[str, list[Path]]:
    """{name of a variant: predictions of each seed}, trained two at a time."""
    jobs = [(how, seed) for how in variants for seed in range(seeds)]
    with ThreadPoolExecutor(2) as pool:
        preds = list(pool.map(lambda job: trained(out, *job), jobs))
    return {how.name: [p for (v, _), p in zip(jobs, preds, strict=True) if v == how] for how in variants}


def predict(out: Path, people: People, preds: Path, *models: Path) -> None:
    """What models, their mean if there are several, tell of the people to test on."""
    if not preds.exists():
        first, *others = map(str, models)
        ensemble = [part for other in others for part in ("--ensemble", other)]
        refa("predict", str(out / people.folder / "captures.zarr"), "--only", ",".join(people.tested), "--model",
             first, *ensemble, "--held-out", "-o", str(preds))  # fmt: skip


def measured(out: Path, preds: Path, people: People = PEOPLE) -> dict[str, float]:
    """Scores and errors of the dataset, and the error of the open eye's and the shut eye's weight in winks."""
    truth = out / people.folder / "truth"
    text = refa("metrics", str(preds), "--truth", str(truth / "truth.zarr"), "--rigs", str(truth / "rigs"), "--level",
                "dataset", "--json")  # fmt: skip
    row = json.loads(text)["dataset"][0]
    winks = np.mean(list(winks_of(out, preds, people).values()))
    row["winks"] = winks
    return {name: np.nan if row[name] == "n/a" else float(row[name]) for name in MEASURED}


def winks_of(out: Path, preds: Path, people: People) -> dict[str, float]:
    """{subject: mean error of both EyesClosed weights while one eye is truly shut and the other open}, of those who
    wink."""
    told = {}
    found, true = (Dataset.read(path, Labels) for path in (preds, out / people.folder / "truth/truth.zarr"))
    columns = [INDEX["EyesClosedL"], INDEX["EyesClosedR"]]
    for subject in people.tested:
        off = []
        for name, recording in true.subjects[subject].recordings.items():
            a, b = Curves.of(found.subjects[subject].recordings[name].load()), Curves.of(recording.load())
            shut = b.weights[:, columns] > 0.9
            rows = (shut.sum(1) == 1) & (b.weights[:, columns].min(1) < 0.3) & b.valid
            off.append(np.abs(a.weights[rows][:, columns] - b.weights[rows][:, columns]).ravel())
        if any(map(len, off)):
            told[subject] = float(np.concatenate(off).mean())
    return told


def constants(out: Path, people: People = PEOPLE) -> dict[str, float]:
    """Surface error, mm, of the best constants: neutral, and mean and median weights of the people trained on."""
    true = Dataset.read(out / people.folder / "truth/truth.zarr", Labels)
    held = {name: {r: recording.load() for r, recording in true.subjects[name].recordings.items()}
            for name in (*people.trained, *people.tested)}  # fmt: skip
    weights = np.concatenate([labels.expressions for name in people.trained for labels in held[name].values()])
    rows = {"neutral": np.zeros(53), "mean": weights.mean(0), "median": np.median(weights, axis=0)}
    found = {}
    for kind, row in rows.items():
        subjects = []
        for name in people.tested:
            geometry = Geometry.of_rig(Rig.read(out / people.folder / "truth/rigs" / f"{name}.npz"), load_face(None))
            off = []
            for labels in held[name].values():
                b = Curves.of(labels)
                a = Curves(b.seconds, np.tile(row, (len(b.seconds), 1)), 0 * b.gaze, b.valid, labels)
                error = surface_errors(a, b, geometry)
                if error:
                    off.append(error[0])
            subjects.append(np.mean(off))
        found[kind] = float(np.mean(subjects))
    return found


def constants_told(out: Path, people: People = PEOPLE) -> tuple[str, float]:
    """(surface errors of the best constants in words, the least of them in mm)."""
    fixed = constants(out, people)
    return ", ".join(f"{kind} {value:.2f} mm" for kind, value in fixed.items()), min(fixed.values())


def given() -> tuple[Path, int]:
    """Folder and number of seeds, from the command line."""
    return Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 3


def made_told(store: str) -> str:
    """What a store of synthetic frames holds, in words."""
    identities, frames, seed = MADE[store]
    return f"{identities * frames:,} of {identities:,} drawn people (seed {seed})"


def cell(values: Sequence[float]) -> str:
    """Mean and, of several, standard deviation."""
    return f"{np.mean(values):.3f}" + (f" ± {np.std(values):.3f}" if len(values) > 1 else "")


def table(rows: dict[str, list[dict[str, float]]]) -> str:
    """{what: what was measured of each seed} as the lines of a page."""
    units = {"surface mm": "surface, mm", "gaze degrees": "gaze, degrees"}
    heads = [units.get(told, told) for told in (name.replace("_", " ") for name in MEASURED)]
    lines = [f"| trained on | {' | '.join(heads)} |", f"|{' --- |' * (len(heads) + 1)}"]
    for what, held in rows.items():
        lines.append(f"| {what} | " + " | ".join(cell([row[name] for row in held]) for name in MEASURED) + " |")
    return "\n".join(lines)
