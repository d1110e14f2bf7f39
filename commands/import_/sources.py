"""What is to be imported: the files behind the given paths, and their kind, told by what they hold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from refa_cli.commands.import_ import record3d
from refa_cli.commands.import_.takes import is_take
from refa_cli.formats.errors import DataError
from refa_cli.formats.scans import MESHES

Kind = Literal["record3d", "mesh", "take"]
BESIDE_MESHES = (".mtl", ".jpg", ".jpeg", ".png")
WORDS = {
    "record3d": "a Record3D recording (.r3d)",
    "mesh": "a mesh (.ply, .obj, .glb)",
    "take": "a take of Live Link Face (.csv)",
}


def find(paths: Sequence[Path], passed_over: Sequence[Path] = ()) -> tuple[Kind, list[Path]]:
    """The kind of all files behind the paths (files, or folders of files), and these files.

    passed_over: files that may lie in such a folder, such as the list of expressions. Raises DataError for a file of no
    known kind, for two kinds together, and where there is none.
    """
    files: list[tuple[Path, Kind]] = []
    skipped = {path.resolve() for path in passed_over}
    for path in paths:
        if not path.is_dir():
            files.append((path, kind_of(path)))
            continue
        listed = sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
        files += [
            (file, kind_of(file))
            for file in listed
            if file.resolve() not in skipped and file.suffix.lower() not in BESIDE_MESHES
        ]
    if not files:
        raise DataError(paths[0], "", " or ".join(WORDS.values()), "none", "name a file or a folder of them")
    first, kind = files[0]
    for file, other in files:
        if other != kind:
            raise DataError(file, "", f"{WORDS[kind]}, as {first.name} is", WORDS[other], "import the kinds apart")
    names: dict[Path, Path] = {}
    for file, _ in files:
        if file.resolve() in names:
            raise DataError(file, "", "each file once", f"also {names[file.resolve()]}", "name it once")
        names[file.resolve()] = file
    return kind, [file for file, _ in files]


def kind_of(path: Path) -> Kind:
    """The kind of a file. Raises DataError."""
    if path.suffix.lower() in MESHES:
        return "mesh"
    if path.suffix.lower() == ".csv" and is_take(path):
        return "take"
    if record3d.is_recording(path):
        return "record3d"
    if path.suffix.lower() == ".r3d":
        raise DataError(path, "", WORDS["record3d"], "a file that is damaged or of another kind", record3d.AGAIN)
    advice = "convert it, or remove it from the folder"
    raise DataError(path, "", " or ".join(WORDS.values()), f"a {path.suffix or 'nameless'} file", advice)
