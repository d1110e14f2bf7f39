"""The work: one job per block of frames of a person, each written whole, then every person's store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from refa_cli.commands.synth.cast import cast
from refa_cli.commands.synth.motion import takes_of
from refa_cli.commands.synth.plan import Plan
from refa_cli.commands.synth.rendering import render, stacked
from refa_cli.face.shapes import EXPRESSIONS
from refa_cli.formats.blocks import Blocks
from refa_cli.formats.dataset import SubjectWriter, finish_dataset
from refa_cli.formats.synth import Synth
from refa_cli.headset.parts import recorded
from refa_cli.outputs import Output, Recipe
from refa_cli.workers import fan_out

RECORDING: Final = "frames"


@dataclass(frozen=True)
class Job:
    """One block of a subject, or (block -1) its store; root: the unfinished output."""

    plan: Plan
    root: Path
    subject: str
    block: int
    recipe: Recipe


def synthesize(output: Path, plan: Plan, *, overwrite: bool, workers: int, scheduler: str | None) -> None:
    """Writes the dataset; an interrupted run is continued."""
    recipe = plan.recipe()
    with Output(output, recipe, overwrite=overwrite, directory=True, workers=workers) as out:
        jobs = [
            Job(plan, out.partial, subject, block, recipe)
            for subject in plan.subjects
            for block in range(_blocks(plan, out.partial, subject).count)
        ]
        for _ in fan_out(render_block, jobs, name=_name, workers=workers, scheduler=scheduler, label="frames"):
            pass
        whole = [Job(plan, out.partial, subject, -1, recipe) for subject in plan.subjects]
        for _ in fan_out(finish_subject, whole, name=_name, workers=workers, scheduler=scheduler, label="people"):
            pass
        finish_dataset(out.partial, Synth, recipe.as_dict())


def render_block(job: Job) -> None:
    """Renders and writes one block, unless it stands there."""
    blocks = _blocks(job.plan, job.root, job.subject)
    if blocks.has(job.block) or SubjectWriter(job.root / job.subject, Synth, job.subject).has(RECORDING):
        return
    rendered = [render(job.plan, job.subject, row) for row in blocks.rows(job.block)]
    blocks.write(job.block, stacked(rendered, blocks.layouts["frames"].shape[1:]))


def finish_subject(job: Job) -> None:
    """Writes what is not in blocks."""
    plan, person = job.plan, cast(job.plan, job.subject)
    writer = SubjectWriter(job.root / job.subject, Synth, job.subject)
    blocks = _blocks(plan, job.root, job.subject)
    if not writer.has(RECORDING):
        told: dict[str, Any] = recorded(person.headset, list(person.views.cameras))
        told |= {"headset_digest": dict(plan.digests)["headset"], "shapes": EXPRESSIONS,
                 "take_names": takes_of(plan).names}  # fmt: skip
        writer.add(RECORDING, Synth(**blocks.arrays(), **told))
    blocks.remove()
    writer.finish(job.recipe.as_dict())


def rows(output: Path, plan: Plan) -> list[dict[str, Any]]:
    """What stands, or would stand, in the output."""
    headset = plan.headset()
    cameras = int(headset.camera_embedded.sum())
    height, width = headset.camera_size[headset.camera_embedded].max(0)
    return [
        {"subject": name, "from": "rig" if plan.rig_of(name) else "face model", "frames": plan.frames,
         "cameras": cameras, "size": f"{height}x{width}", "store": output / name}
        for name in plan.subjects
    ]  # fmt: skip


def _blocks(plan: Plan, root: Path, subject: str) -> Blocks:
    headset = plan.headset()
    height, width = map(int, headset.camera_size[headset.camera_embedded].max(0))
    dims = {"T": plan.frames, "C": int(headset.camera_embedded.sum()), "H": height, "W": width}
    return Blocks(root / subject / RECORDING, Synth, dims)


def _name(job: Job) -> str:
    return job.subject if job.block < 0 else f"{job.subject} block {job.block}"
