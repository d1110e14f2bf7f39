"""`refa simulate`: virtual people recorded by virtual devices, and the truth beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from refa_cli import options


def run(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write: scans/SUBJECT, truth/SUBJECT.npz.")],
    scans: Annotated[
        bool, typer.Option("--scans", help="Make phone scans (RGBD frames) of prompted expressions.")
    ] = False,
    people: Annotated[int, typer.Option("--people", min=1, max=9999, help="How many people.")] = 1,
    face: Annotated[
        Path | None,
        typer.Option("--face", help="Face model the people are made from; refa's own by default.", exists=True),
    ] = None,
    expressions: Annotated[
        str, typer.Option("--expressions", help="Ids parted by commas; all 60 of the script by default.")
    ] = "all",
    frames: Annotated[int, typer.Option("--frames", min=1, max=200, help="Frames of each expression.")] = 8,
    size: Annotated[str, typer.Option("--size", help="Width and height of the pictures in pixels.")] = "640x480",
    noise: Annotated[
        float, typer.Option("--noise", min=0.0, max=5.0, help="Factor on the phone's errors; 0: a perfect phone.")
    ] = 1.0,
    sheet: Annotated[
        Path | None, typer.Option("--sheet", help="Picture to write (.png) with some of the frames.")
    ] = None,
    seed: options.Seed = 0,
    workers: options.Workers = 1,
    scheduler: options.Scheduler = None,
    json: options.Json = False,
    dry_run: options.DryRun = False,
    overwrite: options.Overwrite = False,
) -> None:
    """Make virtual people and what a device records of them, with the truth.

    With --scans: RGBD frames of a phone held before the face, as `refa fit-rig` reads them. The people have heads,
    resting faces and ways of moving that the face model cannot represent exactly, and the phone errs as real ones do:
    noise, bias that averaging does not remove, intrinsics slightly off, holes.
    """
    from refa_cli.commands.simulate import choices, jobs
    from refa_cli.commands.simulate.sheet import write_sheet
    from refa_cli.formats.errors import UsageError

    if not scans:
        raise UsageError("nothing to simulate; say what to make with --scans.")
    width, height = choices.size(size)
    plan = jobs.plan_of(
        face, seed=seed, expressions=choices.expressions(expressions), frames=frames, width=width, height=height,
        noise=noise,
    )  # fmt: skip
    jobs.check(plan, output, people, overwrite=overwrite)
    if not dry_run:
        jobs.simulate_scans(output, plan, people, overwrite=overwrite, workers=workers, scheduler=scheduler)
        if sheet is not None:
            write_sheet(sheet, [output / "scans" / name for name in jobs.subjects(people)])
    jobs.report(output, plan, people)
