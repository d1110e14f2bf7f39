"""How good a tracker gets on people it has never seen:  python tracker.py FOLDER [SEEDS]

Makes people and synthetic frames in FOLDER (kept, and used again), trains each variant for each seed, two at a time,
averages the models of the longest training too, and writes tracker.md.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from refa_cli.face.branches import CONFIDENCE_REGIONS, REGION_MEANS
from refa_cli.face.default import load_face
from refa_cli.face.evaluate import Geometry
from refa_cli.face.shapes import INDEX
from refa_cli.formats.dataset import Dataset
from refa_cli.formats.labels import Labels
from refa_cli.formats.rig import Rig
from refa_cli.scores.curves import Curves
from refa_cli.scores.errors import surface_errors
from refa_cli.scores.scoring import GAMING, SCORES

TRAIN, TEST, PIXELS, STEPS, BATCH = 8, 12, 96, 1500, 32
LONG_STEPS = 3000
MADE = {"synth.zarr": (400, 20, 22), "many.zarr": (2000, 8, 23)}
"""Stores of synthetic frames: people, frames of each, seed."""
TESTED = [f"S{i + 1:04d}" for i in range(TRAIN, TRAIN + TEST)]
TRAINED = [f"S{i + 1:04d}" for i in range(TRAIN)]
LONG, TOGETHER = "labels and synth of more people, for longer", "... the mean of those models"


@dataclass(frozen=True)
class Variant:
    """How to train: options, synthetic frames, steps."""

    options: tuple[str, ...]
    made: str = "synth.zarr"
    steps: int = STEPS


VARIANTS = {
    "labels and synth": Variant(("--labels",)),
    "labels and synth, all shapes from all cameras": Variant(("--labels", "--no-eye-branch")),
    "synth, real frames without labels": Variant(()),
    "synth, real frames without labels, no adaptation": Variant(("--no-adaptation",)),
    LONG: Variant(("--labels",), "many.zarr", LONG_STEPS),
}
ERRORS = ("weight_error", "surface_mm", "unmoved_mm", "gaze_degrees")
FOLDER = Path(__file__).parent


def refa(*arguments: str) -> str:
    """What a run prints."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, "-m", "refa_cli", *arguments, "--quiet"], check=True, env=environment,
                          stdout=subprocess.PIPE, text=True).stdout  # fmt: skip


def prepare(out: Path) -> None:
    """People and synthetic frames."""
    common = ["--pixels", str(PIXELS), "--workers", "2", "-o"]
    if not (out / "people").exists():
        session = ["--people", str(TRAIN + TEST), "--pace", "0.35", "--rate", "10", "--seconds", "8", "--seed", "21"]
        refa("simulate", "--sessions", "--cameras", "embedded", *session, *common, str(out / "people"))
    for name, (identities, frames, seed) in MADE.items():
        if not (out / name).exists():
            drawn = ["--identities", str(identities), "--frames", str(frames), "--seed", str(seed)]
            refa("synth", *drawn, *common, str(out / name))


def trained(out: Path, variant: str, seed: int) -> Path:
    """Predictions of one training on the people to test on."""
    how, name = VARIANTS[variant], f"{list(VARIANTS).index(variant)}_{seed}"
    model, preds = out / f"model_{name}.npz", out / f"preds_{name}.zarr"
    labels = str(out / "people/truth/truth.zarr")
    options = [part for flag in how.options for part in ([flag, labels] if flag == "--labels" else [flag])]
    if not model.exists():
        refa("train", str(out / "people/captures.zarr"), *options, "--synth", str(out / how.made), "--held-out",
             ",".join(TESTED), "--validation", "0", "--pixels", str(PIXELS), "--steps", str(how.steps), "--batch",
             str(BATCH), "--seed", str(seed), "-o", str(model))  # fmt: skip
    predict(out, preds, model)
    return preds


def predict(out: Path, preds: Path, *models: Path) -> None:
    """What models, their mean if there are several, tell of the people to test on."""
    if not preds.exists():
        first, *others = map(str, models)
        ensemble = [part for other in others for part in ("--ensemble", other)]
        refa("predict", str(out / "people/captures.zarr"), "--only", ",".join(TESTED), "--model", first, *ensemble,
             "--held-out", "-o", str(preds))  # fmt: skip


def measured(out: Path, preds: Path) -> dict[str, float]:
    """Scores and errors of the dataset, and the error of the open eye's and the shut eye's weight in winks."""
    text = refa("metrics", str(preds), "--truth", str(out / "people/truth/truth.zarr"), "--rigs",
                str(out / "people/truth/rigs"), "--level", "dataset", "--json")  # fmt: skip
    row = json.loads(text)["dataset"][0]
    return {name: float(row[name]) for name in (*SCORES, *GAMING, *ERRORS)} | {
        "winks": float(np.mean(list(winks_of(out, preds).values())))
    }


def winks_of(out: Path, preds: Path) -> dict[str, float]:
    """{subject: mean error of both EyesClosed weights while one eye is truly shut and the other open}."""
    told = {}
    found, true = (Dataset.read(path, Labels) for path in (preds, out / "people/truth/truth.zarr"))
    columns = [INDEX["EyesClosedL"], INDEX["EyesClosedR"]]
    for subject in TESTED:
        off = []
        for name, recording in true.subjects[subject].recordings.items():
            a, b = Curves.of(found.subjects[subject].recordings[name].load()), Curves.of(recording.load())
            shut = b.weights[:, columns] > 0.9
            rows = (shut.sum(1) == 1) & (b.weights[:, columns].min(1) < 0.3) & b.valid
            off.append(np.abs(a.weights[rows][:, columns] - b.weights[rows][:, columns]).ravel())
        told[subject] = float(np.concatenate(off).mean())
    return told


