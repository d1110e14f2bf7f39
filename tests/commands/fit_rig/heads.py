"""People made from the default face model, for the tests of fit-rig."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from refa_cli.commands.fit_rig.similarity import apply, motion
from refa_cli.commands.fit_rig.target import Target
from refa_cli.face.default import default_face
from refa_cli.face.evaluate import Geometry
from refa_cli.face.mesh import submesh
from refa_cli.face.shapes import EXPRESSIONS, INDEX
from refa_cli.formats.face import MATERIALS, REGIONS

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Head:
    """One random person; vertices(weights) [V, 3] metres, head frame."""

    geometry: Geometry

    @classmethod
    def random(cls, seed: int) -> Head:
        face = default_face()
        identity = np.clip(np.random.default_rng(seed).standard_normal(len(face.identity_basis)), -1.5, 1.5)
        return cls(Geometry.of_face(face, identity))

    def vertices(self, **weights: float) -> Float:
        row = np.zeros(len(EXPRESSIONS))
        for name, value in weights.items():
            row[INDEX[name]] = value
        return self.geometry.evaluate(row).astype(np.float64)


def scan_of(vertices: Float, scan_from_head: Float | None = None, keypoint_noise: float = 0.0) -> Target:
    """The face's outer skin as a measured surface, with keypoints; scan_from_head: where the scan lies."""
    face = default_face()
    pose = SCAN_FROM_HEAD if scan_from_head is None else scan_from_head
    outer = np.zeros(len(vertices), bool)
    outer[face.triangles[np.isin(face.material, [MATERIALS.index("skin"), MATERIALS.index("lips")])]] = True
    kept, faces = submesh(face.triangles, outer & face.regions[REGIONS.index("face")])
    keypoints = keypoints_of(vertices)
    keypoints = keypoints + keypoint_noise * np.random.default_rng(7).standard_normal(keypoints.shape)
    return Target.of_mesh(apply(pose, vertices[kept]), faces, apply(pose, keypoints), np.full(100, 0.0015))


def keypoints_of(vertices: Float) -> Float:
    face = default_face()
    corners = vertices[face.triangles[face.keypoint_triangles]]
    points: Float = np.einsum("kc,kci->ki", face.keypoint_barycentric.astype(np.float64), corners)
    return points


SCAN_FROM_HEAD = motion(np.array([0.1, 3.0, 0.1]), np.array([0.02, 0.03, 0.35]))
