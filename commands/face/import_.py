"""`refa face import`: a face model from ICT-FaceKit, a GLB with morph targets, or a folder of OBJ files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from refa_cli import console, options

if TYPE_CHECKING:
    from refa_cli.commands.face.import_source import Source

Given = Annotated[
    Path,
    typer.Argument(help="A GLB or glTF file, a folder of OBJ files, or ICT-FaceKit's FaceXModel folder.", exists=True),
]
Output = Annotated[Path, typer.Option("-o", "--output", help="Face model to write, such as face.npz.")]


def run(
    source: Given,
    output: Output,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    json: options.Json = False,
) -> None:
    """Make a face model of a head that another tool made.

    Units, axes, quads and topology may be any: the eyes and the mouth are found by what the shapes move. Shapes are
    recognised by name (ARKit, OpenXR, VRCFT, ICT-FaceKit or refa's own, whatever the case and separators), those of
    both sides or lips are split smoothly, and what the source lacks is marked as lacking. A folder of OBJ files holds
    neutral.obj and one file per shape, all of one mesh.
    """
    from refa_cli.commands.face.import_build import build_face
    from refa_cli.face.shapes import ALL
    from refa_cli.outputs import Output as Writing
    from refa_cli.outputs import Recipe, versions

    recipe = Recipe(command="face import", inputs={"source": digest(source)}, versions=versions("pygltflib"))
    writing = Writing(output, recipe, overwrite=overwrite)
    read = read_source(source)
    face = build_face(read, recipe.as_dict())
    for note in read.notes:
        console.note(note)
    for warning in read.warnings:
        console.warn(warning)
    if not dry_run:
        with writing as out:
            face.write(out.partial)
    lacking = [name for name, lacks in zip(ALL, face.lacks, strict=True) if lacks]
    console.table(
        [
            {"item": "vertices", "value": len(face.mean)},
            {"item": "triangles", "value": len(face.triangles)},
            {"item": "identity modes", "value": len(face.identity_basis)},
            {"item": "shapes", "value": len(ALL) - len(lacking)},
            {"item": "lacking shapes", "value": ", ".join(lacking)},
            {
                "item": "eye distance, mm",
                "value": round(float(face.eye_centers[0, 0] - face.eye_centers[1, 0]) * 1000, 1),
            },
            {"item": "keypoints", "value": len(face.keypoint_triangles)},
            {"item": "lid and lip pairs", "value": f"{face.lid_pairs.shape[1]} and {len(face.lip_pairs)}"},
        ]
    )


def read_source(path: Path) -> Source:
    """Read whichever kind of source this is. Raises DataError for what is none."""
    from refa_cli.commands.face.import_glb import read_glb
    from refa_cli.commands.face.import_ict import is_ict, read_ict
    from refa_cli.commands.face.import_obj import read_folder
    from refa_cli.formats.errors import DataError

    if path.is_dir():
        return read_ict(path) if is_ict(path) else read_folder(path)
    if path.suffix.lower() in (".glb", ".gltf"):
        return read_glb(path)
    expected = "a .glb or .gltf file or a folder of OBJ files"
    raise DataError(path, "", expected, path.suffix or "a file of no kind", "export the head as GLB")


def digest(path: Path) -> str:
    """SHA-256 over the names and bytes of a file, or of the OBJ files of a folder."""
    import hashlib

    files = [path] if path.is_file() else sorted(f for f in path.iterdir() if f.suffix.lower() == ".obj")
    total = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()
        total.update(f"{'' if file == path else file.name}\0{content}\n".encode())
    return total.hexdigest()
