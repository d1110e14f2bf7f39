"""Finding the face on a mesh in unknown axes and units: where the head frame lies.

The mesh is rendered from the six sides of its axes, each picture turned four ways; where landmarks are found, they
are lifted to the mesh, and the depths that the landmark network believes in are compared with the mesh's, which
tells faces from the backs of masks. Where an average face's keypoints fit best, that is the first frame; it is made
better twice by keypoints seen from several sides in the frame found so far.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from refa_cli.face.keypoints import DETECTOR_INDEX, INDEX, mirrored
from refa_cli.formats.errors import DataError
from refa_cli.formats.face import KEYPOINT_COUNT
from refa_cli.formats.spec import F64, U8
from refa_cli.headset.poses import look_at
from refa_cli.landmarks.detector import POINT_COUNT, Detection, detect
from refa_cli.landmarks.lifting import Lifted, Surface
from refa_cli.landmarks.looking import FEW_SIDES, Mesh, keypoints_in_space
from refa_cli.render.cameras import View, around
from refa_cli.render.preview import MATERIAL_COLORS, Texture

SIZE = 400
WIDTH = 0.30  # metres across a picture of an average head
REFINEMENTS = 2
TRIED = 4  # of the first finds, best first
MIN_AGREEMENT = 0.6  # correlation of depths
MAX_MISFIT = 0.015  # metres
MIN_POINTS = 10  # of the average face
EYE_RADIUS = 0.0135  # metres from the front of an average adult eye back to the point it turns about

# Keypoints of an average adult face in the head frame, millimetres; the right side mirrors the left.
_HALF = {
    "eye_outer_l": (45.0, -2.0, 10.5),
    "eye_inner_l": (16.5, -5.0, 15.0),
    "brow_upper_3_l": (41.5, 17.0, 20.5),
    "cheek_l": (38.5, -46.5, 16.5),
    "ala_side_l": (19.5, -42.0, 22.5),
    "mouth_corner_l": (24.5, -74.0, 22.5),
    "nose_bridge_1": (0.0, -3.0, 26.0),
    "nose_bridge_3": (0.0, -18.0, 32.5),
    "nose_tip": (0.0, -37.0, 45.5),
    "lip_upper_outer_middle": (0.0, -66.0, 37.0),
    "lip_lower_outer_middle": (0.0, -84.0, 32.5),
    "forehead": (0.0, 31.0, 27.5),
}
AVERAGE_FACE = _HALF | {mirrored(name): (-x, y, z) for name, (x, y, z) in _HALF.items()}


class FaceFrame(NamedTuple):
    """Where the head frame lies on a mesh."""

    head_from_mesh: F64  # [4, 4] rotation and translation in the mesh's own unit; no scale
    eye_distance: float  # between the irises, in the mesh's own unit
    agreement: float  # 0..1: correlation of the mesh's depth with what the landmark network believes it to be

    def metric(self, eye_distance_m: float = 0.063) -> F64:
        """head_from_mesh [4, 4] with the scale that makes the eye distance so many metres."""
        scaled = self.head_from_mesh.copy()
        scaled[:3] *= eye_distance_m / self.eye_distance
        return scaled


def find_face_frame(
    vertices: NDArray[Any],  # [V, 3] any axes, any unit
    triangles: NDArray[Any],  # [F, 3] either winding
    *,
    material: U8 | None = None,  # [F] index into MATERIALS
    texture: Texture | None = None,
    vertex_colors: NDArray[Any] | None = None,  # [V, 3] sRGB 0..1
) -> FaceFrame:
    """The frame of the face on a mesh of a head. The mesh must not be mirrored.

    Raises DataError where no face is found; ValueError where the mesh has no extent.
    """
    points = np.asarray(vertices, dtype=np.float64)
    colors = None if material is None else MATERIAL_COLORS[material]
    mesh = Mesh(points, triangles, colors, vertex_colors, texture)
    finds = [find for view in _sides(points[np.unique(triangles)]) for find in _find(mesh, view, (0, 1, 2, 3))]
    for first in sorted(finds, key=lambda find: find.misfit)[:TRIED]:
        refined = _refined(mesh, first)
        if refined is not None:
            return refined
    raise DataError(
        "mesh",
        "face",
        "a face to be found on renders from six sides",
        f"{len(finds)} doubtful ones" if finds else "none",
        "check that the mesh is a head with a face, and not mirrored",
    )


class _Find(NamedTuple):
    """A face found on one render, and the average face laid on it: mesh = scale * rotation @ head + translation."""

    agreement: float
    misfit: float  # root mean square of what the average face misses, metres on it
    scale: float  # mesh units per metre
    rotation: F64  # [3, 3] mesh_from_head
    translation: F64  # [3]

    def to_mesh(self, points: F64) -> F64:
        """Points [N, 3] of the mesh for points of the average head, metres."""
        return np.asarray(self.scale * points @ self.rotation.T + self.translation)

    def metric_from_mesh(self) -> F64:
        """head_from_mesh [4, 4], scaled to an average face in metres."""
        matrix = np.eye(4)
        matrix[:3, :3] = self.rotation.T / self.scale
        matrix[:3, 3] = -matrix[:3, :3] @ self.translation
        return matrix


def _find(mesh: Mesh, view: View, quarters: tuple[int, ...] = (0,)) -> list[_Find]:
    """The faces on a render, turned by each of some quarters counter-clockwise before it is searched."""
    picture, surface, finds = mesh.picture(view), Surface(mesh.vertices, mesh.triangles, view, two_sided=True), []
    every = np.ones((POINT_COUNT, len(mesh.triangles)), dtype=np.bool_)
    for quarter in quarters:
        found = detect(np.ascontiguousarray(np.rot90(picture, quarter)), turned=False)
        if found is None:
            continue
        lifted = surface.lift(_turned_back(found.points[:, :2].astype(np.float64), quarter), every, 4)
        agreement = _agreement(found, lifted, view)
        fit = _fit_average(lifted.points[DETECTOR_INDEX])
        if fit is not None and agreement >= MIN_AGREEMENT and fit[0] <= MAX_MISFIT:
            finds.append(_Find(agreement, *fit))
    return finds


def _fit_average(points: F64) -> tuple[float, float, F64, F64] | None:
    """(misfit, scale, rotation, translation) of the average face on keypoints [100, 3]; None if too few are finite."""
    names = [name for name in AVERAGE_FACE if np.isfinite(points[INDEX[name]]).all()]
    if len(names) < MIN_POINTS:
        return None
    average = np.array([AVERAGE_FACE[name] for name in names]) / 1000
    seen = points[[INDEX[name] for name in names]]
    scale, rotation, translation = similarity(average, seen)
    if scale <= 0:
        return None
    misses = (seen - translation) @ rotation / scale - average
    return float(np.sqrt((misses**2).sum(axis=1).mean())), scale, rotation, translation


def _refined(mesh: Mesh, first: _Find) -> FaceFrame | None:
    """The frame from keypoints seen from several sides of the face that was found; None if they deny it."""
    current, result = first, None
    every = np.ones((KEYPOINT_COUNT, len(mesh.triangles)), dtype=np.bool_)
    for _ in range(REFINEMENTS):
        scaled = _moved(mesh, current.metric_from_mesh())
        straight = _find(scaled, around(width=WIDTH, size=(SIZE, SIZE)))
        points = current.to_mesh(keypoints_in_space(scaled, every, FEW_SIDES, two_sided=True).points)
        irises = points[[INDEX["iris_center_l"], INDEX["iris_center_r"]]]
        fit = _fit_average(points)
        if not straight or fit is None or fit[0] > MAX_MISFIT or not np.isfinite(irises).all():
            return None
        current = _Find(straight[0].agreement, *fit)
        # The origin is midway between the points the eyes turn about, behind the irises. Its place from left to right
        # is the average face's: the irises' tells where the eyes look.
        offset = (irises.mean(axis=0) - current.translation) @ current.rotation
        offset[0], offset[2] = 0, offset[2] - EYE_RADIUS * current.scale
        origin = current.translation + current.rotation @ offset
        head_from_mesh = np.eye(4)
        head_from_mesh[:3, :3] = current.rotation.T
        head_from_mesh[:3, 3] = -current.rotation.T @ origin
        result = FaceFrame(head_from_mesh, float(np.linalg.norm(irises[0] - irises[1])), current.agreement)
    return result


def _sides(points: F64) -> Iterator[View]:
    """The six views along the axes of a mesh."""
    low, high = np.percentile(points, [1, 99], axis=0)  # stray points of a scan do not count
    center, radius = (low + high) / 2, float(np.linalg.norm(high - low)) / 2
    if radius <= 0:
        raise ValueError("a mesh without extent")
    distance = 4 * radius
    focal = SIZE * distance / (2 * radius)
    for axis in range(3):
        for sign in (1, -1):
            direction = np.zeros(3)
            direction[axis] = sign
            camera = look_at(center + distance * direction, center, np.roll(np.abs(direction), 1))
            yield View(camera, (focal, focal, SIZE / 2, SIZE / 2), (SIZE, SIZE))


def _moved(mesh: Mesh, matrix: F64) -> Mesh:
    """The mesh with its vertices moved by a transform [4, 4]."""
    return mesh._replace(vertices=mesh.vertices @ matrix[:3, :3].T + matrix[:3, 3])


def _turned_back(pixels: F64, quarter: int) -> F64:
    """Pixels [N, 2] of a square picture for those of the same picture after np.rot90(picture, quarter)."""
    for _ in range(quarter):
        pixels = np.stack([SIZE - pixels[:, 1], pixels[:, 0]], axis=1)
    return pixels


def _agreement(found: Detection, lifted: Lifted, view: View) -> float:
    """Correlation of the network's depths with those of the points on the mesh that face the camera; 0 if too few."""
    depth = lifted.points @ view.camera_from_head[2, :3]
    use = np.isfinite(depth) & (lifted.facing > 0.3)
    if use.sum() < POINT_COUNT // 3 or np.std(depth[use]) == 0:
        return 0.0
    return float(np.corrcoef(found.points[use, 2], depth[use])[0, 1])


def similarity(source: F64, target: F64) -> tuple[float, F64, F64]:
    """scale, rotation [3, 3], translation [3] so that scale * rotation @ source + translation is nearest to target.

    Points [N, 3] each. Source: Umeyama, "Least-squares estimation of transformation parameters", 1991.
    """
    a, b = source - source.mean(axis=0), target - target.mean(axis=0)
    u, sizes, vt = np.linalg.svd(b.T @ a)
    sign = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    rotation = np.asarray(u * sign @ vt)
    scale = float((sizes * sign).sum() / (a * a).sum())
    return scale, rotation, target.mean(axis=0) - scale * rotation @ source.mean(axis=0)
