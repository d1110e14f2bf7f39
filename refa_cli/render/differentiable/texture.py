"""Pictures looked up on surfaces, averaged over what each pixel covers of them.

    color = texture(picture, uv, change, seen)          # [B, H, W, C]

A pyramid of halved pictures stands in for the average: each pixel looks between the two levels whose texels are as
large as the longer side of its footprint (Williams, "Pyramidal parametrics", SIGGRAPH 1983). u runs right and v up, so
that row 0 of a picture is v = 1; beyond the border the border's colour is seen.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from refa_cli.render.differentiable import texture_kernels as kernels
from refa_cli.render.differentiable.rasterize import Seen
from refa_cli.render.differentiable.views import applied, array, checked, on_threads

Array = NDArray[Any]


def texture(
    picture: Tensor,  # [T, S, C], the same in all views
    uv: Tensor,  # [B, H, W, 2] from interpolate
    change: NDArray[np.float32],  # [B, H, W, 2, 2] from footprint
    seen: Seen,
) -> Tensor:
    """The colours [B, H, W, C] that each pixel sees, 0 where it sees nothing; differentiable by the picture and by uv,
    whose footprint is taken as given. Raises ValueError for wrong shapes."""
    checked("picture", picture, None, None, None)
    checked("uv", uv, *seen.ids.shape, 2)
    if change.shape != (*seen.ids.shape, 2, 2):
        raise ValueError(f"change must be {(*seen.ids.shape, 2, 2)}, got {change.shape}")
    out: Tensor = applied(_Texture, picture, uv, change, seen.ids)
    return out


def pyramid_of(picture: Array) -> tuple[Array, NDArray[np.int64]]:
    """All levels of a picture [T, S, C], halved as long as both sides are even, as texels [N, C] and sizes [L, 3]."""
    levels, sizes, first = [picture], [], 0
    while min(levels[-1].shape[:2]) > 1 and levels[-1].shape[0] % 2 == levels[-1].shape[1] % 2 == 0:
        last = levels[-1]
        levels.append((last[::2, ::2] + last[1::2, ::2] + last[::2, 1::2] + last[1::2, 1::2]) / 4)
    for level in levels:
        sizes.append((*level.shape[:2], first))
        first += level.shape[0] * level.shape[1]
    return np.concatenate([level.reshape(-1, picture.shape[2]) for level in levels]), np.array(sizes, np.int64)


def folded(pyramid: Array, sizes: NDArray[np.int64]) -> Array:
    """The gradient [T, S, C] of the finest level from those of all levels [N, C]."""
    out = None
    for height, width, first in sizes[::-1]:
        level = pyramid[first : first + height * width].reshape(height, width, -1)
        out = level if out is None else level + out.repeat(2, 0).repeat(2, 1) / 4
    assert out is not None
    return out


class _Texture(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, picture: Tensor, uv: Tensor, change: Array, ids: Tensor) -> Tensor:
        pyramid, sizes = pyramid_of(array(picture))
        at, which = array(uv), array(ids)
        out = np.zeros((*which.shape, pyramid.shape[1]), pyramid.dtype)
        on_threads(lambda v: kernels.lookup(pyramid, sizes, at[v], change[v], which[v], out[v]), len(which))
        ctx.pyramid, ctx.sizes, ctx.at, ctx.change, ctx.which = pyramid, sizes, at, change, which
        return torch.from_numpy(out)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None]:
        g_out, views = array(grads[0]), len(ctx.which)
        g_pyramid, g_uv = np.zeros((views, *ctx.pyramid.shape)), np.zeros_like(ctx.at)

        def work(view: int) -> None:
            kernels.lookup_backward(ctx.pyramid, ctx.sizes, ctx.at[view], ctx.change[view], ctx.which[view],
                                    g_out[view], g_pyramid[view], g_uv[view])  # fmt: skip

        on_threads(work, views)
        total = folded(g_pyramid.sum(0), ctx.sizes).astype(ctx.pyramid.dtype)
        return torch.from_numpy(total), torch.from_numpy(g_uv), None, None
