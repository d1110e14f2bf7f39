"""The training loop that every network of refa goes through: batches by step, Muon and Adam, checkpoints, resuming,
several processes.

    train(Task(...), Schedule(steps=3000), folder, seed)

A step's batch and everything random in it follow from (seed, step, process) alone, so that a training that was killed
and taken up again, by as many processes on the same kind of machine, ends with the weights of an undisturbed one. On a
GPU networks run in bfloat16; their weights stay float32.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from refa_cli import console, placing
from refa_cli.networks import checkpoint
from refa_cli.networks.machine import Machine
from refa_cli.networks.muon import Muon
from refa_cli.workers import seed_of

CHECKPOINT: Final = "checkpoint.npz"
LOG: Final = "steps.jsonl"
WARM: Final = 100
ADAM: Final = 1 / 30
"""Rate of Adam, which moves what is no matrix and the first and last layers, over that of Muon."""


class Task(Protocol):
    """What is trained, and how a step's loss comes about. batch: samples of a step of this process."""

    batch: int

    def modules(self) -> Mapping[str, nn.Module]:
        """Everything with parameters, by name."""

    def loss(
        self, step: int, progress: float, rng: np.random.Generator, random: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """A step's loss, and numbers to show; progress: share 0..1 of the training; all randomness is the two's."""

    def validate(self) -> dict[str, float]:
        """Numbers on data that is held back."""


@dataclass(frozen=True)
class Schedule:
    """steps; rate: Muon's largest, and a share of it Adam's; every: steps between checkpoints and validations."""

    steps: int
    rate: float = 0.03
    every: int = 200

    def share_at(self, step: int) -> float:
        """Of the largest rates at a step: risen to over the first WARM steps, then falling to nothing along half a
        cosine."""
        return float(min(1, (step + 1) / WARM) * 0.5 * (1 + np.cos(np.pi * step / self.steps)))


def train(
    task: Task, schedule: Schedule, folder: Path, seed: int, machine: Machine | None = None, *,
    stopped: Callable[[int], bool] = lambda step: False,
) -> list[dict[str, Any]]:  # fmt: skip
    """Trains in a folder, where an earlier run may have left a checkpoint; returns the log, a line a checkpoint.

    machine: where, one process on the CPU if None; of several only the first writes to the folder; stopped: asked after
    every step, True leaves the loop at once (for tests).
    """
    machine = machine or Machine()
    device, group = machine.device, machine.group
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Filling it shows mistakes of kernels, for a twentieth of the time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    folder.mkdir(parents=True, exist_ok=True)
    modules = task.modules()
    for module in modules.values():
        module.to(device)
    parameters = [p for module in modules.values() for p in module.parameters()]
    optimizers = optimizers_of(modules, schedule.rate)
    first = 0
    if (folder / CHECKPOINT).exists():
        first = checkpoint.load(folder / CHECKPOINT, modules, optimizers)
    rates = [(group, group["lr"]) for optimizer in optimizers.values() for group in optimizer.param_groups]
    log = _read_log(folder / LOG, first)
    meter = Meter(task.batch * group.size)
    steps = range(first, schedule.steps)
    for step in console.progress(steps, "training", total=len(steps), unit="steps", told=meter.told):
        for settings, largest in rates:
            settings["lr"] = largest * schedule.share_at(step)
        for module in modules.values():
            module.train()
        rng = np.random.default_rng(seed_of(seed, "step", step, group.rank))
        random = torch.Generator().manual_seed(seed_of(seed, "tensors", step, group.rank))
        for optimizer in optimizers.values():
            optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            loss, shown = task.loss(step, step / schedule.steps, rng, random)
        loss.backward()  # type: ignore[no-untyped-call]
        group.average_gradients(parameters)
        for optimizer in optimizers.values():
            optimizer.step()
        meter.add(float(loss.detach()), shown)
        if (step + 1) % schedule.every == 0 or step + 1 == schedule.steps:
            group.average_buffers(modules.values())
            line = {"step": step + 1, **meter.means(), **task.validate()}
            log.append(line)
            if group.rank == 0:
                placing.write_whole(folder / LOG, "".join(json.dumps(entry) + "\n" for entry in log))
                checkpoint.save(folder / CHECKPOINT, modules, optimizers, step + 1)
            numbers = "".join(f", {name} {value:.4g}" for name, value in line.items() if name != "step")
            console.note(f"step {step + 1}{numbers}; {meter.told()}")
        if stopped(step):
            break
    return log


class Meter:
    """What the steps since the last checkpoint showed, and how many samples a second they went through."""

    def __init__(self, samples: int) -> None:
        self._samples, self._steps, self._started = samples, 0, time.perf_counter()
        self._recent = 0.0
        self._numbers: dict[str, list[float]] = {}

    def add(self, loss: float, shown: Mapping[str, float]) -> None:
        """A step's loss and numbers."""
        self._recent = 0.95 * self._recent + 0.05 * loss if self._steps else loss
        self._steps += 1
        for name, value in shown.items():
            self._numbers.setdefault(name, []).append(value)

    def told(self) -> str:
        """A few words for people who wait."""
        speed = self._steps * self._samples / (time.perf_counter() - self._started)
        return f"loss {self._recent:.4f}, {speed:.0f} samples/s"

    def means(self) -> dict[str, float]:
        """Of each number since this was asked last."""
        found = {name: float(np.mean(values)) for name, values in self._numbers.items()}
        self._numbers = {}
        return found


def optimizers_of(modules: Mapping[str, nn.Module], rate: float) -> dict[str, torch.optim.Optimizer]:
    """Muon for the matrices between the first layer and the last, Adam for all else. Layers whose results nobody works
    on any further are those named told."""
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for module in modules.values():
        for name, layer in module.named_modules():
            inner = isinstance(layer, nn.Linear) or (
                isinstance(layer, nn.Conv2d) and layer.groups == 1 and layer.in_channels > 1
            )
            last = name.rpartition(".")[2].startswith("told")
            for kind, parameter in layer.named_parameters(recurse=False):
                (matrices if inner and not last and kind == "weight" else others).append(parameter)
    return {"muon": Muon(matrices, rate), "adam": torch.optim.Adam(others, rate * ADAM)}


def _read_log(path: Path, step: int) -> list[dict[str, Any]]:
    """Lines up to a step."""
    if not path.exists():
        return []
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [line for line in lines if line["step"] <= step]
