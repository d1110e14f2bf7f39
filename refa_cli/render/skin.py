"""Skin as pictures over a face model's uv: spots and mottling of its tone, pores and creases of its relief.

Made of filtered noise; nothing here is of a real person. Relief is a tile that is repeated, so that pores are as fine
as an eye camera needs; tone is one picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter

from refa_cli.formats.face import FaceModel
from refa_cli.formats.spec import F32, F64

TONE_SIZE: Final = 512
TILE_SIZE: Final = 512
TEXEL: Final = 0.00014
"""Side of a texel of the relief's tile on a middling face, metres."""


@dataclass(frozen=True)
class Skin:
    """How a person's skin is: mottling and spots darken its tone by shares; pores and creases are deep, metres."""

    mottling: float = 0.05
    spots: int = 60
    spot_depth: float = 0.25
    pores: float = 0.00004
    creases: float = 0.00003


def tone_map(skin: Skin, rng: np.random.Generator, size: int = TONE_SIZE) -> F32:
    """Factor on the albedo [size, size, 1]."""
    tone: F64 = np.ones((size, size))
    for sigma, share in ((24.0, 0.5), (8.0, 0.35), (2.5, 0.25)):
        tone += skin.mottling * share * _noise(rng, size, sigma)
    rows, columns = np.mgrid[:size, :size]
    for _ in range(skin.spots):
        row, column, radius = rng.uniform(0, size), rng.uniform(0, size), size / 512 * rng.uniform(0.8, 2.2)
        low, high = max(int(row - 4 * radius), 0), int(row + 4 * radius) + 1
        left, right = max(int(column - 4 * radius), 0), int(column + 4 * radius) + 1
        window = np.s_[low:high, left:right]
        square = (rows[window] - row) ** 2 + (columns[window] - column) ** 2
        tone[window] *= 1 - skin.spot_depth * rng.uniform(0.3, 1) * np.exp(-square / (2 * radius**2))
    return np.clip(tone, 0.1, 1.5)[..., None].astype(np.float32)


def relief_tile(skin: Skin, rng: np.random.Generator, size: int = TILE_SIZE) -> F32:
    """Slope of the relief [size, size, 2] along u and v, a tile that meets itself at its borders."""
    pits = (rng.random((size, size)) < 0.012).astype(float) * rng.uniform(0.3, 1, (size, size))
    pores = gaussian_filter(pits, 1.3, mode="wrap")
    pores /= max(float(pores.max()), 1e-9)
    lines: F64 = np.zeros((size, size))
    for sigma in ((1.2, 5.0), (5.0, 1.2), (2.4, 2.4)):
        lines += np.abs(_noise(rng, size, sigma))
    height = -skin.pores * pores + skin.creases * (lines - lines.mean()) / 3
    across = (np.roll(height, -1, 1) - np.roll(height, 1, 1)) / (2 * TEXEL)
    down = (np.roll(height, -1, 0) - np.roll(height, 1, 0)) / (2 * TEXEL)
    return np.stack([across, -down], -1).astype(np.float32)  # v runs up


def repeats(face: FaceModel, size: int = TILE_SIZE) -> float:
    """How often the tile is repeated over uv, so that its texels have their size on the face."""
    known = (face.uv_triangles >= 0).all(1) & (face.material == 0)
    uv = face.uv[face.uv_triangles[known]].astype(np.float64)
    at = face.mean[face.triangles[known]].astype(np.float64)
    one, other = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
    flat = np.abs(one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]).sum()
    space = np.linalg.norm(np.cross(at[:, 1] - at[:, 0], at[:, 2] - at[:, 0]), axis=1).sum()
    metres = float(np.sqrt(space / max(flat, 1e-12)))  # along uv from 0 to 1
    return max(round(metres / (size * TEXEL)), 1)


def _noise(rng: np.random.Generator, size: int, sigma: float | tuple[float, float]) -> F64:
    """Smooth noise [size, size] of unit variance that meets itself at its borders."""
    rough = gaussian_filter(rng.standard_normal((size, size)), sigma, mode="wrap")
    return np.asarray((rough - rough.mean()) / rough.std())
