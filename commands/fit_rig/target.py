"""What a head is fitted to: a measured surface with its border, and keypoints; and pairing model vertices with it."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from refa_cli.commands.fit_rig.similarity import apply, scale_of
from refa_cli.face.mesh import boundary_edges, triangle_vectors, vertex_normals

Float = NDArray[np.float64]

FAR = 0.01
SAME_WAY = 0.5
"""Measured points farther than FAR metres from the model, or with a normal whose cosine with its normal is less than
SAME_WAY, are not of the face."""
NORMAL_LENGTH = 0.004
"""Metres that a difference of unit normals by 1 counts in looking for the closest point."""
ASIDE, ASIDE_SHARE = 0.0015, 0.3
"""A vertex is not paired with a point that lies farther than this beside its normal, metres, plus this share of its
distance along it: it lies beyond the border."""


@dataclass(frozen=True)
class Target:
    """One expression's surface in its scan frame, metres.

    vertices [S, 3], normals [S, 3], triangles [T, 3], border [S] (at an edge of what was measured), colors [S, 3]
    0..255 or None, keypoints [100, 3] (NaN where unknown) and their standard deviations sigma [100].
    """

    vertices: Float
    normals: Float
    triangles: NDArray[np.integer[Any]]
    border: NDArray[np.bool_]
    colors: Float | None
    keypoints: Float
    sigma: Float

    @classmethod
    def of_mesh(
        cls,
        vertices: Float,
        triangles: NDArray[np.integer[Any]],
        keypoints: Float,
        sigma: Float,
        colors: Float | None = None,
    ) -> Target:
        """From a mesh; border is found."""
        border = np.zeros(len(vertices), bool)
        border[boundary_edges(triangles)] = True
        return cls(
            vertices, np.asarray(vertex_normals(vertices, triangles)), triangles, border, colors, keypoints, sigma
        )

    def moved(self, transform: Float) -> Target:
        """The same after a rigid or similarity transform [4, 4]."""
        scale = scale_of(transform)
        return Target(apply(transform, self.vertices), self.normals @ transform[:3, :3].T / scale, self.triangles,
                      self.border, self.colors, apply(transform, self.keypoints), self.sigma * scale)  # fmt: skip


@dataclass(frozen=True)
class Pairs:
    """Model vertices and the tangent planes paired with them: index [P], point [P, 3], normal [P, 3], weight [P]."""

    index: NDArray[np.integer[Any]]
    point: Float
    normal: Float
    weight: Float


class Matcher:
    """Pairing with one measurement: the closest point that also faces the same way, rejected by distance, by normal
    and at the border of the measurement.

    Closeness counts a difference of unit normals NORMAL_LENGTH times: thin parts, such as the wings of the nose, are
    not paired with their other side, nor with the edge of a hole beside them.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self.inner = np.flatnonzero(~target.border)
        self.tree = cKDTree(np.hstack([target.vertices, NORMAL_LENGTH * target.normals])[self.inner])

    def with_keypoints(self, keypoints: Float, sigma: Float) -> Matcher:
        """The same with other keypoints [100, 3] in the target's frame and their standard deviations [100]."""
        out = copy(self)
        out.target = replace(self.target, keypoints=keypoints, sigma=sigma)
        return out

    def pairs(
        self, vertices: Float, normals: Float, candidates: NDArray[np.integer[Any]], reach: float, scale: float,
        angle: float = 50.0, head_from_scan: Float | None = None,
    ) -> Pairs:  # fmt: skip
        """Pairs of the candidate vertices.

        vertices, normals [V, 3] of the model in the head frame; reach: largest distance, metres; scale: distance from
        the plane at which a pair counts a quarter, metres; angle: largest between normals, degrees; head_from_scan
        [4, 4]: where the target lies, in place by default.
        """
        target, pose = self.target, np.eye(4) if head_from_scan is None else head_from_scan
        size = scale_of(pose)
        back: Float = np.asarray(np.linalg.inv(pose), dtype=np.float64)
        facing = normals[candidates] @ pose[:3, :3] / size
        asked = np.hstack([apply(back, vertices[candidates]), NORMAL_LENGTH * facing])
        far = np.hypot(reach / size, 2 * NORMAL_LENGTH * np.sin(np.radians(angle) / 2))
        distance, nearest = self.tree.query(asked, distance_upper_bound=far)
        near = np.isfinite(distance)
        index, at = candidates[near], self.inner[nearest[near]]
        point = apply(pose, target.vertices[at])
        normal = target.normals[at] @ pose[:3, :3].T / size
        away = vertices[index] - point
        offset = (away * normal).sum(1)
        aside = np.sqrt(np.maximum((away**2).sum(1) - offset**2, 0))
        keep = (normals[index] * normal).sum(1) > np.cos(np.radians(angle))
        keep &= ((away**2).sum(1) < reach**2) & (aside < ASIDE + ASIDE_SHARE * np.abs(offset))
        weight = 1 / (1 + (offset / scale) ** 2) ** 2
        return Pairs(index[keep], point[keep], normal[keep], weight[keep])


def residuals(
    vertices: Float, triangles: NDArray[np.integer[Any]], candidates: NDArray[np.integer[Any]], target: Target
) -> Float:
    """Distances (metres) of measured points from the surface of the candidate vertices; the border is left out.

    Only measured points count whose closest place on the whole model lies inside the candidate region and faces the
    same way: the inside of a nostril is no face.
    """
    from refa_cli.face.closest import ClosestPoints

    inside = np.zeros(len(vertices), bool)
    inside[candidates] = True
    core = np.asarray(inside[triangles].all(1))
    found = ClosestPoints(vertices, triangles).query(target.vertices[~target.border])
    normals = triangle_vectors(vertices, triangles)[found.triangle]
    agree = (normals * target.normals[~target.border]).sum(1) > SAME_WAY * np.linalg.norm(normals, axis=1)
    kept: Float = found.distance[core[found.triangle] & agree & (found.distance < FAR)]
    return kept
