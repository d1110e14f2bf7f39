"""How far a rig is from the truth of simulated scans: surface errors, keypoints, shapes. Shared by the benchmarks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from refa_cli.commands.fit_rig.linear import motion
from refa_cli.commands.fit_rig.similarity import apply, rigid
from refa_cli.face.closest import ClosestPoints
from refa_cli.face.mesh import triangle_vectors, vertex_normals
from refa_cli.formats.face import MATERIALS, REGIONS, FaceModel
from refa_cli.formats.rig import Rig
from refa_cli.formats.scan_truth import ScanTruth
from refa_cli.render.rasterize import rasterize

Float = NDArray[np.float64]

CAVITY = 0.006
NEAR = 0.001
"""Distance from the rig at which a true point counts a quarter when the offset is sought, metres."""
MOVES = 0.001
"""A place that truly moves farther than this counts in an expression's error, metres."""


@dataclass(frozen=True)
class NeutralError:
    """Millimetres; inverted: triangles of the face whose normal turned by more than 90 degrees."""

    median: float
    p95: float
    keypoints_held_out: float
    keypoints_all: float
    inverted: int


@dataclass(frozen=True)
class ExpressionError:
    """Millimetres over the surface that truly moves by more than MOVES; nothing: the neutral alone."""

    expression: str
    moving: int
    median: float
    p95: float
    nothing: float


def head_offset(rig: Rig, rig_face: FaceModel, truth: ScanTruth, person_face: FaceModel) -> Float:
    """truth_from_rig [4, 4]: the one rigid offset per subject, from keypoints and then the neutral surface."""
    neutral = performed(rig, "neutral")
    index = truth.expression_ids.index("neutral")
    true = truth.vertices[index].astype(np.float64)
    offset = rigid(keypoints(neutral, rig_face), truth.keypoints[index].astype(np.float64))
    skin = face_vertices(person_face, truth)
    surface = ClosestPoints(neutral, rig_face.triangles)
    normals = triangle_vectors(neutral, rig_face.triangles)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-15)
    rig_from_truth = np.linalg.inv(offset)
    for _ in range(15):  # point to plane: point to point would creep along the face
        moved = apply(rig_from_truth, true[skin])
        found = surface.query(moved)
        n, gap = normals[found.triangle], found.point - moved
        trust = 1 / (1 + (found.distance / NEAR) ** 2) ** 2
        rows = np.concatenate([np.cross(moved, n), n], 1)
        step = np.linalg.solve(rows.T @ (trust[:, None] * rows), rows.T @ (trust * (gap * n).sum(1)))
        rig_from_truth = motion(step[:3], step[3:]) @ rig_from_truth
    return np.linalg.inv(rig_from_truth)


def performed(rig: Rig, expression: str) -> Float:
    """The rig's vertices [V, 3] at the weights it found for a scan."""
    weights = rig.weights[rig.expression_ids.index(expression)]
    return rig.neutral.astype(np.float64) + np.tensordot(weights.astype(np.float64), rig.expressions, 1)


def keypoints(vertices: Float, face: FaceModel) -> Float:
    """[100, 3]."""
    corners = vertices[face.triangles[face.keypoint_triangles]]
    points: Float = np.einsum("kc,kci->ki", face.keypoint_barycentric.astype(np.float64), corners)
    return points


