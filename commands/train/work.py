"""From a plan to model.npz."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import torch

from refa_cli import console, placing
from refa_cli.commands.train.plan import Plan
from refa_cli.formats.errors import DataError
from refa_cli.formats.model import KeypointModel, Model
from refa_cli.formats.rows import evenly
from refa_cli.networks.keypoint_training import KeypointTask, keypoints_of
from refa_cli.networks.keypoints import KeypointFinder
from refa_cli.networks.loop import Schedule, Task, train
from refa_cli.networks.machine import Machine
from refa_cli.networks.packing import pack, pack_keypoints
from refa_cli.networks.parallel import Group
from refa_cli.networks.pool import Pool
from refa_cli.networks.samples import Samples, from_captures, from_synth
from refa_cli.networks.tracker import Tracker
from refa_cli.networks.training import TrackerTask, evaluated
from refa_cli.outputs import Output, Recipe

RECIPE: Final = "recipe.json"
STATISTICS: Final = 1500
"""Frames that the feature statistics are taken of."""


def train_network(output: Path, plan: Plan, machine: Machine, *, overwrite: bool) -> list[dict[str, Any]]:
    """Trains, or goes on, in OUT.training, and writes the model; returns the log."""
    recipe, settings = plan.recipe(), plan.settings
    folder = output.parent / (output.name + ".training")
    first = machine.group.rank == 0
    with contextlib.ExitStack() as stack:
        if first:
            out = stack.enter_context(Output(output, recipe, overwrite=overwrite))
            _prepare(folder, recipe, machine)
        machine.group.wait()
        torch.manual_seed(plan.seed)
        task, packed = (_finder if settings.task == "keypoints" else _tracker)(plan, machine.group)
        log = train(task, Schedule(settings.steps, settings.rate, settings.every), folder, plan.seed, machine)
        machine.group.wait()
        if first:
            packed().write(out.partial)
            placing.remove(folder)
        machine.group.wait()
    return log


def _tracker(plan: Plan, group: Group) -> tuple[Task, Callable[[], Model]]:
    """The training of a tracker, and how its file is made."""
    settings = plan.settings
    real, made = _real(plan), _made(plan)
    watched = made if plan.labels is None else real
    tracker = Tracker(settings.size, plan.cameras, settings.pixels, eye_branch=settings.eye_branch)
    pools = Pool.of(real, plan.train), Pool.of(made, plan.made)
    task = TrackerTask(
        tracker, *pools, Pool.of(watched, plan.validation), group.share(settings.batch),
        adaptation=1.0 if settings.adaptation else 0.0,
    )  # fmt: skip

    def packed() -> Model:
        pool = pools[0] or pools[1]
        assert pool is not None
        rows = evenly(pool.rows, STATISTICS)
        _, _, _, features = evaluated(tracker, pool.samples, rows)
        return pack(tracker, plan.seen, features, pool.samples.present[rows], plan.recipe().as_dict())

    return task, packed


def _finder(plan: Plan, group: Group) -> tuple[Task, Callable[[], KeypointModel]]:
    """The same for the finder of keypoints."""
    assert plan.synth is not None
    settings = plan.settings
    data = keypoints_of(plan.synth, plan.cameras, settings.pixels, {*plan.made, *plan.validation})
    console.note(f"{len(data.samples)} synthetic frames.")
    finder = KeypointFinder(settings.size, plan.cameras, settings.pixels)
    task = KeypointTask(finder, data, set(plan.made), set(plan.validation), group.share(settings.batch))

    def packed() -> KeypointModel:
        return pack_keypoints(finder, plan.seen, plan.recipe().as_dict())

    return task, packed


def _prepare(folder: Path, recipe: Recipe, machine: Machine) -> None:
    """The folder, emptied unless an earlier run of the same recipe, by as many processes on such a device, left it."""
    wanted = {**recipe.as_dict(), "processes": machine.group.size, "device": machine.device.type}
    text = json.dumps(wanted, indent=2, sort_keys=True) + "\n"
    marker = folder / RECIPE
    if not marker.exists() or marker.read_text("utf-8") != text:
        placing.remove(folder)
        folder.mkdir(parents=True)
        placing.write_whole(marker, text)


def _real(plan: Plan) -> Samples | None:
    """Frames of the captures. Raises DataError where labels are named and none is of a moment to train on."""
    if plan.captures is None:
        return None
    watched = () if plan.labels is None else plan.validation
    real = from_captures(plan.captures, plan.labels, plan.cameras, plan.settings.pixels, {*plan.train, *watched},
                         plan.settings.thin)  # fmt: skip
    console.note(f"{len(real)} real frames, {int(real.labelled.sum())} of them with labels.")
    if plan.labels is not None and not real.labelled[real.rows_of(plan.train)].any():
        raise DataError(plan.labels, "", f"valid labels of moments of {plan.captures} to train on", "none",
                        "name the labels of these captures")  # fmt: skip
    return real


def _made(plan: Plan) -> Samples | None:
    """Synthetic frames."""
    if plan.synth is None:
        return None
    watched = plan.validation if plan.labels is None else ()
    made = from_synth(plan.synth, plan.cameras, plan.settings.pixels, {*plan.made, *watched})
    console.note(f"{len(made)} synthetic frames.")
    return made
