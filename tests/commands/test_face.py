"""The shipped face model: what it promises of itself, and the commands around it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from refa_cli.app import main
from refa_cli.commands.face.head import EYE_RINGS, IPD, unit_eyeball
from refa_cli.commands.face.makehuman import macro_weights
from refa_cli.commands.face.rings import QuadMesh
from refa_cli.commands.face.sheets import performed
from refa_cli.commands.face.units import BLEND, LIP_BLEND
from refa_cli.face.default import DEFAULT_PATH, default_face
from refa_cli.face.evaluate import Geometry
from refa_cli.face.shapes import ALL, EXPRESSIONS, INDEX, mirrored
from refa_cli.face.splitting import split_left_right
from refa_cli.formats.face import MATERIALS, REGIONS, FaceModel

# Where each family of shapes may move the face; a side's shapes only on that side and a band over the midline.
HOME = {
    "Brow": ("forehead", "brow_left", "brow_right", "glabella", "eye_left", "eye_right", "nose"),
    "Lid": ("eye_left", "eye_right", "cheek_left", "cheek_right", "brow_left", "brow_right", "glabella", "nose"),
    "Eyes": ("eye_left", "eye_right", "brow_left", "brow_right", "cheek_left", "cheek_right", "glabella", "nose"),
    "Cheek": ("cheek_left", "cheek_right", "eye_left", "eye_right", "mouth", "jaw", "nose"),
    "Nose": (
        "nose",
        "glabella",
        "cheek_left",
        "cheek_right",
        "mouth",
        "brow_left",
        "brow_right",
        "eye_left",
        "eye_right",
    ),
    "": ("mouth", "lips", "jaw", "cheek_left", "cheek_right", "nose", "neck"),
}
BAND = 0.012


def home(name: str, face: FaceModel) -> np.ndarray:
    """The vertices [V] on which a shape may act: its regions grown by a ring or so, and what lies inside the mouth."""
    family = next(key for key in HOME if key in name)
    region = face.regions[[REGIONS.index(r) for r in HOME[family]]].any(0)
    inside = np.zeros(len(face.mean), bool)
    inside[face.triangles[np.isin(face.material, [MATERIALS.index(m) for m in ("gum", "teeth", "tongue", "lips")])]] = (
        True
    )
    near = region.copy()
    for _ in range(3):
        near[face.triangles[near[face.triangles].any(1)]] = True
    allowed = near | (inside & (family in ("", "Cheek", "Nose")))
    if name != mirrored(name) and name[-1] in "LRBT" and name[:-1] not in ("Jaw", "Mouth"):
        side = 1 if name.endswith(("L", "LB", "LT")) else -1
        allowed &= side * face.mean[:, 0] > -BAND
    return allowed


def test_it_is_small_free_and_a_head() -> None:
    face = default_face()
    assert DEFAULT_PATH.stat().st_size <= 4_000_000
    assert face.licence == "CC0-1.0" and "MakeHuman" in face.origin
    assert not face.lacks.any() and len(face.keypoint_triangles) == 100
    assert abs(np.linalg.norm(face.eye_centers[0] - face.eye_centers[1]) - IPD) < 1e-4
    for material in range(len(MATERIALS)):
        assert (face.material == material).any()
    assert face.regions.any(1).all() and face.rigid.sum() > 100


def test_people_drawn_from_it_have_human_sizes() -> None:
    face, rng = default_face(), np.random.default_rng(0)
    distances, widths = [], []
    for _ in range(200):
        k = rng.standard_normal(len(face.identity_basis))
        centers = face.eye_centers + np.tensordot(k, face.eye_centers_basis, 1)
        distances.append(np.linalg.norm(centers[0] - centers[1]))
        vertices = face.mean + np.tensordot(k, face.identity_basis, 1)
        temples = vertices[(np.abs(vertices[:, 1] - 0.02) < 0.005)]
        widths.append(np.ptp(temples[:, 0]))
    assert 0.062 < np.mean(distances) < 0.064 and 0.002 < np.std(distances) < 0.005
    assert 0.135 < np.mean(widths) < 0.165


@pytest.mark.parametrize("name", ALL)
def test_each_shape_acts_at_home_and_mirrors_its_twin(name: str) -> None:
    face = default_face()
    shapes = np.concatenate([face.expression_basis, face.eye_follow_basis]).astype(np.float64)
    energy = (shapes[INDEX[name]] ** 2).sum(1)
    assert 0.0005 < np.sqrt(energy.max()) < 0.05
    assert energy[home(name, face)].sum() >= 0.95 * energy.sum()
    twin = shapes[INDEX[mirrored(name)]][face.mirror] * [-1, 1, 1]
    difference = np.sqrt(((shapes[INDEX[name]] - twin) ** 2).sum(1))
    assert np.sqrt((difference**2).sum() / energy.sum()) < 0.15  # the artists' left and right differ a little


SIDES = [(name, mirrored(name)) for name in EXPRESSIONS if name.endswith(("L", "LB", "LT")) and "Eyes" not in name]


@pytest.mark.parametrize(("left", "right"), SIDES)
def test_left_and_right_are_parts_of_one_parent(left: str, right: str) -> None:
    """Each is, within 1 %, the smooth share of their sum that the split gives it: together they are the parent."""
    face = default_face()
    a, b = (face.expression_basis[INDEX[name]].astype(np.float64) for name in (left, right))
    width = next((blend for name, blend in BLEND.items() if left.startswith(name)), LIP_BLEND)
    parts = split_left_right(a + b, face.mean[:, 0], width)
    for part, shipped in zip(parts, (a, b), strict=True):
        assert np.linalg.norm(part - shipped) <= 0.01 * np.linalg.norm(a + b)


@pytest.mark.parametrize("name", ALL)
def test_no_lid_or_lip_runs_through_another_or_the_eyeball(name: str) -> None:
    face = default_face()
    vertices = performed(Geometry.of_face(face), name).astype(np.float64)
    for side, pairs in enumerate(face.lid_pairs):
        center = face.eye_centers[side]
        radius = np.linalg.norm(vertices[face.eyeball == side + 1] - center, axis=1).max()
        assert np.linalg.norm(vertices[np.unique(pairs)] - center, axis=1).min() > radius
        assert overlap(vertices, pairs) < 0.0002
    assert overlap(vertices, face.lip_pairs) < 0.0003


def overlap(vertices: np.ndarray, pairs: np.ndarray) -> float:
    """How far, at most, an upper margin vertex hangs below the lower margin's line, metres."""
    lower = vertices[np.unique(pairs[:, 1])]
    lower = lower[np.argsort(lower[:, 0])]
    upper = vertices[pairs[:, 0]]
    middle = (upper[:, 0] > lower[1, 0]) & (upper[:, 0] < lower[-2, 0])  # beyond, the margins run into one another
    return float((np.interp(upper[:, 0], lower[:, 0], lower[:, 1]) - upper[:, 1])[middle].max(initial=-1.0))


