"""The tracker knows where it errs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from refa_cli.face.shapes import INDEX
from refa_cli.networks.loop import Schedule, train
from refa_cli.networks.pool import Pool
from refa_cli.networks.samples import Samples
from refa_cli.networks.tracker import Tracker
from refa_cli.networks.training import TrackerTask, evaluated
from tests.networks.made import SIDE, moments
from tests.networks.test_tracker import CAMERAS


def half_blind(count: int, seed: int) -> Samples:
    """Moments of which the pictures of every second do not tell the jaw."""
    rng = np.random.default_rng(seed)
    frames, weights, gaze = moments(count, rng)
    frames[1::2, 2:4] = rng.integers(50, 70, (count // 2, 2, SIDE, SIDE))
    return Samples(frames, np.ones((count, 5), bool), weights, gaze, np.ones(count, bool), np.zeros(count, np.int32),
                   ("S0001",))  # fmt: skip


def test_doubt_is_larger_where_pictures_tell_nothing(tmp_path: Path) -> None:
    torch.manual_seed(0)
    tracker = Tracker("small", CAMERAS, SIDE)
    train(
        TrackerTask(tracker, Pool.of(half_blind(300, 0), {"S0001"}), None, None, 16),
        Schedule(150, every=1000),
        tmp_path,
        0,
    )
    fresh = half_blind(200, 1)
    told, _, spread, _ = evaluated(tracker, fresh, np.arange(200))
    error, doubt = np.abs(told - fresh.weights)[:, INDEX["JawDrop"]], spread[:, 2]
    assert error[1::2].mean() > 1.5 * error[::2].mean()
    assert np.median(doubt[1::2]) > np.quantile(doubt[::2], 0.8)
