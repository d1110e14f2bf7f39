"""Hair stands on the skin and goes along with it; skin maps are what they say."""

from __future__ import annotations

import numpy as np
import pytest

from refa_cli.face.closest import ClosestPoints
from refa_cli.face.default import default_face
from refa_cli.face.evaluate import Geometry
from refa_cli.face.keypoints import INDEX as KEYPOINT
from refa_cli.face.shapes import EXPRESSIONS, INDEX
from refa_cli.render.hair import JOINTS, Hair, beard, brows, lashes
from refa_cli.render.skin import TEXEL, TILE_SIZE, Skin, relief_tile, repeats, tone_map

FACE = default_face()
MEAN = FACE.mean.astype(np.float64)


def rng() -> np.random.Generator:
    return np.random.default_rng(4)


@pytest.mark.parametrize("hair", [brows(FACE, rng()), lashes(FACE, rng()), beard(FACE, rng(), 300, 0.01)],
                         ids=["brows", "lashes", "beard"])  # fmt: skip
def test_roots_lie_on_the_skin_and_strands_outside_of_it(hair: Hair) -> None:
    line, width = hair.lines(MEAN)
    assert line.shape == (len(hair.triangle), JOINTS, 3) and width.shape == line.shape[:2]
    roots = ClosestPoints(MEAN, FACE.triangles).query(line[:, 0])
    assert roots.distance.max() < 1e-6
    length = np.linalg.norm(np.diff(line, axis=1), axis=2).sum(1)
    assert length.min() > 0.001 and length.max() < 0.02
    np.testing.assert_allclose(width[:, 0], hair.width)
    assert (np.diff(width, axis=1) < 0).all()


def test_hair_goes_along_with_the_face() -> None:
    weights = np.zeros(len(EXPRESSIONS))
    for name in ("InnerBrowRaiserL", "InnerBrowRaiserR", "OuterBrowRaiserL", "OuterBrowRaiserR"):
        weights[INDEX[name]] = 1.0
    raised = Geometry.of_face(FACE).evaluate(weights).astype(np.float64)
    hair = brows(FACE, rng())
    before, after = (hair.lines(v)[0][:, 0] for v in (MEAN, raised))
    moved = after - before
    assert np.median(moved[:, 1]) > 0.002
    corners = FACE.triangles[hair.triangle]
    skin = np.einsum("sc,sci->si", hair.barycentric, (raised - MEAN)[corners])
    np.testing.assert_allclose(moved, skin, atol=1e-5)


def test_brows_lie_between_their_borders_on_both_sides() -> None:
    hair = brows(FACE, rng(), count=300)
    roots = np.einsum("sc,sci->si", hair.barycentric, MEAN[FACE.triangles[hair.triangle]])
    points = FACE.keypoints_on(MEAN)
    low = points[[KEYPOINT["brow_lower_2_l"], KEYPOINT["brow_lower_2_r"]], 1].min()
    high = points[[KEYPOINT["brow_upper_3_l"], KEYPOINT["brow_upper_3_r"]], 1].max()
    assert (roots[:300, 0] > 0).mean() > 0.99 and (roots[300:, 0] < 0).mean() > 0.99
    assert ((roots[:, 1] > low - 0.006) & (roots[:, 1] < high + 0.006)).all()


def test_thinned_hair_covers_as_much() -> None:
    hair = beard(FACE, rng(), 2000, 0.01)
    thin = hair.thinned(rng(), 0.25)
    assert 400 < len(thin.triangle) < 600
    assert thin.width.sum() == pytest.approx(hair.width.sum(), rel=0.15)


def test_hair_repeats_with_its_seed_and_unknown_parts_are_refused() -> None:
    assert np.array_equal(lashes(FACE, rng()).shape, lashes(FACE, rng()).shape)
    with pytest.raises(ValueError, match="parts of a beard"):
        beard(FACE, rng(), 10, 0.01, ("ears",))
    none = Hair(np.zeros(0, np.int64), np.zeros((0, 3)), np.zeros((0, JOINTS, 3)), np.zeros(0), FACE.triangles)
    assert [len(part) for part in none.lines(MEAN)] == [0, 0]


def test_tone_is_even_about_one_and_spots_darken() -> None:
    plain, spotted = tone_map(Skin(spots=0), rng()), tone_map(Skin(spots=400, spot_depth=0.6), rng())
    assert plain.shape == (512, 512, 1) and abs(float(plain.mean()) - 1) < 0.01
    assert spotted.min() < plain.min() - 0.1 and spotted.mean() < plain.mean()
    assert (tone_map(Skin(mottling=0.0, spots=0), rng()) == 1).all()


def test_relief_is_the_slope_of_a_tile() -> None:
    """Slopes along a closed line over the tile add up to nothing, in both directions."""
    slope = relief_tile(Skin(), rng())
    assert slope.shape == (TILE_SIZE, TILE_SIZE, 2)
    assert np.abs(slope[..., 0].sum(1)).max() < 1e-3 and np.abs(slope[..., 1].sum(0)).max() < 1e-3
    assert 0.005 < slope.std() < 0.3
    assert not relief_tile(Skin(pores=0.0, creases=0.0), rng()).any()


def test_the_tile_has_its_size_on_the_face() -> None:
    count = repeats(FACE)
    known = (FACE.uv_triangles >= 0).all(1) & (FACE.material == 0)
    uv, at = FACE.uv[FACE.uv_triangles[known]], MEAN[FACE.triangles[known]]
    long = np.linalg.norm(at[:, 1] - at[:, 0], axis=1) / np.maximum(np.linalg.norm(uv[:, 1] - uv[:, 0], axis=1), 1e-9)
    assert np.median(long) / (count * TILE_SIZE) == pytest.approx(TEXEL, rel=0.3)
