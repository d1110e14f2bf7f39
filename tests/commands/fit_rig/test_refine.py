"""Pairing, stabilising and unfolding: the parts of fitting that fail without a sound when they are wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from refa_cli.commands.fit_rig.expressions import fit_expression
from refa_cli.commands.fit_rig.linear import LinearFace, fit
from refa_cli.commands.fit_rig.person import Parts, fit_person
from refa_cli.commands.fit_rig.refine import Refiner, elimination_order, solve, unfolded
from refa_cli.commands.fit_rig.similarity import apply, motion
from refa_cli.commands.fit_rig.skin import Tracks
from refa_cli.commands.fit_rig.stabilize import stabilized
from refa_cli.commands.fit_rig.target import Matcher, Target
from refa_cli.face.default import default_face
from refa_cli.face.mesh import cotangent_laplacian, triangle_vectors
from refa_cli.face.shapes import EXPRESSIONS
from tests.commands.fit_rig.heads import SCAN_FROM_HEAD, Head, scan_of

Float = NDArray[np.float64]


def sheet(count: int, size: float, z: float, up: bool) -> tuple[Float, NDArray[np.int64]]:
    """A square of count x count vertices in the plane z, facing up or down."""
    x, y = np.meshgrid(np.linspace(0, size, count), np.linspace(0, size, count), indexing="ij")
    vertices = np.stack([x, y, np.full_like(x, z)], -1).reshape(-1, 3)
    i = (np.arange(count - 1)[:, None] * count + np.arange(count - 1)).reshape(-1)
    triangles = np.concatenate([np.stack([i, i + count, i + 1], 1), np.stack([i + 1, i + count, i + count + 1], 1)])
    return vertices, triangles if up else triangles[:, ::-1]


def target_of(*sheets: tuple[Float, NDArray[np.int64]]) -> Target:
    offset, vertices, triangles = 0, [], []
    for v, t in sheets:
        vertices.append(v)
        triangles.append(t + offset)
        offset += len(v)
    nowhere = np.full((100, 3), np.nan)
    return Target.of_mesh(np.concatenate(vertices), np.concatenate(triangles), nowhere, np.ones(100))


def test_thin_parts_are_not_paired_with_their_other_side() -> None:
    """A vertex 2 mm above a sheet that faces down, and 3 mm below one that faces up, belongs to the upper one."""
    target = target_of(sheet(41, 0.04, 0.0, up=False), sheet(41, 0.04, 0.005, up=True))
    vertex, normal = np.array([[0.02, 0.02, 0.002]]), np.array([[0.0, 0.0, 1.0]])
    pairs = Matcher(target).pairs(vertex, normal, np.array([0]), reach=0.006, scale=0.003)
    assert len(pairs.index) == 1 and pairs.point[0, 2] == pytest.approx(0.005)


def test_vertices_beyond_the_border_are_not_paired() -> None:
    target = target_of(sheet(41, 0.04, 0.0, up=True))
    x = np.array([0.02, 0.038, 0.0395, 0.043])
    vertices = np.stack([x, np.full(4, 0.02), np.full(4, 0.001)], 1)
    pairs = Matcher(target).pairs(vertices, np.tile([0.0, 0, 1], (4, 1)), np.arange(4), reach=0.006, scale=0.003)
    assert pairs.index.tolist()[:2] == [0, 1] and 3 not in pairs.index


def test_pairs_come_in_the_head_frame_whatever_the_scale() -> None:
    target = target_of(sheet(41, 0.04, 0.0, up=True))
    pose = motion(np.array([0.2, 0.1, -0.3]), np.array([0.01, 0.02, 0.03]), 2.0)
    vertex = apply(pose, np.array([[0.02, 0.02, 0.001]]))
    normal = np.array([[0.0, 0.0, 1.0]]) @ pose[:3, :3].T / 2.0
    pairs = Matcher(target).pairs(vertex, normal, np.array([0]), reach=0.006, scale=0.003, head_from_scan=pose)
    assert np.allclose((vertex - pairs.point) @ pairs.normal[0], 0.002)
    assert np.allclose(np.linalg.norm(pairs.normal, axis=1), 1)


def test_unfolding_turns_triangles_back_and_leaves_the_rest() -> None:
    vertices, triangles = sheet(15, 0.03, 0.0, up=True)
    pushed = vertices.copy()
    pushed[112] += [0.005, 0.001, 0.0]  # over its neighbour, two spacings on
    assert (triangle_vectors(pushed, triangles)[:, 2] <= 0).any()
    smooth = unfolded(pushed, vertices, triangles)
    assert (triangle_vectors(smooth, triangles)[:, 2] > 0).all()
    far = np.linalg.norm(vertices - vertices[112], axis=1) > 0.012
    assert np.array_equal(smooth[far], pushed[far])


def test_slivers_that_turned_over_move_as_one() -> None:
    """Two columns of vertices a hundredth of a millimetre apart turn over on a slope that bends nothing else."""
    vertices, triangles = sheet(15, 0.03, 0.0, up=True)
    column = vertices.reshape(15, 15, 3)
    column[8, :, 0] = column[7, :, 0] + 1e-5
    reference = column.reshape(-1, 3)
    pushed = reference.copy()
    pushed[:, 0] -= 0.5 * np.maximum(reference[:, 0] - reference[105, 0] + 0.002, 0)  # halved from there on
    pushed.reshape(15, 15, 3)[8, :, 0] -= 3e-5
    assert (triangle_vectors(pushed, triangles)[:, 2] <= 0).sum() == 28
    smooth = unfolded(pushed, reference, triangles)
    assert (triangle_vectors(smooth, triangles)[:, 2] > 0).all()
    shift = (smooth - reference).reshape(15, 15, 3)
    assert np.abs(shift[8] - shift[7]).max() < 1e-6
    assert np.array_equal(smooth.reshape(15, 15, 3)[:5], pushed.reshape(15, 15, 3)[:5])


def tracks_of(vertices: Float, index: NDArray[np.int64], shift: Float) -> Tracks:
    """Vertices of a flat sheet, seen with a tenth of a millimetre at a place so far aside."""
    root = np.zeros((len(index), 2, 3))
    root[:, 0, 0] = root[:, 1, 1] = 1 / 0.0001
    return Tracks(index, vertices[index] + shift, root)


def test_tracks_tell_how_a_sheet_lies_within_its_plane() -> None:
    still, triangles = sheet(21, 0.04, 0.0, up=True)
    aside = still + [0.002, -0.001, 0.0]
    matcher, everything = Matcher(target_of((aside, triangles))), np.arange(len(still))
    tracks = tracks_of(still, everything, np.array([0.002, -0.001, 0.0]))
    unmoved = np.zeros(len(still))
    blind = stabilized(still, unmoved, triangles, everything, matcher, np.eye(4))
    assert np.abs(blind[:2, 3]).max() < 0.0005
    pose = stabilized(still, unmoved, triangles, everything, matcher, np.eye(4), tracks)
    assert np.abs(apply(pose, aside) - still).max() < 0.0002


def test_refinement_follows_tracks_along_the_surface_and_keypoints_beside_them() -> None:
    vertices, triangles = sheet(21, 0.04, 0.0, up=True)
    everything = np.arange(len(vertices))
    refiner = Refiner(vertices, triangles, np.ones(len(vertices), bool), everything)
    middle, corner = np.array([219, 220, 221]), 66
    keypoints = np.full((100, 3), np.nan)
    keypoints[0] = vertices[corner] + [0.0, 0.001, 0.0]
    target = replace(target_of((vertices, triangles)), keypoints=keypoints, sigma=np.full(100, 0.0015))
    corners = (np.full((100, 3), corner), np.tile([1.0, 0.0, 0.0], (100, 1)))
    tracks = tracks_of(vertices, middle, np.array([0.001, 0.0, 0.0]))
    both = refiner.refine(vertices, Matcher(target), np.eye(4), corners, tracks=tracks)[0] - vertices
    alone = refiner.refine(vertices, Matcher(target), np.eye(4), tracks=tracks)[0] - vertices
    assert np.abs(both[middle, 0] - 0.001).max() < 0.0002
    assert np.abs(both[:, 2]).max() < 1e-5
    assert both[corner, 1] - alone[corner, 1] > 0.0002


def test_weights_are_found_by_tracks_alone() -> None:
    """Nothing is measured of the surface; the tracks' rows must be right in weights and pose."""
    face, head = default_face(), Head.random(9)
    basis = np.stack([head.vertices(**{name: 1.0}) - head.vertices() for name in ("JawDrop", "MouthLeft")])
    linear = LinearFace(head.vertices(), basis, np.zeros(2), np.ones(2), np.zeros(2), np.ones(2), face.triangles,
                        Parts.of(face).candidates, face.keypoint_triangles,
                        face.keypoint_barycentric.astype(np.float64))  # fmt: skip
    shown = apply(SCAN_FROM_HEAD, head.vertices(JawDrop=0.7, MouthLeft=0.4))
    index = np.flatnonzero(Parts.of(face).moving)
    root = np.random.default_rng(1).standard_normal((len(index), 2, 3)) / 0.001
    nowhere = Matcher(target_of(sheet(5, 0.04, 9.0, up=True)))
    wrong = motion(np.array([0.02, -0.03, 0.01]), np.array([0.002, 0.001, -0.002])) @ np.linalg.inv(SCAN_FROM_HEAD)
    found = fit(linear, nowhere, wrong, iterations=12, keypoints_only=0, tracks=Tracks(index, shown[index], root))
    assert np.abs(found.coefficients - [0.7, 0.4]).max() < 0.01
    assert np.abs(found.head_from_scan @ SCAN_FROM_HEAD - np.eye(4)).max() < 0.001


