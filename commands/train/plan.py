"""What to train on and how: everything that decides a model's bytes, read and checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from refa_cli.formats.cameras import Cameras
from refa_cli.formats.captures import Captures
from refa_cli.formats.dataset import Dataset
from refa_cli.formats.errors import DataError, UsageError
from refa_cli.formats.labels import Labels
from refa_cli.formats.synth import Synth
from refa_cli.networks.samples import cameras_of
from refa_cli.outputs import Recipe, versions
from refa_cli.workers import seed_of


@dataclass(frozen=True)
class Plan:
    """captures, labels, synth: paths or None; train, validation: subjects of the captures, or for keypoints of the
    synthetic frames; the rest as the options."""

    task: str
    captures: Path | None
    labels: Path | None
    synth: Path | None
    digests: dict[str, str]
    cameras: Cameras
    train: tuple[str, ...]
    validation: tuple[str, ...]
    size: str
    pixels: int
    steps: int
    batch: int
    rate: float
    every: int
    adaptation: bool
    eye_branch: bool
    seed: int

    def recipe(self) -> Recipe:
        """All that decides the bytes."""
        options = {
            "task": self.task, "train": list(self.train), "validation": list(self.validation), "size": self.size,
            "pixels": self.pixels, "steps": self.steps, "batch": self.batch, "rate": self.rate, "every": self.every,
            "adaptation": self.adaptation, "eye_branch": self.eye_branch,
        }  # fmt: skip
        return Recipe(command="train", options=options, seed=self.seed, inputs=self.digests,
                      versions=versions("torch"))  # fmt: skip


def plan_of(
    captures: Path | None, labels: Path | None, synth: Path | None, held_out: list[str], validation: float, *,
    size: str, pixels: int, steps: int, batch: int, rate: float, every: int, adaptation: bool, eye_branch: bool,
    seed: int, task: str = "tracker",
) -> Plan:  # fmt: skip
    """Raises UsageError for what does not go together, DataError for inputs that do not fit."""
    if task == "keypoints":
        if captures is not None or labels is not None or synth is None:
            raise UsageError("--task keypoints trains on synthetic frames alone; name them with --synth.")
        held_synth = Dataset.read(synth, Synth)
        people = sorted(held_synth.subjects.keys() - set(held_out))
        train, kept = split(people, validation, seed)
        return Plan(task, None, None, synth, {"synth": held_synth.digest}, cameras_of(synth, Synth), train, kept, size,
                    pixels, steps, batch, rate, every, adaptation, eye_branch, seed)  # fmt: skip
    if captures is None and synth is None:
        raise UsageError("nothing to train on; name captures, or synthetic frames with --synth.")
    if labels is not None and captures is None:
        raise UsageError("--labels needs the captures that they are of.")
    if labels is None and synth is None:
        raise UsageError("captures without labels can only adapt; add --labels or --synth.")
    digests: dict[str, str] = {}
    subjects: list[str] = []
    if captures is not None:
        held = Dataset.read(captures, Captures)
        digests["captures"] = held.digest
        for name in held_out:
            if name not in held.subjects:
                raise UsageError(f"--held-out: {captures} has no subject {name!r}.")
        subjects = sorted(held.subjects.keys() - set(held_out))
        if not subjects:
            raise DataError(captures, "", "a subject that is not held out", "none", "hold fewer out")
    if labels is not None:
        digests["labels"] = Dataset.read(labels, Labels).digest
    if synth is not None:
        digests["synth"] = Dataset.read(synth, Synth).digest
    cameras = cameras_of(captures, Captures) if captures is not None else cameras_of(_known(synth), Synth)
    train, kept = split(subjects, validation, seed)
    return Plan(task, captures, labels, synth, digests, cameras, train, kept, size, pixels, steps, batch, rate, every,
                adaptation, eye_branch, seed)  # fmt: skip


def split(subjects: list[str], validation: float, seed: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(subjects to train on, subjects to watch the training by): a share of them, drawn; at least one is trained on."""
    count = min(round(validation * len(subjects)), len(subjects) - 1) if len(subjects) > 1 else 0
    order = np.random.default_rng(seed_of(seed, "split")).permutation(len(subjects))
    kept = {subjects[i] for i in order[:count]}
    return tuple(name for name in subjects if name not in kept), tuple(sorted(kept))


def _known(path: Path | None) -> Path:
    assert path is not None
    return path
