"""The faces that candidates are measured on: points of the regions, what hides them, and keypoints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from refa_cli.face.evaluate import Geometry
from refa_cli.face.keypoints import GROUPS, KEYPOINTS
from refa_cli.face.mesh import vertex_normals
from refa_cli.formats.face import MATERIALS, REGIONS, FaceModel
from refa_cli.formats.spec import F32, F64, I32
from refa_cli.headset.lenses import Lens
from refa_cli.render.cameras import around
from refa_cli.render.rasterize import rasterize, see

ROLE_REGIONS: Final = {
    "eye": ("eye_SIDE", "brow_SIDE"),
    "mouth": ("mouth", "lips", "jaw", "cheek_SIDE"),
    "glabella": ("glabella", "brow_left", "brow_right", "nose"),
}
"""What each kind of camera is there to see; SIDE: left or right, as the camera's own."""
ROLE_KEYPOINTS: Final = {"eye": ("lid", "brow"), "mouth": ("lips_outer", "lips_inner", "jaw"), "glabella": ("brow",)}
"""Groups of keypoints whose motion it is there to see, of an eye camera those of its side."""
REGION_POINTS: Final = 24
"""Points that stand for a region, spread evenly over it."""
MAP_SIZE: Final = 20
MAP_HALF_ANGLE: Final = float(np.radians(84))
LIFT: Final = 0.0004
"""Metres that a point is lifted off its skin before looking around."""
NEAR: Final = 0.0008


@dataclass(frozen=True)
class Sites:
    """Vertices [P] that stand for regions, their region [P] among names, and the triangles that may hide them."""

    vertices: NDArray[np.int64]
    region: NDArray[np.int64]
    names: tuple[str, ...]
    blockers: I32


def sites_of(face: FaceModel, regions: tuple[str, ...]) -> Sites:
    """Points of some regions of a face model, on skin that can be seen from outside. Raises ValueError if none are."""
    outer = _seen_from_outside(face)
    chosen, owner = [], []
    for number, name in enumerate(regions):
        inside = np.flatnonzero(face.regions[REGIONS.index(name)] & outer)
        if not len(inside):
            raise ValueError(f"the face model has no visible vertex in the region {name}")
        spread = _spread(face.mean[inside].astype(np.float64), REGION_POINTS)
        chosen.append(inside[spread])
        owner.append(np.full(len(spread), number))
    front = (face.mean[face.triangles].mean(1)[:, 2] > -0.06) & np.isin(
        face.material, [MATERIALS.index(name) for name in ("skin", "lips", "sclera", "iris", "teeth")]
    )
    return Sites(np.concatenate(chosen), np.concatenate(owner), regions, np.ascontiguousarray(face.triangles[front]))


def _seen_from_outside(face: FaceModel) -> NDArray[np.bool_]:
    seen = np.zeros(len(face.mean), bool)
    for yaw in (-70, -35, 0, 35, 70):
        for pitch in (-35, 0, 30):
            view = around(np.radians(yaw), np.radians(pitch), width=0.3, size=(300, 300))
            ids = rasterize(
                face.mean, face.triangles, view.intrinsics, view.size, camera_from_world=view.camera_from_head
            ).ids
            count = np.bincount(ids[ids >= 0], minlength=len(face.triangles))
            seen[face.triangles[count > 1]] = True
    skin = np.isin(face.material, [MATERIALS.index("skin"), MATERIALS.index("lips")])
    of_skin = np.zeros(len(face.mean), bool)
    of_skin[face.triangles[skin]] = True
    return np.asarray(seen & of_skin & (face.eyeball == 0))


def _spread(points: F64, count: int) -> NDArray[np.int64]:
    """Indices of points that lie far from each other, the first nearest to their middle."""
    chosen = [int(np.linalg.norm(points - points.mean(0), axis=1).argmin())]
    distance = np.linalg.norm(points - points[chosen[0]], axis=1)
    while len(chosen) < min(count, len(points)):
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(points - points[chosen[-1]], axis=1))
    return np.array(chosen)


@dataclass(frozen=True)
class Shown:
    """One face at its sites: points and normals [P, 3], head frame; maps [P, S, S] of what stands around each, their
    axes [P, 3, 3] and pixels a radian; keypoints [100, 3]."""

    points: F32
    normals: F32
    maps: F32
    axes: F32
    focal: float
    keypoints: F32


def shown(geometry: Geometry, face: FaceModel, sites: Sites, weights: NDArray[np.floating]) -> Shown:
    """A face with expression weights [53]."""
    vertices = geometry.evaluate(weights).astype(np.float64)
    normals = np.asarray(vertex_normals(vertices, face.triangles), np.float64)[sites.vertices]
    points = vertices[sites.vertices] + LIFT * normals
    focal = MAP_SIZE / 2 / MAP_HALF_ANGLE
    lens = Lens("kannala_brandt", (focal, focal, MAP_SIZE / 2, MAP_SIZE / 2), (0.0,) * 4, (MAP_SIZE, MAP_SIZE))
    maps = np.empty((len(points), MAP_SIZE, MAP_SIZE), np.float32)
    axes = np.empty((len(points), 3, 3))
    used, corners = np.unique(sites.blockers, return_inverse=True)
    blockers = corners.reshape(-1, 3).astype(np.int32)
    around_ = vertices[used]
    for i, (point, normal) in enumerate(zip(points, normals, strict=True)):
        aside = np.cross(normal, [0.0, 1.0, 0.0] if abs(normal[1]) < 0.9 else [1.0, 0.0, 0.0])
        aside /= np.linalg.norm(aside)
        axes[i] = aside, np.cross(normal, aside), normal
        maps[i] = see((around_ - point) @ axes[i].T, blockers, lens, near=NEAR).depth
    keypoints = face.keypoints_on(vertices)
    return Shown(points.astype(np.float32), normals.astype(np.float32), maps, axes.astype(np.float32), focal,
                 keypoints.astype(np.float32))  # fmt: skip


def regions_of(role: str) -> tuple[str, ...]:
    """The regions that a camera of a role is there to see. Raises ValueError for roles that have none."""
    kind, _, side = role.partition("_")
    if kind not in ROLE_REGIONS:
        raise ValueError(f"cameras to place are of eyes, mouth or glabella, got {role}")
    return tuple(name.replace("SIDE", side if side in ("left", "right") else "left") for name in ROLE_REGIONS[kind])


def keypoints_of(role: str) -> NDArray[np.int64]:
    """The keypoints whose motion a camera of a role is there to see."""
    kind, _, side = role.partition("_")
    chosen = np.concatenate([np.arange(GROUPS[name].start, GROUPS[name].stop) for name in ROLE_KEYPOINTS[kind]])
    if kind != "eye":
        return chosen
    return np.array([k for k in chosen if KEYPOINTS[k].endswith("_" + side[:1])])
