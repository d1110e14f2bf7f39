"""The command's work: which subjects, which outputs, in this process or spread over workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from refa_cli import console
from refa_cli.commands.fit_rig.sheet import rig_sheet
from refa_cli.commands.fit_rig.steps import Steps
from refa_cli.commands.fit_rig.subject import NEUTRAL, Fitted, Row, fit_subject
from refa_cli.face.default import load_face
from refa_cli.formats.errors import DataError, UsageError
from refa_cli.formats.pictures import write_picture
from refa_cli.formats.scans import Scans
from refa_cli.outputs import Output, Recipe
from refa_cli.workers import fan_out


@dataclass(frozen=True)
class Job:
    """One subject to fit; paths as given, and where its rig, picture and steps go."""

    scans: Path
    rig: Path
    sheet: Path | None
    steps: Path | None
    face: Path | None
    auto_scale: bool
    strict: bool
    seed: int
    overwrite: bool
    workers: int


@dataclass(frozen=True)
class Done:
    """What one job reports back."""

    subject: str
    rows: list[Row]
    left_out: list[str]


def fit_all(
    scans: Sequence[Path], output: Path, *, face_path: Path | None, auto_scale: bool, strict: bool, sheet: Path | None,
    keep_steps: Path | None, workers: int, scheduler: str | None, seed: int, dry_run: bool, overwrite: bool,
) -> None:  # fmt: skip
    """Fit every subject and print the residual tables."""
    many = len(scans) > 1 or output.is_dir() or str(output).endswith("/")
    jobs = []
    taken: dict[str, Path] = {}
    for path in scans:
        subject = Scans.read(path).subject if many else ""
        if subject in taken:
            raise UsageError(f"{path}: subject {subject} is also that of {taken[subject]}; give one of them another name.")
        taken[subject] = path
        rig = output / f"{subject}.npz" if many else output
        jobs.append(Job(path, rig, _within(sheet, subject, many, ".png"), _within(keep_steps, subject, many, ""),
                        face_path, auto_scale, strict, seed, overwrite, workers))  # fmt: skip
    for job in jobs:
        Output(job.rig, Recipe(command="fit-rig"), overwrite=overwrite)  # refuses before any work
    if dry_run:
        for job in jobs:
            found = Scans.read(job.scans, strict=strict)
            frames = sum(len(take.frames) for takes in found.expressions.values() for take in takes)
            console.note(f"{job.scans}: would fit {found.subject} from {len(found.expressions)} expressions, "
                         f"{frames} frames, into {job.rig}.")  # fmt: skip
        return
    rows = []
    for done in fan_out(_fit, jobs, name=_name, workers=workers, scheduler=scheduler, label="subjects"):
        for sentence in done.left_out:
            console.warn(f"left out: {sentence}")
        rows += [{"subject": done.subject, **vars(row)} for row in done.rows]
    console.table(rows, title="distance between scan and rig, mm")


def _fit(job: Job) -> Done:
    scans = Scans.read(job.scans, strict=job.strict)
    if NEUTRAL not in scans.expressions:
        reason = next((p for p in scans.left_out if NEUTRAL in str(p)), None)
        if reason is not None:
            raise reason
        raise DataError(job.scans / "scans.json", "expressions", "a scan of 'neutral'", "none",
                        "scan the relaxed face and name it neutral")  # fmt: skip
    face = load_face(job.face)
    recipe = Recipe(
        command="fit-rig", options={"scale": "auto" if job.auto_scale else "metric", "strict": job.strict},
        seed=job.seed, inputs={"scans": scans.digest, "face": face.digest},
    )  # fmt: skip
    with Output(job.rig, recipe, overwrite=job.overwrite, workers=job.workers) as out:
        with Bars() as bars:
            fitted: Fitted = fit_subject(
                scans, face, auto_scale=job.auto_scale, strict=job.strict, steps=Steps(job.steps),
                recipe=recipe.as_dict(), say=bars.say,
            )  # fmt: skip
        fitted.rig.write(out.partial)
    if job.sheet is not None:
        job.sheet.parent.mkdir(parents=True, exist_ok=True)
        write_picture(job.sheet, rig_sheet(fitted.rig, face))
    return Done(scans.subject, fitted.rows, [str(problem) for problem in fitted.left_out])


class Bars:
    """Progress bars of the stages, one after another."""

    def __init__(self) -> None:
        self._stage, self._bar = "", iter(())

    def __enter__(self) -> Bars:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def say(self, stage: str, done: int, total: int) -> None:
        """Advance; a new stage ends the last one's bar."""
        if stage != self._stage:
            self._end()
            self._stage, self._bar = stage, iter(console.progress(range(total), stage, total=total))
        next(self._bar, None)

    def _end(self) -> None:
        for _ in self._bar:
            pass


def _within(path: Path | None, subject: str, many: bool, ending: str) -> Path | None:
    if path is None:
        return None
    return path / (subject + ending) if many else path


def _name(job: Job) -> str:
    return str(job.scans)
