"""Training put to disk and taken up again: tensors of modules and of optimizers, without pickle."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from torch import nn

from refa_cli.formats.errors import DataError

STEP = "step"


Optimizers = Mapping[str, torch.optim.Optimizer]


def save(path: Path, modules: Mapping[str, nn.Module], optimizers: Optimizers, step: int) -> None:
    """Writes all of it; the file is seen whole or not at all."""
    held: dict[str, Any] = {STEP: np.array(step)}
    for name, module in modules.items():
        held |= {f"{name}/{key}": value.detach().cpu().numpy() for key, value in module.state_dict().items()}
    for name, optimizer in optimizers.items():
        for index, state in optimizer.state_dict()["state"].items():
            held |= {f"{name}/{index}/{key}": np.asarray(value.cpu().numpy()) for key, value in state.items()}
    draft = path.with_suffix(".draft")
    with open(draft, "wb") as file:
        np.savez(file, **held)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)


def load(path: Path, modules: Mapping[str, nn.Module], optimizers: Optimizers) -> int:
    """Puts everything back; returns the step. Raises DataError for a file that is not of this training."""
    try:
        with np.load(path, allow_pickle=False) as file:
            held = {name: file[name] for name in file.files}
        for name, module in modules.items():
            state = {key: torch.from_numpy(held[f"{name}/{key}"]) for key in module.state_dict()}
            module.load_state_dict(state)
        for name, optimizer in optimizers.items():
            states: dict[int, dict[str, torch.Tensor]] = {}
            for entry, value in held.items():
                if entry.startswith(f"{name}/"):
                    _, index, key = entry.split("/")
                    states.setdefault(int(index), {})[key] = torch.from_numpy(value)
            groups = optimizer.state_dict()["param_groups"]
            optimizer.load_state_dict({"state": states, "param_groups": groups})
        return int(held[STEP])
    except (OSError, EOFError, ValueError, KeyError, RuntimeError, BadZipFile) as problem:
        advice = "remove it and train again"
        raise DataError(path, "", "a checkpoint of this training", str(problem).partition("\n")[0], advice) from problem
