"""From a plan to model.npz."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from refa_cli import console, placing
from refa_cli.commands.train.plan import Plan
from refa_cli.networks.keypoint_training import KeypointTask, keypoints_of
from refa_cli.networks.keypoints import KeypointFinder
from refa_cli.networks.loop import Schedule, train
from refa_cli.networks.packing import pack, pack_keypoints
from refa_cli.networks.samples import Samples, from_captures, from_synth
from refa_cli.networks.tracker import Tracker
from refa_cli.networks.training import TrackerTask, brightness_of, evaluated
from refa_cli.outputs import Output, Recipe

RECIPE: Final = "recipe.json"
STATISTICS: Final = 1500
"""Frames that the feature statistics are taken of."""


def train_model(output: Path, plan: Plan, every_frame: int, *, overwrite: bool) -> list[dict[str, Any]]:
    """Trains, or goes on, in OUT.training, and writes the model; returns the log."""
    recipe = plan.recipe()
    with Output(output, recipe, overwrite=overwrite) as out:
        folder = _folder(output, recipe)
        real, made = _data(plan, every_frame)
        held = [samples for samples in (real, made) if samples is not None]
        brightness = brightness_of(held)
        torch.manual_seed(plan.seed)
        tracker = Tracker(plan.size, plan.cameras, eye_branch=plan.eye_branch)
        task = TrackerTask(
            tracker, real, made, set(plan.train), set(plan.validation), plan.batch, brightness,
            adaptation=1.0 if plan.adaptation else 0.0,
        )  # fmt: skip
        log = train(task, Schedule(plan.steps, plan.rate, plan.every), folder, plan.seed)
        source = held[0]
        rows = source.rows_of(set(plan.train)) if real is not None else np.arange(len(source))
        rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), STATISTICS)).round().astype(int)]
        _, _, _, features = evaluated(tracker, source, rows, brightness)
        subjects = tuple(sorted({*plan.train, *plan.validation}))
        pack(tracker, plan.pixels, brightness, subjects, features, recipe.as_dict()).write(out.partial)
        placing.remove(folder)
    return log


def train_keypoints(output: Path, plan: Plan, *, overwrite: bool) -> list[dict[str, Any]]:
    """The same for the finder of keypoints, whose subjects are those of the synthetic store."""
    assert plan.synth is not None
    recipe = plan.recipe()
    with Output(output, recipe, overwrite=overwrite) as out:
        folder = _folder(output, recipe)
        data = keypoints_of(plan.synth, plan.cameras, plan.pixels)
        console.note(f"{len(data.samples)} synthetic frames.")
        brightness = brightness_of([data.samples])
        torch.manual_seed(plan.seed)
        finder = KeypointFinder(plan.size, plan.cameras)
        task = KeypointTask(finder, data, set(plan.train), set(plan.validation), plan.batch, brightness)
        log = train(task, Schedule(plan.steps, plan.rate, plan.every), folder, plan.seed)
        subjects = tuple(sorted({*plan.train, *plan.validation}))
        pack_keypoints(finder, plan.pixels, brightness, subjects, recipe.as_dict()).write(out.partial)
        placing.remove(folder)
    return log


def _folder(output: Path, recipe: Recipe) -> Path:
    """OUT.training, emptied unless an earlier run of the same recipe left it."""
    folder = output.parent / (output.name + ".training")
    text = json.dumps(recipe.as_dict(), indent=2, sort_keys=True) + "\n"
    marker = folder / RECIPE
    if not marker.exists() or marker.read_text("utf-8") != text:
        placing.remove(folder)
        folder.mkdir(parents=True)
        placing.write_whole(marker, text)
    return folder


def _data(plan: Plan, every: int) -> tuple[Samples | None, Samples | None]:
    real = made = None
    if plan.captures is not None:
        subjects = {*plan.train, *plan.validation}
        real = from_captures(plan.captures, plan.labels, plan.cameras, plan.pixels, subjects, every)
        console.note(f"{len(real)} real frames, {int(real.labelled.sum())} of them with labels.")
    if plan.synth is not None:
        made = from_synth(plan.synth, plan.cameras, plan.pixels)
        console.note(f"{len(made)} synthetic frames.")
    return real, made
