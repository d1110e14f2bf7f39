"""`refa face import`: the same face model comes out, whatever the source's units, axes, quads, topology and names."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial import cKDTree

from refa_cli import app
from refa_cli.commands.face.import_ import read_source
from refa_cli.commands.face.import_build import build_face
from refa_cli.commands.face.import_parts import material_of
from refa_cli.commands.face.import_source import Source
from refa_cli.commands.face.import_texture import pack_uv
from refa_cli.face.gaze import rotation_from_gaze
from refa_cli.face.shapes import ALL, EXPRESSIONS, INDEX, mirrored
from refa_cli.formats.errors import DataError
from refa_cli.formats.face import MATERIALS, REGIONS, FaceModel
from tests.face.data import ICT
from tests.face.heads import EYE, MOUTH_Y, Head, as_ict, make_head
from tests.face.write_head import write_glb, write_obj_folder

HEAD = make_head()
PERMUTED = np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])
Z_UP = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])


@pytest.fixture(autouse=True)
def no_detector(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """An egg with slits is no face to a detector; do not spend time on finding that out."""

    def nothing(*_: object, **__: object) -> None:
        raise DataError("mesh", "keypoints", "a face", "an egg", "draw one")

    if "real" not in request.node.name:
        monkeypatch.setattr("refa_cli.landmarks.placing.place_keypoints", nothing)


def imported(path: Path) -> FaceModel:
    return build_face(read_source(path))


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> FaceModel:
    """The head as a GLB in metres and glTF's axes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("refa_cli.landmarks.placing.place_keypoints", _no_face)
        path = tmp_path_factory.mktemp("reference") / "head.glb"
        write_glb(path, HEAD, np.eye(3), np.zeros(3))
        return imported(path)


def _no_face(*_: object, **__: object) -> None:
    raise DataError("mesh", "keypoints", "a face", "an egg", "draw one")


def assert_same(face: FaceModel, reference: FaceModel, tolerance: float = 2e-6) -> None:
    """Equal, vertex orders matched by position and movement (touching lips lie at one place)."""
    assert len(face.mean) == len(reference.mean)
    mine, theirs = (np.hstack([f.mean, 5 * f.expression_basis[INDEX["JawDrop"]]]) for f in (face, reference))
    distance, of = cKDTree(mine).query(theirs)
    assert distance.max() < tolerance and len(np.unique(of)) == len(of)
    np.testing.assert_allclose(face.expression_basis[:, of], reference.expression_basis, atol=tolerance)
    np.testing.assert_allclose(face.eye_follow_basis[:, of], reference.eye_follow_basis, atol=tolerance)
    np.testing.assert_allclose(face.eye_centers, reference.eye_centers, atol=tolerance)
    np.testing.assert_array_equal(face.lacks, reference.lacks)
    np.testing.assert_array_equal(face.eyeball[of], reference.eyeball)
    np.testing.assert_array_equal(face.rigid[of], reference.rigid)
    assert (face.regions[:, of] != reference.regions).mean() < 0.001
    back = np.argsort(of)
    assert {tuple(p) for p in back[face.lip_pairs]} == {tuple(p) for p in reference.lip_pairs}
    assert sorted(map(tuple, np.sort(back[face.triangles], axis=1))) == sorted(
        map(tuple, np.sort(reference.triangles, axis=1))
    )


def test_reference(reference: FaceModel) -> None:
    """What came out is the head that was written."""
    face = reference
    assert len(face.mean) == len(HEAD.vertices), "seams were not welded, or lips were"
    np.testing.assert_allclose(face.eye_centers, [EYE, (-EYE[0], 0, 0)], atol=1e-6)
    assert [ALL[i] for i in np.flatnonzero(face.lacks)] == ["LipTightenerL", "LipTightenerR"]
    assert not face.expression_basis[:, face.eyeball > 0].any()
    assert set(np.unique(face.eyeball)) == {0, 1, 2} and (face.mean[face.eyeball == 1, 0] > 0).all()
    found = {MATERIALS[i] for i in np.unique(face.material)}
    assert found == {"skin", "lips", "sclera", "iris", "pupil", "teeth"}
    assert (face.mirror >= 0).mean() > 0.95
    assert face.lid_pairs.shape == (2, 7, 2) and 15 <= len(face.lip_pairs) <= 17
    assert "no_face" not in face.origin and len(face.keypoint_triangles) == 0


