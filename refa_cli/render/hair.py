"""Hair of brows, lashes and beards: strands that stand on the skin and go along with it.

    hair = brows(face, rng) + lashes(face, rng)
    lines, width = hair.lines(vertices)

A strand hangs on a place of the face model's surface, in a frame of that place: out of the skin, up along it, and to
the side. It is as wide as hair, 0.05 to 0.1 mm, which is less than a pixel of most cameras: pictures draw it by the
share of each pixel that it covers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from refa_cli.face.closest import ClosestPoints
from refa_cli.face.keypoints import INDEX
from refa_cli.face.mesh import vertex_normals
from refa_cli.formats.face import MATERIALS, REGIONS, FaceModel
from refa_cli.formats.spec import F64, I32

JOINTS: Final = 4
"""Points of a strand, its root among them."""
TIP: Final = 0.15
BROW, LASH, BEARD = 0.00009, 0.00007, 0.00008
"""Widths of hairs, metres."""


@dataclass(frozen=True)
class Hair:
    """S strands: triangle [S] and barycentric [S, 3] of their roots; shape [S, JOINTS, 3]: metres out of the skin, up
    along it and towards the subject's left; width [S] metres at the root, TIP of that at the tip; corners [F, 3] of the
    face model's triangles."""

    triangle: NDArray[np.int64]
    barycentric: F64
    shape: F64
    width: F64
    corners: I32

    def __add__(self, other: Hair) -> Hair:
        """Both on one head."""
        return Hair(np.concatenate([self.triangle, other.triangle]),
                    np.concatenate([self.barycentric, other.barycentric]), np.concatenate([self.shape, other.shape]),
                    np.concatenate([self.width, other.width]), self.corners)  # fmt: skip

    def thinned(self, rng: np.random.Generator, share: float) -> Hair:
        """A random share of the strands, each as much wider, so that the hair stays as dark."""
        kept = rng.random(len(self.triangle)) < share
        return Hair(
            self.triangle[kept], self.barycentric[kept], self.shape[kept], self.width[kept] / share, self.corners
        )

    def lines(self, vertices: F64) -> tuple[F64, F64]:
        """Joints [S, JOINTS, 3] of the strands on a head [V, 3], in its frame, whose +Y is up, and their width there
        [S, JOINTS], metres."""
        corners = self.corners[self.triangle]
        roots = np.einsum("sc,sci->si", self.barycentric, vertices[corners])
        smooth = np.asarray(vertex_normals(vertices, self.corners), np.float64)
        out = np.einsum("sc,sci->si", self.barycentric, smooth[corners])
        out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)
        up = np.array([0.0, 1.0, 0.0]) - out[:, 1:2] * out
        up /= np.maximum(np.linalg.norm(up, axis=1, keepdims=True), 1e-12)
        frame = np.stack([out, up, np.cross(up, out)], 1)  # [S, 3, 3]
        return roots[:, None] + self.shape @ frame, np.linspace(1, TIP, JOINTS) * self.width[:, None]


def brows(face: FaceModel, rng: np.random.Generator, count: int = 420, length: float = 0.007) -> Hair:
    """Two brows of `count` strands each, between the keypoints of their upper and lower border."""
    mean = face.mean.astype(np.float64)
    points = face.keypoints_on(face.mean)
    strands = []
    for side, sign in (("l", 1.0), ("r", -1.0)):
        upper = points[[INDEX[f"brow_upper_{i}_{side}"] for i in (1, 2, 3, 4, 5)]]
        lower = points[[INDEX[f"brow_lower_{i}_{side}"] for i in (1, 2, 3)]]
        lower = np.concatenate([upper[:1], lower, upper[-1:] + (lower[-1] - upper[-2])])  # the same five along it
        along, across = np.sort(rng.random(count)), rng.beta(1.5, 1.5, count)
        places = _between(upper, lower, along, across)
        # At the nose hairs stand up, towards the temple they lie along the brow.
        rise = np.interp(along, [0, 0.7, 1], [-0.15, 0.45, 1.1]) + 0.25 * rng.standard_normal(count)
        size = length * rng.uniform(0.6, 1.1, count) * np.interp(along, [0, 0.2, 1], [0.7, 1, 0.9])
        strands.append(_strands(face, mean, places, _lying(size, rise, sign), BROW * rng.uniform(0.8, 1.2, count)))
    return strands[0] + strands[1]


