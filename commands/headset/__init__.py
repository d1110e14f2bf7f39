"""`refa headset`: a headset from its description or calibration, and a picture to check it by."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from refa_cli import console, options


def run(
    source: Annotated[
        Path | None,
        typer.Argument(
            help="Description (.toml), calibration (.yaml, .json) or headset.npz; refa's own by default.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Headset to write, such as headset.npz.")
    ] = None,
    overlay: Annotated[
        Path | None, typer.Option("--overlay", help="Picture to write (.png): the mean face as every camera sees it.")
    ] = None,
    infrared: Annotated[
        Path | None, typer.Option("--infrared", help="Picture to write (.png): what every camera records of a person.")
    ] = None,
    show: Annotated[str, typer.Option("--show", help="Prompted expression that this person shows.")] = "grin",
    face: Annotated[
        Path | None, typer.Option("--face", help="Face model to draw; refa's own by default.", exists=True)
    ] = None,
    ipd: Annotated[
        float | None, typer.Option("--ipd", min=40.0, max=90.0, help="Draw it at another distance of the lenses, mm.")
    ] = None,
    seed: options.Seed = 0,
    lights: Annotated[
        bool, typer.Option("--lights", help="List how the LEDs light the mean face, and their safety, not cameras.")
    ] = False,
    json: options.Json = False,
    dry_run: options.DryRun = False,
    overwrite: options.Overwrite = False,
) -> None:
    """Turn a headset's description or calibration into headset.npz, and check it.

    A description is a short TOML file; refa's own default headset is one and explains every key. Its cameras may take
    lens and relative pose from OpenCV's or Kalibr's calibration files. A calibration given alone becomes a headset
    whose first camera looks at the face from its front. The overlay shows the mean face, its keypoints and the
    headset's own parts in every camera; where a face is not where it should be, a pose, an axis or a lens is wrong.
    --infrared renders a virtual person drawn with --seed as the cameras would record them, each with an exposure of its
    own. With --lights: irradiance of the mean face's regions, and what falls on its corneas against the limit of IEC
    62471.
    """  # fmt: skip
    from dataclasses import replace

    from refa_cli.commands.headset.infrared import draw_infrared
    from refa_cli.commands.headset.lights import lighting_rows
    from refa_cli.commands.headset.overlay import draw_overlay
    from refa_cli.commands.headset.table import rows
    from refa_cli.face.default import load_face
    from refa_cli.face.prompts import PROMPTS
    from refa_cli.formats.errors import UsageError
    from refa_cli.formats.pictures import write_picture
    from refa_cli.headset.default import load_headset
    from refa_cli.headset.parts import at_ipd
    from refa_cli.outputs import Output, Recipe

    if show not in [prompt.id for prompt in PROMPTS]:
        raise UsageError(f"--show must be one of the prompted expressions, such as grin or jaw_open, got {show}.")
    headset = load_headset(source)
    shown = headset if ipd is None else at_ipd(headset, ipd / 1000)
    model = load_face(face)
    if output is not None:
        recipe = Recipe(command="headset", inputs={"source": headset.digest})
        writing = Output(output, recipe, overwrite=overwrite)
        if not dry_run:
            with writing as out:
                replace(headset, recipe=recipe.as_dict()).write(out.partial)
    if overlay is not None and not dry_run:
        write_picture(overlay, draw_overlay(shown, model))
    if infrared is not None and not dry_run:
        write_picture(infrared, draw_infrared(shown, model, show, seed))
    console.table(lighting_rows(shown, model) if lights else rows(shown))
