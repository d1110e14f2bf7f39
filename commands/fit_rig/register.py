"""The frames of one held expression brought into one place: all poses at once, from depth and from what skin shows.

Every frame's points are looked up in every other frame's maps (projective association; Blais and Levine, PAMI 1995),
and all poses move together to shrink point-to-plane distances. Faces are smooth: depth alone lets them slide about the
head's vertical axis by millimetres, so that brightness takes part, as in colored ICP (Park, Zhou, Koltun, ICCV 2017):
brows, lips and lid creases must fall on themselves.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from refa_cli.commands.fit_rig import register_kernels
from refa_cli.commands.fit_rig.frames import Cloud
from refa_cli.commands.fit_rig.similarity import apply, motion, rigid

Float = NDArray[np.float64]

SCHEDULE = ((0.015, 0.004, False, 6, 5e-4), (0.010, 0.002, True, 8, 2e-4), (0.005, 0.001, True, 10, 3e-5))
"""(largest pair distance, robust scale, with brightness, most rounds, settled) of each stage; metres. A round that
moves no frame by more than settled, radians and metres, ends its stage."""
AGREE = np.cos(np.radians(50.0))
"""Least cosine between the normals of a pair."""
PLANE_SIGMA, SHADE_SIGMA = 0.0004, 0.04
"""Standard deviations of a point-to-plane distance, metres, and of a pair's brightness, logarithmic."""
POINTS = 1000
"""Points of each frame that are compared."""
LEAST_PAIRS = 50
WORST_OVERLAP = 0.0025
"""A frame whose points lie farther than this (median) from the others' surfaces is left out, metres."""
LEAST_KEYPOINTS = 10


def register(clouds: list[Cloud], reference: int) -> tuple[Float, Float]:
    """(poses [F, 4, 4] reference_from_frame, NaN for a frame left out; median distance [F] of each from the others, m).

    A frame is left out that shares fewer than LEAST_KEYPOINTS with the reference, or that does not come to lie on the
    others, such as one of another expression.
    """
    poses = np.stack([_start(cloud, clouds[reference]) for cloud in clouds])
    while True:
        used = [i for i in range(len(clouds)) if np.isfinite(poses[i, 0, 0])]
        settled, distance = _settle([clouds[i] for i in used], poses[used])
        poses[used] = np.linalg.inv(settled[used.index(reference)]) @ settled
        poses[reference] = np.eye(4)  # to the last digit
        worst = max((i for i in range(len(used)) if used[i] != reference), key=lambda i: distance[i], default=None)
        if worst is None or distance[worst] <= WORST_OVERLAP:
            break
        poses[used[worst]] = np.nan
    residuals = np.full(len(clouds), np.nan)
    residuals[used] = distance
    return poses, residuals


def _start(cloud: Cloud, reference: Cloud) -> Float:
    """reference_from_frame [4, 4] from common keypoints, NaN if they are too few."""
    common = np.isfinite(cloud.keypoints[:, 2]) & np.isfinite(reference.keypoints[:, 2])
    if common.sum() < LEAST_KEYPOINTS:
        return np.full((4, 4), np.nan)
    return rigid(cloud.keypoints[common], reference.keypoints[common])


def _settle(clouds: list[Cloud], poses: Float) -> tuple[Float, Float]:
    """Poses [F, 4, 4] after all stages, and each frame's median distance [F] from the others, infinite without overlap.

    The first frame stays where it is. A single frame is where it is.
    """
    if len(clouds) == 1:
        return poses, np.zeros(1)
    poses = poses.copy()
    samples = [_sample(cloud) for cloud in clouds]
    distances: list[Float] = []
    for reach, scale, shaded, rounds, settled in SCHEDULE:
        for _ in range(rounds):
            matrix, vector, distances = _equations(clouds, samples, poses, reach, scale, SHADE_SIGMA if shaded else 0.0)
            step = np.zeros_like(vector)
            free = matrix[6:, 6:] + 1e-9 * np.trace(matrix) / len(matrix) * np.eye(len(matrix) - 6)
            if matrix.any():
                step[6:] = np.linalg.solve(free, vector[6:])
            for pose, moved in zip(poses, step.reshape(-1, 6), strict=True):
                pose[:] = motion(moved[:3], moved[3:]) @ pose
            if np.abs(step).max() < settled:
                break
    known = [found[np.isfinite(found)] for found in distances]
    return poses, np.array([np.median(found) if len(found) else np.inf for found in known])


def _sample(cloud: Cloud) -> tuple[Float, Float, Float]:
    """Points [P, 3], normals [P, 3] and shades [P], evenly over the frame's skin."""
    step = max(1, len(cloud.points) // POINTS)
    pick = slice(step // 2, None, step)
    return (np.ascontiguousarray(cloud.points[pick]), np.ascontiguousarray(cloud.normals[pick]),
            np.ascontiguousarray(cloud.shades[pick]))  # fmt: skip


def _equations(
    clouds: list[Cloud], samples: list[tuple[Float, Float, Float]], poses: Float, reach: float, scale: float,
    shade_sigma: float,
) -> tuple[Float, Float, list[Float]]:  # fmt: skip
    """Normal equations [6F, 6F], [6F] of all frames' motions in the reference frame, and each's distances."""
    count = len(clouds)
    matrix, vector = np.zeros((6 * count, 6 * count)), np.zeros(6 * count)
    distances = []
    for i, (points, normals, shades) in enumerate(samples):
        apart = np.full((count, len(points)), np.nan)
        for j, other in enumerate(clouds):
            if i == j:
                continue
            part, right = np.zeros((6, 6)), np.zeros(6)
            there = np.linalg.inv(poses[j]) @ poses[i]
            found = register_kernels.compare(
                apply(there, points), normals @ there[:3, :3].T, shades, other.camera_from_cloud, other.pinhole,
                other.place, other.facing_map, other.shade_map, reach, scale, AGREE, PLANE_SIGMA, shade_sigma, part,
                right, apart[j],
            )  # fmt: skip
            if found < LEAST_PAIRS:
                apart[j] = np.nan
                continue
            carry = _motion_in(poses[j])
            part, right = carry.T @ part @ carry, carry.T @ right
            a, b = slice(6 * i, 6 * i + 6), slice(6 * j, 6 * j + 6)
            matrix[a, a] += part
            matrix[b, b] += part
            matrix[a, b] -= part
            matrix[b, a] -= part
            vector[a] += right
            vector[b] -= right
        distances.append(apart)
    return matrix, vector, distances


def _motion_in(pose: Float) -> Float:
    """[6, 6]: a small motion (rotation, translation) of the reference frame as one of the frame that lies at `pose`."""
    back, (x, y, z) = pose[:3, :3].T, pose[:3, 3]
    out = np.zeros((6, 6))
    out[:3, :3] = out[3:, 3:] = back
    out[3:, :3] = -back @ np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return out
