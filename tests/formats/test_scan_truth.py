"""The truth beside simulated scans: what it holds comes back, what contradicts itself is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refa_cli.formats.errors import DataError
from refa_cli.formats.scan_truth import ScanTruth
from refa_cli.formats.spec import same


def fields(**changes: Any) -> dict[str, Any]:
    """The fields of a small truth: 5 vertices, 2 triangles, 2 expressions of 3 frames, no keypoints."""
    rng = np.random.default_rng(0)
    head = rng.uniform(-0.1, 0.1, (5, 3))
    head[0], head[1] = (0.1, 0, 0), (-0.1, 0, 0)
    return {
        "subject": "S0001", "face_digest": "0" * 64, "expression_ids": ("neutral", "grin"),
        "triangles": np.array([[0, 1, 2], [2, 3, 4]]), "material": np.array([0, 7]), "zero": head, "neutral": head,
        "shapes": np.zeros((53, 5, 3)), "eye_follow": np.zeros((8, 5, 3)),
        "eye_centers": np.array([[0.031, 0, 0], [-0.031, 0, 0]]), "weights": rng.random((2, 53)),
        "gaze": np.zeros((2, 2, 2)), "vertices": np.stack([head, head]), "keypoints": np.zeros((2, 0, 3)),
        "seen": np.ones((2, 5), bool),
        "camera_from_head": np.tile(np.eye(4), (2, 3, 1, 1)), "intrinsics": np.array([590.0, 590, 320, 240]),
        "depth_scale": np.array([1.002]), "depth_bias": np.zeros((6, 8)), **changes,
    }  # fmt: skip


def test_comes_back(tmp_path: Path) -> None:
    truth = ScanTruth(**fields(), recipe={"command": "simulate"})
    truth.write(tmp_path / "truth.npz")
    read = ScanTruth.read(tmp_path / "truth.npz")
    assert same(truth, read)
    assert read.recipe["command"] == "simulate"
    assert read.dims["T"] == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("keypoints", np.zeros((2, 7, 3))),
        ("eye_centers", np.array([[-0.031, 0, 0], [0.031, 0, 0]])),
        ("zero", np.zeros((5, 3))),
        ("weights", np.full((2, 53), 1.5)),
        ("weights", np.zeros((3, 53))),
        ("triangles", np.array([[0, 1, 2], [2, 3, 5]])),
        ("camera_from_head", np.tile(np.diag([1.0, 1, -1, 1]), (2, 3, 1, 1))),
        ("vertices", np.full((2, 5, 3), np.nan)),
        ("depth_scale", np.array([0.0])),
        ("subject", "no/name"),
    ],
)
def test_refused(name: str, value: Any) -> None:
    with pytest.raises(DataError) as refusal:
        ScanTruth(**fields(**{name: value}))
    assert refusal.value.field == name
