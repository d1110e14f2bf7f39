"""A smooth surface through oriented points: Poisson reconstruction on a regular grid, by FFT.

The indicator function chi whose gradient is the points' smoothed normal field solves a Poisson equation (Kazhdan,
Bolitho, Hoppe, SGP 2006), which is a division in the frequency domain. Two things differ for scans of a face, which
are open surfaces: the level at which chi crosses the surface drifts along it, so that it is measured at the points
and subtracted; and where nothing was measured nothing is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.spatial import cKDTree

from refa_cli.commands.fit_rig import poisson_kernels
from refa_cli.face.mesh import submesh

Float = NDArray[np.float64]

CELL = 0.0015
"""Grid spacing, metres."""
SMOOTHING = 1.1
"""Standard deviation of the normal field's smoothing, cells."""
LEVEL_RANGE = 4.0
"""Standard deviation over which the level of the surface is averaged, cells."""
MARGIN = 0.012
"""Empty space around the points, metres."""
TRIM = 0.002
"""No vertex farther from a measured point than this is kept, metres."""
LARGEST_GRID = 400


@dataclass(frozen=True)
class Surface:
    """An open triangle mesh: vertices [V, 3] metres, triangles [F, 3] counter-clockwise from outside."""

    vertices: Float
    triangles: NDArray[np.integer[Any]]


def reconstruct(points: Float, normals: Float, trim: float = TRIM, cell: float = CELL) -> Surface:
    """The surface through points [P, 3] with outward normals [P, 3], evenly sampled, metres.

    Raises ValueError for fewer than 100 points or for points that span more than LARGEST_GRID cells.
    """
    from skimage.measure import marching_cubes

    if len(points) < 100:
        raise ValueError(f"{len(points)} points are too few for a surface")
    origin = points.min(0) - MARGIN
    extent = np.ceil((points.max(0) + MARGIN - origin) / cell).astype(int) + 1
    if extent.max() > LARGEST_GRID:
        raise ValueError(f"points that span {(extent.max() * cell):.2f} m are not one face")
    shape = tuple(fft.next_fast_len(int(n), real=True) for n in extent)
    at = (points - origin) / cell

    chi = _solve(_splat(at, normals, shape), shape)
    crossing = map_coordinates(chi, at.T, order=1)
    coarse = tuple(n // 2 + 2 for n in shape)
    level, weight = _splat(at / 2, np.column_stack([crossing, np.ones(len(at))]), coarse)
    for field in (level, weight):
        gaussian_filter(field, LEVEL_RANGE / 2, mode="constant", truncate=3.0, output=field)
    near = np.zeros(shape, bool)
    poisson_kernels.lower(chi, level, weight, float(weight.max()) * 1e-4, near)

    vertices, triangles, _, _ = marching_cubes(  # type: ignore[no-untyped-call]
        chi, 0.0, mask=near, gradient_direction="ascent"
    )
    vertices = vertices.astype(np.float64) * cell + origin
    keep = cKDTree(points).query(vertices, distance_upper_bound=trim)[0] <= trim
    kept, faces = submesh(triangles.astype(np.int64), keep)
    return _largest(Surface(vertices[kept], faces))


def _splat(at: Float, values: Float, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Trilinear sums [C, *shape] of values [P, C] at grid coordinates [P, 3]."""
    out = np.zeros((values.shape[1], *shape), np.float32)
    poisson_kernels.splat(np.ascontiguousarray(at), np.ascontiguousarray(values), out)
    return out


def _solve(field: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """chi with grad chi = -field, smoothed, in the least-squares sense: positive inside, as normals point out."""
    frequency = [fft.fftfreq(n) for n in shape[:2]] + [fft.rfftfreq(shape[2])]
    k = [f.astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)]) for axis, f in enumerate(frequency)]
    blur = [np.exp(-2 * (np.pi * SMOOTHING * f) ** 2) for f in k]  # a Gaussian, in the frequency domain
    divergence = sum(k[axis] * fft.rfftn(field[axis]) for axis in range(3))
    square = k[0] ** 2 + k[1] ** 2 + k[2] ** 2
    square[0, 0, 0] = 1
    divergence *= (blur[0] * blur[1]) * blur[2] / square * np.complex64(1j / (2 * np.pi))
    chi: NDArray[np.float32] = fft.irfftn(divergence, s=shape).astype(np.float32)
    return chi


def _largest(surface: Surface) -> Surface:
    """Without islands smaller than a twentieth of the largest piece."""
    from refa_cli.face.mesh import components

    if len(surface.triangles) == 0:
        return surface
    piece = components(surface.triangles, len(surface.vertices))
    size = np.bincount(piece)
    kept, faces = submesh(surface.triangles, (size >= size.max() / 20)[piece])
    return Surface(surface.vertices[kept], faces)
