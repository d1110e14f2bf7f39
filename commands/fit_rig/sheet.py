"""The picture of a rig: the scanned neutral beside the rig, and the rig performing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from refa_cli.face.evaluate import Geometry
from refa_cli.face.shapes import EXPRESSIONS, INDEX
from refa_cli.formats.face import MATERIALS, FaceModel
from refa_cli.formats.rig import Rig
from refa_cli.render.cameras import around
from refa_cli.render.preview import MATERIAL_COLORS, Texture, preview
from refa_cli.render.sheets import contact_sheet

SIZE = (208, 208)
HEAD = (0.0, -0.03, -0.04)  # what pictures turn about: the middle of a head, metres
POSES: dict[str, dict[str, float]] = {
    "smile": {"LipCornerPullerL": 1, "LipCornerPullerR": 1, "CheekRaiserL": 0.6, "CheekRaiserR": 0.6},
    "eyes closed": {"EyesClosedL": 1, "EyesClosedR": 1},
    "jaw drop": {"JawDrop": 1},
    "pucker": {"LipPuckerL": 1, "LipPuckerR": 1},
    "brows up": {"InnerBrowRaiserL": 1, "InnerBrowRaiserR": 1, "OuterBrowRaiserL": 1, "OuterBrowRaiserR": 1},
    "frown": {"BrowLowererL": 1, "BrowLowererR": 1, "LipCornerDepressorL": 1, "LipCornerDepressorR": 1},
    "sneer": {"NoseWrinklerL": 1, "NoseWrinklerR": 1, "UpperLipRaiserL": 0.7, "UpperLipRaiserR": 0.7},
    "wink left": {"EyesClosedL": 1, "CheekRaiserL": 0.5},
    "mouth left": {"MouthLeft": 1},
    "lips in": {"LipSuckLB": 1, "LipSuckLT": 1, "LipSuckRB": 1, "LipSuckRT": 1},
}


def rig_sheet(rig: Rig, face: FaceModel) -> NDArray[np.uint8]:
    """Neutral from three sides, plain and textured, then the rig performing: picture [H, W, 3]."""
    geometry = Geometry.of_rig(rig, face)
    views = {"left": 0.6, "front": 0.0, "right": -0.6}
    pictures, labels = [], []
    for label, yaw in views.items():
        pictures.append(render(rig.neutral, face, yaw))
        labels.append(f"neutral, {label}")
    if rig.texture.size:
        pictures.append(render(rig.neutral, face, 0.25, rig.texture))
        labels.append("neutral, as seen")
    for label, weights in POSES.items():
        row = np.zeros(len(EXPRESSIONS))
        for name, value in weights.items():
            row[INDEX[name]] = value
        pictures.append(render(geometry.evaluate(row), face, 0.25))
        labels.append(label)
    return contact_sheet(pictures, labels, 7)


def render(
    vertices: NDArray[np.floating], face: FaceModel, yaw: float, texture: NDArray[np.uint8] | None = None
) -> NDArray[np.uint8]:
    """One picture of a head in material colours; with a texture, its skin in that."""
    colors = MATERIAL_COLORS[face.material]
    picture = None
    if texture is not None:
        skin = np.isin(face.material, [MATERIALS.index("skin"), MATERIALS.index("lips")])
        corners = np.where(skin[:, None], face.uv_triangles, -1)
        picture = Texture(texture, face.uv, corners)
    return preview(
        vertices,
        face.triangles,
        around(yaw, size=SIZE, width=0.31, target=HEAD),
        triangle_colors=colors,
        texture=picture,
    )
