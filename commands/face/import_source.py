"""What an importer reads: a mesh with parts and named shapes, still in the source's own unit and axes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.floating[Any]]
Int = NDArray[np.integer[Any]]


@dataclass
class Source:
    """A head as a tool wrote it: any unit, any axes, any topology.

    vertices [V, 3]; triangles [F, 3]; uv [U, 2], v up; uv_triangles [F, 3] into uv, -1 where there is none;
    part [F]: index into part_names, which say what a triangle is of (its object, mesh and material names);
    shapes: displacement [V, 3] from the neutral by the source's own names; identity: displacements [N, V, 3] per
    standard deviation; licence as far as the source says; notes and warnings for people.
    """

    path: Path
    name: str
    origin: str
    vertices: Float
    triangles: Int
    uv: Float
    uv_triangles: Int
    part: Int
    part_names: tuple[str, ...]
    shapes: dict[str, Float]
    licence: str = "as the source's"
    identity: Float | None = None
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def keep(self, triangles: NDArray[np.bool_]) -> None:
        """Drop the other triangles, and the vertices that none of these uses."""
        self.triangles, self.uv_triangles = self.triangles[triangles], self.uv_triangles[triangles]
        self.part = self.part[triangles]
        used = np.unique(self.triangles)
        renumbered = np.full(len(self.vertices), -1, np.int64)
        renumbered[used] = np.arange(len(used))
        self.triangles = renumbered[self.triangles]
        self.vertices = self.vertices[used]
        self.shapes = {name: moved[used] for name, moved in self.shapes.items()}
        if self.identity is not None:
            self.identity = self.identity[:, used]
