"""What a camera truly sees of a posed figure before a wall: the one rasterisation that picture and depth share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from refa_cli.commands.simulate.fields import F64
from refa_cli.commands.simulate.props import EYE_DISTANCE, WALL, Dress, eye_distance
from refa_cli.face.mesh import vertex_normals
from refa_cli.formats.face import MATERIALS, FaceModel
from refa_cli.formats.frames import Camera
from refa_cli.formats.spec import F32, I32, U8
from refa_cli.render.rasterize import interpolate, rasterize

STEEPEST = np.radians(75.0)
"""Skin seen at a flatter angle from its normal does not count as seen."""
HIDDEN = 0.002
"""A vertex so far behind what its pixel sees is hidden, metres: a pixel spans some depth itself."""


@dataclass(frozen=True, eq=False)
class Sight:
    """Everything per pixel.

    depth [H, W] m along z; stuff [H, W] as in `Dress`, WALL elsewhere; normals [H, W, 3] unit, camera frame, towards
    the camera; cosine [H, W] of the angle between normal and line of sight, 1 on the wall; places [H, W, 3] on the
    mean head; shade [H, W]: part of the light that gets there, less inside the mouth; camera: fx, fy, cx, cy; turn:
    the head's yaw before the camera, radians.
    """

    depth: F32
    stuff: U8
    normals: F32
    cosine: F32
    places: F32
    shade: F32
    camera: F64
    turn: float


def mouth_shade(face: FaceModel, dress: Dress) -> F64:
    """Light [V + S + B] that reaches every vertex: less the deeper it lies behind the lips."""
    unit = eye_distance(face) / EYE_DISTANCE
    shade = np.ones(len(dress.paint))
    inner = np.isin(face.material, [MATERIALS.index(name) for name in ("teeth", "tongue", "gum")])
    lips = face.triangles[face.material == MATERIALS.index("lips")]
    if inner.any() and lips.size:
        members = np.unique(face.triangles[inner])
        front = float(np.quantile(face.mean[lips, 2], 0.9))
        behind = np.maximum(front - 0.006 * unit - face.mean[members, 2], 0.0)
        shade[members] = np.clip(np.exp(-behind / (0.014 * unit)), 0.08, 1.0)
    return shade


def see(
    head: NDArray[np.floating],  # [V, 3] metres, head frame
    dress: Dress,
    shade: F64,  # [V + S + B]
    camera: Camera,
    camera_from_head: F64,  # [4, 4]
    wall: float,  # metres to the wall, on the optical axis
    model_triangles: I32,  # [F, 3]
) -> Sight:
    """What this camera sees."""
    from refa_cli.commands.simulate import kernels

    head_normals = vertex_normals(head, model_triangles)
    vertices = dress.vertices(head, head_normals)
    turned = vertices @ camera_from_head[:3, :3].T + camera_from_head[:3, 3]
    facing = dress.normals(vertices, head_normals) @ camera_from_head[:3, :3].T
    pinhole = np.array([camera.fx, camera.fy, camera.cx, camera.cy])
    size = (camera.height, camera.width)
    raster = rasterize(turned, dress.triangles, pinhole, size)
    stuff = np.full(size, WALL, np.uint8)
    normals, cosine = np.zeros((*size, 3), np.float32), np.ones(size, np.float32)
    kernels.look(raster.ids, raster.barycentric, dress.triangles, dress.stuff, facing, pinhole, stuff, normals, cosine)
    painted = interpolate(np.column_stack([dress.paint, shade]), dress.triangles, raster.ids, raster.barycentric)
    # The wall leans a little, like one that the phone does not face squarely.
    x = (np.arange(camera.width) + 0.5 - camera.cx) / camera.fx
    y = (np.arange(camera.height) + 0.5 - camera.cy) / camera.fy
    plane = (wall / (1.0 + 0.12 * x[None, :] + 0.05 * y[:, None])).astype(np.float32)
    return Sight(
        depth=np.where(raster.ids < 0, plane, raster.depth),
        stuff=stuff,
        normals=normals,
        cosine=cosine,
        places=painted[..., :3],
        shade=painted[..., 3],
        camera=pinhole,
        turn=float(np.arctan2(camera_from_head[0, 2], -camera_from_head[2, 2])),
    )


def seen_vertices(
    head: NDArray[np.floating],  # [V, 3] metres, head frame
    dress: Dress,
    camera: Camera,
    camera_from_head: F64,  # [4, 4]
    model_triangles: I32,  # [F, 3]
) -> NDArray[np.bool_]:
    """[V]: the head's vertices that nothing hides from this camera, not even hair, and whose skin it sees less flatly
    than at STEEPEST."""
    head_normals = vertex_normals(head, model_triangles)
    turned = dress.vertices(head, head_normals) @ camera_from_head[:3, :3].T + camera_from_head[:3, 3]
    pinhole = np.array([camera.fx, camera.fy, camera.cx, camera.cy])
    depth = rasterize(turned, dress.triangles, pinhole, (camera.height, camera.width)).depth
    points = turned[: len(head)]
    facing = head_normals @ camera_from_head[:3, :3].T
    slope = -(facing * points).sum(axis=1) / np.linalg.norm(points, axis=1)
    column, row = (np.floor(points[:, i] / points[:, 2] * pinhole[i] + pinhole[2 + i]).astype(int) for i in (0, 1))
    inside = (column >= 0) & (row >= 0) & (column < camera.width) & (row < camera.height)
    seen = inside & (slope > np.cos(STEEPEST))
    seen[seen] = points[seen, 2] < depth[row[seen], column[seen]] + HIDDEN
    return np.asarray(seen)
