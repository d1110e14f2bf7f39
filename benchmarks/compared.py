"""Two ways of training compared: errors paired by people, and feature spaces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from trained import People, Variant, winks_of

from refa_cli.commands.metrics.measuring import measure
from refa_cli.formats.model import Model
from refa_cli.networks.packing import unpack
from refa_cli.networks.samples import from_captures, from_synth
from refa_cli.networks.training import evaluated
from refa_cli.scores.paired import Difference, differences
from refa_cli.scores.scoring import levels

SHOWN = {
    "weight_error": "weights",
    "surface_mm": "surface, mm",
    "gaze_degrees": "gaze, degrees",
    "semantic_accuracy": "Semantic Accuracy",
    "eye_closure": "Eye Closure",
    "mouth_closure": "Mouth Closure",
    "winks": "winks",
}
POINTS, SIDE = 600, 340
REAL, MADE, INK = (40, 90, 200), (230, 120, 30), (30, 30, 30)


def by_subject(out: Path, people: People, stores: Sequence[Path]) -> dict[str, dict[str, float | None]]:
    """{subject: {score: mean over predictions}}, and of winks the errors of both EyesClosed weights."""
    truth, rigs = out / people.folder / "truth/truth.zarr", out / people.folder / "truth/rigs"
    found = []
    for preds in stores:
        subjects, _ = levels(measure(preds, truth, rigs, None).rows)
        winks = winks_of(out, preds, people)
        found.append({name: {**scores, "winks": winks.get(name)} for name, scores in subjects.items()})
    out_of = {name: {score: [one[name][score] for one in found] for score in found[0][name]} for name in found[0]}
    return {name: {score: None if None in values else float(np.mean(values)) for score, values in scores.items()}
            for name, scores in out_of.items()}  # fmt: skip


@dataclass(frozen=True)
class Space:
    """real, made: features [N, F], standardised together, of all cameras one after the other; second: of both one after
    the other, whether it is a frame of the second half of the people."""

    real: np.ndarray
    made: np.ndarray
    second: np.ndarray


def features(out: Path, how: Variant, seed: int, every: int = 1) -> Space:
    """Of one model: of people that it was not trained on, every so many of their frames, and of the synthetic ones."""
    model = Model.read(how.model(out, seed))
    tracker, side = unpack(model), int(model.pixels[0])
    captures = out / how.people.folder / "captures.zarr"
    real = from_captures(captures, None, model.cameras, side, how.people.tested, every)
    made = from_synth(out / how.made, model.cameras, side, [f"P{i:04d}" for i in range(1, 101)])
    both, second = [], []
    for samples in (real, made):
        rows = np.linspace(0, len(samples) - 1, min(POINTS, len(real))).round().astype(int)
        _, _, _, told = evaluated(tracker, samples, rows)
        both.append(told.reshape(len(rows), -1))
        second.append(samples.subject[rows] >= len(samples.subjects) // 2)
    together = np.concatenate(both)
    mean, scale = together.mean(0), together.std(0) + 1e-6
    return Space((both[0] - mean) / scale, (both[1] - mean) / scale, np.concatenate(second))


def told_apart(space: Space) -> float:
    """Share of frames of the second half of the people that a linear discriminant, fitted to the first half's 50
    principal components, puts on their side; 0.5 is chance."""
    rows = np.concatenate([space.real, space.made])
    side = np.concatenate([np.ones(len(space.real)), -np.ones(len(space.made))])
    fit, test = ~space.second, space.second
    centre = rows[fit].mean(0)
    _, _, directions = np.linalg.svd(rows[fit] - centre, full_matrices=False)
    held = np.column_stack([(rows - centre) @ directions[:50].T, np.ones(len(rows))])
    weights = np.linalg.solve(held[fit].T @ held[fit] + 1e-3 * np.eye(51), held[fit].T @ side[fit])
    return float((np.sign(held[test] @ weights) == side[test]).mean())


def draw(spaces: dict[str, Space], path: Path) -> None:
    """Both feature spaces: the first two principal components of each."""
    image = Image.new("RGB", (len(spaces) * SIDE, SIDE + 24), (255, 255, 255))
    pen = ImageDraw.Draw(image)
    for column, (title, space) in enumerate(spaces.items()):
        rows = np.concatenate([space.real, space.made])
        _, _, directions = np.linalg.svd(rows - rows.mean(0), full_matrices=False)
        flat = (rows - rows.mean(0)) @ directions[:2].T
        low, high = np.percentile(flat, [0.5, 99.5], axis=0)
        places = 12 + (SIDE - 24) * np.clip((flat - low) / (high - low), 0, 1)
        order = np.random.default_rng(0).permutation(len(rows))
        for i in order:
            x, y = column * SIDE + places[i, 0], SIDE - places[i, 1]
            pen.ellipse([x - 2, y - 2, x + 2, y + 2], fill=REAL if i < len(space.real) else MADE)
        pen.text((column * SIDE + 12, SIDE + 6), title, fill=INK)
    pen.text((len(spaces) * SIDE - 150, SIDE + 6), "real", fill=REAL)
    pen.text((len(spaces) * SIDE - 110, SIDE + 6), "synthetic", fill=MADE)
    image.save(path, optimize=True)


def table(first: dict[str, dict[str, float | None]], second: dict[str, dict[str, float | None]]) -> str:
    """Lines of what differs, with intervals."""
    gaps = differences(first, second)
    lines = []
    for name, title in SHOWN.items():
        gap: Difference | None = gaps.get(name)
        if gap is not None:
            means = [np.mean([v for row in held.values() if (v := row.get(name)) is not None])
                     for held in (first, second)]  # fmt: skip
            lines.append(f"| {title} | {means[0]:.4f} | {means[1]:.4f} | {gap.mean:+.4f} ({gap.low:+.4f} to "
                         f"{gap.high:+.4f}) |")  # fmt: skip
    return "\n".join(lines)