def test_pairs_meet(reference: FaceModel) -> None:
    face = reference
    closed = face.mean + face.expression_basis[INDEX["EyesClosedL"]] + face.expression_basis[INDEX["EyesClosedR"]]
    upper, lower = face.lid_pairs[..., 0], face.lid_pairs[..., 1]
    assert np.linalg.norm(closed[upper] - closed[lower], axis=-1).max() < 1e-6
    assert (face.mean[upper, 1] - face.mean[lower, 1]).min() > 0.003
    assert (face.mean[face.lid_pairs[0], 0] > 0).all() and (face.mean[face.lid_pairs[1], 0] < 0).all()
    lips = face.mean[face.lip_pairs]
    np.testing.assert_allclose(lips[..., 1], MOUTH_Y, atol=1e-6)
    dropped = face.mean + face.expression_basis[INDEX["JawDrop"]]
    assert (dropped[face.lip_pairs[:, 0], 1] - dropped[face.lip_pairs[:, 1], 1]).max() > 0.02


def test_split_shapes_sum_to_their_parents(reference: FaceModel) -> None:
    tree = cKDTree(np.hstack([reference.mean, 5 * reference.expression_basis[INDEX["JawDrop"]]]))
    of = tree.query(np.hstack([HEAD.vertices, 5 * HEAD.shapes["jawOpen"]]))[1]
    stems = {"mouthFunnel": "LipFunneler", "mouthPucker": "LipPucker", "browInnerUp": "InnerBrowRaiser"}
    stems |= {"cheekPuff": "CheekPuff", "mouthRollLower": "LipSuck?B", "mouthRollUpper": "LipSuck?T"}
    for parent, stem in stems.items():
        first, _, last = stem.partition("?")
        parts = [n for n in EXPRESSIONS if n.startswith(first) and n.endswith(last)]
        total = reference.expression_basis[[INDEX[n] for n in parts]].sum(axis=0)
        np.testing.assert_allclose(total[of], HEAD.shapes[parent], atol=1e-6, err_msg=parent)
        for part in parts:  # each side and lip has most of its movement where it belongs
            energy = (reference.expression_basis[INDEX[part]] ** 2).sum(axis=1)
            side = reference.mean[:, 0] * (1 if part[len(first)] == "L" else -1)
            assert energy[side > 0].sum() > 0.8 * energy.sum(), part
    for lip, sign in (("T", 1), ("B", -1)):
        energy = (reference.expression_basis[INDEX[f"LipFunnelerL{lip}"]] ** 2).sum(axis=1)
        assert energy[sign * (reference.mean[:, 1] - MOUTH_Y) >= -1e-6].sum() > 0.95 * energy.sum()
    upper, lower = reference.lip_pairs.T
    funnel = reference.expression_basis[INDEX["LipFunnelerLT"]] + reference.expression_basis[INDEX["LipFunnelerRT"]]
    assert np.abs(funnel[lower]).max() < 1e-6 < np.abs(funnel[upper]).max(), "touching lips must not share a shape"


def test_mirrored_shapes(reference: FaceModel) -> None:
    has = reference.mirror >= 0
    for name in EXPRESSIONS:
        mine, other = (reference.expression_basis[INDEX[n]] for n in (name, mirrored(name)))
        # The diagonals of cut quads are not symmetric, and the split between the lips follows them a little.
        np.testing.assert_allclose(mine[has], other[reference.mirror[has]] * [-1, 1, 1], atol=2e-5, err_msg=name)