def lashes(face: FaceModel, rng: np.random.Generator, count: int = 90, length: float = 0.009) -> Hair:
    """Upper lashes of `count` strands an eye, and half as many lower ones half as long, on the margins of the lids.

    None on a face model without lid pairs.
    """
    mean = face.mean.astype(np.float64)
    strands = [_none(face)]
    for pairs in face.lid_pairs:
        for row, upright, share in ((0, 1.0, 1.0), (1, -1.0, 0.5)):
            margin = mean[pairs[:, row]]
            if len(margin) < 3:
                continue
            margin = margin[np.argsort(margin[:, 0])]
            n = int(count * share)
            at = np.sort(rng.uniform(0.05, 0.97, n))
            places = np.stack([np.interp(at, np.linspace(0, 1, len(margin)), margin[:, i]) for i in range(3)], 1)
            size = length * share * rng.uniform(0.7, 1.1, n) * (0.6 + 0.4 * np.sin(np.pi * at))
            bend = np.linspace(0, 1, JOINTS)
            shape = np.stack([size[:, None] * bend, upright * size[:, None] * 0.55 * bend**2,
                              size[:, None] * 0.5 * (at[:, None] - 0.5) * bend], -1)  # fmt: skip
            strands.append(_strands(face, mean, places, shape, np.full(n, LASH)))
    total = strands[0]
    for more in strands[1:]:
        total = total + more
    return total


def beard(
    face: FaceModel, rng: np.random.Generator, count: int, length: float, parts: Sequence[str] = ("chin", "moustache")
) -> Hair:
    """A beard of `count` strands of about a length, metres, on some of chin, moustache and cheeks.

    Raises ValueError for other parts.
    """
    mean, points = face.mean.astype(np.float64), face.keypoints_on(face.mean)
    nose, mouth, chin = (points[INDEX[name], 1] for name in ("nose_base", "lip_lower_outer_middle", "chin"))
    corner = abs(points[INDEX["mouth_corner_l"], 0])
    centers = mean[face.triangles].mean(1)
    x, y = np.abs(centers[:, 0]), centers[:, 1]
    lip = points[INDEX["lip_upper_outer_middle"], 1]
    areas = {
        "moustache": (y < nose) & (y > lip + 0.001) & (x < 1.1 * corner),
        "chin": (y < mouth - 0.004) & (y > chin - 0.012) & (x < 1.5 * corner),
        "cheeks": (y < nose - 0.01) & (y > chin - 0.015) & (x >= 1.3 * corner),
    }
    unknown = sorted(set(parts) - set(areas))
    if unknown:
        raise ValueError(f"parts of a beard are {', '.join(areas)}, got {unknown[0]}")
    skin = (face.material == MATERIALS.index("skin")) & face.regions[REGIONS.index("face")][face.triangles].all(1)
    skin &= centers[:, 2] > points[INDEX["chin"], 2] - 0.07
    chosen = np.flatnonzero(skin & np.any([areas[part] for part in parts], axis=0))
    edges = mean[face.triangles[chosen]]
    size = np.linalg.norm(np.cross(edges[:, 1] - edges[:, 0], edges[:, 2] - edges[:, 0]), axis=1)
    triangle = rng.choice(chosen, count, p=size / size.sum())
    lengths = length * rng.uniform(0.5, 1.2, count)
    bend = np.linspace(0, 1, JOINTS)
    lean = 0.35 * rng.standard_normal(count)
    shape = np.stack([lengths[:, None] * 0.5 * np.sin(np.pi / 2 * bend), -lengths[:, None] * 0.9 * bend**1.5,
                      lengths[:, None] * lean[:, None] * bend], -1)  # fmt: skip
    return Hair(triangle, rng.dirichlet(np.ones(3), count), shape, np.full(count, BEARD), face.triangles)


def _none(face: FaceModel) -> Hair:
    return Hair(np.zeros(0, np.int64), np.zeros((0, 3)), np.zeros((0, JOINTS, 3)), np.zeros(0), face.triangles)


def _between(upper: F64, lower: F64, along: F64, across: F64) -> F64:
    """Places [S, 3] along two lines of points and so far across from one to the other."""
    grid = np.linspace(0, 1, len(upper))
    ends = [np.stack([np.interp(along, grid, line[:, i]) for i in range(3)], 1) for line in (upper, lower)]
    return np.asarray(ends[0] + across[:, None] * (ends[1] - ends[0]))


def _lying(size: F64, rise: F64, sign: float) -> F64:
    """Strands that lie on the skin: rise [S] radians from the side towards up; sign: to the left or the right."""
    bend = np.linspace(0, 1, JOINTS)[None]
    out = 0.0006 * np.sin(np.pi * bend) + 0.08 * size[:, None] * bend
    return np.stack([out, np.sin(rise)[:, None] * size[:, None] * bend,
                     sign * np.cos(rise)[:, None] * size[:, None] * bend], -1)  # fmt: skip


def _strands(face: FaceModel, mean: F64, places: F64, shape: F64, width: F64) -> Hair:
    """Strands at the places of the skin that are nearest to some [S, 3]."""
    skin = np.flatnonzero(np.isin(face.material, [MATERIALS.index("skin"), MATERIALS.index("lips")]))
    found = ClosestPoints(mean, face.triangles[skin]).query(places)
    return Hair(skin[found.triangle], found.barycentric.astype(np.float64), shape, width, face.triangles)
