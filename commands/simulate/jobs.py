"""Phone scans: one job per subject and expression, each placed whole, then every subject's JSON and truth."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from refa_cli import placing
from refa_cli.commands.simulate import constants
from refa_cli.commands.simulate.capture import Session, open_session, shoot, truth_of
from refa_cli.face.default import load_face
from refa_cli.face.prompts import by_id
from refa_cli.face.shapes import INDEX
from refa_cli.formats.frames import Camera
from refa_cli.formats.scans_writer import ScansWriter
from refa_cli.outputs import Recipe
from refa_cli.workers import fan_out

WORKING = "working"  # folder of unfinished expressions inside an unfinished output


@dataclass(frozen=True)
class Plan:
    """What to make. face: path of the face model, None for the default; the rest as the options say."""

    face: Path | None
    face_digest: str
    seed: int
    expressions: tuple[str, ...]
    frames: int
    width: int
    height: int
    noise: float
    exact: bool = False

    def options(self) -> dict[str, Any]:
        """All options that decide the bytes."""
        return {
            "expressions": list(self.expressions),
            "frames": self.frames,
            "size": [self.width, self.height],
            "noise": self.noise,
            "exact": self.exact,
        }


@dataclass(frozen=True)
class Job:
    """One expression of one subject, or (expression None) the subject's JSON and truth. root: the unfinished output."""

    plan: Plan
    root: Path
    subject: str
    expression: str | None
    recipe: Recipe


def simulate_scans(
    root: Path, plan: Plan, names: list[str], recipe: Recipe, workers: int, scheduler: str | None
) -> None:
    """Makes scans/SUBJECT and truth/SUBJECT.npz in the unfinished output `root`; what stands there already is kept."""
    jobs = [Job(plan, root, name, e, recipe) for name in names for e in plan.expressions]
    for _ in fan_out(run_job, jobs, name=_name, workers=workers, scheduler=scheduler, label="expressions"):
        pass
    finishing = [Job(plan, root, name, None, recipe) for name in names]
    for _ in fan_out(run_job, finishing, name=_name, workers=workers, scheduler=scheduler, label="truth"):
        pass
    placing.remove(root / WORKING)


def rows(output: Path, plan: Plan, names: list[str]) -> list[dict[str, Any]]:
    """What stands, or would stand, in the output."""
    return [
        {
            "subject": name,
            "expressions": len(plan.expressions),
            "frames": plan.frames * len(plan.expressions),
            "scans": output / "scans" / name,
            "truth": output / "truth" / f"{name}.npz",
        }
        for name in names
    ]


def run_job(job: Job) -> None:
    """Do one job, unless it was done before."""
    if job.expression is None:
        _finish(job)
    elif not (job.root / "scans" / job.subject / job.expression).exists():
        _shoot(job, job.expression)


def _shoot(job: Job, expression: str) -> None:
    """Write an expression's frames aside and put the folder in place in one step."""
    session = _session(job.plan, job.subject)
    working = job.root / WORKING / f"{job.subject}-{expression}"
    placing.remove(working)
    writer = _writer(working, job, session)
    for i, (color, depth) in enumerate(shoot(session, expression, job.plan.frames)):
        writer.frame(expression, expression, f"{i:04d}", color, depth)
    target = job.root / "scans" / job.subject / expression
    target.parent.mkdir(parents=True, exist_ok=True)
    placing.flush(working / expression)  # its name must not outlive its contents when the power goes
    os.rename(working / expression, target)


def _finish(job: Job) -> None:
    """Write scans.json and the truth."""
    session = _session(job.plan, job.subject)
    writer = _writer(job.root / "scans" / job.subject, job, session)
    writer.expressions = {expression: [expression] for expression in job.plan.expressions}
    lacks = session.person.face.lacks
    for expression in job.plan.expressions:
        expected = by_id(expression).expected
        able = {name: weight for name, weight in expected.items() if not lacks[INDEX[name]]}
        if len(able) < len(expected):
            writer.activate(expression, able)
    truth = job.root / "truth" / f"{job.subject}.npz"
    draft = job.root / WORKING / f"{job.subject}.npz"
    for folder in (truth.parent, draft.parent):
        folder.mkdir(parents=True, exist_ok=True)
    truth_of(session, job.plan.expressions, job.plan.frames, job.recipe.as_dict()).write(draft)
    os.replace(draft, truth)
    writer.finish()


def _writer(root: Path, job: Job, session: Session) -> ScansWriter:
    camera: Camera = session.sensor.nominal
    return ScansWriter(root, job.subject, camera, depth_unit=constants.DEPTH_UNIT)


@lru_cache(maxsize=2)
def _session(plan: Plan, subject: str) -> Session:
    """A worker that does several expressions of a person makes the person once."""
    return open_session(load_face(plan.face), subject, plan.seed, plan.width, plan.height, plan.noise, plan.exact)


def _name(job: Job) -> str:
    return f"{job.subject} {job.expression or 'truth'}"


def plan_of(face: Path | None, **choices: Any) -> Plan:
    """The plan, with the face model's digest."""
    return Plan(face=face, face_digest=load_face(face).digest, **choices)
