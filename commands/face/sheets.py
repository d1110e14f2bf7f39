"""Pictures of a face model: people it holds, and all 61 shapes at 1.0."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from refa_cli.face.evaluate import Geometry
from refa_cli.face.gaze import full_gaze
from refa_cli.face.shapes import ALL, EXPRESSIONS, INDEX
from refa_cli.formats.face import FaceModel
from refa_cli.formats.spec import U8
from refa_cli.render.cameras import around
from refa_cli.render.preview import MATERIAL_COLORS, preview
from refa_cli.render.sheets import contact_sheet

PEOPLE, COLUMNS = 18, 9
SIZE = 92


def sheet(face: FaceModel, seed: int) -> U8:
    """Identities drawn from the model with `seed`, the mean first; then every shape, lacking ones named so."""
    rng = np.random.default_rng(seed)
    pictures, labels = [], []
    for person in range(PEOPLE):
        identity = np.clip(rng.standard_normal(len(face.identity_basis)), -2, 2) * (person > 0)
        pictures.append(_picture(face, Geometry.of_face(face, identity).neutral, -0.35, 0.30, -0.02))
        labels.append("mean" if person == 0 else f"person {person}")
    geometry = Geometry.of_face(face)
    for column, name in enumerate(ALL):
        pictures.append(_picture(face, performed(geometry, name), 0.3, 0.17, -0.03))
        labels.append(f"({name})" if face.lacks[column] else name)
    return contact_sheet(pictures, labels, COLUMNS)


def performed(geometry: Geometry, name: str) -> NDArray[np.float32]:
    """Vertices [V, 3] of one shape at 1.0: LipsToward on a dropped jaw, eye-follow shapes by both eyes' gaze."""
    weights = np.zeros(len(EXPRESSIONS), np.float32)
    if name not in EXPRESSIONS:
        gaze = np.zeros((2, 2))
        gaze["LR".index(name[-1])] = full_gaze(name)
        return geometry.evaluate(weights, gaze)
    weights[INDEX[name]] = 1
    if name == "LipsToward":
        weights[INDEX["JawDrop"]] = 1
    return geometry.evaluate(weights)


def _picture(face: FaceModel, vertices: NDArray[np.float32], yaw: float, width: float, height: float) -> U8:
    view = around(yaw, size=(SIZE, SIZE), width=width, target=(0.0, height, 0.04))
    return preview(vertices, face.triangles, view, triangle_colors=MATERIAL_COLORS[face.material])
