"""The face model: a mean head, how people differ, how faces move, and where everything on it is.

Every vertex is metres in the head frame: origin midway between the eyeball centres of the neutral face, +X to the
subject's left, +Y up, +Z out of the face. A face is  mean + identity @ identity_basis + weights @ expression_basis.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from refa_cli.formats.npz import NpzArtifact
from refa_cli.formats.spec import B1, F32, F64, I32, U8, array, text

MATERIALS = ("skin", "lips", "sclera", "iris", "pupil", "teeth", "tongue", "gum")
REGIONS = (
    "face", "eye_left", "eye_right", "brow_left", "brow_right", "glabella", "nose", "cheek_left", "cheek_right",
    "mouth", "lips", "jaw", "forehead", "neck", "ears",
)  # fmt: skip
EXPRESSION_COUNT, EYE_FOLLOW_COUNT, KEYPOINT_COUNT = 53, 8, 100


@dataclass(frozen=True, kw_only=True, eq=False)
class FaceModel(NpzArtifact):
    """A parametric head. The order of the 53 + 8 shapes is that of `refa_cli.face.shapes`."""

    SCHEMA: ClassVar[str] = "refa.face/1"

    name: str = text(doc="what the model is called")
    origin: str = text(doc="where it comes from and how it was made")
    licence: str = text(doc="the licence it may be used under")
    mean: F32 = array("V 3", unit="m", frame="head", within=(-1, 1), doc="the mean neutral head")
    triangles: I32 = array("F 3", dtype="int32", index_into="V", doc="corners, counter-clockwise seen from outside")
    uv: F32 = array("U 2", within=(0, 1), doc="texture coordinates, v up (row 0 of a picture is v = 1)")
    uv_triangles: I32 = array(
        "F 3", dtype="int32", index_into="U", allow_none=True, doc="texture corners of each triangle; -1: it has none"
    )
    material: U8 = array("F", dtype="uint8", index_into=len(MATERIALS), doc=f"one of {', '.join(MATERIALS)}")
    identity_basis: F32 = array(
        "N V 3", unit="m", frame="head", within=(-1, 1), doc="displacement per standard deviation of each mode"
    )
    expression_basis: F32 = array(
        f"{EXPRESSION_COUNT} V 3", unit="m", frame="head", within=(-1, 1), doc="displacement at weight 1.0"
    )
    eye_follow_basis: F32 = array(
        f"{EYE_FOLLOW_COUNT} V 3", unit="m", frame="head", within=(-1, 1), doc="lid displacement at weight 1.0"
    )
    lacks: B1 = array(
        f"{EXPRESSION_COUNT + EYE_FOLLOW_COUNT}", dtype="bool", doc="shape missing in the source; its basis is zero"
    )
    eyeball: U8 = array("V", dtype="uint8", index_into=3, doc="0: not of an eyeball, 1: of the left, 2: of the right")
    eye_centers: F32 = array(
        "2 3", unit="m", frame="head", within=(-0.1, 0.1), doc="turning centres of the mean, left then right"
    )
    eye_centers_basis: F32 = array(
        "N 2 3", unit="m", frame="head", within=(-0.1, 0.1), doc="their displacement per standard deviation"
    )
    rigid: B1 = array("V", dtype="bool", doc="part of the cranium: no expression moves it")
    regions: B1 = array(f"{len(REGIONS)} V", dtype="bool", doc=f"membership in {', '.join(REGIONS)}")
    lid_pairs: I32 = array(
        "2 L 2", dtype="int32", index_into="V", doc="eye left, right; (upper, lower) lid-margin vertices that meet"
    )
    lip_pairs: I32 = array("P 2", dtype="int32", index_into="V", doc="(upper, lower) inner-lip vertices that meet")
    keypoint_triangles: I32 = array(
        "K", dtype="int32", index_into="F", doc=f"triangle of each keypoint; K is {KEYPOINT_COUNT}, or 0 if not placed"
    )
    keypoint_barycentric: F32 = array("K 3", within=(0, 1), sums_to=1.0, doc="weights of that triangle's corners")
    mirror: I32 = array(
        "V", dtype="int32", index_into="V", allow_none=True, doc="the vertex on the other side; -1: none"
    )

    def keypoints_on(self, vertices: NDArray[np.floating]) -> F64:
        """Keypoints [..., K, 3] of heads [..., V, 3] of this topology, in their frame."""
        corners = vertices[..., self.triangles[self.keypoint_triangles], :].astype(np.float64)
        return np.asarray(np.einsum("...kci,kc->...ki", corners, self.keypoint_barycentric.astype(np.float64)))

    def check(self) -> None:
        """Sizes like a head's, eyes where the frame says, lacking shapes empty, mirror an involution."""
        if len(self.mean) < 3:
            self.refuse("mean", "at least 3 vertices", str(len(self.mean)))
        size = float(np.ptp(self.mean, axis=0).max())
        if not 0.1 <= size <= 1.0:
            self.refuse("mean", "a head of 0.1 to 1 m", f"{size:.4g} m", "scale it to metres")
        problem = eye_problem(self.eye_centers, 0.002)
        if problem:
            self.refuse("eye_centers", *problem, "move it into the head frame")
        if self.dims["K"] not in (0, KEYPOINT_COUNT):
            self.refuse("keypoint_triangles", f"0 or {KEYPOINT_COUNT} keypoints", str(self.dims["K"]))
        moved = np.concatenate([b.any(axis=(1, 2)) for b in (self.expression_basis, self.eye_follow_basis)])
        if (moved & self.lacks).any():
            self.refuse(
                "lacks", "no displacement for a lacking shape", f"some in shape {int((moved & self.lacks).argmax())}"
            )
        paired = np.flatnonzero(self.mirror >= 0)
        if (self.mirror[self.mirror[paired]] != paired).any():
            self.refuse("mirror", "a map that undoes itself", "one that does not")


def eye_problem(centers: F32, tolerance: float) -> tuple[str, str] | None:
    """(expected, got) where eye centres [2, 3] m do not fit the head frame: apart along X, their middle at the origin.

    tolerance: metres that the middle may lie off the origin.
    """
    distance = float(np.linalg.norm(centers[0] - centers[1]))
    if not 0.03 <= distance <= 0.1 or centers[0, 0] <= centers[1, 0]:
        return "eyes 0.03 to 0.1 m apart, the left at greater x", f"{distance:.4g} m, left x {centers[0, 0]:.4g} m"
    off = float(np.linalg.norm(centers.mean(axis=0)))
    if off > tolerance:
        return f"their middle within {tolerance * 1000:g} mm of the origin", f"{off * 1000:.4g} mm"
    return None
