"""A person's neutral: identity and pose of the PCA model, refined; then the model's shapes on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refa_cli.commands.fit_rig.flow import Drawn
from refa_cli.commands.fit_rig.linear import LinearFace, fit
from refa_cli.commands.fit_rig.redetect import Redetector, skin_colors
from refa_cli.commands.fit_rig.refine import Refiner, unfolded
from refa_cli.commands.fit_rig.similarity import rigid
from refa_cli.commands.fit_rig.skin import Unrolled, View
from refa_cli.commands.fit_rig.target import Matcher, Target
from refa_cli.face.closing import Closer, clear_eyeballs
from refa_cli.face.deformation import transfer
from refa_cli.face.gaze import eye_follow_weights, rotation_from_gaze
from refa_cli.face.mesh import adjacency, components, grown, neighbour_mean
from refa_cli.face.shapes import EXPRESSIONS, INDEX
from refa_cli.formats.face import MATERIALS, REGIONS, FaceModel
from refa_cli.render.cameras import around
from refa_cli.render.rasterize import rasterize

Float = NDArray[np.float64]
Int = NDArray[np.integer[Any]]

REST_SIGMA, REST_UPPER = 0.06, 0.3
"""What a neutral face may show of a shape: standard deviation and most."""
REST_CLOSED_SIGMA = 0.4
"""The same for EyesClosed: some neutral scans have their eyes shut."""
REST_LEAST = 0.04
"""Less than this counts as rest."""
REST_SHUT = 0.55
"""An eye that is found to be closed further than this in the neutral scan is shut."""
IDENTITY_LIMIT = 4.0
SCALE_IPD = 0.063
VIEW_YAWS, VIEW_PITCHES = (-40, 0, 40), (-5, 10)
"""Degrees from which a vertex must be seen at least once to be paired with a measurement."""
MEASURED_RINGS, REGION_RINGS = 4, 10
"""Edges beyond the face region as far as which vertices are paired with a measurement, and may be moved by it."""
LID_RINGS = 4
"""Rings of vertices around the lid margin that tell where the eyeball lies."""
CLEAR_ROUNDS = 12
"""Rounds of averaging in which skin around a lid follows its margin off the eyeball."""
LID_SIGMA, SHIFT_SIGMA = 0.004, 0.003
"""Standard deviations of a lid vertex's distance from the eyeball's centre, and of the centre's shift, metres."""


@dataclass(frozen=True)
class Parts:
    """Vertex sets of a face model that fitting needs: skin [V] (connected surface with the lids), moving [V] (the
    face, which scans inform), region [V] (what refinement may move), candidates: vertices that are paired, and the face
    unrolled."""

    skin: NDArray[np.bool_]
    moving: NDArray[np.bool_]
    region: NDArray[np.bool_]
    candidates: Int
    unrolled: Unrolled

    @classmethod
    def of(cls, face: FaceModel) -> Parts:
        """From the model's regions, materials and lids."""
        count = len(face.mean)
        piece = components(face.triangles, count)
        largest = int(np.bincount(piece[face.triangles[:, 0]]).argmax())
        skin = (piece == largest) & (face.eyeball == 0)
        outer = np.zeros(count, bool)
        outer[face.triangles[np.isin(face.material, [MATERIALS.index("skin"), MATERIALS.index("lips")])]] = True
        moving = skin & face.regions[REGIONS.index("face")]
        neighbours = adjacency(face.triangles, count)
        measured, region = (grown(moving, neighbours, rings) for rings in (MEASURED_RINGS, REGION_RINGS))
        candidates = measured & skin & outer & seen_from_the_front(face)
        candidates[np.concatenate([face.lid_pairs.reshape(-1), face.lip_pairs.reshape(-1)])] = False
        return cls(skin, moving, region & skin, np.flatnonzero(candidates), Unrolled(face, moving))


def seen_from_the_front(face: FaceModel) -> NDArray[np.bool_]:
    """[V]: vertices that a phone before the face can see; the insides of nostrils and of lips are not among them."""
    seen = np.zeros(len(face.mean), bool)
    for yaw in VIEW_YAWS:
        for pitch in VIEW_PITCHES:
            view = around(np.radians(yaw), np.radians(pitch), width=0.26, size=(320, 320))
            ids = rasterize(face.mean, face.triangles, view.intrinsics, view.size,
                            camera_from_world=view.camera_from_head).ids  # fmt: skip
            count = np.bincount(ids[ids >= 0], minlength=len(face.triangles))
            seen[face.triangles[count > 2]] = True
    return seen