def test_closed_eyes_are_closed_and_the_dropped_jaw_can_shut_its_lips() -> None:
    face = default_face()
    geometry = Geometry.of_face(face)
    for side, name in enumerate(("EyesClosedL", "EyesClosedR")):
        vertices = performed(geometry, name)
        gap = vertices[face.lid_pairs[side][:, 0]] - vertices[face.lid_pairs[side][:, 1]]
        assert np.linalg.norm(gap, axis=1).max() < 0.0009 and np.abs(gap[:, 1]).max() < 0.0005
    row = np.zeros(len(EXPRESSIONS))
    row[INDEX["JawDrop"]] = 1
    dropped, shut = geometry.evaluate(row), performed(geometry, "LipsToward")
    pairs = face.lip_pairs
    assert (dropped[pairs[:, 0], 1] - dropped[pairs[:, 1], 1]).max() > 0.03
    assert (shut[pairs[:, 0], 1] - shut[pairs[:, 1], 1]).max() < 0.0008


def test_eyeballs_face_outwards_and_are_round() -> None:
    vertices, triangles, material = unit_eyeball()
    corners = vertices[triangles]
    assert ((np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]) * corners.mean(1)).sum(1) > 0).all()
    assert np.allclose(np.linalg.norm(vertices, axis=1), 1)
    assert len(set(material)) == 3 and len(vertices) == 1 + 24 * len(EYE_RINGS)


def test_macro_weights_are_shares() -> None:
    weights = macro_weights(0.3, 0.4, 0.8, 0.25, {"african": 0.2, "asian": 0.3, "caucasian": 0.5})
    by_kind = [sum(w for n, w in weights if ("universal" in n) == universal) for universal in (True, False)]
    assert np.allclose(by_kind, 1)
    assert all(w > 0 for _, w in weights)


def test_rings_of_a_grid() -> None:
    count, around = 5, 8
    quads = np.array([[r * around + c, r * around + (c + 1) % around, (r + 1) * around + (c + 1) % around,
                       (r + 1) * around + c] for r in range(count - 1) for c in range(around)])  # fmt: skip
    mesh = QuadMesh(quads)
    assert mesh.loop(2 * around, 2 * around + 1) == list(range(2 * around, 3 * around))
    rings = mesh.rings(2 * around, 2 * around + 1, 1, 2, toward=around)
    assert rings.vertices.tolist() == [list(range(r * around, (r + 1) * around)) for r in (1, 2, 3, 4)]
    with pytest.raises(ValueError, match="does not close"):
        mesh.loop(0, around)


def test_command_writes_the_model_and_a_sheet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, sheet = tmp_path / "face.npz", tmp_path / "faces.png"
    assert main(["face", "-o", str(out), "--sheet", str(sheet)]) == 0
    assert FaceModel.read(out).digest == default_face().digest
    assert sheet.read_bytes()[:4] == b"\x89PNG"
    assert "MakeHuman" not in capsys.readouterr().err
    assert main(["face", "-o", str(out)]) == 2  # it exists
    assert main(["face", "--face", str(sheet)]) == 1