@pytest.mark.parametrize(
    "matrix,offset",
    [
        (PERMUTED * 1000, (5.0, 100, 20)),
        (Z_UP / 0.0254, (0, 0, 60)),
        (np.diag([1.0, 1, -1]) * 100, (0, 170, 0)),
        (np.diag([-1.0, 1, -1]) * 10, (0, 0, 0)),
        (np.eye(3) / 0.3048, (0, 5.5, 0)),
    ],
    ids=["mm_permuted", "inches_z_up", "cm_left_handed", "dm_facing_back", "feet"],
)
def test_glb_in_any_frame(matrix: np.ndarray, offset: tuple[float, ...], reference: FaceModel, tmp_path: Path) -> None:
    write_glb(tmp_path / "head.glb", HEAD, matrix, np.array(offset))
    assert_same(imported(tmp_path / "head.glb"), reference)


def test_node_transform(reference: FaceModel, tmp_path: Path) -> None:
    inner = Z_UP * 10
    write_glb(tmp_path / "head.glb", HEAD, Z_UP, np.array([0.3, 1.0, 0]), node_matrix=inner)
    assert_same(imported(tmp_path / "head.glb"), reference)


@pytest.mark.parametrize("rename", [as_ict, str.lower], ids=["ict", "lower"])
def test_obj_quads_and_spellings(rename: Callable[[str], str], reference: FaceModel, tmp_path: Path) -> None:
    write_obj_folder(tmp_path / "head", HEAD, PERMUTED * 100, np.array([1.0, 2, 3]), rename)
    assert_same(imported(tmp_path / "head"), reference)


def source(head: Head = HEAD, matrix: np.ndarray | None = None, **shapes: np.ndarray | None) -> Source:
    """The head without a file; shapes: others in place of its own, None to leave one out."""
    m = np.eye(3) if matrix is None else matrix
    names = tuple(np.unique(head.part))
    triangles = np.concatenate([head.quads[:, [0, 1, 2]], head.quads[:, [0, 2, 3]]])
    part = np.tile([names.index(p) for p in head.part], 2)
    kept = {n: d @ m.T for n, d in (head.shapes | shapes).items() if d is not None}
    return Source(
        Path("made"), "made", "made", head.vertices @ m.T, triangles, head.uv, triangles.copy(), part, names, kept
    )


def test_other_triangulation_and_winding(reference: FaceModel) -> None:
    """Triangles cut the other way and turned inside out: the same shapes and outward triangles."""
    given = source()
    q = HEAD.quads[:, ::-1]
    given.triangles = np.concatenate([q[:, [1, 2, 3]], q[:, [1, 3, 0]]])
    face = build_face(given)
    np.testing.assert_allclose(face.mean, HEAD.vertices, atol=1e-6)
    corners = face.mean[face.triangles[face.material == 0]]
    outward = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    middle = corners.mean(axis=1) - [0, -0.01, -0.07]
    assert ((outward * middle).sum(axis=1) > 0).mean() > 0.97
    a, b = (f.expression_basis.astype(float) for f in (face, build_face(source())))
    np.testing.assert_allclose(a, b, atol=2e-4)


def test_tilted_head_is_set_upright() -> None:
    tilt = rotation_from_gaze([0.8, 0.9]) * 1000
    given = source(matrix=tilt)
    face = build_face(given)
    assert any("tilted" in note for note in given.notes)
    np.testing.assert_allclose(face.eye_centers, [EYE, (-EYE[0], 0, 0)], atol=1e-5)
    angle = np.degrees(np.arccos(np.clip(_turn_between(face.mean, HEAD.vertices)[2, 2], -1, 1)))
    assert angle < 15, "the pitch is off by more than the lean of eyes over mouth"


def _turn_between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    u, _, vt = np.linalg.svd((a - a.mean(axis=0)).T @ (b - b.mean(axis=0)))
    return np.asarray(u @ vt)


def test_mouth_close_with_the_jaw_in_it() -> None:
    together = source(mouthClose=HEAD.shapes["mouthClose"] + HEAD.shapes["jawOpen"])
    face, usual = build_face(together), build_face(source())
    np.testing.assert_allclose(
        face.expression_basis[INDEX["LipsToward"]], usual.expression_basis[INDEX["LipsToward"]], atol=1e-6
    )
    assert any("mouthClose" in note for note in together.notes)


