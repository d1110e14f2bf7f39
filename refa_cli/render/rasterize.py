"""Which triangle each pixel of a camera sees, where on it, and how far away. Forward only.

Frames: vertices in metres in the camera frame (OpenCV: x right, y down, z forward), or in any frame together with
`camera_from_world`. Pixel (row i, column j) has its centre at (x, y) = (j + 0.5, i + 0.5).

    raster = rasterize(vertices, triangles, intrinsics, (480, 640), camera_from_world=camera_from_head)
    colors = interpolate(vertex_colors, triangles, raster.ids, raster.barycentric)

Invariants: every pixel whose ray meets the mesh beyond the near plane is covered; an edge shared by two triangles
leaves no gap and no pixel twice; of equally near triangles the first one wins. Both sides of a triangle are seen
unless `cull`. The usual misuse is a frame with y up: everything then lies behind the camera or upside down.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from refa_cli.formats.spec import F32, F64, I32
from refa_cli.headset.lenses import Lens

NEAR = 1e-3
HIDDEN = 0.0015
"""Metres that a point may lie behind what its pixel sees and still count as seen."""


class Raster(NamedTuple):
    """What a camera sees."""

    ids: I32  # [H, W] index of the triangle, -1 where there is none
    barycentric: F32  # [H, W, 3] weights of its corners (perspective-correct), 0 where there is none
    depth: F32  # [H, W] metres along the camera's z axis, 0 where there is none


class Canvas(NamedTuple):
    """What a camera sees of things that stay before it, to draw others onto; depth is infinite where there is none."""

    ids: I32
    barycentric: NDArray[Any]
    depth: F64


def canvas(points: F64, triangles: NDArray[Any], lens: Lens, *, near: float = NEAR) -> Canvas:
    """The canvas of triangles [F, 3] of points [V, 3] in the camera frame."""
    return _drawn(points, triangles, lens, near, False, np.float32, None)


def rasterize(
    vertices: NDArray[Any],  # [V, 3] metres
    triangles: NDArray[Any],  # [F, 3] indices into the vertices
    intrinsics: ArrayLike,  # fx, fy, cx, cy in pixels
    size: tuple[int, int],  # height, width
    *,
    camera_from_world: NDArray[Any] | None = None,  # [4, 4]; None: vertices are in the camera frame
    near: float = NEAR,  # metres; nothing nearer is seen
    cull: bool = False,  # do not see triangles from behind (front is counter-clockwise seen from outside)
) -> Raster:
    """The nearest triangle of every pixel. Raises ValueError for wrong shapes, indices or non-finite vertices."""
    pinhole = np.asarray(intrinsics, dtype=np.float64)
    if pinhole.shape != (4,):
        raise ValueError(f"intrinsics must be fx, fy, cx, cy; got {pinhole.tolist()}")
    fx, fy, cx, cy = pinhole.tolist()
    lens = Lens("pinhole", (fx, fy, cx, cy), (), size)
    return see(camera_points(vertices, camera_from_world), triangles, lens, near=near, cull=cull)


def see(
    points: F64,  # [V, 3] metres, camera frame
    triangles: NDArray[Any],  # [F, 3] indices into the points
    lens: Lens,
    *,
    near: float = NEAR,  # metres
    cull: bool = False,
    dtype: DTypeLike = np.float32,  # of barycentric and depth
    onto: tuple[Canvas, int] | None = None,  # what is drawn already, and how many of the first triangles that are
) -> Raster:
    """The same through any lens: exactly what the ray of each pixel's centre meets. Pixels outside the lens's field
    see nothing."""
    ids, barycentric, depth = _drawn(points, triangles, lens, near, cull, dtype, onto)
    depth[ids < 0] = 0
    return Raster(ids, barycentric, depth.astype(dtype))


def in_sight(
    pixels: F64,  # [K, 2]
    distances: F64,  # [K] metres, along the optical axis
    depth: NDArray[np.floating],  # [H, W] metres, of what is seen there
    valid: NDArray[np.bool_] | None = None,  # [H, W]: where a picture can see anything
) -> NDArray[np.bool_]:
    """[K]: whether points at these pixels are inside the picture and not behind what is seen there."""
    height, width = depth.shape
    seen: NDArray[np.bool_] = np.all((pixels >= 0) & (pixels < [width, height]), axis=1)
    column, row = np.floor(pixels[seen]).astype(int).T
    clear = distances[seen] < depth[row, column] + HIDDEN
    seen[seen] = clear if valid is None else clear & valid[row, column]
    return seen


def _drawn(
    points: F64, triangles: NDArray[Any], lens: Lens, near: float, cull: bool, dtype: DTypeLike,
    onto: tuple[Canvas, int] | None,
) -> Canvas:  # fmt: skip
    from refa_cli.render import kernels

    corners = checked_triangles(triangles, len(points))
    if near <= 0:
        raise ValueError(f"near must be positive, got {near}")
    if onto is None:
        shape, first = lens.size, 0
        held = Canvas(np.full(shape, -1, np.int32), np.zeros((*shape, 3), dtype), np.full(shape, np.inf))
    else:
        still, first = onto
        held = Canvas(still.ids.copy(), still.barycentric.copy(), still.depth.copy())
    rays_x, rays_y = lens.ray_grids()
    kernels.rasterize(points, corners, first, lens.parameters, rays_x, rays_y, lens.reach, float(near), cull, *held)
    return held


def interpolate(
    attributes: NDArray[Any],  # [N, C] one row per vertex, or per texture corner
    corners: NDArray[Any],  # [F, 3] rows of the attributes at each triangle's corners; -1: the triangle has none
    ids: I32,  # [H, W] from rasterize
    barycentric: F32,  # [H, W, 3] from rasterize
) -> F32:
    """The attributes [H, W, C] that each pixel sees; 0 where it sees none. Raises ValueError for wrong shapes."""
    from refa_cli.render import kernels

    values = np.ascontiguousarray(attributes, dtype=np.float64)
    if values.ndim != 2:
        raise ValueError(f"attributes must be [N, C], got shape {np.shape(attributes)}")
    rows = checked_triangles(corners, len(values), lowest=-1)
    if ids.size and int(ids.max()) >= len(rows):
        raise ValueError(f"a pixel sees triangle {int(ids.max())}, but corners has only {len(rows)} rows")
    if barycentric.shape != (*ids.shape, 3):
        raise ValueError(f"barycentric must be {(*ids.shape, 3)}, got {barycentric.shape}")
    out = np.zeros((*ids.shape, values.shape[1]), dtype=np.float32)
    kernels.interpolate(
        values, rows, np.ascontiguousarray(ids), np.ascontiguousarray(barycentric, dtype=np.float32), out
    )
    return out


def camera_points(vertices: NDArray[Any], camera_from_world: NDArray[Any] | None) -> F64:
    """Vertices [V, 3] in the camera frame. Raises ValueError unless they are finite and of that shape."""
    points = np.asarray(vertices, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 3:
        raise ValueError(f"vertices must be [V, 3], got shape {points.shape}")
    if camera_from_world is not None:
        transform = np.asarray(camera_from_world, dtype=np.float64)
        if transform.shape != (4, 4):
            raise ValueError(f"camera_from_world must be [4, 4], got shape {transform.shape}")
        points = points @ transform[:3, :3].T + transform[:3, 3]
    if not np.isfinite(points).all():
        raise ValueError(f"vertices must be finite, row {int(np.argmin(np.isfinite(points).all(axis=1)))} is not")
    return np.ascontiguousarray(points)


def checked_triangles(triangles: NDArray[Any], count: int, lowest: int = 0) -> I32:
    """Triangles [F, 3] int32 with every index in lowest ... count - 1. Raises ValueError otherwise."""
    corners = np.asarray(triangles)
    if corners.ndim != 2 or corners.shape[1] != 3 or corners.dtype.kind not in "iu":
        raise ValueError(f"triangles must be integers [F, 3], got {corners.dtype} of shape {corners.shape}")
    if corners.size and not lowest <= int(corners.min()) <= int(corners.max()) < count:
        found = f"{int(corners.min())} to {int(corners.max())}"
        raise ValueError(f"triangles must index {lowest} to {count - 1}, got {found}")
    return np.ascontiguousarray(corners, dtype=np.int32)
