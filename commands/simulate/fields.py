"""Smooth random fields in space: sums of plane waves (random Fourier features of a Gaussian kernel).

A field is defined everywhere, not along the surface, so that the two lips or the lid and the eyeball, which touch but
are not connected, move together. Source: Rahimi and Recht, NIPS 2007.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from refa_cli.commands.simulate.constants import CALM_FLOOR, LID_CALM, LIP_CALM
from refa_cli.formats.face import REGIONS, FaceModel

Float = NDArray[np.floating[Any]]
F64 = NDArray[np.float64]
WAVES = 48


def smooth_field(points: Float, lengths: tuple[float, float], components: int, rng: np.random.Generator) -> F64:
    """Values [V, components] at points [V, 3], each of mean 0 and variance 1 over all fields.

    lengths: metres; every wave draws its correlation length from this range.
    """
    length = rng.uniform(*lengths, size=WAVES)
    waves = rng.normal(size=(WAVES, 3)) / length[:, None]
    phases = rng.uniform(0.0, 2.0 * np.pi, size=WAVES)
    weights = rng.normal(size=(WAVES, components)) * np.sqrt(2.0 / WAVES)
    # einsum, not matmul: its sums do not depend on how many threads there are.
    angles = np.einsum("vk,wk->vw", np.asarray(points, dtype=np.float64), waves) + phases
    values: F64 = np.einsum("vw,wc->vc", np.cos(angles), weights)
    return values


def calm(face: FaceModel) -> F64:
    """Factor [V] of 0..1 by which non-model fields count: 0 on eyeballs, small at lid margins and the lip line."""
    factor = np.ones(len(face.mean))
    for pairs, reach in ((face.lid_pairs, LID_CALM), (face.lip_pairs, LIP_CALM)):
        if pairs.size:
            distance, _ = cKDTree(face.mean[pairs.reshape(-1)]).query(face.mean)
            factor *= 1.0 - (1.0 - CALM_FLOOR) * np.exp(-((distance / reach) ** 2))
    if not face.lid_pairs.size and face.eyeball.any():
        distance, _ = cKDTree(face.mean[face.eyeball > 0]).query(face.mean)
        factor *= 1.0 - (1.0 - CALM_FLOOR) * np.exp(-((distance / LID_CALM) ** 2))
    factor[face.eyeball > 0] = 0.0
    return factor


def face_weight(face: FaceModel) -> F64:
    """1 [V] in the face region, falling smoothly to 0 within a few centimetres of it; 1 everywhere if it is empty."""
    inside = face.regions[REGIONS.index("face")]
    if not inside.any():
        return np.ones(len(face.mean))
    distance, _ = cKDTree(face.mean[inside]).query(face.mean)
    weight: F64 = np.exp(-((distance / 0.015) ** 2))
    return weight


def rms(displacement: Float, where: NDArray[np.bool_] | None = None) -> float:
    """Root mean square length of displacements [V, 3], of the vertices `where` [V] if given and any."""
    squared = (np.asarray(displacement, dtype=np.float64) ** 2).sum(axis=1)
    return float(np.sqrt(squared[where].mean() if where is not None and where.any() else squared.mean()))
