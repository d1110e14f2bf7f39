"""One expression's takes turned into a target: frames fused and reconstructed, or a fused mesh read as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refa_cli.commands.fit_rig.frames import MIN_KEYPOINTS, Cloud, read_cloud
from refa_cli.commands.fit_rig.fuse import Fused, fuse
from refa_cli.commands.fit_rig.poisson import Surface, reconstruct
from refa_cli.commands.fit_rig.redetect import Shot, chosen
from refa_cli.commands.fit_rig.scan_mesh import read_scan_mesh
from refa_cli.commands.fit_rig.skin import View
from refa_cli.commands.fit_rig.target import Target
from refa_cli.commands.fit_rig.units import EYES_LEAST, EYES_MOST, centimetres, eye_distance
from refa_cli.face.keypoints import GROUPS
from refa_cli.formats.errors import DataError
from refa_cli.formats.frames import Frame
from refa_cli.formats.scans import Scans, Take

Float = NDArray[np.float64]

KEYPOINT_SIGMA = 0.0015
"""Least standard deviation of a measured keypoint, metres."""
KEYPOINT_SPREAD = 0.006
"""A keypoint on whose place frames disagree by more is not used, metres."""


@dataclass(frozen=True)
class Measurement:
    """What was measured of one expression: its target, how many frames made it, how well they agree (metres), and the
    views that these frames give of what is drawn on the skin, and the shots in which keypoints were detected; none of a
    mesh."""

    expression: str
    target: Target
    frames: int
    agreement: float
    fused: Fused | None
    surface: Surface
    views: list[View]
    shots: list[Shot]


def measure(scans: Scans, expression: str, left_out: list[DataError], auto_scale: bool = False) -> Measurement:
    """Measure one expression from its frames, or if none is usable from its first usable mesh.

    Unusable frames and takes are added to left_out. auto_scale: units are not trusted, so they are not checked.
    Raises DataError if nothing is left.
    """
    takes = scans.expressions[expression]
    clouds: list[Cloud] = []
    frames: list[Frame] = []
    unusable: list[DataError] = []
    for frame in (frame for take in takes for frame in take.frames):
        try:
            clouds.append(read_cloud(frame))
            frames.append(frame)
        except DataError as problem:
            unusable.append(problem)
    measured = None
    if clouds:
        try:
            measured = _of_frames(expression, clouds, frames, unusable)
        except DataError as problem:
            unusable.insert(0, problem)
    for take in (take for take in takes if take.kind != "frames"):
        if measured is not None:
            unusable.append(DataError(take.path, "", f"frames or one mesh of {expression}", "both, or several meshes",
                                      "remove it from scans.json"))  # fmt: skip
            continue
        try:
            measured = _of_mesh(expression, read_scan_mesh(take.path, scans.mesh_unit, scans.mirrored, auto_scale))
        except DataError as problem:
            unusable.append(problem)
    if measured is None:
        first = unusable[0]
        left_out += unusable[1:]
        got = f"{first.got}, and nothing else of {expression} is usable"
        raise DataError(first.path, first.field, first.expected, got, first.advice)
    left_out += unusable
    _check_keypoints(scans, takes[0], measured, auto_scale)
    return measured


def _check_keypoints(scans: Scans, take: Take, measured: Measurement, auto_scale: bool) -> None:
    """Refuse too few keypoints to start from, and eyes at a distance that only wrong units explain."""
    known = int(np.isfinite(measured.target.keypoints[:, 2]).sum())
    if known < MIN_KEYPOINTS:
        raise DataError(take.path, "keypoints", f"at least {MIN_KEYPOINTS} that are seen and agree", str(known),
                        "scan it again, holding still, or correct landmarks.json")  # fmt: skip
    distance = eye_distance(measured.target.keypoints)
    if measured.fused is None or auto_scale or np.isnan(distance) or EYES_LEAST <= distance <= EYES_MOST:
        return  # of meshes read_scan_mesh knows
    raise DataError(take.path, "scale", f"eyes {centimetres(EYES_LEAST)} to {centimetres(EYES_MOST)} apart",
                    centimetres(distance), f"correct depth_unit, now {scans.depth_unit:g} metres per count, "
                    "or the camera's fx and fy, or use --scale auto")  # fmt: skip


def _of_frames(expression: str, clouds: list[Cloud], frames: list[Frame], left_out: list[DataError]) -> Measurement:
    fused = fuse(clouds)
    for index in np.flatnonzero(~np.isfinite(fused.poses[:, 0, 0])):
        left_out.append(DataError(frames[index].depth, "depth", f"a face that fits the other frames of {expression}",
                                  "another shape or a moved face", "hold the expression still"))  # fmt: skip
    try:
        surface = reconstruct(fused.points, fused.normals)
        if len(surface.triangles) == 0:
            raise ValueError("no surface through them")
    except (ValueError, RuntimeError) as problem:  # RuntimeError: marching cubes that meet no surface
        path = frames[0].depth.parent.parent
        raise DataError(path, "depth", "readings on one face", str(problem).rstrip("."), "scan it again") from problem
    spread = np.nan_to_num(fused.spread, nan=1.0)
    keypoints = np.where((spread < KEYPOINT_SPREAD)[:, None], fused.keypoints, np.nan)
    keypoints[GROUPS["iris"]] = np.nan  # depth of an iris is what shines through the cornea, or nothing
    sigma = np.maximum(KEYPOINT_SIGMA, spread)
    colors = _nearest(fused.points, fused.colors, surface.vertices)
    target = Target.of_mesh(surface.vertices, surface.triangles, keypoints, sigma, colors)
    used = [i for i in range(len(clouds)) if np.isfinite(fused.poses[i, 0, 0])]
    views = [View.of(clouds[i], fused.poses[i]) for i in used]
    shots = [_shot(frames[i], seen, fused.poses[i]) for i in used if (seen := clouds[i].detected) is not None]
    return Measurement(expression, target, len(used), fused.residual, fused, surface, views, chosen(shots))


def _shot(frame: Frame, detected: Float, scan_from_cloud: Float) -> Shot:
    camera = frame.camera  # clouds are in its frame
    return Shot(detected, np.asarray(np.linalg.inv(scan_from_cloud), np.float64),
                np.array([camera.fx, camera.fy, camera.cx, camera.cy]), (camera.height, camera.width))  # fmt: skip


def _of_mesh(expression: str, mesh: tuple[Float, NDArray[np.integer[Any]], Float, Float, Float | None]) -> Measurement:
    vertices, triangles, keypoints, sigma, colors = mesh
    target = Target.of_mesh(vertices, triangles, keypoints, sigma, colors)
    return Measurement(expression, target, 1, 0.0, None, Surface(vertices, triangles), [], [])


def _nearest(points: Float, values: Float, at: Float) -> Float:
    from scipy.spatial import cKDTree

    nearest: Float = values[cKDTree(points).query(at, k=1)[1]]
    return nearest
