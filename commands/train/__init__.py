"""`refa train`: the tracker, from captures with labels, synthetic frames, or both."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from refa_cli import console, options


def run(
    captures: Annotated[
        Path | None,
        typer.Argument(
            help="Captures to train on (captures.zarr), or one subject; for keypoints, synthetic frames.", exists=True
        ),
    ] = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="Model to write.")] = Path("model.npz"),
    task: Annotated[
        Literal["tracker", "keypoints"],
        typer.Option("--task", help="What to train: the tracker, or what finds keypoints."),
    ] = "tracker",
    labels: Annotated[
        Path | None, typer.Option("--labels", help="Their labels; without any they only adapt.", exists=True)
    ] = None,
    synth: Annotated[
        Path | None, typer.Option("--synth", help="Synthetic frames, from `refa synth`.", exists=True)
    ] = None,
    no_synth: Annotated[bool, typer.Option("--no-synth", help="Leave the synthetic frames out, to compare.")] = False,
    held_out: Annotated[
        str, typer.Option("--held-out", help="Subjects never to be looked at, parted by commas: those to test on.")
    ] = "",
    validation: Annotated[
        float, typer.Option("--validation", min=0.0, max=0.5, help="Share of subjects to watch the training by.")
    ] = 0.15,
    size: Annotated[
        Literal["small", "paper"], typer.Option("--size", help="Small, or with encoders as large as the paper's.")
    ] = "small",
    pixels: Annotated[int, typer.Option("--pixels", min=16, max=1024, help="Side of the pictures that go in.")] = 224,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Batches to train on.")] = 3000,
    batch: Annotated[int, typer.Option("--batch", min=2, max=4096, help="Moments of a batch.")] = 32,
    rate: Annotated[float, typer.Option("--rate", min=1e-6, max=1.0, help="Largest step of the optimizer.")] = 0.03,
    every: Annotated[int, typer.Option("--every", min=1, help="Steps between checkpoints.")] = 250,
    thin: Annotated[int, typer.Option("--thin", min=1, help="Use every so many frames of the captures.")] = 1,
    adaptation: Annotated[
        bool, typer.Option("--adaptation/--no-adaptation", help="Make real and synthetic features alike.")
    ] = True,
    eye_branch: Annotated[
        bool, typer.Option("--eye-branch/--no-eye-branch", help="Tell each eye from its own camera alone.")
    ] = True,
    device: options.Device = "auto",
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="Threads of this process; a free core for each.")
    ] = None,
    curves: Annotated[Path | None, typer.Option("--curves", help="Picture of the training to write (.png).")] = None,
    seed: options.Seed = 0,
    json: options.Json = False,
    dry_run: options.DryRun = False,
    overwrite: options.Overwrite = False,
) -> None:
    """Train the tracker.

    Subjects are split, never frames: some to train on, some to watch the training by, and those --held-out, which
    nothing here looks at; the model remembers whom it has seen. With captures and synthetic frames, half of every
    batch is of either kind, and a discriminator behind gradient reversal draws their features together; captures
    without labels take part in that alone. Killed and run again it goes on from its last checkpoint, with the same
    result.

    --task keypoints trains, on synthetic frames, what finds the 100 keypoints in every camera's picture.
    """
    from refa_cli.commands.train.curves import draw_curves
    from refa_cli.commands.train.plan import Settings, plan_of
    from refa_cli.commands.train.work import train_network
    from refa_cli.formats.pictures import write_picture
    from refa_cli.networks.machine import Machine
    from refa_cli.outputs import Output

    if task == "keypoints" and synth is None:
        captures, synth = None, captures
    if no_synth:
        synth = None
    settings = Settings(
        task=task, size=size, pixels=pixels, steps=steps, batch=batch, rate=rate, every=every, thin=thin,
        adaptation=adaptation, eye_branch=eye_branch,
    )  # fmt: skip
    plan = plan_of(captures, labels, synth, options.names(held_out), validation, settings, seed)
    Output(output, plan.recipe(), overwrite=overwrite)
    people = {*plan.train, *plan.made}
    rows = [{"trained on": len(people), "watched by": len(plan.validation), "cameras": len(plan.cameras), "size": size,
             "pixels": pixels, "steps": steps, "model": output}]  # fmt: skip
    if dry_run:
        console.table(rows)
        return
    machine = Machine.of(device, threads)
    machine.group.share(batch)  # refuses before anything is read
    console.settings.quiet = console.settings.quiet or machine.group.rank > 0
    log = train_network(output, plan, machine, overwrite=overwrite)
    machine.group.leave()
    if machine.group.rank:
        return
    if curves is not None:
        write_picture(curves, draw_curves(log))
    console.table([{**rows[0], **(log[-1] if log else {})}])
