"""The mean face, its keypoints and the headset's own parts in every camera."""

from __future__ import annotations

import numpy as np

from refa_cli.formats.face import FaceModel
from refa_cli.formats.headset import Headset
from refa_cli.formats.spec import F64, U8
from refa_cli.headset.parts import lens_of, triangles_of
from refa_cli.render.preview import MATERIAL_COLORS, preview_through
from refa_cli.render.rasterize import camera_points, in_sight, see
from refa_cli.render.sheets import contact_sheet, draw_points, shrunk

PART_COLOR = (0.22, 0.23, 0.25)  # sRGB 0..1
BLIND = 0.35  # brightness of pixels that the headset declares invalid
COLUMNS = 5
LARGEST = 256  # pixels of a picture's longer side; larger ones are halved, or more


def draw_overlay(headset: Headset, face: FaceModel) -> U8:
    """A sheet of all cameras."""
    head = camera_points(face.mean, headset.headset_from_head)
    parts, _ = triangles_of(headset, "housing", "lens")
    points = np.concatenate([head, headset.solid_vertices.astype(np.float64)])
    triangles = np.concatenate([face.triangles, parts + len(head)])
    colors = np.concatenate(
        [MATERIAL_COLORS[face.material], np.tile(np.array(PART_COLOR, np.float32), (len(parts), 1))]
    )
    keypoints = face.keypoints_on(head)
    pictures = []
    for i in range(len(headset.camera_names)):
        pictures.append(_seen(headset, i, points, triangles, colors, keypoints))
    return contact_sheet(pictures, list(headset.camera_names), COLUMNS)


def _seen(headset: Headset, camera: int, points: F64, triangles: np.ndarray, colors: np.ndarray, keypoints: F64) -> U8:
    """What one camera sees, with those keypoints that nothing hides."""
    lens, pose = lens_of(headset, camera), headset.camera_from_headset[camera]
    at = camera_points(points, pose)
    picture = preview_through(lens, at, triangles, triangle_colors=colors)
    height, width = lens.size
    valid = headset.camera_valid[camera, :height, :width]
    picture[~valid] = (picture[~valid] * BLIND).astype(np.uint8)
    marks = camera_points(keypoints, pose)
    marks = marks[marks[:, 2] > 0]
    pixels = lens.project(marks)
    shown = pixels[in_sight(pixels, marks[:, 2], see(at, triangles, lens).depth)]
    small = shrunk(picture, LARGEST)
    return draw_points(small, shown * small.shape[1] / (width // small.shape[1] * small.shape[1]))
