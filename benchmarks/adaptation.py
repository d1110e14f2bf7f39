"""What gradient reversal does to features and to errors:  python adaptation.py FOLDER [SEEDS]

Uses the folder of tracker.py and trains what is missing there; writes adaptation.md and adaptation.png.
"""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from tracker import FOLDER, STEPS, TESTED, VARIANTS, prepare, trained, winks_of

from refa_cli.commands.metrics.measuring import measure
from refa_cli.formats.model import Model
from refa_cli.networks.packing import unpack
from refa_cli.networks.samples import Samples, from_captures, from_synth
from refa_cli.networks.training import evaluated
from refa_cli.scores.paired import Difference, differences
from refa_cli.scores.scoring import levels

COMPARED = LABELS, EVERYTHING, ADAPTED, PLAIN = list(VARIANTS)[:4]
SHOWN = {
    "weight_error": "weights",
    "surface_mm": "surface, mm",
    "gaze_degrees": "gaze, degrees",
    "semantic_accuracy": "Semantic Accuracy",
    "eye_closure": "Eye Closure",
    "mouth_closure": "Mouth Closure",
}
POINTS, SIDE = 600, 340
REAL, MADE, INK = (40, 90, 200), (230, 120, 30), (30, 30, 30)


def by_subject(out: Path, variant: str, seeds: int) -> dict[str, dict[str, float | None]]:
    """{subject: {score: mean over seeds}}, and of winks the errors of both EyesClosed weights."""
    truth, rigs = out / "people/truth/truth.zarr", out / "people/truth/rigs"
    found = []
    for seed in range(seeds):
        preds = trained(out, variant, seed)
        subjects, _ = levels(measure(preds, truth, rigs, None).rows)
        winks = winks_of(out, preds)
        found.append({name: {**scores, "winks": winks[name]} for name, scores in subjects.items()})
    return {
        name: {score: None if found[0][name][score] is None else float(np.mean([one[name][score] for one in found]))
               for score in found[0][name]}
        for name in found[0]
    }  # fmt: skip


