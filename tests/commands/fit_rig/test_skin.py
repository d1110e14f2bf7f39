"""Skin followed by what is drawn on it: known motions come back, plain skin tells nothing."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from refa_cli.commands.fit_rig.flow import Drawn, flow
from refa_cli.commands.fit_rig.person import Parts
from refa_cli.commands.fit_rig.similarity import apply, motion
from refa_cli.commands.fit_rig.skin import Tracks, Unrolled, View
from refa_cli.face.default import default_face
from refa_cli.render.rasterize import rasterize
from tests.commands.fit_rig.heads import Head

Float = NDArray[np.float64]
SIZE = (150, 180)
PINHOLE = np.array([800.0, 800.0, 240.0, 240.0])


def pattern(seed: int, contrast: float = 0.05) -> Float:
    noise = gaussian_filter(np.random.default_rng(seed).standard_normal(SIZE), 2.5)
    return np.asarray(contrast * noise / noise.std())


def shifted(picture: Float, x: float, y: float) -> Float:
    """The picture, moved to the right and down."""
    row, column = np.mgrid[: SIZE[0], : SIZE[1]].astype(float)
    return np.asarray(map_coordinates(picture, [row - y, column - x], order=3, mode="nearest"))


def test_a_known_shift_comes_back() -> None:
    everywhere = np.ones(SIZE, bool)
    picture = pattern(1)
    found, certainty, seen = flow(Drawn(picture, everywhere), Drawn(shifted(picture, 2.3, -1.4), everywhere))
    inner = (slice(25, -25), slice(25, -25))
    assert seen[inner].all()
    error = np.abs(found[inner] - [2.3, -1.4])
    assert np.median(error) < 0.1 and np.percentile(error, 95) < 0.4
    assert (certainty[inner][..., 0] > 1).mean() > 0.9


def test_across_a_stripe_is_known_and_along_it_not() -> None:
    everywhere = np.ones(SIZE, bool)
    stripes = np.broadcast_to(0.1 * np.sin(np.arange(SIZE[0]) / 3.0)[:, None], SIZE).copy()
    rng = np.random.default_rng(2)
    before, after = (
        Drawn(s + 0.004 * rng.standard_normal(SIZE), everywhere) for s in (stripes, np.roll(stripes, 1, 0))
    )
    found, certainty, _ = flow(before, after)
    middle = (slice(40, -40), slice(40, -40))
    assert np.abs(found[middle][..., 1] - 1).max() < 0.3
    assert certainty[middle][..., 2].min() > 20 * certainty[middle][..., 0].max()


def test_plain_skin_tells_nothing() -> None:
    everywhere, rng = np.ones(SIZE, bool), np.random.default_rng(3)
    plain = [Drawn(0.004 * rng.standard_normal(SIZE), everywhere) for _ in range(2)]
    found, certainty, _ = flow(plain[0], plain[1])
    assert np.abs(found).mean() < 0.5
    textured = Drawn(pattern(1), everywhere)
    assert np.median(certainty[..., 0]) < 0.1 * np.median(flow(textured, textured)[1][..., 0])


def test_what_was_not_seen_is_not_followed() -> None:
    seen = np.ones(SIZE, bool)
    seen[:, :90] = False
    picture = pattern(4)
    _, certainty, both = flow(Drawn(np.where(seen, picture, 0), seen), Drawn(picture, np.ones(SIZE, bool)))
    assert not both[:, :90].any() and both[5:-5, 95:-5].all()
    assert certainty[75, 20, 0] < 1e-3 * certainty[75, 150, 0]


def test_tracks_move_with_their_scan() -> None:
    """How many standard deviations a vertex is from its track does not depend on the frame it is told in."""
    rng = np.random.default_rng(5)
    tracks = Tracks(np.arange(4), rng.standard_normal((4, 3)), rng.standard_normal((4, 2, 3)))
    places, pose = rng.standard_normal((4, 3)), motion(np.array([0.3, -1.0, 0.4]), np.array([0.1, 0.2, 0.3]), 1.7)
    moved = tracks.moved(pose)
    before = np.einsum("pki,pi->pk", tracks.root, places - tracks.point)
    after = np.einsum("pki,pi->pk", moved.root, apply(pose, places) - moved.point)
    np.testing.assert_allclose(after, before, rtol=1e-9)


def view_of(vertices: Float, paint: Float, unrolled: Unrolled, camera_from_head: Float) -> View:
    """What a camera sees of a painted head: the paint is a map of the unrolled face, looked up at every vertex."""
    face = default_face()
    raster = rasterize(vertices, face.triangles, PINHOLE, (480, 480), camera_from_world=camera_from_head)
    corners = face.triangles[raster.ids]
    color = np.full(len(vertices), np.nan)
    color[unrolled.vertices] = unrolled.at_vertices(paint)
    shade = np.where(raster.ids < 0, np.nan, (color[corners] * raster.barycentric).sum(-1))
    depth = np.where(raster.ids < 0, np.nan, raster.depth)
    return View(shade.astype(np.float16), depth.astype(np.float16), camera_from_head, PINHOLE)


@pytest.fixture(scope="module")
def parts() -> Parts:
    return Parts.of(default_face())


def test_sliding_skin_is_found_on_a_head(parts: Parts) -> None:
    """Skin that slid by a millimetre, while the surface stayed, is found where it went, within a third of that."""
    face, unrolled = default_face(), parts.unrolled
    vertices = Head.random(3).vertices()
    noise = gaussian_filter(np.random.default_rng(6).standard_normal(unrolled.raster.ids.shape), 6.0)
    paint = 0.1 * noise / noise.std()
    camera = np.diag([1.0, -1.0, -1.0, 1.0])
    camera[:3, 3] = [0, -0.03, 0.42]
    slid = np.roll(paint, 2, axis=1)  # two texels to the subject's left
    before = unrolled.drawn(vertices, [view_of(vertices, paint, unrolled, camera)], np.eye(4))
    after = unrolled.drawn(vertices, [view_of(vertices, slid, unrolled, camera)], np.eye(4))
    assert before.seen.mean() > 0.3
    tracks = unrolled.follow(before, vertices, after, np.eye(4))
    gone = tracks.point - vertices[tracks.index]
    normal_part = np.abs(np.einsum("pi,pi->p", gone, face_normals(vertices)[tracks.index]))
    sure = np.linalg.norm(tracks.root[:, :, 0], axis=1) > 1 / 0.001
    assert sure.sum() > 300
    front = sure & (np.abs(vertices[tracks.index, 0]) < 0.03)
    expected = 2 * 0.0008 * np.linalg.norm(vertices[tracks.index][front][:, [0, 2]] - [0, -0.075], axis=1) / 0.085
    assert np.median(np.abs(gone[front, 0] - expected)) < 0.0005
    assert np.median(normal_part[front]) < 0.0005
    assert len(face.mean) > tracks.index.max()


def face_normals(vertices: Float) -> Float:
    from refa_cli.face.mesh import vertex_normals

    return np.asarray(vertex_normals(vertices, default_face().triangles))
