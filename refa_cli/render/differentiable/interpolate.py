"""Attributes of corners, such as normals, colours or uv, carried to the pixels that see their triangles.

colors = interpolate(vertex_colors, topology.triangles, seen)       # [B, H, W, C]
uv = interpolate(face_uv, uv_triangles, seen)                       # seams: corners of their own
change = footprint(face_uv, uv_triangles, seen)                     # for `texture`
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from refa_cli.formats.spec import I32
from refa_cli.render.differentiable import kernels
from refa_cli.render.differentiable.rasterize import Seen
from refa_cli.render.differentiable.views import applied, array, checked, on_threads
from refa_cli.render.rasterize import checked_triangles


def interpolate(
    attributes: Tensor,  # [N, C], the same in all views, or [B, N, C]
    corners: NDArray[Any],  # [F, 3] rows of the attributes at each triangle's corners; -1: the triangle has none
    seen: Seen,
) -> Tensor:
    """The attributes [B, H, W, C] that each pixel sees, 0 where it sees none; differentiable by the attributes and by
    where the vertices are. Raises ValueError for wrong shapes."""
    views = len(seen.ids)
    shared = attributes.ndim == 2
    checked("attributes", attributes, *(() if shared else (views,)), None, None)
    rows = _checked_corners(corners, attributes.shape[-2], seen)
    out: Tensor = applied(_Interpolate, attributes, seen.barycentric, rows, seen.ids)
    return out


def footprint(uv: NDArray[Any], corners: NDArray[Any], seen: Seen) -> NDArray[np.float32]:
    """How uv [U, 2] changes from each pixel to the next [B, H, W, (column, row), 2]. Not differentiable.

    corners [F, 3] as in interpolate. Raises ValueError for wrong shapes.
    """
    values = np.ascontiguousarray(uv, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != 2:
        raise ValueError(f"uv must be [U, 2], got {values.shape}")
    rows = _checked_corners(corners, len(values), seen)
    ids, at = array(seen.ids), array(seen.points).astype(np.float64)
    out = np.zeros((*ids.shape, 2, 2), np.float32)

    def work(view: int) -> None:
        x, y = seen.lenses[view].ray_grids()
        kernels.footprint(at[view], seen.topology.triangles, x, y, ids[view], values, rows, out[view])

    on_threads(work, len(ids))
    return out


def _checked_corners(corners: NDArray[Any], count: int, seen: Seen) -> I32:
    rows = checked_triangles(corners, count, lowest=-1)
    if len(rows) != len(seen.topology.triangles):
        raise ValueError(
            f"corners must have a row for each of {len(seen.topology.triangles)} triangles, got {len(rows)}"
        )
    return rows


class _Interpolate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, attributes: Tensor, barycentric: Tensor, corners: I32, ids: Tensor) -> Tensor:
        values, weights, which = array(attributes), array(barycentric), array(ids)
        out = np.zeros((*which.shape, values.shape[-1]), values.dtype)

        def work(view: int) -> None:
            one = values if values.ndim == 2 else values[view]
            kernels.interpolate(one, corners, which[view], weights[view], out[view])

        on_threads(work, len(which))
        ctx.values, ctx.weights, ctx.which, ctx.corners = values, weights, which, corners
        return torch.from_numpy(out)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None]:
        g_out, values, views = array(grads[0]), ctx.values, len(ctx.which)
        g_values = np.zeros((views, *values.shape[-2:]))
        g_weights = np.zeros_like(ctx.weights)

        def work(view: int) -> None:
            one = values if values.ndim == 2 else values[view]
            kernels.interpolate_backward(one, ctx.corners, ctx.which[view], ctx.weights[view], g_out[view],
                                         g_values[view], g_weights[view])  # fmt: skip

        on_threads(work, views)
        total = g_values.sum(0) if values.ndim == 2 else g_values
        return torch.from_numpy(total.astype(values.dtype)), torch.from_numpy(g_weights), None, None
