"""What a wide lens sees from two or three centimetres, against rays cast one by one."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from refa_cli.face.default import default_face
from refa_cli.headset.lenses import Lens
from refa_cli.headset.poses import look_at
from refa_cli.render.rasterize import camera_points, see
from tests.render.raycast import cast

F64 = NDArray[np.float64]
SIZE = (64, 64)
FISHEYE = Lens("kannala_brandt", (28.0, 28.0, 32.5, 31.0), (-0.012, 0.004, -0.002, 0.0002), SIZE)
BROWN = Lens("brown_conrady", (34.0, 34.0, 32.0, 31.0), (-0.28, 0.09, 0.0004, -0.0003, -0.012), SIZE)
NARROW = Lens("pinhole", (30.0, 30.0, 32.0, 32.0), (), SIZE)
each = pytest.mark.parametrize("lens", [FISHEYE, BROWN, NARROW], ids=["fisheye", "brown", "pinhole"])


def compare(vertices: F64, triangles: NDArray[np.integer], lens: Lens) -> None:
    raster = see(vertices, triangles, lens)
    rays = lens.rays().reshape(-1, 2)
    hits = cast(vertices, triangles, np.column_stack([rays, np.ones(len(rays))]))
    same = raster.ids.reshape(-1) == hits.ids
    assert same.mean() >= 0.999
    assert (hits.ids >= 0).mean() > 0.3
    both = same & (hits.ids >= 0)
    np.testing.assert_allclose(raster.depth.reshape(-1)[both], hits.depth[both], rtol=1e-5)
    np.testing.assert_allclose(raster.barycentric.reshape(-1, 3)[both], hits.barycentric[both], atol=1e-4)


@each
def test_a_face_from_an_eye_camera(lens: Lens) -> None:
    """2.5 cm before the left eye; the model's triangles are up to a centimetre long, a third of the distance."""
    face = default_face()
    camera = look_at([0.045, 0.02, 0.04], [0.032, 0.0, 0.012])
    compare(camera_points(face.mean, camera), face.triangles, lens)


@each
def test_a_room_of_large_triangles_that_reach_behind_the_camera(lens: Lens) -> None:
    rng = np.random.default_rng(3)
    corners = rng.uniform(-0.3, 0.3, (40, 3, 3)) + [0, 0, 0.1]
    compare(corners.reshape(-1, 3), np.arange(120).reshape(-1, 3), lens)


@each
def test_a_wall_has_no_gaps(lens: Lens) -> None:
    """Two triangles that cover all that the lens can see: bent bounds must not cut their corners off."""
    wall = np.array([[-9.0, -9, 0.05], [9, -9, 0.05], [9, 9, 0.05], [-9, 9, 0.05]]) * [1, 1, 1]
    raster = see(wall, np.array([[0, 1, 2], [0, 2, 3]]), lens)
    assert np.array_equal(raster.ids >= 0, np.isfinite(lens.rays()[..., 0]))


def test_outside_the_field_nothing_is_seen() -> None:
    lens = Lens("brown_conrady", (20.0, 20.0, 32.0, 32.0), (-0.28, 0.03, 0.0, 0.0), SIZE)
    wall = np.array([[-9.0, -9, 0.05], [9, -9, 0.05], [0, 9, 0.05]])
    raster = see(wall, np.array([[0, 1, 2]]), lens)
    blind = np.isnan(lens.rays()[..., 0])
    assert blind[0, 0] and not blind[32, 32]
    assert (raster.ids[blind] == -1).all() and (raster.ids[~blind] == 0).all()
