"""How well candidate cameras see their part of faces, over people, expressions and donnings.

Paper section 4. Visibility (Eq. 1) of a region is the mean over its points of how far the skin faces the camera's axis,
negative values counted 0. It knows neither where in the picture a point lies nor what stands before it; beside it the
same is given by the ray that meets the point, and of what is inside the picture and not hidden by face or headset.
Range of motion (Eq. 2) is how many pixels keypoints move between the neutral and an expression.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from refa_cli.commands.place_cameras import measure_kernels as kernels
from refa_cli.commands.place_cameras.candidates import Candidate
from refa_cli.commands.place_cameras.faces import keypoints_of, regions_of, shown, sites_of
from refa_cli.face.evaluate import Geometry
from refa_cli.face.prompts import PROMPTS
from refa_cli.face.shapes import EXPRESSIONS
from refa_cli.formats.face import FaceModel
from refa_cli.formats.headset import Headset
from refa_cli.formats.spec import F32, F64
from refa_cli.headset.donning import Slip, pushed, random_slip
from refa_cli.headset.parts import triangles_of
from refa_cli.render.rasterize import see
from refa_cli.workers import fan_out, seed_of

WALL: Final = 64
"""Side of the map of what the headset's own parts hide of a picture, cells."""
IDENTITY_LIMIT: Final = 2.0


@dataclass(frozen=True)
class Trials:
    """What candidates are measured over."""

    face: FaceModel
    headset: Headset
    identities: int
    expressions: tuple[str, ...]
    donnings: int
    seed: int


@dataclass(frozen=True)
class Score:
    """Means over expressions and donnings, one row a person [S]: axis (Eq. 1), ray, seen, outside (a share of points)
    of each region [S, G]; motion in pixels (Eq. 2) and how often a keypoint leaves the picture [S]."""

    regions: tuple[str, ...]
    axis: F64
    ray: F64
    seen: F64
    outside: F64
    motion: F64
    lost: F64

    @property
    def visibility(self) -> float:
        """The mean over people and regions of what is truly seen."""
        return float(self.seen.mean())

    @property
    def range_of_motion(self) -> float:
        """The mean over people, pixels, of keypoints that stay in the picture."""
        return float(self.motion.mean())

    @property
    def motion_kept(self) -> float:
        """The same where keypoints that leave the picture count as unmoved."""
        return float((self.motion * (1 - self.lost)).mean())


@dataclass(frozen=True)
class Job:
    """One person before the candidates of one role."""

    trials: Trials
    role: str
    candidates: tuple[Candidate, ...]
    person: int


def measure(
    trials: Trials, candidates: Sequence[Candidate], workers: int = 1, scheduler: str | None = None
) -> list[Score]:
    """The score of every candidate, in order."""
    roles = sorted({candidate.camera.role for candidate in candidates})
    groups = {role: tuple(c for c in candidates if c.camera.role == role) for role in roles}
    jobs = [Job(trials, role, groups[role], person) for role in roles for person in range(trials.identities)]
    rows: dict[str, list[tuple[F64, F64]]] = {role: [] for role in roles}
    done = fan_out(run_job, jobs, name=_name, workers=workers, scheduler=scheduler, label="faces")
    for job, result in zip(jobs, done, strict=True):
        assert isinstance(result, tuple)
        rows[job.role].append(result)
    scores = {}
    for role, group in groups.items():
        sums = np.stack([sums for sums, _ in rows[role]])  # [S, C, G, SUMS]
        moves = np.stack([moves for _, moves in rows[role]])  # [S, C, 2]
        for c, candidate in enumerate(group):
            axis, ray, seen, outside = (sums[:, c, :, k] for k in range(kernels.SUMS))
            scores[id(candidate)] = Score(regions_of(role), axis, ray, seen, outside, moves[:, c, 0], moves[:, c, 1])
    return [scores[id(candidate)] for candidate in candidates]


def _name(job: Job) -> str:
    return f"{job.role}, person {job.person + 1}"


