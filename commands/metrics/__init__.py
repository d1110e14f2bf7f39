"""`refa metrics`: scores of labels or predictions that need no ground truth, and errors where there is one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from refa_cli import console, options


def run(
    predictions: Annotated[
        Path, typer.Argument(help="Labels or predictions (preds.zarr), or one subject of them.", exists=True)
    ],
    level: Annotated[
        Literal["recording", "subject", "dataset"], typer.Option("--level", help="What a row of the table is.")
    ] = "subject",
    truth: Annotated[
        Path | None, typer.Option("--truth", help="Truth of the same recordings: adds errors.", exists=True)
    ] = None,
    rigs: Annotated[
        Path | None,
        typer.Option("--rigs", help="With --truth: rig.npz, or a folder of SUBJECT.npz, for surfaces.", exists=True),
    ] = None,
    face: Annotated[
        Path | None, typer.Option("--face", help="Face model of the rigs; refa's own by default.", exists=True)
    ] = None,
    against: Annotated[
        Path | None, typer.Option("--against", help="Other predictions: differences by subject.", exists=True)
    ] = None,
    held_out: Annotated[
        bool,
        typer.Option("--held-out", help="Refuse subjects that a model was trained on, instead of a warning."),
    ] = False,
    worst: Annotated[
        int, typer.Option("--worst", min=0, help="List so many subjects and recordings with the least scores.")
    ] = 0,
    csv: Annotated[Path | None, typer.Option("--csv", help="Table to write, a row a recording.")] = None,
    fail_under: Annotated[
        list[str] | None, typer.Option("--fail-under", help="SCORE=NUMBER the dataset must reach, else exit code 3.")
    ] = None,
    seed: options.Seed = 0,
    json: options.Json = False,
) -> None:
    """Score labels or predictions.

    Semantic Accuracy, Neutralness, Smoothness, Eye Closure and Mouth Closure need no ground truth; each is 0 to 1,
    higher is better. They are averaged over a subject's recordings and then over subjects; a score that a recording has
    no segment for is n/a and does not count. Beside them stands what tells those apart who score by doing too much:
    over-activation, cross-talk and false closure, lower is better. --truth adds errors of weights, of the surface of
    the subject's own rig where it truly moves, of gaze, and of head pose after one rigid offset a subject.
    """  # fmt: skip
    from refa_cli.commands.metrics.measuring import measure, tell_seen
    from refa_cli.commands.metrics.reporting import compared, failed, gates, table
    from refa_cli.commands.metrics.reporting import worst as least
    from refa_cli.commands.metrics.writing import write_csv
    from refa_cli.formats.errors import DataError, UsageError
    from refa_cli.scores.paired import differences
    from refa_cli.scores.scoring import levels

    wanted = gates(fail_under or [])
    if rigs is not None and truth is None:
        raise UsageError("--rigs needs --truth: without it there is no surface to compare with.")
    for path in (predictions, *([] if against is None else [against])):
        tell_seen(path, refused=held_out)
    measured = measure(predictions, truth, rigs, face)
    subjects, dataset = levels(measured.rows)
    rows = table(measured, level)
    extra = {}
    if against is not None:
        other, _ = levels(measure(against, truth, rigs, face).rows)
        if not subjects.keys() & other.keys():
            raise DataError(against, "", f"a subject of {predictions}", "none", "compare results of the same people")
        extra["against"] = compared(differences(subjects, other, seed))
    if worst:
        extra |= least(measured, worst)
    if json:
        offsets = {name: {"mm": mm, "degrees": degrees} for name, (mm, degrees) in measured.offsets.items()}
        console.emit({level: rows, "pose_offsets": offsets, **extra})
    else:
        console.table(rows)
        for name, held in extra.items():
            print()
            console.table(held, title=name.replace("_", " "))
    for name, (mm, degrees) in measured.offsets.items():
        console.note(f"{name}: a rigid offset of the head of {mm:.1f} mm and {degrees:.1f} degrees was taken away.")
    if csv is not None:
        write_csv(csv, table(measured, "recording"))
    problems = failed(dataset, wanted)
    for problem in problems:
        console.warn(problem)
    if problems:
        raise typer.Exit(3)
