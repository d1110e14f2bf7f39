"""`refa import`: recordings and meshes of other tools into refa's formats. One module per kind of source."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from refa_cli import console, options

Sources = Annotated[
    list[Path],
    typer.Argument(
        help="Record3D recordings (.r3d), meshes (.ply, .obj, .glb) or Live Link Face takes (.csv).", exists=True
    ),
]
Out = Annotated[Path, typer.Option("-o", "--output", help="Folder of scans to write, or store of takes (takes.zarr).")]
Subject = Annotated[str, typer.Option("--subject", help="Name of the person, as it will stand in all that follows.")]
Listed = Annotated[
    Path | None,
    typer.Option(
        "--map", help="CSV (file,expression) or TOML list of what each file shows.", exists=True, dir_okay=False
    ),
]
Frames = Annotated[int, typer.Option("--frames", min=1, max=1000, help="Frames to keep of each recording.")]
Rotate = Annotated[
    Literal["auto", "0", "90", "180", "270"],
    typer.Option("--rotate", help="Degrees to turn pictures clockwise; auto looks for the face."),
]
MeshUnit = Annotated[float, typer.Option("--mesh-unit", help="Metres per unit of the meshes; 0.001 for millimetres.")]
Mirrored = Annotated[bool, typer.Option("--mirrored", help="The sources show left and right swapped.")]


def run(
    sources: Sources,
    output: Out,
    subject: Subject = "S0001",
    map_: Listed = None,
    frames: Frames = 8,
    rotate: Rotate = "auto",
    mesh_unit: MeshUnit = 1.0,
    mirrored: Mirrored = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    json: options.Json = False,
) -> None:
    """Make a folder of scans from phone recordings or meshes, or a store of takes from Live Link Face.

    Each file is one take of one expression. Its name says which, as in jaw_open.r3d or "Jaw Open 2.ply"; otherwise
    --map does. Of a recording, the sharpest frames spread over its time are kept. The command refuses files that are
    damaged or whose expression is unknown, and lists what it imported. docs/capture.md tells how to record.

    Takes (.csv) become labels, a recording each: ARKit's weights mapped to refa's, and gaze. Rows in which tracking was
    lost are kept in time and marked.
    """
    import re

    from refa_cli.commands.import_ import naming
    from refa_cli.commands.import_ import sources as found
    from refa_cli.formats.checks import SUBJECT
    from refa_cli.formats.errors import UsageError

    if re.fullmatch(SUBJECT, subject) is None:
        raise UsageError(f"--subject must be a name of letters, digits, _, . and -, got {subject!r}.")
    if not 1e-6 <= mesh_unit <= 1000:
        raise UsageError(f"--mesh-unit must be from 1e-06 to 1000 metres, got {mesh_unit:g}.")
    kind, files = found.find(sources, [map_] if map_ is not None else [])
    if kind == "take":
        _takes(files, output, subject, overwrite, dry_run)
        return
    named = naming.expressions(files, map_)
    if kind == "record3d":
        degrees = None if rotate == "auto" else int(rotate)
        rows = _recordings(named, output, subject, frames, degrees, mirrored, overwrite, dry_run)
    else:
        rows = _meshes(named, output, subject, mesh_unit, mirrored, overwrite, dry_run)
    _report({"scans": output, "written": not dry_run, "subject": subject, "takes": rows}, named, json)


def _takes(files: list[Path], output: Path, subject: str, overwrite: bool, dry_run: bool) -> None:
    from refa_cli.commands.import_ import takes

    found = takes.read_all(files)
    writing = _output(output, "takes", {"subject": subject}, {take.name: take.digest for take in found}, overwrite)
    if not dry_run:
        with writing as out:
            takes.write(out.partial, found, subject, writing.recipe.as_dict())
    console.table(takes.rows(found))


def _recordings(
    named: list[tuple[str, Path]], output: Path, subject: str, frames: int, rotate: int | None, mirrored: bool,
    overwrite: bool, dry_run: bool,
) -> list[dict[str, Any]]:  # fmt: skip
    from refa_cli.commands.import_ import recordings

    taken = recordings.takes(named)
    choices = {"subject": subject, "frames": frames, "rotate": rotate, "mirrored": mirrored}
    writing = _output(output, "record3d", choices, recordings.digests(taken), overwrite)
    if dry_run:
        return [
            {
                "expression": take.expression,
                "take": take.name,
                "source": take.recording.path.name,
                "frames": min(frames, len(take.recording.frames)),
                "of": len(take.recording.frames),
            }
            for take in taken
        ]
    with writing as out:
        return recordings.write(out.partial, taken, subject=subject, frames=frames, rotate=rotate, mirrored=mirrored)


def _meshes(
    named: list[tuple[str, Path]], output: Path, subject: str, unit: float, mirrored: bool, overwrite: bool,
    dry_run: bool,
) -> list[dict[str, Any]]:  # fmt: skip
    from refa_cli.commands.import_ import meshes

    taken = meshes.takes(named, unit)
    choices = {"subject": subject, "mesh_unit": unit, "mirrored": mirrored}
    writing = _output(output, "meshes", choices, meshes.digests(taken), overwrite)
    if dry_run:
        return meshes.rows(taken)
    with writing as out:
        return meshes.write(out.partial, taken, subject=subject, unit=unit, mirrored=mirrored)


def _output(path: Path, kind: str, choices: dict[str, Any], inputs: dict[str, str], overwrite: bool) -> Any:
    from refa_cli.outputs import Output, Recipe, versions

    recipe = Recipe(command="import", options={"kind": kind} | choices, inputs=inputs, versions=versions("trimesh"))
    return Output(path, recipe, overwrite=overwrite, directory=True)


def _report(document: dict[str, Any], named: list[tuple[str, Path]], json: bool) -> None:
    """Prints what was imported, and tells on stderr what of the scripted set is not there."""
    from refa_cli.commands.import_.naming import IDS

    missing = [name for name in IDS if name not in {expression for expression, _ in named}]
    if json:
        console.emit(document | {"missing": missing})
    else:
        console.table(document["takes"])
    if "neutral" in missing:
        console.warn("there is no neutral, without which `refa fit-rig` cannot work; record it too.")
    done = "" if document["written"] else "; nothing was written (--dry-run)"
    console.note(f"{len(IDS) - len(missing)} of the {len(IDS)} scripted expressions{done}.")
