"""Plain shaded pictures of meshes for people (and for face detectors) to look at.

Smooth normals, a key light, a fill light and ambient light that stand with the camera, computed in linear light and
written as sRGB, with 2x2 samples a pixel. Not a measurement: no shadows, no lens, no sensor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from refa_cli.face.mesh import vertex_normals
from refa_cli.formats.spec import F32, F64, U8
from refa_cli.headset.lenses import Lens
from refa_cli.render.cameras import View
from refa_cli.render.rasterize import Raster, camera_points, interpolate, see

# sRGB 0..1 in the order of refa_cli.formats.face.MATERIALS: skin, lips, sclera, iris, pupil, teeth, tongue, gum.
MATERIAL_COLORS = np.array(
    [
        [0.80, 0.64, 0.56],
        [0.66, 0.38, 0.36],
        [0.90, 0.89, 0.88],
        [0.32, 0.24, 0.17],
        [0.03, 0.03, 0.03],
        [0.88, 0.85, 0.78],
        [0.70, 0.40, 0.40],
        [0.62, 0.33, 0.33],
    ],
    dtype=np.float32,
)


@dataclass(frozen=True)
class Lights:
    """Directions towards the lights in the camera frame (x right, y down, z forward) and strengths in linear light."""

    key_direction: tuple[float, float, float] = (-0.5, -0.7, -1.0)
    key: float = 0.75
    fill_direction: tuple[float, float, float] = (0.9, 0.1, -0.7)
    fill: float = 0.25
    ambient: float = 0.12


class Texture(NamedTuple):
    """A picture on a mesh; v runs up, so row 0 of the picture is v = 1."""

    pixels: U8  # [H, W, 3] sRGB
    uv: NDArray[Any]  # [U, 2] 0..1
    corners: NDArray[Any]  # [F, 3] rows of uv at each triangle's corners, -1 where it has none


def preview(
    vertices: NDArray[Any],  # [V, 3] metres, head frame
    triangles: NDArray[Any],  # [F, 3]
    view: View,
    *,
    triangle_colors: NDArray[Any] | None = None,  # [F, 3] sRGB 0..1, such as MATERIAL_COLORS[material]
    vertex_colors: NDArray[Any] | None = None,  # [V, 3] sRGB 0..1
    texture: Texture | None = None,
    lights: Lights | None = None,
    background: tuple[float, float, float] = (0.35, 0.37, 0.40),  # sRGB 0..1
) -> U8:
    """The picture [H, W, 3] sRGB. Of the colours given, texture wins over vertex over triangle colours."""
    return preview_through(
        view.lens, camera_points(vertices, view.camera_from_head), triangles, triangle_colors=triangle_colors,
        vertex_colors=vertex_colors, texture=texture, lights=lights, background=background,
    )  # fmt: skip


def preview_through(
    lens: Lens,
    points: F64,  # [V, 3] metres, camera frame
    triangles: NDArray[Any],
    *,
    triangle_colors: NDArray[Any] | None = None,
    vertex_colors: NDArray[Any] | None = None,
    texture: Texture | None = None,
    lights: Lights | None = None,
    background: tuple[float, float, float] = (0.35, 0.37, 0.40),
) -> U8:
    """The same through any lens."""
    fine = lens.scaled(2)
    raster = see(points, triangles, fine)
    seen = raster.ids >= 0
    if texture is not None:
        uv = interpolate(texture.uv, texture.corners, raster.ids, raster.barycentric)[seen]
        color = sample_bilinear(LINEAR_OF_BYTE[texture.pixels], uv)
    elif vertex_colors is not None:
        color = interpolate(linear_of_srgb(vertex_colors), triangles, raster.ids, raster.barycentric)[seen]
    else:
        plain = np.broadcast_to(MATERIAL_COLORS[0], (len(triangles), 3)) if triangle_colors is None else triangle_colors
        color = linear_of_srgb(plain)[raster.ids[seen]]
    shaded = np.empty((*fine.size, 3), dtype=np.float32)
    shaded[:] = linear_of_srgb(np.array(background, dtype=np.float32))
    shaded[seen] = color * _light(points, triangles, raster, fine, lights or Lights())[:, None]
    mean = (shaded[0::2, 0::2] + shaded[0::2, 1::2] + shaded[1::2, 0::2] + shaded[1::2, 1::2]) / 4
    return np.rint(srgb_of_linear(mean) * 255).astype(np.uint8)


def _light(points: F64, triangles: NDArray[Any], raster: Raster, lens: Lens, lights: Lights) -> F32:
    """Light [P] that the surface of each covered pixel sends back, also where it is seen from behind."""
    rows, columns = np.nonzero(raster.ids >= 0)
    normal = interpolate(vertex_normals(points, triangles), triangles, raster.ids, raster.barycentric)[rows, columns]
    normal /= np.maximum(np.sqrt(np.einsum("pk,pk->p", normal, normal)), 1e-9)[:, None]
    x, y = lens.ray_grids()
    away = normal[:, 0] * x[rows, columns] + normal[:, 1] * y[rows, columns] + normal[:, 2]
    normal[away > 0] *= -1
    total = np.full(len(rows), lights.ambient, dtype=np.float32)
    for direction, strength in ((lights.key_direction, lights.key), (lights.fill_direction, lights.fill)):
        towards = np.array(direction, dtype=np.float32)
        towards /= np.linalg.norm(towards)
        total += np.float32(strength) * np.maximum(normal @ towards, 0)
    return total


def sample_bilinear(pixels: F32, uv: F32) -> F32:
    """Colours [..., C] of a picture [H, W, C] at uv [..., 2], v up; beyond the border the border's colour."""
    height, width = pixels.shape[:2]
    x = np.clip(uv[..., 0] * width - 0.5, 0, width - 1)
    y = np.clip((1 - uv[..., 1]) * height - 0.5, 0, height - 1)
    left, top = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    fx, fy = (x - left)[..., None], (y - top)[..., None]
    above = pixels[top, left] * (1 - fx) + pixels[top, right] * fx
    below = pixels[bottom, left] * (1 - fx) + pixels[bottom, right] * fx
    return np.asarray(above * (1 - fy) + below * fy, dtype=np.float32)


def linear_of_srgb(values: NDArray[Any]) -> F32:
    """Linear light 0..1 of sRGB values 0..1 (IEC 61966-2-1)."""
    s = np.asarray(values, dtype=np.float32)
    return np.where(s <= 0.04045, s / 12.92, ((np.maximum(s, 0) + 0.055) / 1.055) ** 2.4).astype(np.float32)


def srgb_of_linear(values: NDArray[Any]) -> F32:
    """sRGB values 0..1 of linear light, clipped to 0..1."""
    light = np.clip(np.asarray(values, dtype=np.float32), 0, 1)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055).astype(np.float32)


LINEAR_OF_BYTE = linear_of_srgb(np.arange(256) / 255)