def test_shapes_that_are_missing_are_marked_and_empty() -> None:
    face = build_face(
        source(mouthFunnel=None, jawForward=None, eyeLookUpLeft=None, mouthPucker=np.zeros(HEAD.vertices.shape))
    )
    lacking = {ALL[i] for i in np.flatnonzero(face.lacks)}
    assert lacking == {
        "JawThrust", "EyesLookUpL", "LipTightenerL", "LipTightenerR", "LipPuckerL", "LipPuckerR",
        "LipFunnelerLB", "LipFunnelerLT", "LipFunnelerRB", "LipFunnelerRT",
    }  # fmt: skip
    assert not face.expression_basis[INDEX["JawThrust"]].any()


def test_without_eyes_or_lid_shapes() -> None:
    skin = HEAD.part == "skin"
    bald = replace(HEAD, quads=HEAD.quads[skin], part=HEAD.part[skin])
    given = source(bald)
    face = build_face(given)
    assert not face.eyeball.any() and any("no eyeballs" in note for note in given.notes)
    assert np.linalg.norm(face.eye_centers - [EYE, (-EYE[0], 0, 0)], axis=1).max() < 0.008
    assert face.mean[:, 2].max() > 0.02
    shut = build_face(source(eyeBlinkLeft=None, eyeBlinkRight=None))
    assert shut.lid_pairs.shape == (2, 0, 2)


def test_the_sets_own_names(reference: FaceModel) -> None:
    """A source with refa's (OpenXR's) own 61 names keeps every shape as it is."""
    basis = np.concatenate([reference.expression_basis, reference.eye_follow_basis])
    given = source()
    of = cKDTree(np.hstack([reference.mean, 5 * basis[INDEX["JawDrop"]]])).query(
        np.hstack([HEAD.vertices, 5 * HEAD.shapes["jawOpen"]])
    )[1]
    given.shapes = {name: basis[INDEX[name]][of] for name in ALL if not reference.lacks[INDEX[name]]}
    face = build_face(given)
    np.testing.assert_allclose(face.expression_basis, reference.expression_basis[:, of], atol=1e-7)
    np.testing.assert_array_equal(face.lacks, reference.lacks)


def test_body_is_cut_off_and_lashes_left_out() -> None:
    given = source()
    body = np.array([[0.1, -0.3, 0], [0.1, -1.5, 0], [-0.1, -1.5, 0.0]])
    lash = np.array([[0.03, 0.006, 0.02], [0.035, 0.006, 0.02], [0.03, 0.008, 0.02]])
    count = len(given.vertices)
    given.vertices = np.concatenate([given.vertices, body, lash])
    given.shapes = {n: np.concatenate([d, np.zeros((6, 3))]) for n, d in given.shapes.items()}
    more = np.array([[count, count + 1, count + 2], [count + 3, count + 4, count + 5]])
    given.triangles, given.uv_triangles = (
        np.concatenate([given.triangles, more]),
        np.concatenate([given.uv_triangles, -np.ones((2, 3), int)]),
    )
    given.part_names = (*given.part_names, "Body", "Eyelashes")
    given.part = np.concatenate([given.part, [len(given.part_names) - 2, len(given.part_names) - 1]])
    face = build_face(given)
    assert len(face.mean) == len(HEAD.vertices) and face.mean[:, 1].min() > -0.2
    assert any("cut off" in n for n in given.notes) and any("Eyelashes" in n for n in given.notes)


def test_crossed_eyes_are_turned_straight() -> None:
    """An eyeball with a named iris that looks aside is turned, so that gaze 0, 0 looks straight ahead."""
    iris = HEAD.vertices[HEAD.quads].mean(axis=1)[:, 2] > 0.009
    part = HEAD.part.astype("U16")
    part[iris & np.isin(part, ["eye_left", "eye_right"])] = "iris"
    vertices = HEAD.vertices.copy()
    ball = np.unique(HEAD.quads[HEAD.part == "eye_left"])
    center = np.array(EYE)
    vertices[ball] = (vertices[ball] - center) @ rotation_from_gaze([0.2, 0.0]).T + center
    face = build_face(source(replace(HEAD, vertices=vertices, part=part)))
    np.testing.assert_allclose(face.mean, HEAD.vertices, atol=5e-4)


