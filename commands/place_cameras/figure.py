"""The picture of `refa place-cameras`: what the chosen cameras see of a few people, and where cameras stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from refa_cli.commands.place_cameras.choose import Ranked
from refa_cli.commands.place_cameras.measure import Trials, person_of
from refa_cli.face.prompts import by_id
from refa_cli.formats.headset import Headset
from refa_cli.formats.spec import F64, U8
from refa_cli.headset.parts import camera_centers, cameras_with, lens_of, triangles_of
from refa_cli.render.cameras import around
from refa_cli.render.preview import MATERIAL_COLORS, preview, preview_through
from refa_cli.render.rasterize import camera_points
from refa_cli.render.sheets import contact_sheet, draw_points, shrunk

PEOPLE: Final = 3
SHOWN: Final = ("neutral", "grin", "brows_up")
SIZE: Final = 150
PART_COLOR: Final = (0.22, 0.23, 0.25)
PLACED, TRIED = (0, 255, 80), (255, 170, 40)


def draw_figure(headset: Headset, trials: Trials, ranked: Sequence[Ranked]) -> U8:
    """One row a person, one column an embedded camera, and the headset with its candidates from two sides."""
    cameras = cameras_with(headset, embedded=True)
    pictures, labels = [], []
    for person in range(PEOPLE):
        geometry = person_of(trials.face, trials.seed, person)
        name = SHOWN[person % len(SHOWN)]
        head = geometry.evaluate(by_id(name).weights).astype(np.float64)
        for camera in cameras:
            pictures.append(_through(headset, camera, head, trials))
            labels.append(f"{headset.camera_names[camera]}, {name}")
    for label, yaw, pitch in (("chosen and tried, from below", 0.5, -0.6), ("from the side", 1.45, 0.0)):
        pictures.append(_mounts(headset, trials, ranked, yaw, pitch))
        labels.append(label)
    return contact_sheet(pictures, labels, len(cameras))


def _scene(headset: Headset, head: F64, trials: Trials) -> tuple[F64, np.ndarray, np.ndarray]:
    """Head and headset in the headset frame, their triangles and colours."""
    parts, _ = triangles_of(headset, "housing", "lens")
    at = camera_points(head, headset.headset_from_head)
    points = np.concatenate([at, headset.solid_vertices.astype(np.float64)])
    colors = [MATERIAL_COLORS[trials.face.material], np.tile(np.array(PART_COLOR, np.float32), (len(parts), 1))]
    return points, np.concatenate([trials.face.triangles, parts + len(at)]), np.concatenate(colors)


def _through(headset: Headset, camera: int, head: F64, trials: Trials) -> U8:
    points, triangles, colors = _scene(headset, head, trials)
    lens = lens_of(headset, camera)
    at = camera_points(points, headset.camera_from_headset[camera])
    picture = preview_through(lens, at, triangles, triangle_colors=colors)
    return shrunk(picture, SIZE)


def _mounts(headset: Headset, trials: Trials, ranked: Sequence[Ranked], yaw: float, pitch: float) -> U8:
    """The headset without its shell on a head, with a mark at every camera."""
    points, triangles, colors = _scene(headset, trials.face.mean.astype(np.float64), trials)
    shell = np.isin(triangles[:, 0] - len(trials.face.mean), np.unique(triangles_of(headset, "housing")[0]))
    view = around(yaw, pitch, distance=0.7, target=(0.0, -0.03, 0.0), width=0.3, size=(SIZE, SIZE))
    picture = preview(points, triangles[~shell], view, triangle_colors=colors[~shell])
    tried = np.array([row.candidate.center for row in ranked])
    picture = draw_points(picture, view.project(tried), TRIED, 1.2)
    chosen = camera_centers(headset)[cameras_with(headset, embedded=True)]
    return draw_points(picture, view.project(chosen), PLACED, 3.0)
