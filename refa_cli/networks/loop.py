"""The training loop that every network of refa goes through: batches by step, Adam, checkpoints, resuming.

    train(Task(...), Schedule(steps=3000), folder, seed)

A step's batch and everything random in it follow from (seed, step) alone, so that a training that was killed and taken
up again ends with the weights of an undisturbed one.
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

from refa_cli import console
from refa_cli.networks import checkpoint
from refa_cli.workers import seed_of

CHECKPOINT: Final = "checkpoint.npz"
LOG: Final = "steps.jsonl"


class Task(Protocol):
    """What is trained, and how a step's loss comes about."""

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
    """steps; rate: Adam's at the start, falling to nothing along half a cosine; every: steps between checkpoints and
    validations."""

    steps: int
    rate: float = 1e-3
    every: int = 200


def train(
    task: Task, schedule: Schedule, folder: Path, seed: int, *, stopped: Callable[[int], bool] = lambda step: False
) -> list[dict[str, Any]]:
    """Trains in a folder, where an earlier run may have left a checkpoint; returns the log, a line a checkpoint.

    stopped: asked after every step; True leaves the loop at once (for tests).
    """
    torch.use_deterministic_algorithms(True, warn_only=True)
    folder.mkdir(parents=True, exist_ok=True)
    modules = task.modules()
    optimizer = torch.optim.Adam([p for module in modules.values() for p in module.parameters()], schedule.rate)
    first = 0
    if (folder / CHECKPOINT).exists():
        first = checkpoint.load(folder / CHECKPOINT, modules, optimizer)
    log = _read_log(folder / LOG, first)
    numbers: dict[str, list[float]] = {}
    started = time.perf_counter()
    for step in console.progress(range(first, schedule.steps), "steps", total=schedule.steps - first, unit="steps"):
        progress = step / schedule.steps
        for group in optimizer.param_groups:
            group["lr"] = schedule.rate * 0.5 * (1 + np.cos(np.pi * progress))
        for module in modules.values():
            module.train()
        rng = np.random.default_rng(seed_of(seed, "step", step))
        random = torch.Generator().manual_seed(seed_of(seed, "tensors", step))
        optimizer.zero_grad(set_to_none=True)
        loss, shown = task.loss(step, progress, rng, random)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        for name, value in shown.items():
            numbers.setdefault(name, []).append(value)
        if (step + 1) % schedule.every == 0 or step + 1 == schedule.steps:
            line = {"step": step + 1, **{name: float(np.mean(values)) for name, values in numbers.items()},
                    **task.validate()}  # fmt: skip
            checkpoint.save(folder / CHECKPOINT, modules, optimizer, step + 1)
            log.append(line)
            (folder / LOG).write_text("".join(json.dumps(entry) + "\n" for entry in log), "utf-8")
            speed = (step + 1 - first) / (time.perf_counter() - started)
            console.note(", ".join(f"{name} {value:.4g}" for name, value in line.items()) + f", {speed:.2f} steps/s")
            numbers = {}
        if stopped(step):
            break
    return log


def _read_log(path: Path, step: int) -> list[dict[str, Any]]:
    """Lines up to a step."""
    if not path.exists():
        return []
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [line for line in lines if line["step"] <= step]
