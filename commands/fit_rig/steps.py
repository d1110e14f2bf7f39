"""`--keep-steps DIR`: every intermediate result as a mesh that any viewer opens, in the frame it was computed in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from refa_cli.commands.fit_rig.expressions import Expression
from refa_cli.commands.fit_rig.flow import Drawn
from refa_cli.commands.fit_rig.measure import Measurement
from refa_cli.face.shapes import EXPRESSIONS
from refa_cli.formats.face import FaceModel

if TYPE_CHECKING:
    from refa_cli.commands.fit_rig.person import Person

Float = NDArray[np.float64]


class Steps:
    """Writes into `folder`, or nowhere when it is None.

    1_points/EXPR.ply      fused oriented points, scan frame      4_fitted/EXPR.ply    model fit of each expression
    2_surfaces/EXPR.ply    Poisson surface, trimmed, scan frame   5_refined/EXPR.ply   after Laplacian refinement
    3_person/*.ply         neutral as scanned and at weight 0     6_shapes/SHAPE.ply   the rig at 1.0 of each shape
    skin/EXPR.png          what is drawn on the skin, as it was followed from the neutral, on the unrolled face
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def measurement(self, measured: Measurement) -> None:
        """Steps 1 and 2."""
        if self.folder is None:
            return
        name = measured.expression + ".ply"
        if measured.fused is not None:
            fused = measured.fused
            write_ply(self._at("1_points", name), fused.points, None, fused.normals, fused.colors)
        surface = measured.surface
        write_ply(self._at("2_surfaces", name), surface.vertices, surface.triangles, None, measured.target.colors)

    def person(self, face: FaceModel, person: Person) -> None:
        """Step 3."""
        if self.folder is not None:
            write_ply(self._at("3_person", "scanned.ply"), person.scanned, face.triangles)
            write_ply(self._at("3_person", "neutral.ply"), person.neutral, face.triangles)
            self._drawn("neutral", person.drawn)

    def expression(self, face: FaceModel, expression: Expression) -> None:
        """Steps 4 and 5."""
        if self.folder is not None:
            write_ply(self._at("4_fitted", expression.name + ".ply"), expression.fitted, face.triangles)
            write_ply(self._at("5_refined", expression.name + ".ply"), expression.refined, face.triangles)
            self._drawn(expression.name, expression.drawn)

    def rig(self, face: FaceModel, person: Person, shapes: Float, gain: Float, evidence: Float) -> None:
        """Step 6."""
        if self.folder is None:
            return
        for k, name in enumerate(EXPRESSIONS):
            write_ply(self._at("6_shapes", name + ".ply"), person.neutral + shapes[k], face.triangles)
        lines = ["shape\tgain\tevidence"] + [
            f"{n}\t{g:.4f}\t{e:.4f}" for n, g, e in zip(EXPRESSIONS, gain, evidence, strict=True)
        ]
        (self.folder / "6_shapes" / "shapes.tsv").write_text("\n".join(lines) + "\n")

    def _drawn(self, name: str, drawn: Drawn | None) -> None:
        from PIL import Image

        if drawn is not None:
            grey = np.clip(128 + 255 * drawn.shade, 1, 255) * drawn.seen
            Image.fromarray(grey.astype(np.uint8)).save(self._at("skin", name + ".png"))

    def _at(self, step: str, name: str) -> Path:
        assert self.folder is not None
        (self.folder / step).mkdir(parents=True, exist_ok=True)
        return self.folder / step / name


def write_ply(
    path: Path, vertices: Float, triangles: NDArray[np.integer] | None, normals: Float | None = None,
    colors: Float | None = None,
) -> None:  # fmt: skip
    """A binary PLY of points or of a mesh; metres; colours 0..255."""
    fields = [("xyz", vertices, "<f4", ("x", "y", "z"))]
    if normals is not None:
        fields.append(("n", normals, "<f4", ("nx", "ny", "nz")))
    if colors is not None:
        fields.append(("c", np.clip(np.rint(colors), 0, 255), "u1", ("red", "green", "blue")))
    kinds = {"<f4": "float", "u1": "uchar"}
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(vertices)}"]
    header += [f"property {kinds[kind]} {axis}" for _, _, kind, axes in fields for axis in axes]
    rows = np.zeros(len(vertices), dtype=[(axis, kind) for _, _, kind, axes in fields for axis in axes])
    for _, values, _, axes in fields:
        for column, axis in enumerate(axes):
            rows[axis] = values[:, column]
    parts = [rows.tobytes()]
    if triangles is not None:
        header += [f"element face {len(triangles)}", "property list uchar int vertex_indices"]
        faces = np.zeros(len(triangles), dtype=[("count", "u1"), ("corners", "<i4", 3)])
        faces["count"], faces["corners"] = 3, triangles
        parts.append(faces.tobytes())
    path.write_bytes("\n".join([*header, "end_header", ""]).encode() + b"".join(parts))