@dataclass(frozen=True)
class Person:
    """Neutral [V, 3] (all weights 0), rest weights [53] of the neutral scan, its refined vertices [V, 3] and how surely
    measured [V]; shapes [61, V, 3] transferred to this person; eye centres [2, 3] and the eyeballs' vertices;
    head_from_scan of the neutral; tidy: what keeps lids and lips apart on this neutral; drawn: what the neutral scan
    shows on the skin, None of a mesh; redetector: draws the head in the colours of the neutral scan, None where there
    are none."""

    neutral: Float
    rest: Float
    scanned: Float
    sure: Float
    shapes: Float
    eye_centers: Float
    eyeballs: tuple[Int, Int]
    head_from_scan: Float
    identity: Float
    scale: float
    tidy: Tidy
    drawn: Drawn | None
    redetector: Redetector | None

    def looking(self, gaze: Float) -> Float:
        """The neutral [V, 3] with both eyes, open, turned to a gaze (yaw, pitch), radians, and lids that follow."""
        both = np.broadcast_to(gaze, (2, 2))
        out = self.neutral + np.tensordot(eye_follow_weights(both, np.zeros(2)), self.shapes[len(EXPRESSIONS) :], 1)
        for center, ball in zip(self.eye_centers, self.eyeballs, strict=True):
            out[ball] = (self.neutral[ball] - center) @ rotation_from_gaze(gaze).T + center
        return out


def initial_pose(face: FaceModel, target: Target, scale: bool = False) -> Float:
    """head_from_scan [4, 4] from keypoints alone."""
    corners = face.triangles[face.keypoint_triangles]
    model = (face.mean[corners] * face.keypoint_barycentric[..., None]).sum(1).astype(np.float64)
    known = np.isfinite(target.keypoints[:, 2])
    return rigid(target.keypoints[known], model[known], 1 / target.sigma[known] ** 2, scale=scale)


def fit_person(face: FaceModel, parts: Parts, target: Target, auto_scale: bool, views: Sequence[View] = ()) -> Person:
    """Fit, refine and dress the neutral.

    auto_scale: fix the interpupillary distance to SCALE_IPD; views: what shows the skin of the neutral.
    """
    names = [INDEX[n] for n in EXPRESSIONS]
    modes = len(face.identity_basis)
    sigma = np.full(len(names), REST_SIGMA)
    upper = np.full(len(names), REST_UPPER)
    for name in ("EyesClosedL", "EyesClosedR"):
        sigma[INDEX[name]], upper[INDEX[name]] = REST_CLOSED_SIGMA, 1.0
    upper[np.flatnonzero(face.lacks[: len(names)])] = 0.0
    linear = LinearFace(
        base=face.mean.astype(np.float64),
        basis=np.concatenate([face.identity_basis, face.expression_basis]).astype(np.float64),
        mean=np.zeros(modes + len(names)),
        sigma=np.concatenate([np.ones(modes), sigma]),
        lower=np.concatenate([np.full(modes, -IDENTITY_LIMIT), np.zeros(len(names))]),
        upper=np.concatenate([np.full(modes, IDENTITY_LIMIT), upper]),
        triangles=face.triangles,
        candidates=parts.candidates,
        keypoint_triangles=face.keypoint_triangles,
        keypoint_barycentric=face.keypoint_barycentric.astype(np.float64),
    )
    matcher = Matcher(target)
    found = fit(linear, matcher, initial_pose(face, target, auto_scale), iterations=16, fit_scale=auto_scale)
    # Eyes are shut or not: narrow eyes are who the person is, and taken for half-closed lids they would be torn open.
    lids = np.array([modes + INDEX[name] for name in ("EyesClosedL", "EyesClosedR")])
    ajar = lids[found.coefficients[lids] <= REST_SHUT]
    linear.upper[ajar] = 0.0
    start = found.coefficients.copy()
    start[ajar] = 0.0
    found = fit(linear, matcher, found.head_from_scan, iterations=8, keypoints_only=0, fit_scale=auto_scale,
                start=start)  # fmt: skip
    identity, rest = found.coefficients[:modes], found.coefficients[modes:].copy()
    pose = found.head_from_scan
    scale = 1.0
    if auto_scale:
        eyes = face.eye_centers + np.tensordot(identity, face.eye_centers_basis, 1)
        scale = SCALE_IPD / float(np.linalg.norm(eyes[0] - eyes[1]))
    rest[rest < REST_LEAST] = 0
    for name in ("EyesClosedL", "EyesClosedR"):
        if rest[INDEX[name]] > REST_SHUT:
            rest[INDEX[name]] = 1.0
    fitted = (linear.at(np.concatenate([identity, rest]))) * scale
    centers = (face.eye_centers + np.tensordot(identity, face.eye_centers_basis, 1)).astype(np.float64) * scale
    pose = np.diag([scale, scale, scale, 1.0]) @ pose
    plain = linear.at(np.concatenate([identity, np.zeros(len(names))])) * scale

    refiner = Refiner(plain, face.triangles, parts.region, parts.candidates)
    corners = (face.triangles[face.keypoint_triangles], face.keypoint_barycentric.astype(np.float64))
    scanned, sure = refiner.refine(fitted, matcher, pose, corners, coarse=True)
    for eye in (0, 1):
        shift = eyeball_shift(face, eye, fitted, scanned, centers[eye])
        for vertices in (fitted, scanned, plain):
            vertices[face.eyeball == eye + 1] += shift
        centers[eye] += shift
    basis = np.concatenate([face.expression_basis, face.eye_follow_basis]).astype(np.float64)
    shapes = transfer(face.mean.astype(np.float64), basis, plain, face.triangles)
    neutral = scanned - np.tensordot(rest, shapes[: len(names)], 1)
    tidy = Tidy(face, neutral, centers)
    neutral = unfolded(neutral + tidy.apart(neutral), face.mean.astype(np.float64) * scale, face.triangles)
    shapes = tidy.shapes(neutral, transfer(face.mean.astype(np.float64), basis, neutral, face.triangles))
    tidy = Tidy(face, neutral, centers)
    drawn = parts.unrolled.drawn(scanned, views, np.asarray(np.linalg.inv(pose), np.float64)) if views else None
    colors = skin_colors(face, scanned, target.moved(pose))
    redetector = None if colors is None else Redetector(face, colors)
    eyeballs = (np.flatnonzero(face.eyeball == 1), np.flatnonzero(face.eyeball == 2))
    return Person(
        neutral, rest, scanned, sure, shapes, centers, eyeballs, pose, identity, scale, tidy, drawn, redetector
    )


