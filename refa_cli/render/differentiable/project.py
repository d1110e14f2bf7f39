"""Where points land in pictures, differentiable by where they are: for keypoints that are compared in pixels.

pixels = project(points, lenses)        # [B, N, 2] of points [B, N, 3], metres, camera frame (OpenCV)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from refa_cli.headset.lenses import Lens
from refa_cli.render.differentiable.views import applied, array, checked, lens_each, on_threads


def project(points: Tensor, lenses: Lens | Sequence[Lens]) -> Tensor:
    """Pixels [B, N, 2] of points [B, N, 3] through one lens, or one a view; beyond a lens's field they go on outwards.

    Raises ValueError for wrong shapes, and for points that do not lie before their camera.
    """
    checked("points", points, None, None, 3)
    each = lens_each(lenses, len(points))
    if points.numel() and not bool((points[..., 2] > 0).all()):
        raise ValueError("points must lie before the camera (z > 0)")
    out: Tensor = applied(_Project, points, each)
    return out


class _Project(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, points: Tensor, lenses: list[Lens]) -> Tensor:
        at = array(points).astype(np.float64)
        pixels, ctx.jacobian = np.empty((*at.shape[:2], 2)), np.empty((*at.shape[:2], 2, 3))

        def work(view: int) -> None:
            pixels[view], ctx.jacobian[view] = lenses[view].project_with_jacobian(at[view])

        on_threads(work, len(at))
        return torch.from_numpy(pixels).to(points.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        by_point = np.einsum("bni,bnij->bnj", array(grads[0]), ctx.jacobian)
        return torch.from_numpy(by_point).to(grads[0].dtype), None
