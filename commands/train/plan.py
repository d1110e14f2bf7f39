"""What to train on and how: everything that decides a model's bytes, read and checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from refa_cli.formats.cameras import Cameras
from refa_cli.formats.captures import Captures
from refa_cli.formats.dataset import Dataset
from refa_cli.formats.errors import DataError, UsageError
from refa_cli.formats.labels import Labels
from refa_cli.formats.synth import Synth
from refa_cli.networks.packing import Seen
from refa_cli.networks.samples import cameras_of
from refa_cli.outputs import Recipe, versions
from refa_cli.workers import seed_of


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to train; see the options of the command."""

    task: str = "tracker"
    size: str = "small"
    pixels: int = 224
    steps: int = 3000
    batch: int = 32
    rate: float = 0.03
    every: int = 250
    thin: int = 1
    adaptation: bool = True
    eye_branch: bool = True


@dataclass(frozen=True, kw_only=True)
class Plan:
    """captures, labels, synth: paths or None; digests of them; train, made: subjects of the captures and of the
    synthetic frames to train on; validation: those held back to watch the training by, of the captures where these have
    labels, of the synthetic frames otherwise; seen: all of these."""

    captures: Path | None
    labels: Path | None
    synth: Path | None
    digests: dict[str, str]
    cameras: Cameras
    train: tuple[str, ...]
    made: tuple[str, ...]
    validation: tuple[str, ...]
    seen: Seen
    settings: Settings
    seed: int

    def recipe(self) -> Recipe:
        """All that decides the bytes."""
        people = {"train": list(self.train), "validation": list(self.validation), "made": list(self.made)}
        options = {**asdict(self.settings), **people}
        return Recipe(command="train", options=options, seed=self.seed, inputs=self.digests,
                      versions=versions("torch"))  # fmt: skip


def plan_of(
    captures: Path | None, labels: Path | None, synth: Path | None, held_out: Sequence[str], validation: float,
    settings: Settings, seed: int,
) -> Plan:  # fmt: skip
    """held_out: subjects to leave alone; validation: share of the others to watch the training by.

    Raises UsageError for what does not go together, DataError for inputs that do not fit.
    """
    if settings.task == "keypoints" and (captures is not None or labels is not None or synth is None):
        raise UsageError(
            "--task keypoints trains on one store of synthetic frames, from `refa synth`, and nothing else."
        )
    if captures is None and synth is None:
        raise UsageError("nothing to train on; name captures, or synthetic frames with --synth.")
    if labels is not None and captures is None:
        raise UsageError("--labels needs the captures that they are of.")
    if labels is None and synth is None:
        raise UsageError("captures without labels can only adapt; add --labels or --synth.")
    digests: dict[str, str] = {}
    people: dict[str, set[str]] = {}
    drawn: set[str] = set()
    labelled: set[str] = set()
    if synth is not None:
        made = Dataset.read(synth, Synth)
        digests["synth"] = made.digest
        cameras = cameras_of(synth, Synth)
        drawn = set(made.subjects)
    if captures is not None:
        held = Dataset.read(captures, Captures)
        digests["captures"] = held.digest
        cameras = cameras_of(captures, Captures)
        people = {name: set(subject.digests.values()) for name, subject in held.subjects.items()}
        if synth is not None:
            cameras.order_in(next(r for subject in made.subjects.values() for r in subject.recordings.values()))
    for name in held_out:
        if name not in people.keys() | drawn:
            raise UsageError(f"--held-out: {captures or synth} has no subject {name!r}.")
    people = {name: recordings for name, recordings in people.items() if name not in held_out}
    drawn -= set(held_out)
    if labels is not None:
        told = Dataset.read(labels, Labels)
        digests["labels"] = told.digest
        labelled = told.subjects.keys() & people.keys()
        if not labelled:
            raise DataError(labels, "", f"labels of a subject of {captures} that is not held out", "none",
                            "name the labels of these captures")  # fmt: skip
    for source, left in ((captures, people.keys()), (synth, drawn)):
        if source is not None and not left:
            raise DataError(source, "", "a subject that is not held out", "none", "hold fewer out")
    _, kept = split(sorted(labelled or drawn), validation, seed)
    recordings = {digest for digests_of_one in people.values() for digest in digests_of_one}
    return Plan(
        captures=captures, labels=labels, synth=synth, digests=digests, cameras=cameras,
        train=tuple(sorted(people.keys() - set(kept if labelled else ()))), made=tuple(sorted(drawn - set(kept))),
        validation=kept, seen=Seen(tuple(sorted(people.keys() | drawn)), tuple(sorted(recordings))), settings=settings,
        seed=seed,
    )  # fmt: skip


def split(subjects: list[str], validation: float, seed: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(subjects to train on, subjects to watch the training by): a share of them, drawn; at least one is trained on."""
    count = min(round(validation * len(subjects)), len(subjects) - 1) if len(subjects) > 1 else 0
    order = np.random.default_rng(seed_of(seed, "split")).permutation(len(subjects))
    kept = {subjects[i] for i in order[:count]}
    return tuple(name for name in subjects if name not in kept), tuple(sorted(kept))
