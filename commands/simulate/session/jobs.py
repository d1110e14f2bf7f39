"""The work: one job per block of frames, each written whole; then every person's stores and truth.

DIR/captures.zarr/S0001/peaks ...      what a headset would deliver
DIR/truth/truth.zarr/S0001/peaks ...   what the face truly did; rigs/S0001.npz, sessions/S0001.npz beside it
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from refa_cli.commands.simulate.session import truth
from refa_cli.commands.simulate.session.filming import Film, open_film, open_subject
from refa_cli.commands.simulate.session.plan import Plan
from refa_cli.formats.blocks import Blocks
from refa_cli.formats.captures import Captures
from refa_cli.formats.dataset import SubjectWriter, finish_dataset
from refa_cli.formats.labels import Labels
from refa_cli.formats.recorded import padded
from refa_cli.outputs import Recipe
from refa_cli.workers import fan_out

CAPTURES, TRUTH = "captures.zarr", "truth/truth.zarr"
RIGS, SESSIONS = "truth/rigs", "truth/sessions"


@dataclass(frozen=True)
class Job:
    """One block of a recording of a person, or (recording None) the person's stores; root: the unfinished output."""

    plan: Plan
    root: Path
    subject: str
    number: int
    recording: str | None
    block: int
    recipe: Recipe


def simulate_sessions(
    root: Path, plan: Plan, subjects: list[str], recipe: Recipe, workers: int, scheduler: str | None
) -> None:
    """Fills the unfinished output `root`; what stands there already is kept."""
    people = [
        Job(plan, root, name, number, recording, 0, recipe)
        for number, name in enumerate(subjects)
        for recording in plan.recordings_of(number)
    ]
    counts = fan_out(count_blocks, people, name=_name, workers=workers, scheduler=scheduler, label="scripts")
    blocks = [
        Job(plan, root, job.subject, job.number, job.recording, block, recipe)
        for job, count in zip(people, counts, strict=True)
        if isinstance(count, int)
        for block in range(count)
    ]
    for _ in fan_out(film_block, blocks, name=_name, workers=workers, scheduler=scheduler, label="frames"):
        pass
    finishing = [Job(plan, root, name, number, None, 0, recipe) for number, name in enumerate(subjects)]
    for _ in fan_out(finish_subject, finishing, name=_name, workers=workers, scheduler=scheduler, label="truth"):
        pass
    finish_dataset(root / CAPTURES, Captures, recipe.as_dict())
    finish_dataset(root / TRUTH, Labels, recipe.as_dict())


def count_blocks(job: Job) -> int:
    """The number of blocks of a recording."""
    assert job.recording is not None
    return _blocks(job, open_film(job.plan, job.subject, job.recording)).count


def film_block(job: Job) -> None:
    """Renders and writes one block, unless it stands there."""
    assert job.recording is not None
    film = open_film(job.plan, job.subject, job.recording)
    blocks = _blocks(job, film)
    if blocks.has(job.block) or _finished(job).has(job.recording):
        return
    split = film.subject.embedded
    pictures = [film.pictures(row) for row in blocks.rows(job.block)]
    frames = [padded(row[:split], blocks.layouts["frames"].shape[1:]) for row in pictures]
    others = [padded(row[split:], blocks.layouts["other_frames"].shape[1:]) for row in pictures]
    blocks.write(job.block, {"frames": np.stack(frames), "other_frames": np.stack(others)})


def finish_subject(job: Job) -> None:
    """Writes everything of a person that is not frames."""
    held = open_subject(job.plan, job.subject)
    films = []
    writer = _finished(job)
    told = SubjectWriter(job.root / TRUTH / job.subject, Labels, job.subject)
    for recording in job.plan.recordings_of(job.number):
        film = open_film(job.plan, job.subject, recording)
        films.append(film)
        blocks = _blocks(job, film)
        if not writer.has(recording):
            writer.add(recording, Captures(**blocks.arrays(), **truth.told(film)))
        blocks.remove()
        told.add(recording, truth.labels(film))
    recipe = job.recipe.as_dict()
    writer.finish(recipe)
    told.finish(recipe)
    for folder, artifact in ((RIGS, truth.rig(held, recipe)), (SESSIONS, truth.session(held, films, recipe))):
        path = job.root / folder / f"{job.subject}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        artifact.write(path)


def rows(output: Path, plan: Plan, subjects: list[str]) -> list[dict[str, Any]]:
    """What stands, or would stand, in the output."""
    out = []
    for number, name in enumerate(subjects):
        films = [open_film(plan, name, recording) for recording in plan.recordings_of(number)]
        out.append({
            "subject": name,
            "recordings": len(films),
            "frames": sum(len(film.time) for film in films),
            "seconds": round(sum(film.script.seconds for film in films), 1),
            "faults": sum(len(film.faults) for film in films),
            "captures": output / CAPTURES / name,
            "truth": output / TRUTH / name,
        })  # fmt: skip
    return out


def _blocks(job: Job, film: Film) -> Blocks:
    lenses, split = film.subject.views.lenses, film.subject.embedded
    height, width = _largest([lens.size for lens in lenses[:split]])
    high, wide = _largest([lens.size for lens in lenses[split:]])
    dims = {"T": len(film.time), "A": split, "H": height, "W": width, "B": len(lenses) - split, "J": high, "K": wide}
    return Blocks(job.root / CAPTURES / job.subject / film.script.name, Captures, dims)


def _finished(job: Job) -> SubjectWriter:
    return SubjectWriter(job.root / CAPTURES / job.subject, Captures, job.subject)


def _largest(sizes: list[tuple[int, int]]) -> tuple[int, int]:
    return max((h for h, _ in sizes), default=0), max((w for _, w in sizes), default=0)


def _name(job: Job) -> str:
    return f"{job.subject} {job.recording or 'truth'}"
