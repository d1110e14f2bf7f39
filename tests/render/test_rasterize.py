"""The rasteriser against casting a ray through every pixel, and its promises about edges, near plane and input."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from refa_cli.render.cameras import around
from refa_cli.render.rasterize import Raster, in_sight, interpolate, rasterize

PINHOLE = (60.0, 55.0, 31.0, 24.5)
SIZE = (48, 64)


def cast(vertices: NDArray[Any], triangles: NDArray[Any], pinhole: Any, size: Any, near: float) -> Raster:
    """The plain twin: every ray with every triangle (Moeller and Trumbore), the nearest hit wins."""
    fx, fy, cx, cy = pinhole
    ids, depth = np.full(size, -1, np.int32), np.full(size, np.inf)
    weights = np.zeros((*size, 3), np.float32)
    x, y = np.meshgrid(np.arange(size[1]) + 0.5, np.arange(size[0]) + 0.5)
    rays = np.stack([(x - cx) / fx, (y - cy) / fy, np.ones(size)], axis=-1)
    for f, (a, b, c) in enumerate(np.asarray(vertices, np.float64)[triangles]):
        across = np.cross(rays, c - a)
        det = across @ (b - a)
        with np.errstate(divide="ignore", invalid="ignore"):
            u = across @ -a / det
            turned = np.cross(-a, b - a)
            v = rays @ turned / det
            t = (c - a) @ turned / det
        hit = (u >= 0) & (v >= 0) & (u + v <= 1) & (t >= near) & (t < depth)
        ids[hit], depth[hit] = f, t[hit]
        weights[hit] = np.stack([1 - u - v, u, v], axis=-1)[hit]
    return Raster(ids, weights, np.where(ids < 0, 0, depth).astype(np.float32))


def blob(count: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """A soup of triangles around the camera, many of them crossing the near plane, some behind it."""
    rng = np.random.default_rng(seed)
    middle = rng.uniform([-1, -1, -0.3], [1, 1, 2], (count, 1, 3))
    vertices = (middle + rng.normal(0, 0.25, (count, 3, 3))).reshape(-1, 3)
    return vertices, np.arange(3 * count, dtype=np.int32).reshape(-1, 3)


@pytest.mark.parametrize("seed", range(4))
def test_same_as_ray_casting(seed: int) -> None:
    vertices, triangles = blob(120, seed)
    got = rasterize(vertices, triangles, PINHOLE, SIZE, near=0.01)
    want = cast(vertices, triangles, PINHOLE, SIZE, 0.01)
    assert (got.ids >= 0).mean() > 0.5
    same = got.ids == want.ids
    assert same.mean() >= 0.999
    np.testing.assert_allclose(got.depth[same], want.depth[same], rtol=1e-5)
    np.testing.assert_allclose(got.barycentric[same], want.barycentric[same], atol=1e-4)


def test_shared_edges_leave_no_gap_and_count_once() -> None:
    # A fan whose spokes run exactly through pixel centres, and a grid whose edges do.
    n = 16
    x, y = np.meshgrid(np.arange(n + 1) * 2.0 + 0.5, np.arange(n + 1) * 2.0 + 0.5)
    vertices = np.stack([x.ravel(), y.ravel(), np.ones(x.size)], axis=1)
    corner = (np.arange(n)[:, None] * (n + 1) + np.arange(n)).ravel()
    halves = [[corner, corner + 1, corner + n + 2], [corner, corner + n + 2, corner + n + 1]]
    triangles = np.concatenate([np.stack(h, axis=1) for h in halves]).astype(np.int32)
    size, pinhole = (2 * n, 2 * n), (1.0, 1.0, 0.0, 0.0)
    assert (rasterize(vertices, triangles, pinhole, size).ids >= 0).all()
    total = sum(
        (rasterize(vertices, triangles[[f]], pinhole, size).ids >= 0).astype(int) for f in range(len(triangles))
    )
    assert (total == 1).all()


def test_closed_surface_has_no_holes() -> None:
    rng = np.random.default_rng(5)
    directions = rng.normal(size=(400, 3))
    from scipy.spatial import ConvexHull

    sphere = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    triangles = ConvexHull(sphere).simplices.astype(np.int32)
    inside = rasterize(sphere, triangles, (20.0, 20.0, 100.0, 100.0), (200, 200), near=1e-3)
    assert (inside.ids >= 0).all()  # the camera is inside: every ray must meet it, across the near plane too


def test_triangle_around_the_camera_is_not_lost() -> None:
    floor = np.array([[-100.0, 0.5, -50.0], [100.0, 0.5, -50.0], [0.0, 0.5, 200.0]])
    got = rasterize(floor, np.array([[0, 1, 2]]), (50.0, 50.0, 32.0, 32.0), (64, 64))
    assert (got.ids[:32] == -1).all()
    assert (got.ids[33:] == 0).all()
    np.testing.assert_allclose(got.depth[63], 0.5 * 50 / 31.5, rtol=1e-5)


def test_weights_give_back_the_seen_point_and_far_corners_do_not_wrap() -> None:
    vertices = np.array([[-1e9, -1e9, 2.0], [1e9, -1e9, 2.0], [0.0, 1e9, 2.0]])
    got = rasterize(vertices, np.array([[0, 1, 2]]), PINHOLE, SIZE)
    assert (got.ids == 0).all()
    near = np.array([[-1.0, -1.0, 1.0], [2.0, -1.0, 3.0], [0.0, 2.0, 2.0]])
    seen = rasterize(near, np.array([[0, 1, 2]]), PINHOLE, SIZE)
    points = interpolate(near, np.array([[0, 1, 2]]), seen.ids, seen.barycentric)
    rows, columns = np.nonzero(seen.ids == 0)
    u = PINHOLE[0] * points[rows, columns, 0] / points[rows, columns, 2] + PINHOLE[2]
    v = PINHOLE[1] * points[rows, columns, 1] / points[rows, columns, 2] + PINHOLE[3]
    np.testing.assert_allclose(np.stack([u, v]), np.stack([columns, rows]) + 0.5, atol=1e-3)
    assert (points[seen.ids < 0] == 0).all()


def test_culling_hides_what_is_seen_from_behind() -> None:
    towards = np.array([[-1.0, 1.0, 2.0], [1.0, 1.0, 2.0], [0.0, -1.0, 2.0]])  # y is down: counter-clockwise to the eye
    for order, seen in (([0, 1, 2], True), ([0, 2, 1], False)):
        got = rasterize(towards, np.array([order]), PINHOLE, SIZE, cull=True)
        assert (got.ids >= 0).any() == seen
        assert (rasterize(towards, np.array([order]), PINHOLE, SIZE).ids >= 0).any()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"vertices": np.zeros((3, 2))}, "vertices must be"),
        ({"vertices": np.full((3, 3), np.nan)}, "finite"),
        ({"triangles": np.array([[0, 1, 3]])}, "must index 0 to 2"),
        ({"triangles": np.array([[0, 1, -1]])}, "must index 0 to 2"),
        ({"triangles": np.array([[0.0, 1.0, 2.0]])}, "integers"),
        ({"intrinsics": (0.0, 1.0, 0.0, 0.0)}, "positive"),
        ({"size": (0, 4)}, "at least 1x1"),
        ({"near": 0.0}, "near must be positive"),
        ({"camera_from_world": np.eye(3)}, "camera_from_world"),
    ],
)
def test_wrong_input_is_refused(change: dict[str, Any], words: str) -> None:
    call = {"vertices": np.eye(3), "triangles": np.array([[0, 1, 2]]), "intrinsics": PINHOLE, "size": SIZE} | change
    with pytest.raises(ValueError, match=words):
        rasterize(**call)


def test_a_face_like_view_is_fast() -> None:
    n = 106  # 22,050 triangles over a third of the picture
    u, v = np.meshgrid(np.linspace(-0.09, 0.09, n), np.linspace(-0.12, 0.09, n))
    vertices = np.stack([u.ravel(), v.ravel(), 0.08 - 6 * (u.ravel() ** 2 + v.ravel() ** 2)], axis=1)
    corner = (np.arange(n - 1)[:, None] * n + np.arange(n - 1)).ravel()
    halves = [[corner, corner + 1, corner + n + 1], [corner, corner + n + 1, corner + n]]
    triangles = np.concatenate([np.stack(h, axis=1) for h in halves]).astype(np.int32)
    view = around()
    times = []
    for _ in range(8):
        start = time.perf_counter()
        rasterize(vertices, triangles, view.intrinsics, view.size, camera_from_world=view.camera_from_head)
        times.append(time.perf_counter() - start)
    assert min(times[1:]) < 0.05  # about 0.006 s on an idle core; generous for a busy one


def test_points_are_in_sight_unless_something_is_before_them() -> None:
    depth = np.full((4, 6), 0.05)
    depth[2, 3] = 0.02
    pixels = np.array([[0.5, 0.5], [3.5, 2.5], [3.5, 2.5], [-0.1, 1.0], [5.9, 3.9], [6.1, 1.0], [1.0, 4.0]])
    distances = np.array([0.051, 0.021, 0.03, 0.04, 0.0, 0.04, 0.04])
    assert list(in_sight(pixels, distances, depth)) == [True, True, False, False, True, False, False]
    valid = np.ones((4, 6), bool)
    valid[0, 0] = False
    assert list(in_sight(pixels, distances, depth, valid)) == [False, True, False, False, True, False, False]
