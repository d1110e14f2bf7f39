"""Mesh operations against what is known of simple shapes, and closest points against trying every triangle."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from refa_cli.face.closest import ClosestPoints
from refa_cli.face.mesh import (
    adjacency,
    boundary_edges,
    components,
    cotangent_laplacian,
    edges,
    submesh,
    triangle_vectors,
    triangulate,
    vertex_normals,
    weld,
)

CUBE = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], dtype=np.float64)
CUBE_QUADS = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])
CUBE_TRIANGLES = triangulate([CUBE_QUADS])


def sphere(rings: int = 12, around: int = 24) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    polar = np.linspace(0, np.pi, rings)[1:-1]
    turn = 2 * np.pi * np.arange(around) / around
    p, t = np.meshgrid(polar, turn, indexing="ij")
    body = np.stack([np.sin(p) * np.cos(t), np.sin(p) * np.sin(t), np.cos(p)], -1).reshape(-1, 3)
    index = np.arange(len(body)).reshape(rings - 2, around)
    a, b = index[:-1], index[1:]
    quads = np.stack([a, b, np.roll(b, -1, 1), np.roll(a, -1, 1)], -1).reshape(-1, 4)
    return body, triangulate([quads])


def test_triangulate() -> None:
    assert CUBE_TRIANGLES.shape == (12, 3)
    assert triangulate([np.array([[0, 1, 2, 3, 4]])]).tolist() == [[0, 1, 2], [0, 2, 3], [0, 3, 4]]
    assert triangulate([]).shape == (0, 3)


def test_normals_of_a_cube_and_a_sphere() -> None:
    outward = (CUBE - 0.5) / np.linalg.norm(CUBE - 0.5, axis=1, keepdims=True)
    assert ((vertex_normals(CUBE, CUBE_TRIANGLES) * outward).sum(axis=1) > 0.9).all()
    vertices, triangles = sphere()
    normals = vertex_normals(vertices, triangles)
    inner = np.abs(vertices[:, 2]) < 0.9
    assert (normals * vertices).sum(axis=1)[inner].min() > 0.99


def test_normals_of_batches_and_of_unused_vertices() -> None:
    vertices = np.concatenate([CUBE, [[5, 5, 5]]]).astype(np.float32)
    batch = np.stack([vertices, 2 * vertices, -vertices])
    normals = vertex_normals(batch, CUBE_TRIANGLES)
    assert normals.shape == batch.shape and normals.dtype == np.float32
    np.testing.assert_allclose(normals[0], normals[1], atol=1e-6)
    np.testing.assert_allclose(normals[0], normals[2], atol=1e-6)
    assert not normals[:, -1].any()


def test_edges_boundary_components_submesh() -> None:
    assert len(edges(CUBE_TRIANGLES)) == 18 and len(boundary_edges(CUBE_TRIANGLES)) == 0
    assert adjacency(CUBE_TRIANGLES, 8).sum() == 36
    keep = np.ones(8, np.bool_)
    keep[7] = False
    old, opened = submesh(CUBE_TRIANGLES, keep)
    assert old.tolist() == list(range(7)) and opened.max() == 6
    border = boundary_edges(opened)
    assert len(border) > 0 and sorted(border[:, 0]) == sorted(border[:, 1])
    two = np.concatenate([CUBE_TRIANGLES, CUBE_TRIANGLES + 8])
    assert len(np.unique(components(two, 17))) == 3


def test_weld() -> None:
    doubled = np.concatenate([CUBE, CUBE[::-1] + 1e-9])
    first, merged = weld(doubled, 1e-6)
    assert first.tolist() == list(range(8))
    assert merged.tolist() == [*range(8), *range(7, -1, -1)]


def test_laplacian() -> None:
    vertices, triangles = sphere(20, 40)
    laplacian = cotangent_laplacian(vertices, triangles)
    np.testing.assert_allclose(laplacian @ np.ones(len(vertices)), 0, atol=1e-9)
    assert abs(laplacian - laplacian.T).max() < 1e-12
    # Of a linear function the energy is exact: on each flat triangle the gradient of z is z's part along it.
    energy = float(vertices[:, 2] @ (laplacian @ vertices[:, 2]))
    vectors = triangle_vectors(vertices, triangles)
    twice_area = np.linalg.norm(vectors, axis=1)
    along = 1 - (vectors[:, 2] / twice_area) ** 2
    assert energy == pytest.approx(float((along * twice_area / 2).sum()), rel=1e-9)


def nearest_by_trial(points: NDArray[np.float64], corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance to the surface, by trying the face, the edges and the corners of every triangle."""
    best = np.full(len(points), np.inf)
    for a, b, c in corners:
        for start, end in ((a, b), (b, c), (c, a)):
            along = end - start
            t = np.clip((points - start) @ along / (along @ along), 0, 1)
            best = np.minimum(best, np.linalg.norm(start + t[:, None] * along - points, axis=1))
        normal = np.cross(b - a, c - a)
        plane = ((points - a) @ normal / (normal @ normal))[:, None] * normal
        foot = points - plane
        sides = [np.cross(e - s, foot - s) @ normal >= 0 for s, e in ((a, b), (b, c), (c, a))]
        inside = np.all(sides, axis=0)
        best[inside] = np.minimum(best[inside], np.linalg.norm(plane[inside], axis=1))
    return best