@pytest.mark.parametrize(
    "name,material",
    [
        ("Wolf3D_Teeth", "teeth"), ("EyeLeft", "sclera"), ("M_Face", "skin"), ("head iris_L", "iris"),
        ("Head Eyelashes", ""), ("head Tongue_mat", "tongue"), ("gums", "gum"), ("eyelid", None), ("x.001", None),
        ("Body lips", "lips"), ("Eye_occlusion", ""), ("mouth_cavity", "gum"), ("pupil", "pupil"), ("eyebrows", ""),
    ],
)  # fmt: skip
def test_material_names(name: str, material: str | None) -> None:
    assert material_of(name) == material


def test_texture_tiles_are_packed_apart() -> None:
    given = source()
    tiles = np.array([given.part_names.index("teeth") == p for p in given.part])
    shifted = np.where(tiles[:, None], given.triangles + len(given.uv), given.triangles)
    given.uv = np.concatenate([given.uv, given.uv + [3, 0]])
    given.uv_triangles = shifted
    uv, corners = pack_uv(given)
    assert uv.min() >= 0 and uv.max() <= 1 and corners.min() == 0
    boxes = [
        (uv[corners[given.part == p]].reshape(-1, 2).min(0), uv[corners[given.part == p]].reshape(-1, 2).max(0))
        for p in range(4)
    ]
    for i in range(4):
        for j in range(i):
            (low, high), (other_low, other_high) = boxes[i], boxes[j]
            assert (low >= other_high - 1e-9).any() or (high <= other_low + 1e-9).any()


# ---- bad sources ----


