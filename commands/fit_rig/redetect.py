"""Keypoints of a fitted head against what the detector sees on pictures of it: the detector's own errors cancel.

Detectors see expressions weaker than they are, by a third and more, so that their keypoints, lifted to where depth has
them, draw a fit back to the neutral. But they err alike on alike pictures. The fitted head is therefore drawn as each
picture saw it, in the colours of the neutral scan; how far the keypoints found on the drawing are from those found in
the picture is how far the fit still has to go, in the picture's plane (analysis by synthesis).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from refa_cli.commands.fit_rig.similarity import apply, scale_of
from refa_cli.commands.fit_rig.target import Target
from refa_cli.face.keypoints import DETECTOR_INDEX, GROUPS
from refa_cli.formats.face import MATERIALS, FaceModel
from refa_cli.landmarks.detector import detect
from refa_cli.render.cameras import View as Camera
from refa_cli.render.preview import MATERIAL_COLORS, preview

Float = NDArray[np.float64]

SHOTS = 3
"""Most pictures of an expression that are compared, those whose camera stood most like the reference's."""
MARGIN = 0.15
"""Room around the head in its drawing, as a share of its size."""
SMALLEST = 32
"""A drawing smaller than this shows no face, pixels."""
SEEN = 0.006
"""Skin farther than this from all that the neutral scan measured is drawn in the middling colour, metres."""


@dataclass(frozen=True)
class Shot:
    """What the detector saw in one picture: pixels [100, 2]; camera_from_scan [4, 4]; pinhole (fx, fy, cx, cy); size of
    the picture (height, width)."""

    pixels: Float
    camera_from_scan: Float
    pinhole: Float
    size: tuple[int, int]


def chosen(shots: Sequence[Shot]) -> list[Shot]:
    """At most SHOTS of them, those first that look most in the scan frame's own direction."""
    return sorted(shots, key=lambda shot: -float(shot.camera_from_scan[2, 2]))[:SHOTS]


def skin_colors(face: FaceModel, scanned: Float, target: Target) -> Float | None:
    """sRGB 0..1 [V, 3] of a neutral's vertices [V, 3] from a target in the same frame; None if that has no colours.

    Eyes, teeth and tongue, and what was not seen, get a middling person's colours.
    """
    if target.colors is None:
        return None
    distance, nearest = cKDTree(target.vertices).query(scanned)
    seen: Float = np.asarray(target.colors, np.float64)[nearest] / 255
    material = np.zeros(len(scanned), int)
    np.maximum.at(material, face.triangles.reshape(-1), face.material.repeat(3))
    lips, inner = material == MATERIALS.index("lips"), material > MATERIALS.index("lips")
    near = (distance < SEEN) & ~inner
    for part in (~inner & ~lips, lips):
        if (part & near).any():
            seen[part & ~near] = np.median(seen[part & near], axis=0)
    seen[inner] = MATERIAL_COLORS[material[inner]]
    return seen


class Redetector:
    """Drawings of one person's head, in its colours [V, 3]."""

    def __init__(self, face: FaceModel, colors: Float) -> None:
        self.triangles, self.colors = face.triangles, colors
        self.corners = face.triangles[face.keypoint_triangles]
        self.barycentric = face.keypoint_barycentric.astype(np.float64)

    def wanted(self, vertices: Float, head_from_scan: Float, shots: Sequence[Shot]) -> Float:
        """Where keypoints [100, 3] of a head [V, 3] ought to be, in the scan's frame: medians over the shots.

        NaN where no drawing shows them, and for irises, which the head does not turn to where the person looked.
        """
        points = np.einsum("kci,kc->ki", vertices[self.corners], self.barycentric)
        steps = [step for step in (self._step(vertices, points, head_from_scan, shot) for shot in shots)
                 if step is not None]  # fmt: skip
        if not steps:
            return np.full_like(points, np.nan)
        wanted = points + np.median(steps, axis=0)
        wanted[GROUPS["iris"]] = np.nan
        return apply(np.asarray(np.linalg.inv(head_from_scan), np.float64), wanted)

    def _step(self, vertices: Float, points: Float, head_from_scan: Float, shot: Shot) -> Float | None:
        """What one picture asks of the keypoints [100, 3], head frame; None if no face is found on the drawing."""
        camera_from_head = shot.camera_from_scan @ np.linalg.inv(head_from_scan)
        camera_from_head[:3] /= scale_of(camera_from_head)  # of the head's size: the same picture
        fx, fy, cx, cy = shot.pinhole
        there = apply(camera_from_head, vertices)
        flat = there[:, :2] / there[:, 2:] * [fx, fy] + [cx, cy]
        room = MARGIN * np.ptp(flat, axis=0)
        low = np.maximum(np.floor(flat.min(0) - room), 0).astype(int)
        wide, high = np.minimum(np.ceil(flat.max(0) + room), shot.size[::-1]).astype(int) - low
        if min(wide, high) < SMALLEST:
            return None
        camera = Camera(camera_from_head, (fx, fy, cx - low[0], cy - low[1]), (int(high), int(wide)))
        found = detect(preview(vertices, self.triangles, camera, vertex_colors=self.colors), turned=False)
        if found is None:
            return None
        missing = shot.pixels - low - found.points[DETECTOR_INDEX, :2]
        across = missing * apply(camera_from_head, points)[:, 2:] / [fx, fy]
        return np.asarray(across @ camera_from_head[:2, :3])
