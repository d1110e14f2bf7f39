"""Regions and contacts on a made head, and the plane geometry they use."""

from __future__ import annotations

import numpy as np
import pytest

from refa_cli.face.anchors import usual_anchors
from refa_cli.face.contacts import contact_pairs, lip_pairs
from refa_cli.face.polygons import distance_to_line, inside
from refa_cli.face.regions import derive_regions, outer_skin
from refa_cli.formats.face import MATERIALS, REGIONS
from tests.face.heads import EYE, MOUTH_Y, make_head

HEAD = make_head()
TRIANGLES = np.concatenate([HEAD.quads[:, [0, 1, 2]], HEAD.quads[:, [0, 2, 3]]])
NAMES = {"skin": "skin", "teeth": "teeth", "eye_left": "sclera", "eye_right": "sclera"}
MATERIAL = np.tile([MATERIALS.index(NAMES[part]) for part in HEAD.part], 2)
CENTERS = np.array([EYE, (-EYE[0], 0, 0)])
EYEBALL = np.zeros(len(HEAD.vertices), np.uint8)
for side, name in enumerate(("eye_left", "eye_right"), 1):
    EYEBALL[HEAD.quads[HEAD.part == name]] = side
SKIN = outer_skin(TRIANGLES, MATERIAL, len(HEAD.vertices))


def regions(scale: float = 1.0) -> dict[str, np.ndarray]:
    vertices, centers = HEAD.vertices * scale, CENTERS * scale
    anchors = usual_anchors(vertices[SKIN], centers)
    masks = derive_regions(vertices, TRIANGLES, MATERIAL, EYEBALL, centers, anchors)
    return dict(zip(REGIONS, masks, strict=True))


def test_regions_are_where_they_are_called() -> None:
    found = regions()
    assert all(mask.any() for mask in found.values())
    for name, middle in {
        "eye_left": (0.0315, 0.0), "brow_right": (-0.033, 0.024), "nose": (0, -0.03), "mouth": (0, MOUTH_Y),
        "lips": (0, -0.068), "glabella": (0, 0.015), "cheek_left": (0.035, -0.05), "forehead": (0, 0.055),
    }.items():  # fmt: skip
        mean = HEAD.vertices[found[name]].mean(axis=0)
        assert np.linalg.norm(mean[:2] - middle) < 0.012, (name, mean)
    assert (EYEBALL[found["eye_left"]] == 1).any() and not (EYEBALL[found["eye_left"]] == 2).any()
    for name in REGIONS:
        if not name.startswith("eye"):
            assert not (found[name] & ~SKIN).any(), name
    assert (found["lips"] <= found["mouth"]).all() and (found["lips"] <= found["face"]).all()
    assert HEAD.vertices[found["face"], 2].min() > -0.08


def test_regions_are_symmetric_and_grow_with_the_head() -> None:
    found, larger = regions(), regions(1.15)
    for left, right in (("eye_left", "eye_right"), ("brow_left", "brow_right"), ("cheek_left", "cheek_right")):
        assert found[left].sum() == pytest.approx(found[right].sum(), rel=0.03)
    for name in REGIONS:
        assert larger[name].sum() == pytest.approx(found[name].sum(), rel=0.05, abs=3), name


def test_lips_are_found_where_they_touch() -> None:
    pairs = lip_pairs(HEAD.vertices, HEAD.shapes["jawOpen"], SKIN)
    np.testing.assert_allclose(HEAD.vertices[pairs[:, 0]], HEAD.vertices[pairs[:, 1]], atol=2e-3)
    np.testing.assert_allclose(HEAD.vertices[pairs, 1], MOUTH_Y, atol=1e-6)
    assert len(lip_pairs(HEAD.vertices, 0 * HEAD.vertices, SKIN)) == 0


def test_contacts_must_open() -> None:
    closed = np.array([[0.0, 0, 0], [0, -0.0005, 0], [0.01, 0, 0], [0.01, -0.0005, 0]])
    opened = closed + [[0, 0.005, 0], [0, 0, 0], [0, 0.0001, 0], [0, 0, 0]]
    upper = np.array([True, False, True, False])
    assert contact_pairs(closed, opened, upper, ~upper).tolist() == [[0, 1]]
    assert contact_pairs(closed, opened, upper, np.zeros(4, np.bool_)).shape == (0, 2)


def test_polygon_and_line() -> None:
    square = np.array([[0.0, 0], [2, 0], [2, 2], [0, 2]])
    points = np.array([[1.0, 1], [3, 1], [1, -1], [-1, 5], [1.9, 0.1]])
    assert inside(points, square).tolist() == [True, False, False, False, True]
    assert inside(points, square[::-1]).tolist() == [True, False, False, False, True]
    np.testing.assert_allclose(distance_to_line(points[:3], square[:2]), [1, np.sqrt(2), 1])
    np.testing.assert_allclose(distance_to_line(np.array([[-1.0, 1]]), square, closed=True), [1])
    np.testing.assert_allclose(distance_to_line(np.array([[-1.0, 1]]), square), [np.sqrt(2)])
