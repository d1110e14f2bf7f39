"""`refa synth`: synthetic frames with exact labels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from refa_cli import console, options


def run(
    rigs: Annotated[
        list[Path] | None, typer.Argument(help="Rigs of people to render (rig.npz).", exists=True, dir_okay=False)
    ] = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="Store to write, such as synth.zarr.")] = Path(
        "synth.zarr"
    ),
    identities: Annotated[
        int, typer.Option("--identities", min=0, max=9999, help="People to draw from the face model besides the rigs.")
    ] = 0,
    headset: Annotated[
        Path | None, typer.Option("--headset", help="Headset (.npz, .toml); refa's own by default.", exists=True)
    ] = None,
    takes: Annotated[
        Path | None, typer.Option("--takes", help="Labels whose moments are rendered, from `refa import`.", exists=True)
    ] = None,
    face: Annotated[
        Path | None, typer.Option("--face", help="Face model of the rigs; refa's own by default.", exists=True)
    ] = None,
    frames: Annotated[int, typer.Option("--frames", min=1, max=10_000_000, help="Frames of each person.")] = 200,
    pixels: Annotated[
        int, typer.Option("--pixels", min=0, max=4096, help="Longer side of the pictures; 0: the headset's own.")
    ] = 0,
    prompted: Annotated[
        float, typer.Option("--prompted", min=0.0, max=1.0, help="Share of prompted expressions; without takes, all.")
    ] = 0.3,
    rare: Annotated[
        float, typer.Option("--rare", min=0.0, max=1.0, help="How much rare moments of takes come more often.")
    ] = 0.6,
    glasses: Annotated[float, typer.Option("--glasses", min=0.0, max=1.0, help="Share of frames with glasses.")] = 0.25,
    spread: Annotated[
        float, typer.Option("--spread", min=0.0, max=2.0, help="How far donning, skin, hair and lights range.")
    ] = 1.0,
    sheet: Annotated[Path | None, typer.Option("--sheet", help="Picture to write (.png) with some frames.")] = None,
    seed: options.Seed = 0,
    workers: options.Workers = 1,
    scheduler: options.Scheduler = None,
    json: options.Json = False,
    dry_run: options.DryRun = False,
    overwrite: options.Overwrite = False,
) -> None:
    """Render synthetic frames of the embedded cameras with exact labels.

    People are rigs, heads drawn from the face model, or both. Moments come from takes, retargeted to everybody and rare
    ones more often, and from prompted expressions. Donning, lights, exposure and noise differ in every frame; skin,
    brows, lashes, beard, make-up, eyes and glasses every five. Labels are expressions, gaze, the head's pose and 100
    keypoints in every picture with their visibility. Killed and run again it goes on, and the bytes are the same.
    """  # fmt: skip
    from refa_cli.commands.synth import jobs
    from refa_cli.commands.synth.plan import plan_of
    from refa_cli.commands.synth.sheet import write_sheet
    from refa_cli.outputs import Output

    plan = plan_of(
        rigs or [], identities, face, headset, takes, frames=frames, pixels=pixels,
        prompted=1.0 if takes is None else prompted, rare=rare, glasses=glasses, spread=spread, seed=seed,
    )  # fmt: skip
    Output(output, plan.recipe(), overwrite=overwrite, directory=True)
    if not dry_run:
        jobs.synthesize(output, plan, overwrite=overwrite, workers=workers, scheduler=scheduler)
        if sheet is not None:
            write_sheet(sheet, output)
    console.table(jobs.rows(output, plan), title="synthetic frames")
