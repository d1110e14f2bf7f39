"""Several processes that train one network together, each with its share of every batch.

`torchrun --nproc-per-node 4 -m refa_cli train ...` starts them; alone, a process is the whole group. Gradients are
averaged over the group at every step, so that all hold the same weights; running means of batch norms, which each takes
over its own share, are averaged before they are kept.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn

from refa_cli.formats.errors import UsageError


@dataclass(frozen=True)
class Group:
    """rank: which of the `size` processes this is."""

    rank: int = 0
    size: int = 1

    @classmethod
    def joined(cls, backend: str) -> Group:
        """The group that torchrun started this process in; backend: of torch.distributed."""
        size = int(os.environ.get("WORLD_SIZE", "1"))
        if size == 1:
            return cls()
        if not distributed.is_initialized():
            distributed.init_process_group(backend)
        return cls(distributed.get_rank(), size)

    def share(self, batch: int) -> int:
        """How many of a batch's samples this process draws. Raises UsageError unless all draw as many."""
        if self.size > 1 and batch % (2 * self.size):
            raise UsageError(f"--batch: {batch} moments cannot be dealt to {self.size} processes in even numbers.")
        return batch // self.size

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replaces each gradient by the group's mean; all processes have gradients of the same parameters."""
        if self.size == 1:
            return
        self._average([p.grad for p in parameters if p.grad is not None])

    def average_buffers(self, modules: Iterable[nn.Module]) -> None:
        """Replaces running means and variances by the group's means."""
        if self.size == 1:
            return
        self._average([b for module in modules for b in module.buffers() if b.is_floating_point()])

    def wait(self) -> None:
        """Until everybody is here."""
        if self.size > 1:
            distributed.barrier()

    def leave(self) -> None:
        """Ends the group."""
        if self.size > 1:
            distributed.destroy_process_group()

    @torch.no_grad()
    def _average(self, tensors: list[Tensor]) -> None:
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        distributed.all_reduce(flat)
        flat /= self.size
        for tensor, part in zip(tensors, torch.split(flat, [tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(part.reshape(tensor.shape))
