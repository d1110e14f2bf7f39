"""One expression of a person whose neutral is known: pose and weights, then refinement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from refa_cli.commands.fit_rig.flow import Drawn
from refa_cli.commands.fit_rig.linear import LinearFace, LinearFit, fit
from refa_cli.commands.fit_rig.person import Parts, Person
from refa_cli.commands.fit_rig.redetect import Redetector, Shot
from refa_cli.commands.fit_rig.refine import Refiner
from refa_cli.commands.fit_rig.similarity import rigid, scale_of
from refa_cli.commands.fit_rig.skin import Tracks, View
from refa_cli.commands.fit_rig.stabilize import stabilized
from refa_cli.commands.fit_rig.target import Matcher, Target
from refa_cli.face.shapes import EXPRESSIONS
from refa_cli.formats.face import FaceModel

Float = NDArray[np.float64]

EXPECTED_SIGMA, OTHER_SIGMA = 0.3, 0.15
"""Standard deviation of a weight from its expected value: of shapes that the prompt asks for, and of all others."""
KEYPOINT_SHARE = 0.01
"""Weight of keypoints beside the surface: detectors see expressions weaker than they are (movements sideways by half to
three quarters), so that keypoints only start the fit."""
STABILIZED = 2
"""How often the pose is sought in the skin that stays, and the weights at that pose."""
REDETECTED = 3
"""How often keypoints are detected on the fitted head, and pose and weights are sought again with what is missing."""
REDETECTED_SIGMA, REDETECTED_SHARE = 0.0015, 0.3
"""Standard deviation of such a keypoint, metres, and its weight beside the surface."""
SHAPE_ERROR = 1.0
"""While the pose is sought, a transferred shape may be wrong by this share of its own displacement."""
MOST = 1.5
"""Largest weight of a transferred shape: some people do more than the model."""


@dataclass(frozen=True)
class Expression:
    """base [V, 3]: the neutral, looking where the prompt asks; expected [53]: what the prompt asks for, on top of rest;
    weights [53] found of the transferred shapes (0..1); refined vertices [V, 3] and how surely measured [V]; fitted
    [V, 3] before refinement; head_from_scan [4, 4]; drawn: what the scan shows on the skin, as it was followed, None of
    a mesh."""

    name: str
    base: Float
    expected: Float
    weights: Float
    refined: Float
    sure: Float
    fitted: Float
    head_from_scan: Float
    drawn: Drawn | None = None


def fit_expression(
    face: FaceModel, parts: Parts, person: Person, name: str, target: Target, expected: Float,
    gaze: Sequence[float] = (0.0, 0.0), views: Sequence[View] = (), shots: Sequence[Shot] = (),
) -> Expression:  # fmt: skip
    """Fit and refine one expression.

    expected [53] and gaze (yaw, pitch), radians: what the prompt asks for; views: what shows its skin; shots: pictures
    in which its keypoints were detected.
    """
    count = len(EXPRESSIONS)
    lacking = face.lacks[:count]
    # What the face shows at rest stays, as far as the prompt leaves room.
    asked = np.where(lacking, 0.0, expected + person.rest * (1 - expected))
    linear = LinearFace(
        base=person.looking(np.asarray(gaze, np.float64)),
        basis=person.shapes[:count],
        mean=asked,
        sigma=np.where(expected > 0, EXPECTED_SIGMA, OTHER_SIGMA),
        lower=np.zeros(count),
        upper=np.where(lacking, 0.0, MOST),
        triangles=face.triangles,
        candidates=parts.candidates,
        keypoint_triangles=face.keypoint_triangles,
        keypoint_barycentric=face.keypoint_barycentric.astype(np.float64),
        shape_error=SHAPE_ERROR,
    )
    matcher = Matcher(target)
    start = _start(linear, target, asked, scale_of(person.head_from_scan))
    found = fit(linear, matcher, start, iterations=12, keypoint_share=KEYPOINT_SHARE)
    stage = _Stage(person, parts, replace(linear, shape_error=0.0), matcher, KEYPOINT_SHARE)
    for _ in range(STABILIZED):
        found = stage.again(found)
    if person.redetector is not None and shots:
        for _ in range(REDETECTED):
            stage = stage.redetected(found, person.redetector, shots)
            found = stage.again(found)
    fitted = linear.at(found.coefficients)
    refiner = Refiner(fitted, face.triangles, parts.region, parts.candidates)
    refined, sure = refiner.refine(fitted, matcher, found.head_from_scan)
    drawn = None
    if person.drawn is not None and views:
        scan_from_head: Float = np.asarray(np.linalg.inv(found.head_from_scan), np.float64)
        drawn = parts.unrolled.drawn(refined, views, scan_from_head)
        tracks = parts.unrolled.follow(person.drawn, refined, drawn, scan_from_head)
        found = stage.again(found, tracks)
        fitted = linear.at(found.coefficients)
        refined, sure = refiner.refine(fitted, matcher, found.head_from_scan, tracks=tracks)
    refined = refined + person.tidy.apart(refined)
    return Expression(name, linear.base, asked, np.clip(found.coefficients, 0, 1), refined, sure, fitted,
                      found.head_from_scan, drawn)  # fmt: skip


@dataclass(frozen=True)
class _Stage:
    """What pose and weights are sought with, in turn: a face whose shapes are taken to be right, since a pose that is
    known cannot be led astray by them; keypoint_share: what the matcher's keypoints weigh."""

    person: Person
    parts: Parts
    face: LinearFace
    matcher: Matcher
    keypoint_share: float

    def again(self, found: LinearFit, tracks: Tracks | None = None) -> LinearFit:
        """The pose from skin that stays, then the weights at that pose."""
        face = self.face
        still = self.person.neutral + np.tensordot(self.person.rest, face.basis, 1)
        moved = np.linalg.norm(face.at(found.coefficients) - still, axis=1)
        pose = stabilized(self.person.scanned, moved, face.triangles, self.parts.candidates, self.matcher,
                          found.head_from_scan, tracks)  # fmt: skip
        return fit(face, self.matcher, pose, iterations=5, keypoints_only=0, keypoint_share=self.keypoint_share,
                   pose_known=True, start=found.coefficients, tracks=tracks)  # fmt: skip

    def redetected(self, found: LinearFit, redetector: Redetector, shots: Sequence[Shot]) -> _Stage:
        """The same with keypoints as they ought to be by what is detected on the head as it was found."""
        pose = found.head_from_scan
        keypoints = redetector.wanted(self.face.at(found.coefficients), pose, shots)
        sigma = np.full(len(keypoints), REDETECTED_SIGMA / scale_of(pose))
        return replace(self, matcher=self.matcher.with_keypoints(keypoints, sigma), keypoint_share=REDETECTED_SHARE)


def _start(linear: LinearFace, target: Target, weights: Float, scale: float) -> Float:
    """head_from_scan from keypoints on the expected expression; the person's scale is known."""
    model = linear.keypoints(linear.at(weights))
    known = np.isfinite(target.keypoints[:, 2])
    grown = np.diag([scale, scale, scale, 1.0])
    seen = target.keypoints[known] * scale
    return rigid(seen, model[known], 1 / target.sigma[known] ** 2) @ grown