def person_of(face: FaceModel, seed: int, number: int) -> Geometry:
    """One of the people that all roles are measured on."""
    rng = np.random.default_rng(seed_of(seed, "person", number))
    drawn = np.clip(rng.standard_normal(len(face.identity_basis)), -IDENTITY_LIMIT, IDENTITY_LIMIT)
    return Geometry.of_face(face, drawn)


def run_job(job: Job) -> tuple[F64, F64]:
    """Means over expressions and donnings: [C, G, SUMS] and (motion, share lost) [C, 2]."""
    trials, face = job.trials, job.trials.face
    geometry = person_of(face, trials.seed, job.person)
    sites = sites_of(face, regions_of(job.role))
    slips = [random_slip(np.random.default_rng(seed_of(trials.seed, "slip", job.person, d)))
             for d in range(trials.donnings)]  # fmt: skip
    count, chosen = len(job.candidates), keypoints_of(job.role)
    lenses = np.stack([candidate.camera.lens.parameters for candidate in job.candidates])
    sizes = np.array([candidate.camera.lens.size[::-1] for candidate in job.candidates], np.float64)
    walls = np.stack([wall_of(candidate, trials.headset) for candidate in job.candidates])
    scale = WALL / sizes
    ipd = float(geometry.eye_centers[0, 0] - geometry.eye_centers[1, 0])
    poses = np.stack([_at_ipd(candidate, ipd - float(trials.headset.ipd)) for candidate in job.candidates])
    sums = np.zeros((count, len(sites.names), kernels.SUMS))
    travel, lost = np.zeros((count, len(chosen))), np.zeros((count, len(chosen)))
    weights = {prompt.id: prompt.weights for prompt in PROMPTS}
    neutral = np.zeros(len(EXPRESSIONS))
    still = shown(geometry, face, sites, neutral).keypoints[chosen]
    at_rest = _cameras(trials.headset, poses, slips, neutral)
    for name in trials.expressions:
        here = shown(geometry, face, sites, weights[name])
        cameras = _cameras(trials.headset, poses, slips, weights[name])
        kernels.accumulate(here.points, here.normals, here.maps, here.axes, here.focal, cameras, lenses, sizes, walls,
                           scale, sites.region, sums)  # fmt: skip
        kernels.motion(
            still, np.ascontiguousarray(here.keypoints[chosen]), at_rest, cameras, lenses, sizes, travel, lost
        )
    trials_each = len(trials.expressions) * trials.donnings
    sums /= trials_each * np.bincount(sites.region, minlength=len(sites.names))[None, :, None]
    kept = np.maximum(trials_each * len(chosen) - lost.sum(1), 1)
    return sums, np.stack([travel.sum(1) / kept, lost.mean(1) / trials_each], 1)


def _cameras(headset: Headset, poses: F64, slips: Sequence[Slip], weights: NDArray[np.floating]) -> F64:
    """camera_from_head [C, D, 4, 4]."""
    straight = headset.headset_from_head.astype(np.float64)
    donned = np.stack([slip.applied(pushed(weights).applied(straight)) for slip in slips])
    return np.ascontiguousarray(np.einsum("cij,djk->cdik", poses, donned))


def _at_ipd(candidate: Candidate, wider: float) -> F64:
    """camera_from_headset of a candidate on a headset whose lenses stand so much farther apart."""
    pose = candidate.camera.camera_from_headset.copy()
    pose[:3, 3] -= pose[:3, :3] @ [candidate.camera.shift * wider / 2, 0.0, 0.0]
    return pose


def wall_of(candidate: Candidate, headset: Headset) -> F32:
    """What housing and lenses hide of a candidate's picture [WALL, WALL]: distance along z, 0 where it is free."""
    camera = candidate.camera
    triangles, _ = triangles_of(headset, "housing", "lens")
    if not len(triangles):
        return np.zeros((WALL, WALL), np.float32)
    pose = camera.camera_from_headset
    points = headset.solid_vertices.astype(np.float64) @ pose[:3, :3].T + pose[:3, 3]
    depth = see(points, triangles, camera.lens).depth
    rows = (np.arange(WALL) + 0.5) / WALL * depth.shape[0]
    columns = (np.arange(WALL) + 0.5) / WALL * depth.shape[1]
    return np.ascontiguousarray(depth[rows.astype(int)][:, columns.astype(int)])
