"""The 100 keypoints of an imported head, found on renders of it, and the anchors of its regions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from refa_cli.commands.face.import_source import Source
from refa_cli.face.anchors import Anchors, anchors_of_keypoints, usual_anchors
from refa_cli.formats.errors import DataError

Float = NDArray[np.floating[Any]]
Int = NDArray[np.integer[Any]]


def find_keypoints(
    source: Source, material: NDArray[np.uint8], centers: Float, skin: NDArray[np.bool_], lids: Int, lips: Int
) -> tuple[NDArray[np.int32], NDArray[np.float32], Anchors]:
    """(triangle [K], barycentric [K, 3], anchors); K is 100, or 0 with a warning where no face was found.

    The source must be in metres in the head frame; centers [2, 3]; skin [V]; lids [2, L, 2] and lips [P, 2] pairs.
    """
    from refa_cli.face.keypoints import KEYPOINTS
    from refa_cli.landmarks.placing import keypoint_positions, place_keypoints

    try:
        placed = place_keypoints(source.vertices, source.triangles, material, lids, lips)
    except DataError as problem:
        source.warnings.append(f"no keypoints were placed, and regions only by proportion: {problem}")
        return np.zeros(0, np.int32), np.zeros((0, 3), np.float32), usual_anchors(source.vertices[skin], centers)
    points = keypoint_positions(source.vertices, source.triangles, placed)
    spacing = float(np.linalg.norm(centers[0] - centers[1]))
    anchors = anchors_of_keypoints(dict(zip(KEYPOINTS, points, strict=True)), spacing)
    return placed.triangles, placed.barycentric, anchors
