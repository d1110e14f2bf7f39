"""How far a rig is from the truth of simulated scans: surface, keypoints, shapes. Millimetres in what is returned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refa_cli.commands.fit_rig.similarity import apply, motion, rigid
from refa_cli.commands.fit_rig.subject import asked_gaze
from refa_cli.face.closest import ClosestPoints
from refa_cli.face.evaluate import Geometry
from refa_cli.face.mesh import triangle_vectors, vertex_normals
from refa_cli.formats.face import MATERIALS, REGIONS, FaceModel
from refa_cli.formats.rig import Rig
from refa_cli.formats.scan_truth import ScanTruth

Float = NDArray[np.float64]
Int = NDArray[np.integer[Any]]

CAVITY = 0.006
"""A place lies in a cavity, such as a nostril, if so far outwards another part of the surface is near, metres."""
NEAR = 0.001
"""Distance from the rig at which a true point counts a quarter when the offset is sought, metres."""
MOVES = 0.001
"""A place that truly moves farther than this counts in an expression's error, metres."""
FEWEST = 20
"""An expression that moves fewer places is not judged."""


@dataclass(frozen=True)
class Judge:
    """A rig beside the truth. region: the true face's outer skin, cavities and lid and lip margins left out; seen: the
    part of it that some frame of the neutral scan saw; truth_from_rig [4, 4]: the one rigid offset per subject."""

    rig: Rig
    face: FaceModel
    truth: ScanTruth
    region: Int
    seen: Int
    truth_from_rig: Float

    @classmethod
    def of(cls, rig: Rig, face: FaceModel, truth: ScanTruth, person_face: FaceModel) -> Judge:
        """face: the rig's model; person_face: the model the person was made from."""
        region = outer_skin(person_face, truth)
        seen = region[truth.seen[truth.expression_ids.index("neutral")][region]]
        return cls(rig, face, truth, region, seen, head_offset(rig, face, truth, seen))

    def performed(self, expression: str) -> Float:
        """The rig's vertices [V, 3] at the weights it found for a scan, in the truth's frame."""
        return apply(self.truth_from_rig, performed(self.rig, self.face, expression))

    def true(self, expression: str) -> Float:
        """The true vertices."""
        return self.truth.vertices[self.truth.expression_ids.index(expression)].astype(np.float64)


def outer_skin(face: FaceModel, truth: ScanTruth) -> Int:
    """Outer skin and lips of the face region, without the margins of lids and lips and without cavities."""
    outer = np.zeros(len(face.mean), bool)
    outer[face.triangles[np.isin(face.material, [MATERIALS.index("skin"), MATERIALS.index("lips")])]] = True
    outer &= face.regions[REGIONS.index("face")] & (face.eyeball == 0)
    outer[np.concatenate([face.lid_pairs.reshape(-1), face.lip_pairs.reshape(-1)])] = False
    vertices = truth.vertices[truth.expression_ids.index("neutral")].astype(np.float64)
    normals = vertex_normals(vertices, face.triangles)
    chosen = np.flatnonzero(outer)
    open_air = ClosestPoints(vertices, face.triangles).query(vertices[chosen] + CAVITY * normals[chosen]).distance
    return chosen[open_air > 0.6 * CAVITY]


def head_offset(rig: Rig, face: FaceModel, truth: ScanTruth, skin: Int) -> Float:
    """truth_from_rig [4, 4], from keypoints and then the neutral surface; the head frame cannot be observed exactly."""
    neutral = performed(rig, face, "neutral")
    index = truth.expression_ids.index("neutral")
    true = truth.vertices[index].astype(np.float64)
    rig_from_truth = rigid(truth.keypoints[index].astype(np.float64), keypoints(neutral, face))
    surface = ClosestPoints(neutral, face.triangles)
    normals = triangle_vectors(neutral, face.triangles)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-15)
    for _ in range(15):  # point to plane: point to point would creep along the face
        moved = apply(rig_from_truth, true[skin])
        found = surface.query(moved)
        n, gap = normals[found.triangle], found.point - moved
        trust = 1 / (1 + (found.distance / NEAR) ** 2) ** 2
        rows = np.concatenate([np.cross(moved, n), n], 1)
        step = np.linalg.solve(rows.T @ (trust[:, None] * rows), rows.T @ (trust * (gap * n).sum(1)))
        rig_from_truth = motion(step[:3], step[3:]) @ rig_from_truth
    return np.linalg.inv(rig_from_truth)