def eyeball_shift(face: FaceModel, eye: int, fitted: Float, scanned: Float, center: Float) -> Float:
    """How an eyeball follows its lids [3]: their distances from its centre become those of the fitted model again.

    eye: 0 left, 1 right; fitted, scanned [V, 3] before and after refinement; center [3].
    """
    ring = np.unique(face.lid_pairs[eye])
    if not len(ring):
        return np.zeros(3)
    near = np.zeros(len(fitted), bool)
    near[ring] = True
    near = grown(near, adjacency(face.triangles, len(fitted)), LID_RINGS)
    lids = np.flatnonzero(near & (face.eyeball == 0))
    wanted = np.linalg.norm(fitted[lids] - center, axis=1)
    shift = np.zeros(3)
    for _ in range(10):
        away = scanned[lids] - center - shift
        distance = np.linalg.norm(away, axis=1)
        unit = away / distance[:, None]
        normal = unit.T @ unit / LID_SIGMA**2 + np.eye(3) / SHIFT_SIGMA**2
        shift += np.linalg.solve(normal, unit.T @ (distance - wanted) / LID_SIGMA**2 - shift / SHIFT_SIGMA**2)
    return shift


class Tidy:
    """Lids and lips kept off the eyeballs and out of each other on one person's head."""

    def __init__(self, face: FaceModel, neutral: Float, centers: Float) -> None:
        self.centers = centers
        self.radii = np.array([
            np.linalg.norm(neutral[face.eyeball == e + 1] - centers[e], axis=1).mean() for e in (0, 1)
        ])  # fmt: skip
        self.lid_pairs = face.lid_pairs
        self.lids = [Closer(neutral, face.triangles, p, face.eyeball) for p in face.lid_pairs if len(p)]
        self.lips = Closer(neutral, face.triangles, face.lip_pairs, face.eyeball) if len(face.lip_pairs) else None
        self.margin = np.unique(face.lid_pairs)
        mean = neighbour_mean(face.triangles, len(neutral))
        near = np.zeros(len(neutral), bool)
        near[self.margin] = True
        near = grown(near, mean, LID_RINGS)
        near[self.margin] = False
        self.follow = np.flatnonzero(near & (face.eyeball == 0))
        self.follow_mean = mean[self.follow]

    def apart(self, vertices: Float) -> Float:
        """The correction [V, 3] that takes lids out of eyeballs and of each other, and lips out of each other."""
        up = np.array([0.0, 1.0, 0.0])
        out = np.zeros_like(vertices)
        for closer in (*self.lids, *([self.lips] if self.lips else [])):
            out += closer.uncross(vertices + out, up)
        if len(self.margin):
            pushed = clear_eyeballs(vertices + out, self.centers, self.radii, self.margin)
            if pushed.any():
                for _ in range(CLEAR_ROUNDS):  # the skin around follows, or its small triangles would turn over
                    pushed[self.follow] = self.follow_mean @ pushed
                out += pushed
        return out

    def shapes(self, neutral: Float, shapes: Float) -> Float:
        """Shapes [61, V, 3] with EyesClosed shutting each eye at 1.0 and LipsToward the lips of the dropped jaw."""
        out = shapes.copy()
        for side, closer in enumerate(self.lids):
            name = ("EyesClosedL", "EyesClosedR")[side]
            out[INDEX[name]] += closer.meet(neutral + out[INDEX[name]])
        for name in EXPRESSIONS:
            if name in ("EyesClosedL", "EyesClosedR"):
                continue
            base = neutral + (out[INDEX["JawDrop"]] if name == "LipsToward" else 0)
            moved = np.clip(np.linalg.norm(out[INDEX[name]], axis=1, keepdims=True) / 1e-4, 0, 1)
            out[INDEX[name]] += moved * (self.apart(base + out[INDEX[name]]))
        if self.lips is not None:
            base = neutral + out[INDEX["JawDrop"]] + out[INDEX["LipsToward"]]
            out[INDEX["LipsToward"]] += self.lips.meet(base)
        return out
