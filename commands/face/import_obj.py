"""Reading Wavefront OBJ files, and folders of them: a neutral and one file per shape, of the same vertices."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refa_cli.commands.face.import_source import Source
from refa_cli.face.maps import key, recognise
from refa_cli.face.mesh import triangulate
from refa_cli.formats.errors import DataError

NEUTRAL_NAMES = ("neutral", "genericneutralmesh", "base", "basis", "mean", "rest", "default")
"""Names, as `maps.key` has them, of the file that holds the face at rest."""

Int = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class ObjMesh:
    """vertices [V, 3]; uv [U, 2]; triangles and uv_triangles [F, 3] (-1: no uv); part [F] into part_names."""

    vertices: NDArray[np.float64]
    uv: NDArray[np.float64]
    triangles: Int
    uv_triangles: Int
    part: Int
    part_names: tuple[str, ...]


def read_vertices(path: Path) -> NDArray[np.float64]:
    """The `v` lines of an OBJ file: [V, 3]; a weight or colours after the coordinates are left out."""
    return _numbers(path, _bytes(path), b"v", 3)


def read_mesh(path: Path) -> ObjMesh:
    """A whole OBJ file; polygons become fans of triangles. Raises DataError for text that is not a mesh."""
    data = _bytes(path)
    vertices, uv = _numbers(path, data, b"v", 3), _numbers(path, data, b"vt", 2)
    part_names: dict[str, int] = {}
    named = {"o": "", "g": "", "usemtl": ""}
    polygons: dict[int, tuple[list[list[int]], list[list[int]], list[int]]] = {}
    seen = [0, 0]  # vertices and uv so far, which negative indices count back from
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        words = line.split()
        if not words:
            continue
        if words[0] in named:
            named[words[0]] = " ".join(words[1:])
        elif words[0] == "v":
            seen[0] += 1
        elif words[0] == "vt":
            seen[1] += 1
        elif words[0] == "f":
            corners, texture = _face(path, number, words[1:], seen)
            part = part_names.setdefault(" ".join(name for name in named.values() if name), len(part_names))
            group = polygons.setdefault(len(corners), ([], [], []))
            group[0].append(corners)
            group[1].append(texture)
            group[2].append(part)
    if not polygons:
        raise DataError(path, "", "an OBJ mesh with faces", "none", "export it with its faces")
    triangles = triangulate(corners for corners, _, _ in polygons.values())
    uv_triangles = triangulate(texture for _, texture, _ in polygons.values())
    parts = np.concatenate([np.repeat(np.array(p), size - 2) for size, (_, _, p) in polygons.items()])
    if triangles.max() >= len(vertices) or triangles.min() < 0:
        raise DataError(path, "f", f"vertices 1 to {len(vertices)}", f"{triangles.max() + 1}", "export it again")
    if uv_triangles.max() >= len(uv):
        raise DataError(path, "f", f"texture vertices 1 to {len(uv)}", f"{uv_triangles.max() + 1}", "export it again")
    uv_triangles[(uv_triangles < 0).any(axis=1)] = -1
    return ObjMesh(vertices, uv, triangles, uv_triangles, parts, tuple(part_names))


def read_folder(folder: Path) -> Source:
    """A folder of OBJ files: the neutral, and shapes named as in any of refa's maps."""
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() == ".obj")
    _, found = recognise([file.stem for file in files])
    neutral = [file for file in files if key(file.stem) in NEUTRAL_NAMES and file.stem not in found]
    if len(neutral) != 1:
        listed = ", ".join(file.name for file in neutral) or "none"
        raise DataError(
            folder, "neutral", "one OBJ file named neutral.obj", listed, "name the face at rest neutral.obj"
        )
    mesh = read_mesh(neutral[0])
    shapes: dict[str, NDArray[np.floating[Any]]] = {}
    left_out = [file.name for file in files if file.stem not in found and file != neutral[0]]
    for file in files:
        if file.stem in found:
            moved = read_vertices(file)
            if moved.shape != mesh.vertices.shape:
                want, got = f"{len(mesh.vertices)} vertices as in {neutral[0].name}", str(len(moved))
                raise DataError(file, "v", want, got, "export all shapes from one mesh, vertex order kept")
            shapes[file.stem] = moved - mesh.vertices
    return Source(
        path=folder,
        name=folder.name,
        origin=f"imported from a folder of {len(files)} OBJ files",
        vertices=mesh.vertices,
        triangles=mesh.triangles,
        uv=mesh.uv,
        uv_triangles=mesh.uv_triangles,
        part=mesh.part,
        part_names=mesh.part_names,
        shapes=shapes,
        notes=[f"left out, not shapes: {', '.join(left_out)}"] if left_out else [],
    )


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as problem:
        raise DataError(path, "", "a readable OBJ file", str(problem.strerror), "check the path") from problem


def _numbers(path: Path, data: bytes, tag: bytes, width: int) -> NDArray[np.float64]:
    """The first `width` numbers of every line that begins with the tag: [rows, width]."""
    rows = re.findall(rb"^[ \t]*" + tag + rb"[ \t]+([^\r\n]*)", data, re.MULTILINE)
    words = b" ".join(rows).split()
    per_row = len(rows[0].split()) if rows else width
    try:
        if per_row < width or len(words) != per_row * len(rows):
            raise ValueError(f"{len(words)} numbers in {len(rows)} lines")
        table = np.array(words, dtype=np.float64).reshape(-1, per_row)[:, :width]
    except ValueError as problem:
        name = tag.decode()
        raise DataError(path, name, f"{width} numbers a line", str(problem), "export it again") from problem
    if not np.isfinite(table).all():
        raise DataError(path, tag.decode(), "finite numbers", "NaN or infinity", "repair the mesh")
    return table


def _face(path: Path, number: int, words: list[str], seen: list[int]) -> tuple[list[int], list[int]]:
    """Corner and texture indices from 0, texture -1 where absent."""
    try:
        corners, texture = [], []
        for word in words:
            parts = word.split("/")
            corner = int(parts[0])
            corners.append(corner - 1 if corner > 0 else seen[0] + corner)
            coordinate = int(parts[1]) if len(parts) > 1 and parts[1] else 0
            texture.append(coordinate - 1 if coordinate >= 0 else seen[1] + coordinate)
        if len(corners) < 3:
            raise ValueError(f"{len(corners)} corners")
    except ValueError as problem:
        raise DataError(
            path, f"line {number}", "a face of 3 or more corners", str(problem), "export it again"
        ) from problem
    return corners, texture