def doubts_of(out: Path, stores: Sequence[Path]) -> list[str]:
    """A line for each confidence region: rank correlation of doubt and error, and error by fifths of confidence, over
    all moments of the people to test on and all stores."""
    true = Dataset.read(out / "people/truth/truth.zarr", Labels)
    told, errors = [], []
    for store in stores:
        for name, subject in Dataset.read(store, Labels).subjects.items():
            for recording, found in subject.recordings.items():
                a, b = found.load(), true.subjects[name].recordings[recording].load()
                rows = a.valid & b.valid
                off = np.abs(a.expressions - b.expressions)[rows]
                told.append(a.confidence[rows])
                errors.append(off @ REGION_MEANS)
    confidence, error = np.concatenate(told), np.concatenate(errors)
    lines = []
    for i, region in enumerate(CONFIDENCE_REGIONS):
        fifths = np.array_split(error[np.argsort(confidence[:, i]), i], 5)
        rho = spearmanr(-confidence[:, i], error[:, i]).statistic
        lines.append(f"| {region} | {rho:.2f} | " + " | ".join(f"{part.mean():.3f}" for part in fifths) + " |")
    return lines


def constants(out: Path) -> dict[str, float]:
    """Surface error, mm, of the best constants: neutral, and mean and median weights of the people trained on."""
    true = Dataset.read(out / "people/truth/truth.zarr", Labels)
    held = {name: {r: recording.load() for r, recording in true.subjects[name].recordings.items()}
            for name in (*TRAINED, *TESTED)}  # fmt: skip
    weights = np.concatenate([labels.expressions for name in TRAINED for labels in held[name].values()])
    rows = {"neutral": np.zeros(53), "mean": weights.mean(0), "median": np.median(weights, axis=0)}
    found = {}
    for kind, row in rows.items():
        subjects = []
        for name in TESTED:
            geometry = Geometry.of_rig(Rig.read(out / "people/truth/rigs" / f"{name}.npz"), load_face(None))
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


def made_told(store: str) -> str:
    """What a store of synthetic frames holds, in words."""
    identities, frames, seed = MADE[store]
    return f"{identities * frames:,} of {identities:,} drawn people (seed {seed})"


def cell(values: Sequence[float]) -> str:
    """Mean and, of several, standard deviation."""
    return f"{np.mean(values):.3f}" + (f" ± {np.std(values):.3f}" if len(values) > 1 else "")


def main() -> None:
    """Trains all, writes the page."""
    out, seeds = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 3
    out.mkdir(parents=True, exist_ok=True)
    prepare(out)
    jobs = [(variant, seed) for variant in VARIANTS for seed in range(seeds)]
    with ThreadPoolExecutor(2) as pool:
        preds = list(pool.map(lambda job: trained(out, *job), jobs))
    found = {variant: [p for (v, _), p in zip(jobs, preds, strict=True) if v == variant] for variant in VARIANTS}
    number = list(VARIANTS).index(LONG)
    together = out / f"preds_{number}_mean.zarr"
    predict(out, together, *(out / f"model_{number}_{seed}.npz" for seed in range(seeds)))
    found[TOGETHER] = [together]
    rows, surfaces = [], {}
    for variant, stores in found.items():
        held = [measured(out, store) for store in stores]
        surfaces[variant] = np.mean([row["surface_mm"] for row in held])
        names = (*SCORES, *GAMING, "weight_error", "surface_mm", "gaze_degrees", "winks")
        rows.append(f"| {variant} | " + " | ".join(cell([row[name] for row in held]) for name in names) + " |")
    fixed = constants(out)
    below = {variant: 1 - value / min(fixed.values()) for variant, value in surfaces.items()}
    first = next(iter(VARIANTS))
    doubts = doubts_of(out, found[first])
    heads = [
        *(n.replace("_", " ") for n in (*SCORES, *GAMING)),
        "weight error",
        "surface, mm",
        "gaze, degrees",
        "winks",
    ]
    told = ", ".join(f"{kind} {value:.2f} mm" for kind, value in fixed.items())
    page = f"""# How good a tracker gets on people it has never seen

`make -C benchmarks tracker SEEDS={seeds}`: {TRAIN} simulated people to train on, {TEST} to test on (misfit 1, seed 21),
{PIXELS}x{PIXELS} pixels, mean ± standard deviation over the seeds, {date.today()}. Labels are the truth. Synthetic
frames: {made_told("synth.zarr")} and {STEPS} steps of {BATCH}; in the last two rows
{made_told("many.zarr")} and {LONG_STEPS} steps. Averages are over recordings, then over people.

| trained on | {" | ".join(heads)} |
| {" | ".join("---" for _ in range(len(heads) + 1))} |
{chr(10).join(rows)}

Surface: distance from the true face on vertices that truly move by more than 1 mm. Of constants on the same people:
{told}. The first row is {below[first]:.0%} below the best of them, training on more people for longer
{below[LONG]:.0%}, the mean of its models {below[TOGETHER]:.0%}.

Winks: error of both EyesClosed weights while one eye is truly shut and the other is open.

What the tracker thinks of itself (first row): rank correlation of its doubt about a part of the face with the true
error of that part's weights, and that error in five equal groups of moments, from least to most confident.

| part | rank correlation | least confident | | | | most confident |
| --- | --- | --- | --- | --- | --- | --- |
{chr(10).join(doubts)}
"""
    (FOLDER / "tracker.md").write_text(page)
    print(page)


if __name__ == "__main__":
    main()
