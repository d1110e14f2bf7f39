"""From pixels of a render to points on the mesh: what stands where a landmark was found, and how head-on it is seen."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from refa_cli.face.mesh import triangle_vectors
from refa_cli.formats.spec import B1, F64
from refa_cli.render.cameras import View
from refa_cli.render.rasterize import Raster, interpolate, rasterize


class Lifted(NamedTuple):
    """points [N, 3] in the mesh's frame, NaN where there is none; facing [N]: cosine between ray and surface, 0..1."""

    points: F64
    facing: F64


class Surface:
    """What a view sees of a mesh: raster, positions [H, W, 3] in the mesh's frame, facing [H, W].

    two_sided: triangles may have either winding, as scans do; else those seen from behind give no points.
    """

    def __init__(self, vertices: NDArray[Any], triangles: NDArray[Any], view: View, *, two_sided: bool = False) -> None:
        self.view = view
        self.raster: Raster = rasterize(
            vertices, triangles, view.intrinsics, view.size, camera_from_world=view.camera_from_head
        )
        self.positions = interpolate(vertices, triangles, self.raster.ids, self.raster.barycentric)
        normals = triangle_vectors(np.asarray(vertices, dtype=np.float64), triangles)
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-300)
        camera = -view.camera_from_head[:3, :3].T @ view.camera_from_head[:3, 3]
        ray = camera - self.positions
        ray /= np.linalg.norm(ray, axis=2, keepdims=True)
        facing = np.einsum("hwk,hwk->hw", normals[self.raster.ids], ray) * (self.raster.ids >= 0)
        self.facing = np.abs(facing) if two_sided else facing

    def lift(self, pixels: F64, allowed: B1, reach: int, depth_range: F64 | None = None) -> Lifted:
        """Points [N, 3] of the surface at pixels [N, 2].

        allowed [N, F]: the triangles that each may lie on; where its own pixel shows another one or none, the nearest
        allowed pixel within `reach` pixels counts. No point where there is none, or where the surface turns away.
        depth_range [N], metres: what lies so much behind the foremost allowed place within reach does not count.
        """
        points, facing = np.full((len(pixels), 3), np.nan), np.zeros(len(pixels))
        height, width = self.view.size
        for i, (x, y) in enumerate(pixels):
            left, top = max(int(x) - reach, 0), max(int(y) - reach, 0)
            right, bottom = min(int(x) + reach + 1, width), min(int(y) + reach + 1, height)
            if left >= right or top >= bottom:
                continue
            ids = self.raster.ids[top:bottom, left:right]
            rows, columns = np.nonzero((ids >= 0) & allowed[i][ids] & (self.facing[top:bottom, left:right] > 0))
            if not len(rows):
                continue
            rows, columns = rows + top, columns + left
            if depth_range is not None:
                depth = self.raster.depth[rows, columns]
                in_front = depth <= depth.min() + depth_range[i]
                rows, columns = rows[in_front], columns[in_front]
            distance = (columns + 0.5 - x) ** 2 + (rows + 0.5 - y) ** 2
            nearest = int(distance.argmin())
            if distance[nearest] > reach**2:
                continue
            row, column = rows[nearest], columns[nearest]
            facing[i] = self.facing[row, column]
            points[i] = self._refined(row, column, x, y) if distance[nearest] <= 0.5 else self.positions[row, column]
        return Lifted(points, facing)

    def _refined(self, row: int, column: int, x: float, y: float) -> F64:
        """The point at (x, y) of the plane that touches the surface at a pixel whose centre is less than one away."""
        here: F64 = self.positions[row, column].astype(np.float64)
        height, width = self.view.size
        result = here.copy()
        offsets = (x - column - 0.5, y - row - 0.5)
        for offset, (dr, dc) in zip(offsets, ((0, 1), (1, 0)), strict=True):
            slopes = []
            for sign in (1, -1):
                r, c = row + sign * dr, column + sign * dc
                if 0 <= r < height and 0 <= c < width and self.raster.ids[r, c] >= 0:
                    slopes.append(sign * (self.positions[r, c].astype(np.float64) - here))
            if slopes:  # the flatter side: the other one may be beyond an edge
                result += offset * slopes[int(np.argmin([slope @ slope for slope in slopes]))]
        return result
