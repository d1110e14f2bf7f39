"""What the four operations share: the mesh's topology, arrays of tensors, and views on threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from refa_cli.formats.spec import I32
from refa_cli.headset.lenses import Lens
from refa_cli.render.rasterize import checked_triangles

FLOATS = (torch.float32, torch.float64)


class Topology:
    """Triangles [F, 3] of V vertices, checked once; neighbours [F, 3]: the triangle beyond the edge opposite to each
    corner, -1 where there is none or more than one."""

    def __init__(self, triangles: NDArray[Any], vertices: int) -> None:
        self.triangles, self.vertices = checked_triangles(triangles, vertices), vertices

    @cached_property
    def neighbours(self) -> I32:
        """See above."""
        count = len(self.triangles)
        edges = np.concatenate([self.triangles[:, [1, 2]], self.triangles[:, [2, 0]], self.triangles[:, [0, 1]]])
        key = np.sort(edges, axis=1).astype(np.int64) @ [self.vertices, 1]
        order = np.argsort(key, kind="stable")
        first = np.flatnonzero(np.r_[True, np.diff(key[order]) != 0])
        size = np.diff(np.r_[first, len(key)])
        pair = first[size == 2]
        out = np.full(3 * count, -1, np.int32)
        one, other = order[pair], order[pair + 1]
        out[one], out[other] = other % count, one % count
        return np.ascontiguousarray(out.reshape(3, count).T)


def array(tensor: Tensor) -> NDArray[Any]:
    """A tensor's numbers, side by side in memory, without its history."""
    return np.ascontiguousarray(tensor.detach().numpy())


def checked(name: str, tensor: Tensor, *shape: int | None) -> None:
    """Raises ValueError unless the tensor is of floats, on the CPU and of that shape (None: any size)."""
    wanted = ", ".join("?" if size is None else str(size) for size in shape)
    if tensor.dtype not in FLOATS or tensor.device.type != "cpu":
        raise ValueError(f"{name} must be float32 or float64 on the CPU, got {tensor.dtype} on {tensor.device}")
    if tensor.ndim != len(shape) or any(s not in (None, t) for s, t in zip(shape, tensor.shape, strict=True)):
        raise ValueError(f"{name} must be [{wanted}], got {list(tensor.shape)}")


def applied(function: Any, *inputs: Any) -> Any:
    """An autograd function on its inputs; torch's own `apply` has no types."""
    return function.apply(*inputs)


def lens_each(lenses: Lens | Sequence[Lens], views: int) -> list[Lens]:
    """One lens a view. Raises ValueError for another number, or pictures of several sizes."""
    out = [lenses] * views if isinstance(lenses, Lens) else list(lenses)
    if len(out) != views or len({lens.size for lens in out}) != 1:
        raise ValueError(f"{views} views need as many lenses with pictures of one size, got {len(out)}")
    return out


def on_threads(work: Callable[[int], None], views: int) -> None:
    """work(view) for all views, on as many threads as torch has; each writes to its own place, so that how many there
    are changes nothing."""
    threads = min(torch.get_num_threads(), views)
    if threads <= 1:
        for view in range(views):
            work(view)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(views)))
