"""Small operations on triangle meshes: normals, edges, components, the cotangent Laplacian, welding, triangulation.

Vertices are [V, 3] in any unit; triangles [F, 3] int, counter-clockwise seen from outside.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_matrix, csr_matrix, diags
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

Float = NDArray[np.floating[Any]]
Int = NDArray[np.integer[Any]]


def triangulate(polygons: Iterable[ArrayLike]) -> NDArray[np.int64]:
    """polygons: arrays [P, k] of k-sided faces, each k >= 3 -> triangles [F, 3], fans from the first corner."""
    parts = [np.zeros((0, 3), np.int64)]
    for group in polygons:
        corners = np.asarray(group, dtype=np.int64)
        fans = [corners[:, [0, i, i + 1]] for i in range(1, corners.shape[1] - 1)]
        parts.append(np.stack(fans, axis=1).reshape(-1, 3))
    return np.concatenate(parts)


def triangle_vectors(vertices: Float, triangles: Int) -> Float:
    """[..., F, 3]: normals whose length is twice the triangle's area."""
    a, b, c = (vertices[..., triangles[:, i], :] for i in range(3))
    return np.cross(b - a, c - a)


def vertex_normals(vertices: Float, triangles: Int) -> Float:
    """vertices [..., V, 3] -> unit normals [..., V, 3], triangles weighted by area; zero where there is no area."""
    count = vertices.shape[-2]
    faces = triangle_vectors(vertices, triangles)
    if not len(triangles):
        return np.zeros_like(vertices)
    corners = triangles.reshape(-1)
    spread = csr_matrix(
        (np.ones(corners.size, vertices.dtype), (corners, np.repeat(np.arange(len(triangles)), 3))),
        shape=(count, len(triangles)),
    )
    flat = faces.reshape(-1, len(triangles), 3)
    sums = np.stack([spread @ one for one in flat]).reshape(vertices.shape) if len(flat) else np.zeros_like(vertices)
    length = np.linalg.norm(sums, axis=-1, keepdims=True)
    normals: Float = np.divide(sums, length, out=np.zeros_like(sums), where=length > 0)
    return normals


def edges(triangles: Int) -> NDArray[np.int64]:
    """Undirected edges [E, 2], each once, the smaller index first, sorted."""
    sides = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]).astype(np.int64)
    return np.unique(np.sort(sides, axis=1), axis=0)


def boundary_edges(triangles: Int) -> NDArray[np.int64]:
    """Directed edges [B, 2] that one triangle only has, in that triangle's order."""
    sides = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]).astype(np.int64)
    _, first, count = np.unique(np.sort(sides, axis=1), axis=0, return_index=True, return_counts=True)
    kept: NDArray[np.int64] = sides[np.sort(first[count == 1])]
    return kept


def adjacency(triangles: Int, count: int) -> csr_matrix:
    """Symmetric [V, V] matrix of ones at the edges of a mesh with `count` vertices."""
    pairs = edges(triangles)
    both = np.concatenate([pairs, pairs[:, ::-1]])
    return csr_matrix((np.ones(len(both)), (both[:, 0], both[:, 1])), shape=(count, count))


def neighbour_mean(triangles: Int, count: int) -> csr_matrix:
    """[V, V]: averages each of `count` vertices' neighbours, the vertex itself left out; zero where it has none."""
    around = adjacency(triangles, count)
    return (diags(1 / np.maximum(np.asarray(around.sum(1)).ravel(), 1)) @ around).tocsr()


def grown(chosen: NDArray[np.bool_], neighbours: csr_matrix, rings: int) -> NDArray[np.bool_]:
    """The vertices [V] that are at most so many edges away from those chosen [V]; neighbours [V, V] > 0 at edges."""
    for _ in range(rings):
        chosen = (neighbours @ chosen > 0) | chosen
    return chosen


def components(triangles: Int, count: int) -> NDArray[np.int64]:
    """[V]: which connected component each of `count` vertices is of; an unused vertex is its own."""
    rows, columns = triangles[:, [0, 1]].reshape(-1), triangles[:, [1, 2]].reshape(-1)  # two edges join all corners
    graph = csr_matrix((np.ones(len(rows), np.int8), (rows, columns)), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def cotangent_laplacian(vertices: Float, triangles: Int) -> csr_matrix:
    """[V, V] symmetric, rows summing to zero, positive semi-definite: L @ f is the integrated -div grad f.

    Cotangents are clipped to -100..100, so that slivers without area do not spoil a solve.
    Source: Pinkall and Polthier 1993.
    """
    count = len(vertices)
    laplacian = csr_matrix((count, count))
    for i in range(3):
        a, b, c = (triangles[:, (i + k) % 3] for k in range(3))  # the angle at a faces edge b-c
        u, v = vertices[b] - vertices[a], vertices[c] - vertices[a]
        sine = np.linalg.norm(np.cross(u, v), axis=1)
        weight = 0.5 * np.clip((u * v).sum(axis=1) / np.maximum(sine, 1e-30), -100.0, 100.0)
        rows, columns = np.concatenate([b, c, b, c]), np.concatenate([c, b, b, c])
        values = np.concatenate([-weight, -weight, weight, weight])
        laplacian = laplacian + coo_matrix((values, (rows, columns)), shape=(count, count)).tocsr()
    return laplacian


def submesh(triangles: Int, keep: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The triangles whose corners are all kept, re-indexed.

    keep: [V] bool. Returns (kept vertices [K] as old indices, triangles [G, 3] into them).
    """
    old = np.flatnonzero(keep)
    new = np.full(len(keep), -1, np.int64)
    new[old] = np.arange(len(old))
    inside = keep[triangles].all(axis=1)
    return old, new[triangles[inside]]


def weld(vertices: Float, tolerance: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Merge vertices closer than `tolerance` (chains included).

    vertices: [V, D], any D >= 1. Returns (representative [K]: one old index per merged vertex, in order of first
    appearance; merged [V]: the new index of each old vertex).
    """
    count = len(vertices)
    pairs = cKDTree(vertices).query_pairs(tolerance, output_type="ndarray")
    graph = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    label = connected_components(graph, directed=False)[1]
    _, first, inverse = np.unique(label, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return first[order].astype(np.int64), rank[inverse.reshape(-1)]
