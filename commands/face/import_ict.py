"""Reading ICT-FaceKit's own directory: `generic_neutral_mesh.obj`, `identity000.obj`, `browDown_L.obj` ...

Every file holds the whole mesh of 26,719 vertices. Identity files are one standard deviation from the generic neutral,
expression files the full activation; mouthClose is authored to be added on top of jawOpen. What the vertices are is
given by ranges in the README of the project; eye sockets, tear fluid, lashes and the like have no material here and
are left out, as is the painted inner eye, which the outer shell of the eyeball hides.

Source: Li et al., Learning Formation of Physically-Based Face Attributes, CVPR 2020; MIT licence.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from refa_cli.commands.face.import_obj import read_mesh, read_vertices
from refa_cli.commands.face.import_source import Source
from refa_cli.console import progress
from refa_cli.face.maps import shape_names
from refa_cli.formats.errors import DataError

NEUTRAL = "generic_neutral_mesh.obj"
VERTICES = 26_719
RANGES = (  # first vertex of each kind, in order
    (0, "skin"),
    (11_248, "gum"),  # the walls of the mouth
    (13_294, ""),  # eye sockets
    (14_062, "gum"),
    (16_611, "tongue"),
    (17_039, "teeth"),
    (21_451, "eyeball left"),
    (22_221, ""),  # painted inner eye
    (23_021, "eyeball right"),
    (23_791, ""),
)


def is_ict(folder: Path) -> bool:
    """Whether the folder looks like ICT-FaceKit's FaceXModel."""
    return (folder / NEUTRAL).is_file() and (folder / "vertex_indices.json").is_file()


def read_ict(folder: Path) -> Source:
    """The face model in that folder, in its own centimetres. Raises DataError naming the file at fault."""
    mesh = read_mesh(folder / NEUTRAL)
    if len(mesh.vertices) != VERTICES:
        got = f"{len(mesh.vertices)} vertices"
        raise DataError(folder / NEUTRAL, "v", f"ICT-FaceKit's {VERTICES} vertices", got, "use the published files")
    modes = sorted(folder.glob("identity*.obj"))
    expressions = [name for name in shape_names("ict") if (folder / f"{name}.obj").is_file()]
    moved = {}
    for file in progress([*modes, *(folder / f"{name}.obj" for name in expressions)], "reading ICT-FaceKit"):
        there = read_vertices(file)
        if len(there) != VERTICES:
            raise DataError(file, "v", f"{VERTICES} vertices", str(len(there)), "use the published files")
        moved[file.stem] = (there - mesh.vertices).astype(np.float32)
    kinds = tuple(dict.fromkeys(kind for _, kind in RANGES))
    starts = np.array([start for start, _ in RANGES])
    of_range = np.array([kinds.index(kind) for _, kind in RANGES])
    # A seam between two kinds belongs to the later one: the tongue's rim, for one, is shared with the mouth's floor.
    part = of_range[np.searchsorted(starts, mesh.triangles.max(axis=1), side="right") - 1]
    source = Source(
        path=folder,
        name="ICT-FaceKit",
        origin="ICT-FaceKit (USC Institute for Creative Technologies), FaceXModel directory",
        licence="MIT, Copyright (c) 2020 USC Institute for Creative Technologies",
        vertices=mesh.vertices,
        triangles=mesh.triangles,
        uv=mesh.uv,
        uv_triangles=mesh.uv_triangles,
        part=part,
        part_names=kinds,
        shapes={name: moved[name] for name in expressions},
        identity=np.stack([moved[file.stem] for file in modes]) if modes else None,
    )
    source.keep(part != kinds.index(""))
    return source