def refused(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        imported(path)
    return str(caught.value)


def test_files_that_are_no_face(tmp_path: Path) -> None:
    (tmp_path / "head.fbx").write_bytes(b"Kaydara")
    (tmp_path / "empty.glb").write_bytes(b"")
    (tmp_path / "text.glb").write_bytes(b"glTF but not really")
    (tmp_path / "folder").mkdir()
    assert ".glb" in refused(tmp_path / "head.fbx")
    for name in ("empty.glb", "text.glb"):
        assert name in refused(tmp_path / name)
    assert "neutral" in refused(tmp_path / "folder")
    assert "No such file" in refused(tmp_path / "absent.glb")


def test_a_mesh_without_shapes(tmp_path: Path) -> None:
    write_glb(tmp_path / "still.glb", replace(HEAD, shapes={}), np.eye(3), np.zeros(3))
    assert "no shapes at all" in refused(tmp_path / "still.glb")
    write_glb(tmp_path / "other.glb", HEAD, np.eye(3), np.zeros(3), rename=lambda n: "key" + str(len(n)) + n[::-1])
    assert "ARKit" in refused(tmp_path / "other.glb")


@pytest.mark.parametrize(
    "change,complaint",
    [
        (lambda t: t.replace("v ", "v x", 1), "v"),
        (lambda t: t.replace("v ", "v nan ", 1), "number"),
        (lambda t: t + "f 1 2 99999999\n", "99999999"),
        (lambda t: t + "f 1 2\n", "3 or more"),
        (lambda t: t + "f 1 two 3\n", "line"),
        (lambda t: "".join(line + "\n" for line in t.splitlines() if not line.startswith("f ")), "faces"),
        (lambda t: t.split("\n", 1)[1], "vertices"),
    ],
)
def test_broken_obj(change: Callable[[str], str], complaint: str, tmp_path: Path) -> None:
    few = {name: HEAD.shapes[name] for name in list(HEAD.shapes)[:6]}
    write_obj_folder(tmp_path / "head", replace(HEAD, shapes=few), np.eye(3), np.zeros(3))
    file = tmp_path / "head" / "Neutral.obj"
    file.write_text(change(file.read_text()))
    assert complaint in refused(tmp_path / "head")


def test_shape_of_another_mesh(tmp_path: Path) -> None:
    few = {name: HEAD.shapes[name] for name in list(HEAD.shapes)[:6]}
    write_obj_folder(tmp_path / "head", replace(HEAD, shapes=few), np.eye(3), np.zeros(3))
    file = tmp_path / "head" / f"{list(few)[0]}.obj"
    file.write_text(file.read_text().replace("v ", "v 0 0 0\nv ", 1))
    assert file.name in refused(tmp_path / "head")
    (tmp_path / "head" / "rest.obj").write_text((tmp_path / "head" / "Neutral.obj").read_text())
    assert "one OBJ file" in refused(tmp_path / "head")


def test_damaged_glb_is_refused_or_read(tmp_path: Path) -> None:
    """Whatever is wrong with the bytes: a sentence, or a face; no other error, no memory taken on a file's word."""
    path = tmp_path / "head.glb"
    few = {n: HEAD.shapes[n] for n in ("eyeBlinkLeft", "eyeBlinkRight", "jawOpen", "mouthSmileLeft", "mouthSmileRight")}
    write_glb(path, replace(HEAD, shapes=few), np.eye(3), np.zeros(3))
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    head = int.from_bytes(whole[12:16], "little") + 20
    for trial in range(150):
        data = bytearray(whole)
        if trial % 3 == 0:
            del data[int(rng.integers(len(data))) :]
        else:  # mostly in the JSON, whose numbers are sizes and offsets
            for at in rng.integers(0, head if trial % 3 == 1 else 200, 3):
                data[at] = ord(rng.choice(list('0123456789-,}]"ae'))) if trial % 2 else int(rng.integers(256))
        path.write_bytes(data)
        try:
            read_source(path)
        except DataError as refusal:
            assert str(path) in str(refusal)


def edited(path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The GLB with its JSON changed."""
    data = path.read_bytes()
    length = int.from_bytes(data[12:16], "little")
    document = json.loads(data[20 : 20 + length])
    change(document)
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    body = data[20 + length :]
    total = 20 + len(text) + len(body)
    path.write_bytes(
        data[:8] + total.to_bytes(4, "little") + len(text).to_bytes(4, "little") + data[16:20] + text + body
    )
    return path


@pytest.mark.parametrize(
    "change,complaint",
    [
        (lambda d: d["accessors"][0].update(count=2_000_000_000), "count"),
        (lambda d: d["accessors"][0].update(count=5_000_000), "bytes"),
        (lambda d: d["bufferViews"][0].update(byteOffset=10**12), "bytes"),
        (lambda d: d["bufferViews"][0].update(byteStride=1), "stride"),
        (lambda d: d["accessors"][0].update(bufferView=999), "buffer view"),
        (lambda d: d["nodes"][1].update(children=[0]), "cycle"),
        (lambda d: d["nodes"][1].update(mesh=7), "mesh"),
        (lambda d: d["buffers"][0].update(uri="../../etc/passwd"), "a file in"),
        (lambda d: d["meshes"][0]["primitives"][0].update(extensions={"KHR_draco_mesh_compression": {}}), "Draco"),
        (lambda d: d["meshes"][0]["primitives"][0].update(mode=1), None),
    ],
)
def test_dishonest_glb(change: Callable[[dict[str, Any]], None], complaint: str | None, tmp_path: Path) -> None:
    few = {n: HEAD.shapes[n] for n in ("eyeBlinkLeft", "eyeBlinkRight", "jawOpen", "mouthSmileLeft", "mouthSmileRight")}
    write_glb(tmp_path / "head.glb", replace(HEAD, shapes=few), np.eye(3), np.zeros(3))
    path = edited(tmp_path / "head.glb", change)
    if complaint is None:  # a primitive of lines is passed over
        assert len(read_source(path).vertices) < len(HEAD.vertices)
    else:
        with pytest.raises(DataError, match=complaint):
            read_source(path)


# ---- the command ----


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_glb(tmp_path / "head.glb", HEAD, np.eye(3) * 100, np.zeros(3))
    call = ["face", "import", str(tmp_path / "head.glb"), "-o", str(tmp_path / "face.npz")]
    assert app.main([*call, "--dry-run"]) == 0 and not (tmp_path / "face.npz").exists()
    capsys.readouterr()
    assert app.main([*call, "--json"]) == 0
    out, err = capsys.readouterr()
    table = {row["item"]: row["value"] for row in json.loads(out)}
    assert table["eye distance, mm"] == 63.0 and "LipTightenerL" in table["lacking shapes"]
    assert "centimetres" in err and "no keypoints" in err
    face = FaceModel.read(tmp_path / "face.npz")
    assert face.recipe["command"] == "face import" and "head.glb" in face.origin
    first = (tmp_path / "face.npz").read_bytes()
    assert app.main(call) == 2
    assert app.main([*call, "--overwrite"]) == 0
    assert (tmp_path / "face.npz").read_bytes() == first


def test_command_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "head.glb").write_bytes(b"glTF")
    assert app.main(["face", "import", str(tmp_path / "head.glb"), "-o", str(tmp_path / "face.npz")]) == 1
    assert len(capsys.readouterr().err.strip().splitlines()) == 1 and not (tmp_path / "face.npz").exists()
    assert app.main(["face", "import", str(tmp_path / "nothing"), "-o", str(tmp_path / "face.npz")]) == 2


# ---- the real thing ----


@pytest.mark.skipif(not ICT.is_file(), reason="ICT-FaceKit is not here: set REFA_TEST_DATA")
def test_real_ict_facekit(tmp_path: Path) -> None:
    """All of its expressions and four identity modes."""
    wanted = {f"identity{i:03}.obj" for i in range(4)}
    with tarfile.open(ICT) as archive:
        members = [m for m in archive if not Path(m.name).name.startswith("identity") or Path(m.name).name in wanted]
        archive.extractall(tmp_path, members, filter="data")
    given = read_source(tmp_path / "FaceXModel")
    face = build_face(given)
    distance = float(np.linalg.norm(face.eye_centers[0] - face.eye_centers[1]))
    assert 0.055 < distance < 0.072
    assert [ALL[i] for i in np.flatnonzero(face.lacks)] == ["LipTightenerL", "LipTightenerR"]
    assert len(face.identity_basis) == 4 and len(face.keypoint_triangles) == 100 and not given.warnings
    assert {MATERIALS[i] for i in np.unique(face.material)} == set(MATERIALS)
    assert (face.mirror < 0).sum() < 10
    assert face.lid_pairs.shape[1] >= 10 and len(face.lip_pairs) >= 15
    middle = face.eye_centers_basis.mean(axis=1)
    np.testing.assert_allclose(middle, 0, atol=1e-6)
    basis = face.expression_basis
    lower = face.lip_pairs[:, 1]
    jaw, toward = basis[INDEX["JawDrop"]][lower, 1], basis[INDEX["LipsToward"]][lower, 1]
    assert (jaw < -0.015).all() and (toward > 0.5 * -jaw).all(), (
        "LipsToward brings the lower lip of an open jaw back up"
    )
    region = dict(zip(REGIONS, face.regions, strict=True))
    skin = face.eyeball == 0
    skin[face.triangles[face.material > 1]] = False
    for name, place in {"EyesClosedL": "eye_left", "BrowLowererR": "face", "LipPuckerL": "face"}.items():
        energy = (basis[INDEX[name]] ** 2).sum(axis=1) * skin
        assert energy[region[place]].sum() > 0.7 * energy.sum(), name
    keypoints = np.einsum("kc,kcd->kd", face.keypoint_barycentric, face.mean[face.triangles[face.keypoint_triangles]])
    assert np.abs(keypoints[:, 0]).max() < 0.09 and keypoints[:, 2].min() > -0.08
