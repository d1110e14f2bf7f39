"""A texture of the neutral face from the colours that its scan saw."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from refa_cli.commands.fit_rig.target import Target
from refa_cli.formats.face import FaceModel
from refa_cli.render.rasterize import rasterize

Float = NDArray[np.float64]

SIZE = 512
SEEN = 0.004
"""A texel farther than this from every measured point takes the colour diffused from those that are near, metres."""


def bake_texture(face: FaceModel, vertices: Float, target: Target, size: int = SIZE) -> NDArray[np.uint8]:
    """sRGB picture [size, size, 3] over the face's uv (row 0 is v = 1), or [0, 0, 3] when no colour was seen.

    vertices [V, 3]: the scanned neutral on the face's topology; target in the head frame.
    """
    if target.colors is None:
        return np.zeros((0, 0, 3), np.uint8)
    position, covered = unwrap(face, vertices, size)
    out = np.zeros((size, size, 3))
    distance, nearest = cKDTree(target.vertices).query(position[covered], k=4)
    weight = 1 / np.maximum(distance, 1e-4) ** 2
    color = (target.colors[nearest] * weight[..., None]).sum(1) / weight.sum(1, keepdims=True)
    skin = np.median(target.colors, axis=0)
    trust = np.clip(2 - distance[:, :1] / SEEN, 0, 1)
    out[covered] = trust * color + (1 - trust) * skin
    out[~covered] = skin
    return np.clip(np.rint(out), 0, 255).astype(np.uint8)


def unwrap(face: FaceModel, vertices: Float, size: int) -> tuple[Float, NDArray[np.bool_]]:
    """Where each texel lies in space [size, size, 3], and which texels are of the surface."""
    flat = np.column_stack([face.uv[:, 0] * size, (1 - face.uv[:, 1]) * size, np.ones(len(face.uv))])
    known = (face.uv_triangles >= 0).all(1)
    corners = np.ascontiguousarray(face.uv_triangles[known])
    raster = rasterize(flat.astype(np.float64), corners, (1.0, 1.0, 0.0, 0.0), (size, size))
    covered = raster.ids >= 0
    owner = face.triangles[known][raster.ids[covered]]
    position = np.zeros((size, size, 3))
    position[covered] = (vertices[owner] * raster.barycentric[covered][..., None]).sum(1)
    return position, covered
