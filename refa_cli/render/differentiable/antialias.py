"""Outlines that a pixel grid would hide: colours blended across them, so that they move pictures as vertices move.

    picture = antialias(color, seen)                # [B, H, W, C]

Where an outline passes between the centres of two neighbouring pixels, the one whose centre it has not reached takes
some of the other's colour: none when it passes halfway, half when it passes the centre (Laine et al., "Modular
primitives for high-performance differentiable rendering", SIGGRAPH Asia 2020). There the outline is sought on the
triangle that a pixel sees; here the surface is followed to its outline, which matters where triangles are smaller than
pixels. The last step: what is shown must already have all its colours.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from refa_cli.render.differentiable import antialias_kernels as kernels
from refa_cli.render.differentiable.rasterize import Seen
from refa_cli.render.differentiable.views import applied, array, checked, on_threads


def antialias(color: Tensor, seen: Seen) -> Tensor:
    """color [B, H, W, C] with blended outlines; differentiable by color and by where the vertices are.

    Raises ValueError for wrong shapes.
    """
    checked("color", color, *seen.ids.shape, None)
    out: Tensor = applied(_Antialias, color, seen.points, seen)
    return out


class _Antialias(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, color: Tensor, points: Tensor, seen: Seen) -> Tensor:
        shown, at = array(color), array(points).astype(np.float64)
        ids, depth = array(seen.ids), array(seen.depth)
        views, height, width = ids.shape
        edges = np.empty((views, 2, height, width, 3), np.int32)
        edges[..., 0] = -1
        where = np.empty((views, 2, height, width))
        out = shown.copy()
        neighbours = seen.topology.neighbours

        def work(view: int) -> None:
            x, y = seen.lenses[view].ray_grids()
            kernels.outlines(at[view], seen.topology.triangles, neighbours, x, y, ids[view], depth[view], edges[view],
                             where[view])  # fmt: skip
            kernels.blend(shown[view], edges[view], where[view], out[view])

        on_threads(work, views)
        ctx.shown, ctx.at, ctx.lenses, ctx.edges, ctx.where, ctx.dtype = (
            shown, at, seen.lenses, edges, where, points.dtype,
        )  # fmt: skip
        return torch.from_numpy(out)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        g_out = array(grads[0])
        g_color, g_points = g_out.copy(), np.zeros(ctx.at.shape)

        def work(view: int) -> None:
            x, y = ctx.lenses[view].ray_grids()
            kernels.blend_backward(ctx.shown[view], ctx.at[view], x, y, ctx.edges[view], ctx.where[view], g_out[view],
                                   g_color[view], g_points[view])  # fmt: skip

        on_threads(work, len(g_out))
        return torch.from_numpy(g_color), torch.from_numpy(g_points).to(ctx.dtype), None
