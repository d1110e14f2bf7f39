"""`refa predict`: what a trained tracker tells of captures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from refa_cli import console, options


def run(
    captures: Annotated[Path, typer.Argument(help="Captures (captures.zarr), or one subject of them.", exists=True)],
    model: Annotated[Path, typer.Option("--model", help="Trained model.", exists=True)],
    output: Annotated[Path, typer.Option("-o", "--output", help="Store to write.")] = Path("preds.zarr"),
    ensemble: Annotated[
        list[Path] | None,
        typer.Option("--ensemble", help="Another model to average with; give it once for each.", exists=True),
    ] = None,
    only: Annotated[str, typer.Option("--only", help="Subjects to predict, parted by commas; all by default.")] = "",
    held_out: Annotated[
        bool, typer.Option("--held-out", help="Refuse subjects that a model was trained on, instead of a warning.")
    ] = False,
    features: Annotated[
        Path | None,
        typer.Option(
            "--features", help="Folder for each camera's features [T, C, 512] of the first model, as float16 .npy."
        ),
    ] = None,
    workers: options.Workers = 1,
    scheduler: options.Scheduler = None,
    json: options.Json = False,
    dry_run: options.DryRun = False,
    overwrite: options.Overwrite = False,
) -> None:
    """Predict expressions and gaze of captures.

    Runs without torch, through ONNX Runtime. The store holds weights, gaze, a confidence for each part of the face,
    whether any camera delivered, and the segments of the captures: all that `refa metrics` needs. The head's pose is
    not predicted and stands as the identity. Killed and run again it goes on.
    """
    from refa_cli.commands.predict.work import plan_of, predict
    from refa_cli.outputs import Output

    plan = plan_of(captures, [model, *(ensemble or [])], held_out, options.names(only), features)
    Output(output, plan.recipe, overwrite=overwrite, directory=True)
    if not dry_run:
        predict(output, plan, overwrite=overwrite, workers=workers, scheduler=scheduler)
    console.table([{"subject": name, "recordings": len(recordings), "frames": sum(recordings.values()),
                    "store": output / name} for name, recordings in plan.frames.items()])  # fmt: skip
