"""`refa place-cameras`: where a headset's cameras should stand to see a face move."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from refa_cli import console, options


def run(
    headset: Annotated[
        Path | None,
        typer.Option(
            "--headset", help="Headset to place cameras on (.npz, .toml); refa's own by default.", exists=True
        ),
    ] = None,
    candidates: Annotated[
        Path | None,
        typer.Option("--candidates", help="TOML with [[camera]] tables, as in a headset's description.", exists=True),
    ] = None,
    search: Annotated[
        int, typer.Option("--search", min=1, max=4096, help="Candidates to seek at each mount, where no list is given.")
    ] = 40,
    mounts: Annotated[
        Path | None, typer.Option("--mounts", help="TOML of where to seek them; refa's own by default.", exists=True)
    ] = None,
    face: Annotated[
        Path | None, typer.Option("--face", help="Face model of the people; refa's own by default.", exists=True)
    ] = None,
    identities: Annotated[int, typer.Option("--identities", min=1, max=10_000, help="People to measure on.")] = 40,
    expressions: Annotated[
        int, typer.Option("--expressions", min=1, max=59, help="Prompted expressions of each.")
    ] = 30,
    donnings: Annotated[int, typer.Option("--donnings", min=1, max=1000, help="Ways each puts the headset on.")] = 20,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Headset to write, with the chosen cameras (headset.npz).")
    ] = None,
    figure: Annotated[
        Path | None,
        typer.Option("--figure", help="Picture to write (.png): what the chosen cameras see, and where they are."),
    ] = None,
    leds: Annotated[
        int, typer.Option("--leds", min=0, max=64, help="Mirrored pairs of LEDs to place, too; 0: as they are.")
    ] = 0,
    every: Annotated[bool, typer.Option("--all", help="List all candidates, not only the fronts.")] = False,
    seed: options.Seed = 0,
    workers: options.Workers = 1,
    scheduler: options.Scheduler = None,
    json: options.Json = False,
    dry_run: options.DryRun = False,
    overwrite: options.Overwrite = False,
) -> None:
    """Choose places for a headset's cameras by what they see of moving faces.

    Every candidate is measured on people, expressions and donnings: visibility of its regions by the camera's axis
    (the paper's Eq. 1), by ray, and of what is neither hidden nor outside the picture; and range of motion of its
    keypoints in pixels (Eq. 2). Candidates in keep-outs are named and not chosen. Of each role the front of the best
    is listed; the one with the largest product of visibility and motion is chosen and, if its role has a side, stands
    on the other side as its mirror image. With --leds, lights of the same total intensity are sought that leave least
    in the dark; `refa headset --lights` tells what they give.
    """  # fmt: skip
    from refa_cli.commands.place_cameras.placing import place, plan_of
    from refa_cli.formats.errors import UsageError

    if candidates is not None and mounts is not None:
        raise UsageError("give either --candidates or --mounts, not both.")
    plan = plan_of(headset, candidates, mounts, search, face, identities, expressions, donnings, leds, seed)
    writing = plan.output(output, overwrite)
    if dry_run:
        console.note(f"{len(plan.candidates)} candidates on {identities * expressions * donnings} faces each.")
        return
    place(plan, writing, figure, every=every, workers=workers, scheduler=scheduler)