def face_vertices(face: FaceModel, truth: ScanTruth) -> NDArray[np.int64]:
    """Outer skin and lips of the face region that some frame of the neutral scan saw, less steeply than 75 degrees.

    Without the margins of lids and lips and without cavities, such as the insides of nostrils: places from which
    CAVITY metres outwards another part of the surface is near.
    """
    outer = np.zeros(len(face.mean), bool)
    outer[face.triangles[np.isin(face.material, [MATERIALS.index("skin"), MATERIALS.index("lips")])]] = True
    outer &= face.regions[REGIONS.index("face")] & (face.eyeball == 0)
    outer[np.concatenate([face.lid_pairs.reshape(-1), face.lip_pairs.reshape(-1)])] = False
    index = truth.expression_ids.index("neutral")
    vertices = truth.vertices[index].astype(np.float64)
    normals = vertex_normals(vertices, face.triangles)
    seen = np.zeros(len(vertices), bool)
    for camera_from_head in truth.camera_from_head[index].astype(np.float64):
        ids = rasterize(vertices, face.triangles, tuple(truth.intrinsics), (480, 640),
                        camera_from_world=camera_from_head).ids  # fmt: skip
        front = np.zeros(len(vertices), bool)
        front[face.triangles[np.unique(ids[ids >= 0])]] = True
        eye = -camera_from_head[:3, :3].T @ camera_from_head[:3, 3]
        toward = eye - vertices
        slope = (normals * toward).sum(1) / np.linalg.norm(toward, axis=1)
        seen |= front & (slope > np.cos(np.radians(75)))
    chosen = np.flatnonzero(outer & seen)
    open_air = ClosestPoints(vertices, face.triangles).query(vertices[chosen] + CAVITY * normals[chosen]).distance
    return chosen[open_air > 0.6 * CAVITY]


def neutral_error(
    rig: Rig, rig_face: FaceModel, truth: ScanTruth, person_face: FaceModel, offset: Float, held_out: list[int]
) -> NeutralError:
    """Distance of the true face from the rig's neutral as scanned."""
    neutral = apply(offset, performed(rig, "neutral"))
    index = truth.expression_ids.index("neutral")
    true = truth.vertices[index].astype(np.float64)
    distance = ClosestPoints(neutral, rig_face.triangles).query(true[face_vertices(person_face, truth)]).distance * 1000
    apart = np.linalg.norm(keypoints(neutral, rig_face) - truth.keypoints[index], axis=1) * 1000
    before = triangle_vectors(rig_face.mean.astype(np.float64), rig_face.triangles)
    after = triangle_vectors(neutral, rig_face.triangles)
    face = rig_face.regions[REGIONS.index("face")][rig_face.triangles].all(1)
    return NeutralError(
        float(np.median(distance)), float(np.percentile(distance, 95)), float(np.median(apart[held_out])),
        float(np.median(apart)), int(((before * after).sum(1)[face] <= 0).sum()),
    )  # fmt: skip


def expression_errors(
    rig: Rig, rig_face: FaceModel, truth: ScanTruth, person_face: FaceModel, offset: Float
) -> list[ExpressionError]:
    """One line per expression but the neutral."""
    skin = face_vertices(person_face, truth)
    start = truth.vertices[truth.expression_ids.index("neutral")][skin].astype(np.float64)
    still = ClosestPoints(apply(offset, performed(rig, "neutral")), rig_face.triangles)
    out = []
    for index, name in enumerate(truth.expression_ids):
        if name == "neutral" or name not in rig.expression_ids:
            continue
        true = truth.vertices[index][skin].astype(np.float64)
        moves = np.linalg.norm(true - start, axis=1) > MOVES
        if moves.sum() < 20:
            continue
        surface = ClosestPoints(apply(offset, performed(rig, name)), rig_face.triangles)
        error = surface.query(true[moves]).distance * 1000
        nothing = still.query(true[moves]).distance * 1000
        out.append(ExpressionError(name, int(moves.sum()), float(np.median(error)), float(np.percentile(error, 95)),
                                   float(np.median(nothing))))  # fmt: skip
    return out


def shape_agreement(rig: Rig, face: FaceModel, truth: ScanTruth) -> tuple[Float, Float, Float]:
    """Of a person on the rig's own topology: cosine [53] and gain [53] of each shape, and the most of it shown [53]."""
    skin = face.regions[REGIONS.index("face")] & (face.eyeball == 0)
    a = rig.expressions[:, skin].reshape(len(rig.expressions), -1).astype(np.float64)
    most = truth.weights.max(0).astype(np.float64)
    b = truth.shapes[:, skin].reshape(len(truth.shapes), -1).astype(np.float64)
    norm_a, norm_b = np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1)
    dot = (a * b).sum(1)
    return dot / np.maximum(norm_a * norm_b, 1e-12), dot / np.maximum(norm_b**2, 1e-12), most
