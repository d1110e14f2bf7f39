"""Poisson surfaces of open scans against known surfaces."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from refa_cli.commands.fit_rig.poisson import TRIM, reconstruct

AXES = np.array([0.075, 0.10, 0.08])


def ellipsoid(count: int, noise: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The front of an ellipsoid the size of a face, open behind: points and normals."""
    rng = np.random.default_rng(seed)
    direction = rng.standard_normal((count * 4, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    direction = direction[direction[:, 2] > 0.2][:count]
    normal = direction / AXES
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    return direction * AXES + normal * noise * rng.standard_normal((len(direction), 1)), normal


def distance(vertices: np.ndarray) -> np.ndarray:
    """Distance from the ellipsoid, to first order."""
    inside = (vertices**2 / AXES**2).sum(1) - 1
    return inside / (2 * np.linalg.norm(vertices / AXES**2, axis=1))


@pytest.mark.parametrize(("noise", "allowed"), [(0.0, 0.00003), (0.0003, 0.00006)])
def test_open_surface_is_found_within_a_fraction_of_the_noise(noise: float, allowed: float) -> None:
    surface = reconstruct(*ellipsoid(30_000, noise))
    error = distance(surface.vertices)
    assert np.abs(error).mean() < allowed
    assert abs(error.mean()) < 0.00002  # the level does not drift, in spite of the open back
    corners = surface.vertices[surface.triangles]
    facing = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert ((facing * corners.mean(1)).sum(1) > 0).mean() > 0.999


def test_nothing_is_kept_where_nothing_was_measured() -> None:
    points, normals = ellipsoid(30_000, 0.0002)
    middle = points[np.linalg.norm(points - [0.03, 0.03, 0.07], axis=1).argmin()]
    kept = np.linalg.norm(points - middle, axis=1) > 0.02
    surface = reconstruct(points[kept], normals[kept])
    assert cKDTree(points[kept]).query(surface.vertices)[0].max() <= TRIM
    assert np.linalg.norm(surface.vertices - middle, axis=1).min() > 0.017


def test_too_little_or_too_wide_is_refused() -> None:
    points, normals = ellipsoid(30_000, 0.0)
    with pytest.raises(ValueError, match="too few"):
        reconstruct(points[:50], normals[:50])
    with pytest.raises(ValueError, match="not one face"):
        reconstruct(points * 10, normals)