def test_closest_points_are_the_closest() -> None:
    rng = np.random.default_rng(0)
    vertices, triangles = sphere()
    big = np.array([[-9.0, -9, -2], [9, -9, -2], [0, 15, -2]])  # one triangle far larger than the others
    vertices, triangles = (
        np.concatenate([vertices, big]),
        np.concatenate([triangles, [[len(vertices) + i for i in range(3)]]]),
    )
    points = rng.normal(size=(400, 3)) * 2
    found = ClosestPoints(vertices, triangles).query(points)
    np.testing.assert_allclose(found.distance, nearest_by_trial(points, vertices[triangles]), atol=1e-9)
    np.testing.assert_allclose(found.barycentric.sum(axis=1), 1)
    assert found.barycentric.min() >= 0
    rebuilt = np.einsum("qc,qcd->qd", found.barycentric, vertices[triangles[found.triangle]])
    np.testing.assert_allclose(rebuilt, found.point, atol=1e-12)


def test_closest_point_of_a_single_and_of_a_flat_triangle() -> None:
    triangle = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    points = np.array([[0.2, 0.2, 3.0], [-1, -1, 0], [2, 2, 0], [0.5, -4, 0]])
    found = ClosestPoints(triangle, np.array([[0, 1, 2]])).query(points)
    np.testing.assert_allclose(found.point, [[0.2, 0.2, 0], [0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0]], atol=1e-12)
    flat = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0]])
    np.testing.assert_allclose(
        ClosestPoints(flat, np.array([[0, 1, 2]])).query(np.array([[1.5, 1.0, 0]])).point, [[1.5, 0, 0]], atol=1e-9
    )


def test_triangles_without_area() -> None:
    """Doubled corners, three at one place, and slivers: still the closest point of what there is."""
    rng = np.random.default_rng(5)
    a, b, c = rng.normal(size=(3, 3))
    points = rng.normal(size=(50, 3)) * 2
    for corners in ([a, a, b], [a, b, a], [b, a, a], [a, a, a], [a, b, (a + b) / 2], [a, (a + b) / 2, b]):
        found = ClosestPoints(np.array(corners), np.array([[0, 1, 2]])).query(points)
        start, end = a, (a if corners[1] is corners[2] is a and corners[0] is a else b)
        along = end - start
        t = np.clip((points - start) @ along / max(float(along @ along), 1e-300), 0, 1)
        np.testing.assert_allclose(found.point, start + t[:, None] * along, atol=1e-6)
        assert np.isfinite(found.barycentric).all() and found.barycentric.min() >= 0
    mixed = ClosestPoints(np.array([a, b, c]), np.array([[0, 0, 1], [0, 1, 2]])).query(points)
    alone = ClosestPoints(np.array([a, b, c]), np.array([[0, 1, 2]])).query(points)
    np.testing.assert_allclose(mixed.distance, alone.distance, atol=1e-12)


def test_no_queries() -> None:
    found = ClosestPoints(CUBE, CUBE_TRIANGLES).query(np.zeros((0, 3)))
    assert found.point.shape == (0, 3) and found.triangle.shape == (0,)
    with pytest.raises(ValueError, match="without triangles"):
        ClosestPoints(CUBE, np.zeros((0, 3), np.int64))
