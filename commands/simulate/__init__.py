"""`refa simulate`: virtual people recorded by virtual devices, and the truth beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from refa_cli import options


def run(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder to write: scans/SUBJECT, captures.zarr, truth/.")
    ],
    scans: Annotated[
        bool, typer.Option("--scans", help="Make phone scans (RGBD frames) of prompted expressions.")
    ] = False,
    sessions: Annotated[
        bool, typer.Option("--sessions", help="Make headset recordings of a scripted session (captures.zarr).")
    ] = False,
    people: Annotated[int, typer.Option("--people", min=1, max=9999, help="How many people.")] = 1,
    face: Annotated[
        Path | None,
        typer.Option("--face", help="Face model the people are made from; refa's own by default.", exists=True),
    ] = None,
    misfit: Annotated[
        int,
        typer.Option(
            "--misfit",
            min=0,
            max=2,
            help="How far from what refa assumes: 0 not at all, 1 as people are, 2 path-traced.",
        ),
    ] = 1,
    expressions: Annotated[
        str, typer.Option("--expressions", help="Ids parted by commas; all 60 of the script by default.")
    ] = "all",
    frames: Annotated[int, typer.Option("--frames", min=1, max=200, help="Frames of each scanned expression.")] = 8,
    size: Annotated[
        str, typer.Option("--size", help="Width and height of the phone's pictures in pixels.")
    ] = "640x480",
    noise: Annotated[
        float, typer.Option("--noise", min=0.0, max=5.0, help="Factor on the phone's errors; 0: a perfect phone.")
    ] = 1.0,
    headset: Annotated[
        Path | None,
        typer.Option(
            "--headset", help="Headset (.npz, .toml) the session is recorded with; refa's own by default.", exists=True
        ),
    ] = None,
    recordings: Annotated[
        str, typer.Option("--recordings", help="Of peaks, closures, gaze, speech, free, takes; parted by commas.")
    ] = "all",
    takes: Annotated[
        Path | None, typer.Option("--takes", help="Labels whose motion is shown too, from `refa import`.", exists=True)
    ] = None,
    pace: Annotated[
        float, typer.Option("--pace", min=0.2, max=5.0, help="Factor on the durations of what is asked.")
    ] = 1.0,
    seconds: Annotated[
        float, typer.Option("--seconds", min=1.0, max=3600.0, help="Length of speech, of free motion, of each take.")
    ] = 15.0,
    rate: Annotated[
        float | None, typer.Option("--rate", min=1.0, max=240.0, help="Frames a second; the headset's own by default.")
    ] = None,
    pixels: Annotated[
        int, typer.Option("--pixels", min=0, max=4096, help="Longer side of headset pictures; 0: the headset's own.")
    ] = 0,
    cameras: Annotated[
        Literal["all", "embedded"],
        typer.Option("--cameras", help="Which record: all, or those of the product alone."),
    ] = "all",
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
    """Make virtual people and what devices record of them, with the truth.

    With --scans: RGBD frames of a phone held before the face, as `refa fit-rig` reads them. The people have heads,
    resting faces and ways of moving that the face model cannot represent exactly, and the phone errs as real ones do:
    noise, bias that averaging does not remove, intrinsics slightly off, holes.

    With --sessions: what a headset's cameras record while the same people are asked for each expression from neutral
    and back, to shut eyes and mouth, to look around, to talk and to move freely. Some prompts are shown weakly, wrongly
    or not at all. At misfit 1 the device is not quite as calibrated, sits a little differently as time goes on, and
    has faults; at misfit 2 the frames come from another renderer besides (Mitsuba, an optional extra; a minute a
    moment, so for few). The truth (labels, rigs, device, faults) stands in truth/, where nothing finds it that is not
    told to.
    """  # fmt: skip
    from refa_cli.commands.simulate import choices, jobs
    from refa_cli.commands.simulate.session import plan as session
    from refa_cli.commands.simulate.session.path_tracing import require
    from refa_cli.commands.simulate.work import Work
    from refa_cli.formats.errors import UsageError

    if not scans and not sessions:
        raise UsageError("nothing to simulate; say what to make with --scans, --sessions or both.")
    if sessions and misfit == 2:
        require()
    width, height = choices.size(size)
    shown = choices.expressions(expressions)
    phone = jobs.plan_of(
        face, seed=seed, expressions=shown, frames=frames, width=width, height=height, noise=noise, exact=misfit == 0,
    ) if scans else None  # fmt: skip
    worn = session.plan_of(
        face, headset, takes, seed=seed, misfit=misfit, recordings=session.recordings(recordings, takes is not None),
        expressions=shown, pace=pace, seconds=seconds, rate=rate, pixels=pixels, all_cameras=cameras == "all",
    ) if sessions else None  # fmt: skip
    work = Work(phone, worn, people)
    work.check(output, overwrite=overwrite)
    if not dry_run:
        work.simulate(output, overwrite=overwrite, workers=workers, scheduler=scheduler)
        if sheet is not None:
            work.draw(output, sheet)
    work.report(output)
