"""One expression's takes turned into a target: frames fused and reconstructed, or a fused mesh read as it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from refa_cli.commands.fit_rig.frames import Cloud, read_cloud
from refa_cli.commands.fit_rig.fuse import Fused, fuse
from refa_cli.commands.fit_rig.poisson import Surface, reconstruct
from refa_cli.commands.fit_rig.scan_mesh import read_scan_mesh
from refa_cli.commands.fit_rig.target import Target
from refa_cli.formats.errors import DataError
from refa_cli.formats.scans import Scans, Take
from refa_cli.landmarks.keypoints import GROUPS

Float = NDArray[np.float64]

KEYPOINT_SIGMA = 0.0015
"""Least standard deviation of a measured keypoint, metres."""
KEYPOINT_SPREAD = 0.006
"""A keypoint on whose place frames disagree by more is not used, metres."""
COLOR_REACH = 0.004


@dataclass(frozen=True)
class Measurement:
    """What was measured of one expression: its target, how many frames made it, and how well they agree (metres)."""

    expression: str
    target: Target
    frames: int
    agreement: float
    fused: Fused | None
    surface: Surface


def measure(scans: Scans, expression: str, left_out: list[DataError]) -> Measurement:
    """Measure one expression; unusable frames and takes are added to left_out. Raises DataError if nothing is left."""
    takes = scans.expressions[expression]
    meshes = [take for take in takes if take.kind != "frames"]
    clouds: list[Cloud] = []
    for take in takes:
        for frame in take.frames:
            try:
                clouds.append(read_cloud(frame))
            except DataError as problem:
                left_out.append(problem)
    if clouds:
        return _of_frames(expression, clouds, takes[0], left_out)
    if meshes:
        return _of_mesh(expression, read_scan_mesh(meshes[0].path, scans.mesh_unit, scans.mirrored))
    raise DataError(scans.root, f"expressions.{expression}", "a frame with a face and depth", "none",
                    "scan it again or remove it from scans.json")  # fmt: skip


def _of_frames(expression: str, clouds: list[Cloud], take: Take, left_out: list[DataError]) -> Measurement:
    fused = fuse(clouds)
    for index in np.flatnonzero(~np.isfinite(fused.poses[:, 0, 0])):
        left_out.append(DataError(take.path, f"frame {index} of {expression}", "a frame that fits the others",
                                  "another shape or a moved face", "hold the expression still"))  # fmt: skip
    try:
        surface = reconstruct(fused.points, fused.normals)
    except ValueError as problem:
        raise DataError(take.path, "depth", "readings on one face", str(problem), "scan it again") from problem
    spread = np.nan_to_num(fused.spread, nan=1.0)
    keypoints = np.where((spread < KEYPOINT_SPREAD)[:, None], fused.keypoints, np.nan)
    keypoints[GROUPS["iris"]] = np.nan  # depth of an iris is what shines through the cornea, or nothing
    sigma = np.maximum(KEYPOINT_SIGMA, spread)
    colors = _nearest(fused.points, fused.colors, surface.vertices)
    target = Target.of_mesh(surface.vertices, surface.triangles, keypoints, sigma, colors)
    used = int(np.isfinite(fused.poses[:, 0, 0]).sum())
    return Measurement(expression, target, used, fused.residual, fused, surface)


def _of_mesh(expression: str, mesh: tuple[Float, NDArray[np.int64], Float, Float, Float | None]) -> Measurement:
    vertices, triangles, keypoints, sigma, colors = mesh
    target = Target.of_mesh(vertices, triangles, keypoints, sigma, colors)
    return Measurement(expression, target, 1, 0.0, None, Surface(vertices, triangles))


def _nearest(points: Float, values: Float, at: Float) -> Float:
    from scipy.spatial import cKDTree

    nearest: Float = values[cKDTree(points).query(at, k=1)[1]]
    return nearest