def test_ordered_solve_solves() -> None:
    from scipy.sparse import eye, kron

    vertices, triangles = sheet(12, 0.03, 0.0, up=True)
    smooth = (cotangent_laplacian(vertices, triangles) + 0.1 * eye(144)).tocsr()
    system = kron(smooth, np.array([[2.0, 0.5, 0], [0.5, 1, 0.2], [0, 0.2, 1]]), format="csr")
    right = np.random.default_rng(0).standard_normal((144, 3))
    found = solve(system, right, elimination_order(smooth))
    assert np.abs(system @ found.reshape(-1) - right.reshape(-1)).max() < 1e-9


@pytest.mark.parametrize("shape", ["JawSidewaysLeft", "CheekPuffL"])
def test_the_skull_is_found_beneath_skin_that_moves_in_its_own_way(shape: str) -> None:
    """The scan lies a degree aside and the face moves by what no shape of the model tells."""
    face, head = default_face(), Head.random(8)
    parts = Parts.of(face)
    person = fit_person(face, parts, scan_of(head.vertices()), auto_scale=False)
    shown = head.vertices(**{shape: 1.0})
    moved = np.linalg.norm(shown - head.vertices(), axis=1)
    shown = shown + np.where(moved > 0.001, 0.3 * moved, 0)[:, None] * [1, 0, 0]
    wrong = motion(np.array([0.0, np.radians(1.0), 0.0]), np.array([0.0, 0.001, 0.0])) @ person.head_from_scan
    pose = stabilized(person.scanned, moved, face.triangles, parts.candidates, Matcher(scan_of(shown)), wrong)
    right = apply(person.head_from_scan @ SCAN_FROM_HEAD, head.vertices())
    error = apply(pose @ SCAN_FROM_HEAD, head.vertices()) - right
    assert np.linalg.norm(error[parts.candidates], axis=1).max() < 0.0005
    asked = np.zeros(len(EXPRESSIONS))
    asked[EXPRESSIONS.index(shape)] = 1.0
    found = fit_expression(face, parts, person, "scan", scan_of(shown), asked)
    error = apply(found.head_from_scan @ SCAN_FROM_HEAD, head.vertices()) - right
    assert np.linalg.norm(error[parts.candidates], axis=1).max() < 0.001
