"""Which triangle each pixel sees, where on it and how far away, differentiable by where the vertices are.

    topology = Topology(triangles, vertices)
    seen = rasterize(points, topology, lens)        # points [B, V, 3], metres, camera frame (OpenCV)

Gradients are those of a fixed triangle under a fixed ray: what happens at outlines is for `antialias`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from refa_cli.headset.lenses import Lens
from refa_cli.render.differentiable import kernels
from refa_cli.render.differentiable.views import Topology, applied, array, checked, lens_each, on_threads
from refa_cli.render.rasterize import NEAR, see


@dataclass(frozen=True)
class Seen:
    """What B views see: ids [B, H, W] int32, -1 for nothing; barycentric [B, H, W, 3]; depth [B, H, W] metres along z,
    0 for nothing; and what it was made from: points [B, V, 3], the topology and one lens a view."""

    ids: Tensor
    barycentric: Tensor
    depth: Tensor
    points: Tensor
    topology: Topology
    lenses: list[Lens]


def rasterize(
    points: Tensor,  # [B, V, 3] metres, camera frame
    topology: Topology,
    lenses: Lens | Sequence[Lens],  # one for all views, or one each
    *,
    near: float = NEAR,  # metres; nothing nearer is seen
    cull: bool = False,  # do not see triangles from behind
) -> Seen:
    """What each pixel's ray meets first. Raises ValueError for wrong shapes or numbers that are not finite."""
    checked("points", points, None, topology.vertices, 3)
    if not torch.isfinite(points).all():
        raise ValueError("points must be finite")
    each = lens_each(lenses, len(points))
    ids, barycentric, depth = applied(_Rasterize, points, topology, each, near, cull)
    return Seen(ids, barycentric, depth, points, topology, each)


class _Rasterize(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, points: Tensor, topology: Topology, lenses: list[Lens], near: float, cull: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        at = array(points).astype(np.float64)
        views, (height, width) = len(at), lenses[0].size
        ids = np.empty((views, height, width), np.int32)
        barycentric = torch.empty((views, height, width, 3), dtype=points.dtype)
        depth = torch.empty((views, height, width), dtype=points.dtype)

        def work(view: int) -> None:
            raster = see(at[view], topology.triangles, lenses[view], near=near, cull=cull, dtype=array(points).dtype)
            ids[view] = raster.ids
            barycentric[view], depth[view] = torch.from_numpy(raster.barycentric), torch.from_numpy(raster.depth)

        on_threads(work, views)
        ctx.at, ctx.topology, ctx.lenses, ctx.ids, ctx.dtype = at, topology, lenses, ids, points.dtype
        found = torch.from_numpy(ids)
        ctx.mark_non_differentiable(found)
        return found, barycentric, depth

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None, None]:
        g_barycentric, g_depth = array(grads[1]), array(grads[2])
        out = np.zeros(ctx.at.shape)

        def work(view: int) -> None:
            x, y = ctx.lenses[view].ray_grids()
            kernels.rasterize_backward(ctx.at[view], ctx.topology.triangles, x, y, ctx.ids[view],
                                       g_barycentric[view], g_depth[view], out[view])  # fmt: skip

        on_threads(work, len(out))
        return torch.from_numpy(out).to(ctx.dtype), None, None, None, None
