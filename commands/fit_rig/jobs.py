"""The command's work: which subjects, which outputs, in this process or spread over workers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from refa_cli import console
from refa_cli.commands.fit_rig.sheet import rig_sheet
from refa_cli.commands.fit_rig.steps import Steps
from refa_cli.commands.fit_rig.subject import NEUTRAL, Fitted, Row, expected_weights, fit_subject
from refa_cli.face.default import load_face
from refa_cli.formats import json_text
from refa_cli.formats.errors import DataError, UsageError
from refa_cli.formats.pictures import write_picture
from refa_cli.formats.scans import FILE, Scans
from refa_cli.outputs import Output, Recipe
from refa_cli.workers import JobFailed, fan_out


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
    """Fit every subject and print the residual tables; a subject that fails does not keep the others."""
    many = len(scans) > 1 or output.is_dir() or str(output).endswith("/")
    for option, folder in (("--output", output if many else None), ("--sheet", sheet if many else None),
                           ("--keep-steps", keep_steps)):  # fmt: skip
        if folder is not None and folder.exists() and not folder.is_dir():
            raise UsageError(f"{option}: {folder} is a file; give the name of a folder.")
    jobs = []
    taken: dict[str, Path] = {}
    for path in scans:
        subject = Scans.read(path).subject if many else ""
        if subject in taken:
            raise UsageError(
                f"{path}: subject {subject} is also that of {taken[subject]}; give one of them another name."
            )
        taken[subject] = path
        rig = output / f"{subject}.npz" if many else output
        jobs.append(Job(path, rig, _within(sheet, subject, many, ".png"), _within(keep_steps, subject, many, ""),
                        face_path, auto_scale, strict, seed, overwrite, workers))  # fmt: skip
    for job in jobs:  # refuses before any work
        Output(job.rig, Recipe(command="fit-rig"), overwrite=overwrite)
        if job.sheet is not None:
            Output(job.sheet, Recipe(command="fit-rig"), overwrite=True)
    if dry_run:
        load_face(face_path)
        for job in jobs:
            found = _checked(job)
            frames = sum(len(take.frames) for takes in found.expressions.values() for take in takes)
            console.note(f"{job.scans}: would fit {found.subject} from {len(found.expressions)} expressions, "
                         f"{frames} frames, into {job.rig}.")  # fmt: skip
            for problem in found.left_out:
                console.warn(f"left out: {problem}")
        return
    _report(_fit_each(jobs, workers, scheduler))


def _fit_each(jobs: Sequence[Job], workers: int, scheduler: str | None) -> Iterator[Done | JobFailed]:
    if len(jobs) == 1 and scheduler is None:
        yield _fit(jobs[0])  # its own error already names the scans
    else:
        yield from fan_out(
            _fit, jobs, name=_name, workers=workers, scheduler=scheduler, label="subjects", keep_going=True
        )


def _report(results: Iterator[Done | JobFailed]) -> None:
    """Print the table of those that were fitted; raises an error that names those that were not."""
    rows, failed = [], []
    for done in results:
        if isinstance(done, JobFailed):
            failed.append(done)
            continue
        for sentence in done.left_out:
            console.warn(f"left out: {sentence}")
        rows += [{"subject": done.subject, **vars(row)} for row in done.rows]
    if rows:
        console.table(rows, title="distance between scan and rig, mm")
    for failure in failed[:-1]:
        console.error(str(failure))
    if failed:
        raise failed[-1]


def _checked(job: Job) -> Scans:
    """The scans of a job, refused where no rig can come of them whatever their pictures show. Raises DataError."""
    scans = Scans.read(job.scans, strict=job.strict)
    expected_weights(scans)
    if NEUTRAL not in scans.expressions:
        for problem in scans.left_out:
            of_take = any(Path(problem.path).is_relative_to(take) for take in _takes(scans, NEUTRAL))
            if of_take or problem.field == f"expressions.{NEUTRAL}":
                raise problem
        raise DataError(scans.root / FILE, "expressions", f"a scan of '{NEUTRAL}'",
                        ", ".join(list(scans.expressions)[:5]) or "none",
                        "scan the relaxed face and name it neutral")  # fmt: skip
    return scans


def _takes(scans: Scans, expression: str) -> list[Path]:
    """The folders and files that scans.json names for an expression, usable or not."""
    named = json_text.read(scans.root / FILE)["expressions"].get(expression, [])
    return [scans.root / take for take in (named if isinstance(named, list) else [named])]


def _fit(job: Job) -> Done:
    scans = _checked(job)
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
            with Output(job.sheet, recipe, overwrite=True) as picture:
                write_picture(picture.partial, rig_sheet(fitted.rig, face))
    return Done(scans.subject, fitted.rows, [str(problem) for problem in fitted.left_out])


class Bars:
    """Progress bars of the stages, one after another."""

    def __init__(self) -> None:
        self._stage = ""
        self._bar: Iterator[int] = iter(())

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
