"""Processes that train together do what one would, within noise, and hold the same weights throughout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from refa_cli.formats.errors import UsageError
from refa_cli.formats.model import Model
from refa_cli.networks.machine import Machine
from refa_cli.networks.parallel import Group
from tests.networks.made import SIDE, captures

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
AVERAGED = """
import sys
import torch
from refa_cli.networks.parallel import Group
group = Group.joined("gloo")
layer, norm = torch.nn.Linear(2, 1), torch.nn.BatchNorm1d(2)
for parameter in layer.parameters():
    parameter.grad = torch.full_like(parameter, float(group.rank))
norm.running_mean.fill_(float(2 * group.rank))
group.average_gradients(layer.parameters())
group.average_buffers([norm])
group.wait()
told = [float(layer.weight.grad[0, 0]), float(layer.bias.grad[0]), float(norm.running_mean[1])]
open(f"{sys.argv[1]}/{group.rank}", "w").write(repr((told, group.share(8), int(norm.num_batches_tracked))))
group.leave()
"""


def test_gradients_and_running_means_are_averaged(tmp_path: Path) -> None:
    script = tmp_path / "averaged.py"
    script.write_text(AVERAGED)
    subprocess.run([*TORCHRUN, str(script), str(tmp_path)], check=True, env=ENVIRONMENT, capture_output=True)
    assert [(tmp_path / rank).read_text() for rank in "01"] == [repr(([0.5, 0.5, 1.0], 4, 0))] * 2


def test_two_train_as_one_does(tmp_path: Path) -> None:
    captures(tmp_path, ("S0001", "S0002", "S0003", "S0004"))
    inputs = [str(tmp_path / "captures.zarr"), "--labels", str(tmp_path / "labels.zarr"), "--held-out", "S0004"]
    options = ["--pixels", str(SIDE), "--steps", "100", "--batch", "16", "--every", "50", "--validation", "0.4"]
    losses, models = [], []
    for launcher in ([sys.executable], TORCHRUN):
        out = tmp_path / f"{len(launcher)}.npz"
        command = [*launcher, "-m", "refa_cli", "train", *inputs, *options, "-o", str(out), "--json"]
        done = subprocess.run(command, check=True, env=ENVIRONMENT, capture_output=True, text=True)
        told = json.loads(done.stdout)  # one document: the others keep silent
        losses.append(told[0]["validation"])
        models.append(Model.read(out))
        assert not (tmp_path / f"{out.name}.training").exists()
    assert models[0].training_subjects == models[1].training_subjects
    assert losses[1] == pytest.approx(losses[0], rel=0.35)
    assert not np.array_equal(models[0].parameters, models[1].parameters)


def test_what_cannot_be_dealt_or_is_not_there_is_refused() -> None:
    assert Group().share(7) == 7
    with pytest.raises(UsageError, match="cannot be dealt to 3"):
        Group(0, 3).share(16)
    with pytest.raises(UsageError, match="no GPU"):
        Machine.of("cuda", 1)
