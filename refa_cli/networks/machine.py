"""What a training runs on: a device, so many threads, and the group of processes it belongs to."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import torch

from refa_cli.formats.errors import UsageError
from refa_cli.networks.parallel import Group


@dataclass(frozen=True)
class Machine:
    """device; group: this process alone, unless torchrun started it with others."""

    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    group: Group = field(default_factory=Group)

    @classmethod
    def of(cls, device: str, threads: int | None) -> Machine:
        """device: auto (the GPU if there is one), cpu or cuda; threads: as torch chooses (all
        cores, or OMP_NUM_THREADS) if None; more than there are free cores spin against each other and are many times
        slower. Joins the group. Raises UsageError for a GPU that is not there."""
        if device == "cuda" and not torch.cuda.is_available():
            raise UsageError("--device cuda: torch sees no GPU here; use --device cpu.")
        if threads is not None:
            torch.set_num_threads(threads)
        there = device != "cpu" and torch.cuda.is_available()
        processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        if there and processes > torch.cuda.device_count():
            raise UsageError(f"{processes} processes on {torch.cuda.device_count()} GPU(s); start one a GPU, or use "
                             "--device cpu.")  # fmt: skip
        if there:  # without it torch says that its matrix products differ from run to run
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        group = Group.joined("nccl" if there else "gloo")
        return cls(
            torch.device("cuda", group.rank % torch.cuda.device_count()) if there else torch.device("cpu"), group
        )
