"""Where the skull is in a scan of an expression: told by the skin that does not move.

A fit of pose and shapes together lets the pose take a part of what skin does in a way of its own (after Beeler and
Bradley, "Rigid Stabilization of Facial Expressions", SIGGRAPH 2014, who fit a skull). Here the neutral as scanned is
laid over the scan, first with what the fitted shapes leave still, then with whatever agrees.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from refa_cli.commands.fit_rig.similarity import motion
from refa_cli.commands.fit_rig.skin import Tracks
from refa_cli.commands.fit_rig.target import Matcher
from refa_cli.face.mesh import vertex_normals

Float = NDArray[np.float64]
Int = NDArray[np.integer[Any]]

SCALES = (0.0012, 0.0008, 0.0006, 0.0004, 0.0004, 0.0003, 0.0003, 0.0003)
"""Distance at which a pair counts a quarter, in each round, metres."""
STILL = 0.0008
"""Skin that the fitted shapes move so far counts a quarter, metres."""
REACH = 0.004
SIGMA = 0.0006
"""Standard deviation of a distance from the scan, that tracks are weighed against, metres."""
LEAST_SHARE = 0.1
"""If a smaller share of the pairs' weight is left, too little stood still to tell."""


def stabilized(
    still: Float, moved: Float, triangles: Int, candidates: Int, matcher: Matcher, head_from_scan: Float,
    tracks: Tracks | None = None,
) -> Float:  # fmt: skip
    """head_from_scan [4, 4], corrected; as it was where too little skin stands still.

    still [V, 3]: the neutral as scanned, head frame; moved [V]: how far the fitted expression moves each vertex, m;
    tracks: where the neutral's vertices lie along the skin of the scan.
    """
    pose = head_from_scan.copy()
    normals: Float = np.asarray(vertex_normals(still, triangles), dtype=np.float64)
    for scale in SCALES:
        pairs = matcher.pairs(still, normals, candidates, REACH, scale, head_from_scan=pose)
        at, n = still[pairs.index], pairs.normal
        trust = pairs.weight / (1 + (moved[pairs.index] / STILL) ** 2) ** 2
        if trust.sum() <= LEAST_SHARE * len(trust):  # also where nothing pairs
            return head_from_scan
        rows = np.concatenate([np.cross(at, n), n], 1)
        gap = ((pairs.point - at) * n).sum(1)
        normal, right = rows.T @ (trust[:, None] * rows), rows.T @ (trust * gap)
        if tracks is not None:
            there = tracks.moved(pose)
            at = still[there.index]
            for k in range(2):
                along = there.root[:, k] * SIGMA
                gap = ((there.point - at) * along).sum(1)
                sure = 1 / (1 + (gap / scale) ** 2) ** 2 / (1 + (moved[there.index] / STILL) ** 2) ** 2
                rows = np.concatenate([np.cross(at, along), along], 1)
                normal += rows.T @ (sure[:, None] * rows)
                right += rows.T @ (sure * gap)
        step = np.linalg.solve(normal + 1e-9 * np.trace(normal) * np.eye(6), right)
        pose = np.linalg.inv(motion(step[:3], step[3:])) @ pose
    return pose
