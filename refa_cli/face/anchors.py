"""The few points of a face that its regions are told from, given by keypoints or, without any, by proportion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Float = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Anchors:
    """Points of a face, metres, head frame; (left, right) where there are two.

    brows: 2 x [k, 3], each from the nose outward; lids: 2 x [k, 3] closed contours in order; nose_tip [3]; nose_wings
    [2, 3] left, right; lips_outer, lips_inner [k, 3] closed contours in order; jaw [k, 3] from the left ear over the
    chin to the right ear.
    """

    brows: tuple[Float, Float]
    lids: tuple[Float, Float]
    nose_tip: Float
    nose_wings: Float
    lips_outer: Float
    lips_inner: Float
    jaw: Float


def anchors_of_keypoints(points: Mapping[str, Float], spacing: float) -> Anchors:
    """From the keypoints by their names in `refa_cli.face.keypoints`; spacing: between the eyes, metres."""

    def row(*names: str) -> Float:
        return np.stack([points[name] for name in names])

    def contour(corner: str, upper: str, lower: str, count: int) -> Float:
        """From the left corner over the upper lip to the right one and back."""
        over = [f"{upper}_{i}" for i in range(1, count + 1)]
        under = [f"{lower}_{i}" for i in range(1, count + 1)]
        names = [f"{corner}_l", *(f"{n}_l" for n in over), f"{upper}_middle", *(f"{n}_r" for n in over[::-1])]
        names += [f"{corner}_r", *(f"{n}_r" for n in under), f"{lower}_middle", *(f"{n}_l" for n in under[::-1])]
        return row(*names)

    brows, lids = [], []
    for s in "lr":
        thickness = row(*(f"brow_upper_{i}_{s}" for i in (2, 3, 4))) - row(*(f"brow_lower_{i}_{s}" for i in (1, 2, 3)))
        brows.append(row(*(f"brow_upper_{i}_{s}" for i in (5, 4, 3, 2, 1))) - thickness.mean(axis=0) / 2)
        around = [f"eye_outer_{s}", *(f"lid_upper_{i}_{s}" for i in range(1, 6)), f"eye_inner_{s}"]
        lids.append(row(*around, *(f"lid_lower_{i}_{s}" for i in range(5, 0, -1))))
    edge = [f"jaw_{i}" for i in range(1, 5)]
    jaw = row(*(f"{name}_l" for name in edge), "chin", *(f"{name}_r" for name in edge[::-1]))
    ears = jaw[[0, -1]] * [1.04, 0, 1] + [0, -0.3 * spacing, -0.2 * spacing]  # keypoints end at the jaw's angle
    return Anchors(
        brows=(brows[0], brows[1]),
        lids=(lids[0], lids[1]),
        nose_tip=points["nose_tip"],
        nose_wings=row("ala_side_l", "ala_side_r"),
        lips_outer=contour("mouth_corner", "lip_upper_outer", "lip_lower_outer", 3),
        lips_inner=contour("mouth_corner_inner", "lip_upper_inner", "lip_lower_inner", 2),
        jaw=np.concatenate([ears[:1], jaw, ears[1:]]),
    )


def usual_anchors(vertices: Float, eye_centers: Float) -> Anchors:
    """Where the anchors are on most heads, by proportion to the eyes' distance; all but the jaw laid onto the surface.

    For heads on which no keypoints were found. vertices: outer skin [S, 3]; eye_centers [2, 3] left, right.
    """
    spacing = float(np.linalg.norm(eye_centers[0] - eye_centers[1]))

    def laid(points: list[tuple[float, float]]) -> Float:
        plane = np.array(points) * spacing
        near = cKDTree(vertices[:, :2]).query_ball_point(plane, 0.12 * spacing)
        nearest = cKDTree(vertices[:, :2]).query(plane)[1]
        depth = [vertices[found, 2].max() if found else vertices[i, 2] for found, i in zip(near, nearest, strict=True)]
        return np.column_stack([plane, depth])

    def ring(x: float, y: float, wide: float, high: float) -> list[tuple[float, float]]:
        turn = np.linspace(0, 2 * np.pi, 12, endpoint=False)
        return [(x + wide * float(np.cos(t)), y + high * float(np.sin(t))) for t in turn]

    sides = (1.0, -1.0)
    brow_left, brow_right = (laid([(s * x, y) for x, y in ((0.2, 0.32), (0.5, 0.42), (0.85, 0.34))]) for s in sides)
    lid_left, lid_right = (laid(ring(s * 0.5, 0.0, 0.24, 0.09)) for s in sides)
    half_jaw = np.array(
        [(1.1, -0.3, -1.0), (1.02, -0.9, -0.8), (0.8, -1.4, -0.4), (0.4, -1.75, 0.0), (0.0, -1.85, 0.15)]
    )
    return Anchors(
        brows=(brow_left, brow_right),
        lids=(lid_left, lid_right),
        nose_tip=laid([(0.0, -0.62)])[0],
        nose_wings=laid([(0.27, -0.68), (-0.27, -0.68)]),
        lips_outer=laid(ring(0.0, -1.08, 0.4, 0.14)),
        lips_inner=laid(ring(0.0, -1.08, 0.33, 0.03)),
        jaw=np.concatenate([half_jaw, half_jaw[-2::-1] * [-1, 1, 1]]) * spacing,
    )
