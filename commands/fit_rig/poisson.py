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

    field = [gaussian_filter(_splat(at, normals[:, axis], shape), SMOOTHING, mode="constant") for axis in range(3)]
    chi = _solve(field, shape)
    weight = gaussian_filter(_splat(at, np.ones(len(at)), shape), LEVEL_RANGE, mode="constant", truncate=3.0)
    crossing = map_coordinates(chi, at.T, order=1)
    level = gaussian_filter(_splat(at, crossing, shape), LEVEL_RANGE, mode="constant", truncate=3.0)
    near = weight > weight.max() * 1e-4
    chi -= np.where(near, level / np.maximum(weight, 1e-30), np.median(crossing))

    vertices, triangles, _, _ = marching_cubes(  # type: ignore[no-untyped-call]
        chi, 0.0, mask=near, gradient_direction="ascent"
    )
    vertices = vertices.astype(np.float64) * cell + origin
    keep = cKDTree(points).query(vertices, distance_upper_bound=trim)[0] <= trim
    kept, faces = submesh(triangles.astype(np.int64), keep)
    return _largest(Surface(vertices[kept], faces))


def _splat(at: Float, values: Float, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Trilinear sums of values [P] at grid coordinates [P, 3]."""
    low = np.floor(at).astype(np.int64)
    part = at - low
    out = np.zeros(int(np.prod(shape)))
    for corner in np.ndindex(2, 2, 2):
        share = np.prod(np.where(corner, part, 1 - part), axis=1)
        np.add.at(out, np.ravel_multi_index(tuple((low + corner).T), shape), share * values)
    return out.reshape(shape).astype(np.float32)


def _solve(field: list[NDArray[np.float32]], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """chi with grad chi = -field in the least-squares sense: positive inside, as normals point out."""
    frequency = [2j * np.pi * fft.fftfreq(n) for n in shape[:2]] + [2j * np.pi * fft.rfftfreq(shape[2])]
    k = [f.astype(np.complex64).reshape([-1 if a == axis else 1 for a in range(3)]) for axis, f in enumerate(frequency)]
    divergence = sum(k[axis] * fft.rfftn(field[axis]) for axis in range(3))
    square = k[0] ** 2 + k[1] ** 2 + k[2] ** 2
    square[0, 0, 0] = 1
    chi: NDArray[np.float32] = fft.irfftn(-divergence / square, s=shape).astype(np.float32)
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
