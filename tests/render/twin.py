"""The four operations again in plain torch and float64, at frozen visibility: which triangle and which outline each
pixel sees is taken from the kernels, everything else is computed from its definition, and torch differentiates it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from refa_cli.render.differentiable import antialias_kernels
from refa_cli.render.differentiable.rasterize import Seen
from refa_cli.render.differentiable.views import array


def rays(seen: Seen) -> Tensor:
    """[B, H, W, 3]."""
    flat = np.stack([lens.rays() for lens in seen.lenses])
    return torch.from_numpy(np.concatenate([np.nan_to_num(flat), np.ones((*flat.shape[:3], 1))], -1))


def rasterize(points: Tensor, seen: Seen) -> tuple[Tensor, Tensor]:
    """Barycentric [B, H, W, 3] and depth [B, H, W] by where rays meet the triangles that were seen."""
    views = torch.arange(len(points))[:, None, None, None]
    corners = torch.from_numpy(seen.topology.triangles.astype(np.int64))[seen.ids.clamp(min=0).long()]
    a, b, c = points[views, corners].unbind(-2)
    d = rays(seen)
    matrix = torch.stack([a, b, c], -1)  # matrix @ (weights * t') = d
    solved = torch.linalg.solve(torch.where((seen.ids >= 0)[..., None, None], matrix, torch.eye(3).double()), d)
    weights = solved / solved.sum(-1, keepdim=True)
    z = (weights * matrix[..., 2, :]).sum(-1)
    hit = seen.ids >= 0
    return torch.where(hit[..., None], weights, 0.0), torch.where(hit, z, 0.0)


def interpolate(attributes: Tensor, corners: NDArray[Any], weights: Tensor, seen: Seen) -> Tensor:
    """[B, H, W, C]."""
    rows = torch.from_numpy(np.asarray(corners, np.int64))[seen.ids.clamp(min=0).long()]
    known = (seen.ids >= 0) & (rows >= 0).all(-1)
    rows = rows.clamp(min=0)
    if attributes.ndim == 2:
        values = attributes[rows]
    else:
        values = attributes[torch.arange(len(attributes))[:, None, None, None], rows]
    return torch.where(known[..., None], (weights[..., None] * values).sum(-2), 0.0)


def texture(picture: Tensor, uv: Tensor, change: NDArray[np.float32], seen: Seen) -> Tensor:
    """Trilinear, the level fixed by the footprint."""
    levels = [picture]
    while min(levels[-1].shape[:2]) > 1 and levels[-1].shape[0] % 2 == levels[-1].shape[1] % 2 == 0:
        last = levels[-1]
        levels.append(last.reshape(last.shape[0] // 2, 2, last.shape[1] // 2, 2, -1).mean((1, 3)))
    size = torch.tensor([picture.shape[1], picture.shape[0]]).double()
    longest = ((torch.from_numpy(change).double() * size) ** 2).sum(-1).amax(-1)
    level = (0.5 * torch.log2(longest.clamp(min=1.0))).clamp(max=len(levels) - 1)
    out = torch.zeros(*uv.shape[:-1], picture.shape[2], dtype=picture.dtype)
    for at, one in enumerate(levels):
        share = (1 - (level - at).abs()).clamp(min=0)
        height, width = one.shape[:2]
        x = (uv[..., 0] * width - 0.5).clamp(0, width - 1)
        y = ((1 - uv[..., 1]) * height - 0.5).clamp(0, height - 1)
        left, top = x.detach().floor().long().clamp(max=max(width - 2, 0)), y.detach().floor().long().clamp(
            max=max(height - 2, 0))  # fmt: skip
        right, below = (left + 1).clamp(max=width - 1), (top + 1).clamp(max=height - 1)
        fx, fy = (x - left)[..., None], (y - top)[..., None]
        above = one[top, left] * (1 - fx) + one[top, right] * fx
        under = one[below, left] * (1 - fx) + one[below, right] * fx
        out = out + share[..., None] * (above * (1 - fy) + under * fy)
    return torch.where((seen.ids >= 0)[..., None], out, 0.0)


def outlines(seen: Seen) -> Tensor:
    """Rows (view, axis, row, column, vertex, vertex, which of the pair is nearer) of all outlines, from the kernels."""
    rows = []
    for view, lens in enumerate(seen.lenses):
        edges = np.empty((2, *lens.size, 3), np.int32)
        edges[..., 0] = -1
        x, y = lens.ray_grids()
        antialias_kernels.outlines(array(seen.points[view]).astype(np.float64), seen.topology.triangles,
                                   seen.topology.neighbours, x, y, array(seen.ids[view]), array(seen.depth[view]),
                                   edges, np.empty((2, *lens.size)))  # fmt: skip
        at = np.argwhere(edges[..., 0] >= 0)
        rows.append(np.column_stack([np.full(len(at), view), at, edges[tuple(at.T)]]))
    return torch.from_numpy(np.concatenate(rows))


def antialias(color: Tensor, points: Tensor, seen: Seen, found: Tensor | None = None) -> Tensor:
    """Blending across the outlines that the kernels found, where they lie recomputed."""
    view, axis, row, column, a, b, near = (outlines(seen) if found is None else found).unbind(1)
    pair = torch.stack([torch.stack([row, column]), torch.stack([row + (axis == 1), column + (axis == 0)])])
    each = torch.arange(len(near))
    nearer, farther = pair[near, :, each].T, pair[1 - near, :, each].T
    plane = torch.linalg.cross(points[view, a], points[view, b])
    d = rays(seen)
    start, end = ((plane * d[view, at[0], at[1]]).sum(-1) for at in (nearer, farther))
    share = start / (start - end) - 0.5
    to, of = torch.where(share > 0, farther, nearer), torch.where(share > 0, nearer, farther)
    change = share.abs()[:, None] * (color[view, of[0], of[1]] - color[view, to[0], to[1]])
    return color.index_put((view, to[0], to[1]), change, accumulate=True)
