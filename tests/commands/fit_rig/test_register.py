"""Frames of one expression laid into one place, against poses that are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from refa_cli.commands.fit_rig import register_kernels
from refa_cli.commands.fit_rig.frames import Cloud, read_cloud
from refa_cli.commands.fit_rig.register import register
from refa_cli.commands.fit_rig.similarity import apply, motion
from refa_cli.formats.scans import Scans
from tests.commands.fit_rig.scans_made import YAWS, view_at

FACE = np.array([[-0.05, 0, 0.03], [0.05, 0, 0.03], [0, -0.03, 0.09], [0, 0.05, 0.07], [0, -0.09, 0.06]])


@pytest.fixture(scope="module")
def clouds(made: Path) -> list[Cloud]:
    return [read_cloud(frame) for frame in Scans.read(made).expressions["neutral"][0].frames]


def misplaced(poses: NDArray[np.float64], reference: int) -> NDArray[np.float64]:
    """How far each frame [F] puts the face from where the reference saw it, metres."""
    cameras = [view_at(yaw).camera_from_head for yaw in YAWS]
    true = apply(cameras[reference], FACE)
    return np.array([np.linalg.norm(apply(p, apply(c, FACE)) - true, axis=1).max()
                     for p, c in zip(poses, cameras, strict=True)])  # fmt: skip


@pytest.mark.parametrize("reference", [0, 1])
def test_frames_fall_on_each_other(clouds: list[Cloud], reference: int) -> None:
    poses, distance = register(clouds, reference)
    assert np.array_equal(poses[reference], np.eye(4))
    assert misplaced(poses, reference).max() < 0.0004
    assert distance.max() < 0.0003


def test_wrong_keypoints_only_start(clouds: list[Cloud]) -> None:
    """A frame whose keypoints are all 6 mm aside still finds its place."""
    shifted = replace(clouds[2], keypoints=clouds[2].keypoints + [0.006, 0, 0])
    poses, _ = register([*clouds[:2], shifted], 1)
    assert misplaced(poses, 1).max() < 0.0005


def test_a_frame_without_keypoints_is_left_out(clouds: list[Cloud]) -> None:
    blind = replace(clouds[0], keypoints=np.full((100, 3), np.nan))
    poses, distance = register([blind, *clouds[1:]], 1)
    assert np.isnan(poses[0]).all() and np.isnan(distance[0])
    assert misplaced(poses, 1)[1:].max() < 0.0004


def test_a_single_frame_is_its_own_reference(clouds: list[Cloud]) -> None:
    poses, distance = register(clouds[:1], 0)
    assert np.array_equal(poses[0], np.eye(4)) and distance[0] == 0


@pytest.mark.parametrize(("plane", "shade"), [(0.0004, 0.0), (np.inf, 0.04)])
def test_equations_are_the_slope_of_the_cost(clouds: list[Cloud], plane: float, shade: float) -> None:
    """The right-hand side is minus the gradient of half the squared errors, against finite differences."""
    source, other = clouds[0], clouds[1]
    there = np.linalg.inv(view_at(YAWS[1]).camera_from_head) @ np.eye(4)
    there = view_at(YAWS[1]).camera_from_head @ np.linalg.inv(view_at(YAWS[0]).camera_from_head)
    pick = slice(3, None, 40)
    wide = 1e6  # a robust scale at which every pair counts fully

    def compare(step: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        pose = motion(step[:3], step[3:]) @ there
        matrix, vector, distance = np.zeros((6, 6)), np.zeros(6), np.empty(len(source.points[pick]))
        register_kernels.compare(
            apply(pose, source.points[pick]), source.normals[pick] @ pose[:3, :3].T, source.shades[pick].copy(),
            other.camera_from_cloud, other.pinhole, other.place, other.facing_map, other.shade_map, 0.004, wide, 0.7,
            plane, shade, matrix, vector, distance,
        )  # fmt: skip
        return matrix, vector, distance

    matrix, vector, _ = compare(np.zeros(6))
    assert np.linalg.eigvalsh(matrix).min() > 0
    # The vector is smooth in the motion, with the matrix as its slope, as long as pixels stay the same.
    for axis in range(6):
        step = np.zeros(6)
        step[axis] = 1e-7
        slope = (compare(step)[1] - compare(-step)[1]) / 2e-7
        cosine = -(slope @ matrix[axis]) / (np.linalg.norm(slope) * np.linalg.norm(matrix[axis]))
        assert cosine > 0.98, axis
