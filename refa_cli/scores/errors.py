"""Errors against the truth: weights, the surface of the subject's own face, gaze and head pose."""

from __future__ import annotations

from typing import Final

import numpy as np

from refa_cli.face.evaluate import Geometry
from refa_cli.face.gaze import rotation_from_gaze
from refa_cli.face.shapes import INDEX
from refa_cli.formats.rows import evenly
from refa_cli.formats.spec import F64
from refa_cli.scores.constants import constants
from refa_cli.scores.curves import Curves

AT_ONCE: Final = 50


def weight_error(found: Curves, true: Curves) -> float | None:
    """Mean absolute difference of weights over rows that are valid in truth, and all shapes."""
    rows = true.valid
    return float(np.abs(found.weights[rows] - true.weights[rows]).mean()) if rows.any() else None


def surface_errors(found: Curves, true: Curves, geometry: Geometry) -> tuple[float, float] | None:
    """Millimetres (of what was found, of the unmoved face): mean distance from the true surface over the vertices that
    truly move by more than `moving_m`, of each row, then over rows that have any; None without such rows."""
    c = constants()
    rows = evenly(np.flatnonzero(true.valid), c.errors_rows)
    skin = geometry.eyeball == 0
    rest = geometry.evaluate()[skin]
    errors: list[tuple[float, float]] = []
    for start in range(0, len(rows), AT_ONCE):
        some = rows[start : start + AT_ONCE]
        truth = geometry.evaluate(true.weights[some], true.gaze[some])[:, skin]
        ours = geometry.evaluate(found.weights[some], found.gaze[some])[:, skin]
        moved = np.linalg.norm(truth - rest, axis=2)
        off = np.linalg.norm(ours - truth, axis=2)
        for i in range(len(some)):
            counts = moved[i] > c.errors_moving_m
            if counts.any():
                errors.append((1000 * float(off[i, counts].mean()), 1000 * float(moved[i, counts].mean())))
    if not errors:
        return None
    ours_mm, still_mm = np.mean(errors, axis=0)
    return float(ours_mm), float(still_mm)


def gaze_error(found: Curves, true: Curves) -> float | None:
    """Mean angle between found and true directions, degrees, of eyes that are not shut in truth."""
    shut = true.weights[:, [INDEX["EyesClosedL"], INDEX["EyesClosedR"]]] > constants().errors_shut
    counts = true.valid[:, None] & ~shut
    if not counts.any():
        return None
    a, b = (rotation_from_gaze(curves.gaze)[..., 2] for curves in (found, true))
    angle = np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b), axis=-1), (a * b).sum(-1)))
    return float(angle[counts].mean())


def pose_offset(found: F64, true: F64) -> F64:
    """The rigid offset [4, 4] that explains most of the difference of head poses headset_from_head [T, 4, 4]:
    found = true @ offset, in the least squares of rotation and of translation."""
    turns = np.swapaxes(true[:, :3, :3], 1, 2) @ found[:, :3, :3]
    u, _, vt = np.linalg.svd(turns.sum(0))
    offset = np.eye(4)
    offset[:3, :3] = u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt
    gaps = np.einsum("tji,tj->ti", true[:, :3, :3], found[:, :3, 3] - true[:, :3, 3])
    offset[:3, 3] = gaps.mean(0)
    return offset


def pose_errors(found: F64, true: F64, offset: F64) -> tuple[float, float]:
    """(millimetres, degrees), means over [T, 4, 4], after the subject's rigid offset is taken away."""
    expected = true @ offset
    millimetres = 1000 * np.linalg.norm(found[:, :3, 3] - expected[:, :3, 3], axis=1)
    turn = np.swapaxes(expected[:, :3, :3], 1, 2) @ found[:, :3, :3]
    half_chord = np.linalg.norm(turn - np.eye(3), axis=(1, 2)) / np.sqrt(8)  # sine of half the angle
    return float(millimetres.mean()), float(np.degrees(2 * np.arcsin(np.clip(half_chord, 0, 1))).mean())