def performed(rig: Rig, face: FaceModel, expression: str) -> Float:
    """The rig's vertices [V, 3] at the weights it found for a scan, looking where its prompt asks."""
    weights = rig.weights[rig.expression_ids.index(expression)]
    gaze = np.broadcast_to(asked_gaze(expression), (2, 2))
    return Geometry.of_rig(rig, face).evaluate(weights, gaze).astype(np.float64)


def keypoints(vertices: Float, face: FaceModel) -> Float:
    """[100, 3]."""
    return face.keypoints_on(vertices)


def neutral_errors(judge: Judge, held_out: list[int]) -> dict[str, float]:
    """Of the neutral as scanned: distance of the true face from it, of keypoints, and triangles turned over."""
    neutral, true = judge.performed("neutral"), judge.true("neutral")
    surface = ClosestPoints(neutral, judge.face.triangles)
    seen, whole = (surface.query(true[places]).distance * 1000 for places in (judge.seen, judge.region))
    index = judge.truth.expression_ids.index("neutral")
    apart = np.linalg.norm(keypoints(neutral, judge.face) - judge.truth.keypoints[index], axis=1) * 1000
    return {
        "neutral median": float(np.median(seen)),
        "p95": float(np.percentile(seen, 95)),
        "whole region median": float(np.median(whole)),
        "whole region p95": float(np.percentile(whole, 95)),
        "held-out keypoints": float(np.median(apart[held_out])),
        "inverted": max(inverted(judge.face, v) for v in (judge.rig.neutral.astype(np.float64), neutral)),
    }


def inverted(face: FaceModel, vertices: Float) -> int:
    """Triangles of the face region whose normal turned by more than 90 degrees against the model's mean."""
    before = triangle_vectors(face.mean.astype(np.float64), face.triangles)
    after = triangle_vectors(vertices, face.triangles)
    inside = face.regions[REGIONS.index("face")][face.triangles].all(1)
    return int(((before * after).sum(1)[inside] <= 0).sum())


def expression_errors(judge: Judge) -> dict[str, float]:
    """Over the surface that truly moves by more than MOVES: medians over expressions, beside the neutral alone."""
    neutral = judge.true("neutral")
    still = ClosestPoints(judge.performed("neutral"), judge.face.triangles)
    rows = []
    for name in judge.rig.expression_ids:
        true = judge.true(name)
        places = judge.seen[np.linalg.norm((true - neutral)[judge.seen], axis=1) > MOVES]
        if name == "neutral" or len(places) < FEWEST:
            continue
        error = ClosestPoints(judge.performed(name), judge.face.triangles).query(true[places]).distance * 1000
        nothing = still.query(true[places]).distance * 1000
        rows.append((len(places), np.median(error), np.percentile(error, 95), np.median(nothing)))
    moving, median, p95, nothing = np.array(rows).T
    return {
        "expressions median": float(np.median(median)),
        "expressions p95": float(np.median(p95)),
        "neutral alone": float(np.median(nothing)),
        "share": float((median * moving).sum() / (nothing * moving).sum()),
    }


def shape_agreement(judge: Judge) -> tuple[Float, Float, Float]:
    """Of a person on the rig's own topology: cosine [53] and gain [53] of each shape, and the most of it shown [53].

    A gain of 1 is the true displacement at the most that any scan showed.
    """
    face, truth = judge.face, judge.truth
    skin = face.regions[REGIONS.index("face")] & (face.eyeball == 0)
    turned = judge.rig.expressions[:, skin].astype(np.float64) @ judge.truth_from_rig[:3, :3].T
    most = truth.weights.max(0).astype(np.float64)
    a, b = turned.reshape(len(turned), -1), truth.shapes[:, skin].reshape(len(turned), -1).astype(np.float64)
    norm_a, norm_b = np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1)
    dot = (a * b).sum(1)
    return dot / np.maximum(norm_a * norm_b, 1e-12), dot / np.maximum(norm_b**2 * most, 1e-12), most