def features(out: Path, variant: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(real [N, F], synthetic [N, F]) features of one model, of people that it was not trained on and of the synthetic
    frames; standardised together."""
    trained(out, variant, seed)
    model = Model.read(out / f"model_{list(VARIANTS).index(variant)}_{seed}.npz")
    tracker, side = unpack(model), int(model.pixels[0])
    real = from_captures(out / "people/captures.zarr", None, model.cameras, side, TESTED, 9)
    made = from_synth(out / "synth.zarr", model.cameras, side, [f"P{i:04d}" for i in range(1, 101)])
    both = []
    for samples in (real, made):
        rows = np.linspace(0, len(samples) - 1, POINTS).round().astype(int)
        both.append(seen(tracker, samples, rows))
    together = np.concatenate(both)
    mean, scale = together.mean(0), together.std(0) + 1e-6
    return (both[0] - mean) / scale, (both[1] - mean) / scale


def seen(tracker: object, samples: Samples, rows: np.ndarray) -> np.ndarray:
    """Features of all cameras, one after the other."""
    _, _, _, told = evaluated(tracker, samples, rows)  # type: ignore[arg-type]
    return told.reshape(len(rows), -1)


def told_apart(real: np.ndarray, made: np.ndarray) -> float:
    """Share of frames that a linear discriminant, fitted to half of them on 50 principal components, puts on their
    side; 0.5 is chance."""
    rows = np.concatenate([real, made])
    side = np.concatenate([np.ones(len(real)), -np.ones(len(made))])
    _, _, directions = np.linalg.svd(rows - rows.mean(0), full_matrices=False)
    held = np.column_stack([rows @ directions[:50].T, np.ones(len(rows))])
    order = np.random.default_rng(0).permutation(len(rows))
    fit, test = order[::2], order[1::2]
    weights = np.linalg.lstsq(held[fit].T @ held[fit] + 1e-3 * np.eye(51), held[fit].T @ side[fit], rcond=None)[0]
    return float((np.sign(held[test] @ weights) == side[test]).mean())


def draw(spaces: dict[str, tuple[np.ndarray, np.ndarray]], path: Path) -> None:
    """Both feature spaces: the first two principal components of each."""
    image = Image.new("RGB", (len(spaces) * SIDE, SIDE + 24), (255, 255, 255))
    pen = ImageDraw.Draw(image)
    for column, (title, (real, made)) in enumerate(spaces.items()):
        rows = np.concatenate([real, made])
        _, _, directions = np.linalg.svd(rows - rows.mean(0), full_matrices=False)
        flat = (rows - rows.mean(0)) @ directions[:2].T
        low, high = np.percentile(flat, [0.5, 99.5], axis=0)
        places = 12 + (SIDE - 24) * np.clip((flat - low) / (high - low), 0, 1)
        order = np.random.default_rng(0).permutation(len(rows))
        for i in order:
            x, y = column * SIDE + places[i, 0], SIDE - places[i, 1]
            pen.ellipse([x - 2, y - 2, x + 2, y + 2], fill=REAL if i < len(real) else MADE)
        pen.text((column * SIDE + 12, SIDE + 6), title, fill=INK)
    pen.text((len(spaces) * SIDE - 150, SIDE + 6), "real", fill=REAL)
    pen.text((len(spaces) * SIDE - 110, SIDE + 6), "synthetic", fill=MADE)
    image.save(path, optimize=True)


def table(first: dict[str, dict[str, float | None]], second: dict[str, dict[str, float | None]], also: str) -> str:
    """Lines of what differs, with intervals."""
    gaps = differences(first, second)
    lines = []
    for name, title in {**SHOWN, also: also}.items():
        gap: Difference | None = gaps.get(name)
        means = [np.mean([v for row in held.values() if (v := row.get(name)) is not None]) for held in (first, second)]
        if gap is not None:
            lines.append(f"| {title} | {means[0]:.4f} | {means[1]:.4f} | {gap.mean:+.4f} ({gap.low:+.4f} to "
                         f"{gap.high:+.4f}) |")  # fmt: skip
    return "\n".join(lines)


def main() -> None:
    """Compares, draws, writes."""
    out, seeds = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 3
    prepare(out)
    held = {variant: by_subject(out, variant, seeds) for variant in COMPARED}
    spaces, apart = {}, {}
    for title, variant in (("with adaptation", ADAPTED), ("without", PLAIN)):
        spaces[title] = features(out, variant, 0)
        apart[title] = told_apart(*spaces[title])
    draw(spaces, FOLDER / "adaptation.png")
    page = f"""# Adaptation, and the eyes' own branch

`make -C benchmarks adaptation SEEDS={seeds}`: the people, frames and trainings of tracker.md ({STEPS} steps),
{date.today()}. Differences are paired by the {len(TESTED)} people that nobody trained on, after the mean over seeds,
with 95 % intervals over people (bootstrap).

Trained on labelled synthetic frames and unlabelled real ones, with gradient reversal and without:

| | with | without | difference (interval) |
| --- | --- | --- | --- |
{table(held[ADAPTED], held[PLAIN], "winks")}

A linear discriminant, fitted to the features of half of the frames, tells real from synthetic ones among the others in
{apart["with adaptation"]:.1%} of cases with adaptation and in {apart["without"]:.1%} without (50 % is chance).

![First two principal components of the features, each dot a frame: with adaptation and without](adaptation.png)

Trained on labels and synthetic frames, each eye's shapes from its own camera alone, and all shapes from all cameras;
winks: error of both EyesClosed weights while one eye is truly shut and the other is open:

| | own branch | all from all | difference (interval) |
| --- | --- | --- | --- |
{table(held[LABELS], held[EVERYTHING], "winks")}
"""
    (FOLDER / "adaptation.md").write_text(page)
    print(page)


if __name__ == "__main__":
    main()
