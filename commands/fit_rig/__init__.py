"""`refa fit-rig`: one person's rig from phone scans."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from refa_cli import options


def run(
    scans: Annotated[
        list[Path], typer.Argument(help="Folder of scans with its scans.json; several make several rigs.", exists=True)
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Rig to write (.npz); a folder for several scans.")],
    face: Annotated[
        Path | None, typer.Option("--face", help="Face model to fit; refa's own by default.", exists=True)
    ] = None,
    scale: Annotated[
        Literal["metric", "auto"],
        typer.Option("--scale", help="Trust the scans' units, or set the eyes 63 mm apart (unknown units)."),
    ] = "metric",
    strict: Annotated[bool, typer.Option("--strict", help="Fail on the first unusable frame or expression.")] = False,
    sheet: Annotated[Path | None, typer.Option("--sheet", help="Picture of the rig to write (.png).")] = None,
    keep_steps: Annotated[
        Path | None, typer.Option("--keep-steps", help="Folder for the meshes of every intermediate step.")
    ] = None,
    workers: options.Workers = 1,
    scheduler: options.Scheduler = None,
    seed: options.Seed = 0,
    json: options.Json = False,
    dry_run: options.DryRun = False,
    overwrite: options.Overwrite = False,
) -> None:
    """Fit a person's rig: neutral, 53 + 8 shapes and texture, from scans of prompted expressions.

    Prints the distance between scan and rig for every expression, in millimetres. Frames and expressions that cannot
    be used are left out and listed on stderr; without a usable neutral nothing is written.
    """
    _calculate_in_one_thread()
    from refa_cli.commands.fit_rig.jobs import fit_all

    fit_all(scans, output, face_path=face, auto_scale=scale == "auto", strict=strict, sheet=sheet,
            keep_steps=keep_steps, workers=workers, scheduler=scheduler, seed=seed, dry_run=dry_run,
            overwrite=overwrite)  # fmt: skip


def _calculate_in_one_thread() -> None:
    """In this process as in workers: sums parted among threads differ in their last digits, and so would the rig's.

    Whoever has loaded numpy before, which reads these variables then, has chosen for themselves.
    """
    from refa_cli.workers import THREAD_VARIABLES

    if "numpy" not in sys.modules:
        os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
