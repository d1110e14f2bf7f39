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
    """captures, labels, synth: paths or None; digests of them; train: subjects of the captures, or of the synthetic
    frames if there are none; validation: of the captures if these have labels, of the synthetic frames otherwise; made:
    subjects of the synthetic frames that are used."""

    captures: Path | None
    labels: Path | None
    synth: Path | None
    digests: dict[str, str]
    cameras: Cameras
    train: tuple[str, ...]
    validation: tuple[str, ...]
    made: tuple[str, ...]
    settings: Settings
    seed: int

    @property
    def seen(self) -> Seen:
        """Everybody whose data is looked at."""
        names = {*self.train, *self.validation, *self.made}
        subjects = {} if self.captures is None else Dataset.read(self.captures, Captures).subjects
        digests = {digest for name in names & subjects.keys() for digest in subjects[name].digests.values()}
        return Seen(tuple(sorted(names)), tuple(sorted(digests)))

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
        raise UsageError("--task keypoints trains on synthetic frames alone; name a store of them, from `refa synth`.")
    if captures is None and synth is None:
        raise UsageError("nothing to train on; name captures, or synthetic frames with --synth.")
    if labels is not None and captures is None:
        raise UsageError("--labels needs the captures that they are of.")
    if labels is None and synth is None:
        raise UsageError("captures without labels can only adapt; add --labels or --synth.")
    digests: dict[str, str] = {}
    people: set[str] = set()
    drawn: set[str] = set()
    if synth is not None:
        made = Dataset.read(synth, Synth)
        digests["synth"] = made.digest
        cameras = cameras_of(synth, Synth)
        drawn = set(made.subjects)
    if captures is not None:
        held = Dataset.read(captures, Captures)
        digests["captures"] = held.digest
        cameras = cameras_of(captures, Captures)
        people = set(held.subjects)
        if synth is not None:
            cameras.order_in(next(r for subject in made.subjects.values() for r in subject.recordings.values()))
    if labels is not None:
        told = Dataset.read(labels, Labels)
        digests["labels"] = told.digest
        if not told.subjects.keys() & people - set(held_out):
            raise DataError(labels, "", f"labels of a subject of {captures} that is not held out", "none",
                            "name the labels of these captures")  # fmt: skip
    for name in held_out:
        if name not in people | drawn:
            raise UsageError(f"--held-out: {captures or synth} has no subject {name!r}.")
    people, drawn = people - set(held_out), drawn - set(held_out)
    source = captures or synth
    assert source is not None
    if not (people if captures is not None else drawn):
        raise DataError(source, "", "a subject that is not held out", "none", "hold fewer out")
    if labels is not None:
        train, kept = split(sorted(people), validation, seed)
    else:
        rest, kept = split(sorted(drawn), validation, seed)
        train = rest if captures is None else tuple(sorted(people))
    return Plan(captures=captures, labels=labels, synth=synth, digests=digests, cameras=cameras, train=train,
                validation=kept, made=tuple(sorted(drawn)), settings=settings, seed=seed)  # fmt: skip


def split(subjects: list[str], validation: float, seed: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(subjects to train on, subjects to watch the training by): a share of them, drawn; at least one is trained on."""
    count = min(round(validation * len(subjects)), len(subjects) - 1) if len(subjects) > 1 else 0
    order = np.random.default_rng(seed_of(seed, "split")).permutation(len(subjects))
    kept = {subjects[i] for i in order[:count]}
    return tuple(name for name in subjects if name not in kept), tuple(sorted(kept))
