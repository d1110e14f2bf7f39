"""Splitting shapes: the parts sum to the whole, stay on their side, and are smooth."""

from __future__ import annotations

import numpy as np

from refa_cli.face.mesh import cotangent_laplacian
from refa_cli.face.splitting import (
    left_weight,
    seam_weight,
    smoothstep,
    split_left_right,
    split_quarters,
    split_top_bottom,
)

RNG = np.random.default_rng(0)
X = np.linspace(-0.05, 0.05, 101)
WHOLE = RNG.normal(size=(101, 3))


def test_smoothstep_is_a_partition_of_unity() -> None:
    t = np.linspace(-1, 2, 301)
    np.testing.assert_allclose(smoothstep(t) + smoothstep(1 - t), 1)
    assert np.abs(np.diff(smoothstep(t))).max() < 0.016


def test_left_and_right() -> None:
    left, right = split_left_right(WHOLE, X, 0.02)
    np.testing.assert_allclose(left + right, WHOLE, atol=1e-15)
    assert not left[X < -0.0101].any() and not right[X > 0.0101].any()
    np.testing.assert_allclose(left_weight(X, 0.02), 1 - left_weight(-X, 0.02))
    np.testing.assert_allclose(left_weight([0.0], 0.02), 0.5)


def test_top_and_bottom_and_quarters() -> None:
    upper = RNG.random(101)
    top, bottom = split_top_bottom(WHOLE, upper)
    np.testing.assert_allclose(top + bottom, WHOLE, atol=1e-15)
    parts = split_quarters(WHOLE, X, 0.02, upper)
    assert set(parts) == {"LB", "LT", "RB", "RT"}
    np.testing.assert_allclose(sum(parts.values()), WHOLE, atol=1e-15)
    np.testing.assert_allclose(parts["LT"] + parts["RT"], top, atol=1e-15)


def grid() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A sheet in the plane, 10 cm wide, slit along y = 0 for |x| < 3 cm; the slit's copies lie at one place."""
    n = 21
    x, y = np.meshgrid(np.linspace(-0.05, 0.05, n), np.linspace(-0.05, 0.05, n))
    vertices = np.column_stack([x.ravel(), y.ravel(), np.zeros(n * n)])
    index = np.arange(n * n).reshape(n, n)
    upper = index.copy()
    slit = index[10][np.abs(vertices[index[10], 0]) < 0.03]
    lower_row = index.copy()
    lower_row[10, slit - 10 * n] = n * n + np.arange(len(slit))
    vertices = np.concatenate([vertices, vertices[slit]])
    rows = []
    for r in range(n - 1):
        top = lower_row[r + 1] if r == 9 else upper[r + 1]
        bottom = upper[r]
        rows.append(np.stack([bottom[:-1], bottom[1:], top[1:]], 1))
        rows.append(np.stack([bottom[:-1], top[1:], top[:-1]], 1))
    pairs = np.column_stack([slit, n * n + np.arange(len(slit))])
    return vertices, np.concatenate(rows), pairs


def test_lips_that_touch_are_told_apart() -> None:
    vertices, triangles, pairs = grid()
    weight = seam_weight(vertices, cotangent_laplacian(vertices, triangles), pairs, 0.02)
    assert (weight[pairs[:, 0]] == 1).all() and (weight[pairs[:, 1]] == 0).all()
    assert (weight[vertices[:, 1] > 0.021] == 1).all() and (weight[vertices[:, 1] < -0.021] == 0).all()
    beside = (np.abs(vertices[:, 1]) < 1e-9) & (np.abs(vertices[:, 0]) > 0.041)
    assert ((weight[beside] > 0.3) & (weight[beside] < 0.7)).all()
    assert weight.min() >= 0 and weight.max() <= 1


def test_pieces_without_lips_go_by_height() -> None:
    vertices, triangles, pairs = grid()
    tooth = np.array([[0, 0.001, 0], [0.001, 0.001, 0], [0, -0.001, 0.0]])
    more = np.concatenate([vertices, tooth])
    faces = np.concatenate([triangles, [[len(vertices), len(vertices) + 1, len(vertices) + 2]]])
    weight = seam_weight(more, cotangent_laplacian(more, faces), pairs, 0.02)
    assert weight[-3] > 0.5 > weight[-1]
