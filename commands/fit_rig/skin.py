"""Where skin slides along itself, which depth cannot show: what is drawn on it, followed from the neutral.

Brows, stubble, freckles and the lips' border are looked up in all frames of a scan, by where the fitted head lies, and
brought into one map of the face unrolled around its upright axis. Between the neutral's map and an expression's the
little that is left of the motion is their optical flow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from refa_cli.commands.fit_rig.flow import SLIDE, Drawn, flow
from refa_cli.commands.fit_rig.frames import Cloud
from refa_cli.commands.fit_rig.similarity import apply, scale_of
from refa_cli.face.mesh import vertex_normals
from refa_cli.formats.face import FaceModel
from refa_cli.render.rasterize import interpolate, rasterize

Float = NDArray[np.float64]
Int = NDArray[np.integer[Any]]

TEXEL = 0.0008
"""Side of a texel on a head of middling width, metres."""
AXIS, RADIUS, FAR = -0.075, 0.085, 100.0
"""z of the upright axis that faces are unrolled around, their middling distance from it, and the distance from which
the unrolled head is looked at, metres."""
MARGIN = 0.004
FACING = 0.35
"""Least cosine between skin and view."""
HIDDEN = 0.004
"""Skin so far from what a frame measured there is hidden in it, metres."""
LEAST_SEEN = 0.3
"""Sum of squared cosines from which on a texel counts as seen."""
UNDRAWN = 1.0
"""Most by which a motion is lengthened that SLIDE has shortened, as a share of it."""


@dataclass(frozen=True)
class View:
    """One frame as skin is looked up in it: shade [h, w] against its surroundings, NaN where no skin is; depth [h, w],
    metres; camera_from_scan [4, 4]; pinhole (fx, fy, cx, cy)."""

    shade: NDArray[np.float16]
    depth: NDArray[np.float16]
    camera_from_scan: Float
    pinhole: Float

    @classmethod
    def of(cls, cloud: Cloud, scan_from_cloud: Float) -> View:
        """Of a frame that lies at scan_from_cloud [4, 4]."""
        turn, shift = cloud.camera_from_cloud[2, :3], cloud.camera_from_cloud[2, 3]
        return cls(cloud.shade_map.astype(np.float16), (cloud.place @ turn + shift).astype(np.float16),
                   cloud.camera_from_cloud @ np.linalg.inv(scan_from_cloud), cloud.pinhole)  # fmt: skip


@dataclass(frozen=True)
class Tracks:
    """Vertices that were followed: index [P], the point of the scan [P, 3] that each lies at, and root [P, 2, 3], 1/m:
    root @ (place - point) has a standard deviation of 1 in both components, along the skin. Scan frame."""

    index: Int
    point: Float
    root: Float

    def moved(self, pose: Float) -> Tracks:
        """The same after a similarity transform [4, 4]."""
        turned = self.root @ pose[:3, :3].T / scale_of(pose) ** 2
        return Tracks(self.index, apply(pose, self.point), turned)


class Unrolled:
    """The face of a model, unrolled around its upright axis into a map whose columns go to the subject's left."""

    def __init__(self, face: FaceModel, skin: NDArray[np.bool_]) -> None:
        """skin [V]: vertices that are to be followed, one connected surface."""
        mean = face.mean.astype(np.float64)
        turn, away = np.arctan2(mean[:, 0], mean[:, 2] - AXIS), np.hypot(mean[:, 0], mean[:, 2] - AXIS)
        flat = np.stack([turn * RADIUS, -mean[:, 1]], 1)
        low = flat[skin].min(0) - MARGIN
        width, height = np.ceil((flat[skin].max(0) + MARGIN - low) / TEXEL).astype(int)
        self.all_triangles = face.triangles
        self.triangles = face.triangles[skin[face.triangles].all(1) & (np.ptp(turn[face.triangles], axis=1) < 1)]
        self.vertices = np.flatnonzero(skin)
        texel = (flat - low) / TEXEL
        middle = np.array([width / 2, height / 2])
        placed = np.column_stack([(texel - middle) * TEXEL, FAR - away])
        self.raster = rasterize(placed, self.triangles, [FAR / TEXEL, FAR / TEXEL, *middle], (int(height), int(width)))
        self.column, self.row = texel[self.vertices].T - 0.5

    def spread(self, field: Float) -> Float:
        """A vertex field [V, C] as a map [h, w, C]."""
        return interpolate(field, self.triangles, self.raster.ids, self.raster.barycentric).astype(np.float64)

    def at_vertices(self, field: NDArray[np.floating[Any]]) -> Float:
        """A map [h, w] at the vertices that are followed."""
        found: Float = map_coordinates(field, [self.row, self.column], order=1)
        return found

    def drawn(self, vertices: Float, views: Sequence[View], scan_from_head: Float) -> Drawn:
        """What the views show on a head whose vertices [V, 3] lie in them at scan_from_head [4, 4]."""
        place = apply(scan_from_head, self.spread(vertices))
        normal = self.spread(np.asarray(vertex_normals(vertices, self.all_triangles), dtype=np.float64))
        normal = normal @ scan_from_head[:3, :3].T / scale_of(scan_from_head)
        total, seen = np.zeros(place.shape[:2]), np.zeros(place.shape[:2])
        for view in views:
            turn, shift = view.camera_from_scan[:3, :3], view.camera_from_scan[:3, 3]
            at = place @ turn.T + shift
            facing = -((normal @ turn.T) * at).sum(-1) / np.maximum(np.linalg.norm(at, axis=-1), 1e-9)
            z = np.maximum(at[..., 2], 1e-3)
            fx, fy, cx, cy = view.pinhole
            pixel = np.stack([at[..., 1] / z * fy + cy - 0.5, at[..., 0] / z * fx + cx - 0.5])
            shade = map_coordinates(view.shade.astype(np.float32), pixel, order=1, cval=np.nan)
            depth = map_coordinates(view.depth.astype(np.float32), pixel, order=0, cval=np.nan)
            known = np.isfinite(shade) & (np.abs(depth - z) < HIDDEN) & (facing > FACING)
            weight = np.where(known, facing**2, 0.0)
            total += np.where(known, shade, 0.0) * weight
            seen += weight
        sure = (seen > LEAST_SEEN) & (self.raster.ids >= 0)
        return Drawn(np.where(sure, total / np.maximum(seen, 1e-9), 0.0), sure)

    def follow(self, before: Drawn, vertices: Float, after: Drawn, scan_from_head: Float) -> Tracks:
        """Where the skin that `before` shows lies in the scan that `after` was looked up in with these vertices."""
        shift, certainty, seen = flow(before, after)
        place = apply(scan_from_head, self.spread(vertices))
        across, down = np.gradient(place, axis=1), np.gradient(place, axis=0)
        frame = np.stack([[self.at_vertices(d[..., i]) for i in range(3)] for d in (across, down)]).transpose(2, 1, 0)
        moved = np.stack([self.at_vertices(shift[..., i]) for i in range(2)], 1)
        sure = np.stack([self.at_vertices(certainty[..., i]) for i in range(3)], 1)  # xx, xy, yy
        inner = (self.at_vertices(seen.astype(float)) > 0.99) & (self.at_vertices((self.raster.ids >= 0) * 1.0) > 0.99)
        gram = np.einsum("pia,pib->pab", frame, frame)
        inner &= np.linalg.det(gram) > 0.05 * TEXEL**4
        frame, moved, sure, gram = frame[inner], moved[inner], sure[inner], gram[inner]
        matrix = sure[:, [[0, 1], [1, 2]]]
        values, directions = np.linalg.eigh(matrix)
        values = np.maximum(values, 0)
        # What was found is drawn to no motion by SLIDE; what was measured is not.
        undrawn = 1 + np.minimum(1 / (SLIDE**2 * np.maximum(values, 1e-9)), UNDRAWN)
        moved = (directions @ (undrawn * (directions.transpose(0, 2, 1) @ moved[..., None])[..., 0])[..., None])[..., 0]
        half = np.sqrt(values)[:, :, None] * directions.transpose(0, 2, 1)
        root = half @ np.linalg.inv(gram) @ frame.transpose(0, 2, 1)
        index = self.vertices[inner]
        point = apply(scan_from_head, vertices[index]) + (frame @ moved[..., None])[..., 0]
        return Tracks(index, point, root)
