"""Regions of a head, told geometrically from a few anchors: brows, lids, nose, lips and jaw line.

Everything is metres in the head frame; lengths are for eyes 63 mm apart and grow with the distance between the eyes.
Regions may overlap (the lips are of the mouth, the mouth of the face). Only outer skin belongs to them, except that an
eye's region also has its eyeball.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from refa_cli.face.anchors import Anchors
from refa_cli.face.mesh import vertex_normals
from refa_cli.face.polygons import distance_to_line, inside
from refa_cli.formats.face import MATERIALS, REGIONS

Float = NDArray[np.floating[Any]]
Int = NDArray[np.integer[Any]]
Mask = NDArray[np.bool_]

USUAL_DISTANCE = 0.063


def outer_skin(triangles: Int, material: Int, count: int) -> Mask:
    """[V]: vertices of skin or lips, and of nothing else: not of eyeballs, teeth, tongue or gums."""
    skin = np.zeros(count, np.bool_)
    skin[triangles[np.isin(material, [MATERIALS.index("skin"), MATERIALS.index("lips")])]] = True
    skin[triangles[~np.isin(material, [MATERIALS.index("skin"), MATERIALS.index("lips")])]] = False
    return skin


def derive_regions(
    vertices: Float, triangles: Int, material: Int, eyeball: Int, eye_centers: Float, anchors: Anchors
) -> Mask:
    """[R, V] masks in the order of REGIONS. vertices [V, 3]; material [F]; eyeball [V]; eye_centers [2, 3]."""
    unit = float(np.linalg.norm(eye_centers[0] - eye_centers[1])) / USUAL_DISTANCE
    x, y, z = vertices.T
    plane = vertices[:, :2]
    skin = outer_skin(triangles, material, len(vertices))
    facing = skin & (vertex_normals(vertices, triangles)[:, 2] > -0.25)
    jaw_height, ear_z = _jaw_line(anchors.jaw, vertices)
    front = facing & (z > ear_z)
    lips_z = float(anchors.lips_outer[:, 2].min()) - 0.012 * unit
    brow_y = float(np.mean([brow[:, 1].mean() for brow in anchors.brows]))
    corner_y = float(
        anchors.lips_outer[[anchors.lips_outer[:, 0].argmax(), anchors.lips_outer[:, 0].argmin()], 1].mean()
    )

    region: dict[str, Mask] = {}
    for side, name in enumerate(("left", "right")):
        sign = 1.0 - 2.0 * side
        lids, brow = anchors.lids[side], anchors.brows[side]
        near_lid = inside(plane, lids[:, :2]) | (distance_to_line(plane, lids[:, :2], closed=True) < 0.009 * unit)
        near_eye = skin & (z > eye_centers[side, 2] - 0.006 * unit)
        region[f"eye_{name}"] = (near_eye & near_lid) | (eyeball == side + 1)
        region[f"brow_{name}"] = front & (distance_to_line(plane, brow[:, :2]) < 0.009 * unit)
        below_eye = y < float(lids[:, 1].min()) - 0.006 * unit
        beside = sign * x > sign * anchors.nose_wings[side, 0]
        region[f"cheek_{name}"] = front & below_eye & beside & (y > jaw_height) & (z > ear_z + 0.012 * unit)
    inner = [brow[np.abs(brow[:, 0]).argmin()] for brow in anchors.brows]
    between = (x < inner[0][0]) & (x > inner[1][0])
    region["glabella"] = front & between & (y > 0.002 * unit) & (y < inner[0][1] + 0.012 * unit)
    region["nose"] = front & inside(plane, _nose_outline(anchors, unit))
    lip_area = skin & (z > lips_z) & inside(plane, anchors.lips_outer[:, :2])
    region["lips"] = lip_area
    around = inside(plane, anchors.lips_outer[:, :2])
    around |= distance_to_line(plane, anchors.lips_outer[:, :2], closed=True) < 0.014 * unit
    below_nose = y < float(anchors.nose_wings[:, 1].min()) + 0.002 * unit
    region["mouth"] = lip_area | (front & around & below_nose & (z > lips_z - 0.01 * unit))
    region["jaw"] = facing & (y < corner_y) & (y > jaw_height - 0.014 * unit) & (z > ear_z - 0.01 * unit)
    region["forehead"] = front & (y > brow_y + 0.008 * unit) & (y < brow_y + 0.055 * unit)
    skull_base = float(anchors.jaw[:, 1].mean())
    region["neck"] = skin & (y < np.minimum(jaw_height, skull_base) - 0.006 * unit) & ~region["jaw"]
    at_ears = skin & (np.abs(y + 0.012 * unit) < 0.045 * unit) & (z < ear_z + 0.006 * unit)
    widest = float(np.abs(x[at_ears]).max()) if at_ears.any() else np.inf
    region["ears"] = at_ears & (np.abs(x) > widest - 0.013 * unit)  # ears stand out farthest at that height
    region["face"] = (front & (y > jaw_height - 0.004 * unit) & (y < brow_y + 0.045 * unit)) | lip_area
    return np.stack([region[name] for name in REGIONS])


def _jaw_line(jaw: Float, vertices: Float) -> tuple[Float, float]:
    """(height [V] of the jaw's edge in the direction of each vertex, seen from between the ears; depth of the ears).

    Behind the ears, where there is no jaw, the height is that of the base of the skull.
    """
    ear_z = float(jaw[[0, -1], 2].mean())
    order = np.argsort(jaw_angle := np.arctan2(jaw[:, 0], np.maximum(jaw[:, 2] - ear_z, 0.0)))
    angle = np.arctan2(vertices[:, 0], vertices[:, 2] - ear_z)
    height = np.interp(angle, jaw_angle[order], jaw[order, 1])
    return np.where(vertices[:, 2] < ear_z, float(jaw[:, 1].mean()), height), ear_z


def _nose_outline(anchors: Anchors, unit: float) -> Float:
    """The nose from the bridge between the eyes to its base: a polygon [k, 2]."""
    left, right = anchors.nose_wings[:, :2]
    bridge = 0.25 * left[0], 0.25 * right[0]
    base = float(min(left[1], right[1])) - 0.004 * unit
    out = 0.003 * unit
    return np.array(
        [
            (bridge[0], 0.004 * unit),
            (left[0] + out, left[1] + 0.006 * unit),
            (left[0] + out, base),
            (right[0] - out, base),
            (right[0] - out, right[1] + 0.006 * unit),
            (bridge[1], 0.004 * unit),
        ]
    )
