"""Scans from meshes: one file is one take of one expression, copied with the pictures that it names."""

from __future__ import annotations

import hashlib
import io
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from refa_cli import console
from refa_cli.formats import json_text
from refa_cli.formats.errors import DataError
from refa_cli.formats.frames import STEM
from refa_cli.formats.scans import FILE
from refa_cli.formats.scans_writer import ScansWriter

MAX_MESH = 1 << 30
MAX_BESIDE = 256 << 20
FACE_SIZE = (0.05, 3.0)
"""Metres; the diagonal of a scanned face, or of a whole person at most, lies between."""

# What a file names beside itself: (suffix, pattern of a line, group 1 the name).
REFERENCES = {
    ".obj": re.compile(rb"^mtllib\s+(.+?)\s*$", re.M),
    ".mtl": re.compile(rb"^\s*map_Kd\s+(.+?)\s*$", re.M),
    ".ply": re.compile(rb"^comment TextureFile\s+(.+?)\s*$", re.M),
}
PLY_HEADER = 64 << 10


@dataclass(frozen=True)
class Take:
    """One mesh to import. name: of the file in the scans; beside: files to copy with it, under their own names."""

    expression: str
    name: str
    path: Path
    beside: tuple[Path, ...]
    vertices: int
    triangles: int
    size: float
    digest: str


def takes(named: Sequence[tuple[str, Path]], unit: float) -> list[Take]:
    """The meshes, read and checked, with the names of their copies. unit: metres per unit. Raises DataError."""
    result: list[Take] = []
    for expression, path in console.progress(named, "reading", total=len(named)):
        before = sum(take.expression == expression for take in result)
        name = (expression if before == 0 else f"{expression}_{before + 1}") + path.suffix.lower()
        result.append(_read(expression, name, path, unit))
    _check_names(result)
    return result


def write(root: Path, taken: Sequence[Take], *, subject: str, unit: float, mirrored: bool) -> list[dict[str, Any]]:
    """Copies the meshes into folder root and writes scans.json; returns a row for each take."""
    writer = ScansWriter(root, subject, mesh_unit=unit, mirrored=mirrored)
    for take in console.progress(taken, "copying", total=len(taken)):
        writer.mesh(take.expression, take.name, take.path)
        for path in take.beside:
            shutil.copyfile(path, root / path.name)
    writer.finish()
    return rows(taken)


def rows(taken: Sequence[Take]) -> list[dict[str, Any]]:
    """What there is to tell of each take."""
    return [
        {
            "expression": take.expression,
            "take": take.name,
            "source": take.path.name,
            "vertices": take.vertices,
            "triangles": take.triangles,
            "size, m": round(take.size, 4),
            "with": " ".join(path.name for path in take.beside),
        }
        for take in taken
    ]


def digests(taken: Sequence[Take]) -> dict[str, str]:
    """What stands for the contents of each take."""
    return {take.name: take.digest for take in taken}


def _read(expression: str, name: str, path: Path, unit: float) -> Take:
    data = json_text.read_bytes(path, MAX_MESH)
    vertices, triangles = _geometry(path, data)
    size = float(np.linalg.norm(np.ptp(vertices, axis=0))) * unit
    if not FACE_SIZE[0] <= size <= FACE_SIZE[1]:
        console.warn(
            f"{path} is {size:.4g} m from corner to corner with --mesh-unit {unit:g}; a face is about 0.3 m "
            "(0.001 is for millimetres)."
        )
    beside = _beside(path, data)
    total = hashlib.sha256(data)
    for other in beside:
        total.update(json_text.canonical(other.name))
        total.update(json_text.read_bytes(other, MAX_BESIDE))
    return Take(expression, name, path, beside, len(vertices), triangles, size, total.hexdigest())


def _geometry(path: Path, data: bytes) -> tuple[Any, int]:
    """Vertices [V, 3] in the file's own unit, and how many triangles. Raises DataError."""
    import trimesh

    kind = path.suffix.lower()[1:]
    try:
        # Read from memory: without a folder to look in, the reader opens no file that the mesh names.
        mesh: Any = trimesh.load(io.BytesIO(data), file_type=kind, force="mesh", process=False)
        vertices = np.asarray(mesh.vertices, dtype=np.float64)
        triangles = np.asarray(getattr(mesh, "faces", np.zeros((0, 3))))
    except Exception as error:  # a reader of damaged files raises whatever it likes, MemoryError too
        got = json_text.in_short(error) or type(error).__name__
        raise DataError(path, "", f"a mesh that can be read as .{kind}", got, "export the mesh again") from None
    if vertices.ndim != 2 or vertices.shape[1] != 3 or len(vertices) == 0 or len(triangles) == 0:
        got = f"{len(vertices)} vertices, {len(triangles)} triangles"
        raise DataError(path, "", "a mesh with faces", got, "export the mesh, not only its points")
    bad = np.flatnonzero(~np.isfinite(vertices).all(axis=1))
    if len(bad):
        got = f"{len(bad)} that are NaN or infinite, the first at index {bad[0]}"
        raise DataError(path, "vertices", "finite numbers", got, "repair the mesh")
    if triangles.min() < 0 or triangles.max() >= len(vertices):
        got = f"{triangles.min()} to {triangles.max()}"
        raise DataError(path, "faces", f"indices from 0 to {len(vertices) - 1}", got, "export the mesh again")
    return vertices, len(triangles)


def _beside(path: Path, data: bytes) -> tuple[Path, ...]:
    """The material and texture files that a mesh names and that lie beside it; absent ones are told and passed over."""
    found: list[Path] = []
    waiting = [(path, data[:PLY_HEADER] if path.suffix.lower() == ".ply" else data)]
    while waiting:
        file, content = waiting.pop()
        pattern = REFERENCES.get(file.suffix.lower())
        for match in pattern.finditer(content) if pattern else ():
            name = match[1].decode("utf-8", "replace")
            other = path.parent / name
            if re.fullmatch(STEM, name) is None or not other.is_file():
                console.warn(f"{file} names {json_text.in_short(name)!r}, which does not lie beside it; left out.")
            elif other not in found:
                found.append(other)
                waiting.append((other, json_text.read_bytes(other, MAX_BESIDE)))
    return tuple(sorted(found))


def _check_names(taken: Sequence[Take]) -> None:
    """Refuses files of one name and different contents, which would be written over each other."""
    owners: dict[str, Path] = {take.name.lower(): take.path for take in taken} | {FILE: Path(FILE)}
    for other in dict.fromkeys(other for take in taken for other in take.beside):
        former = owners.setdefault(other.name.lower(), other)
        if former != other and not (former.is_file() and former.read_bytes() == other.read_bytes()):
            raise DataError(other, "", "a name of its own", f"that of {former}", "rename it, also where it is named")
