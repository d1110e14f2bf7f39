"""`refa simulate --scans`: what it writes, that the bytes depend on nothing but the recipe, what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refa_cli import app
from refa_cli.commands.simulate import jobs
from refa_cli.commands.simulate.work import Work
from refa_cli.face.default import default_face
from refa_cli.face.mesh import vertex_normals
from refa_cli.face.shapes import ALL, INDEX
from refa_cli.formats.face import MATERIALS, FaceModel
from refa_cli.formats.scan_truth import ScanTruth
from refa_cli.formats.scans import Scans
from refa_cli.formats.scans_writer import ScansWriter
from refa_cli.outputs import DIRECTORY_LOG

OPTIONS = ["simulate", "--scans", "--expressions", "jaw_open,neutral,eyes_closed", "--frames", "2", "--size", "160x120"]
PEOPLE = ["--people", "2"]
Captured = pytest.CaptureFixture[str]


def tree(folder: Path) -> dict[str, bytes]:
    """Every file but the log."""
    files = (file for file in folder.rglob("*") if file.is_file() and file.name != DIRECTORY_LOG)
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulate") / "out"
    sheet = folder.parent / "sheet.png"
    assert app.main([*OPTIONS, *PEOPLE, "-o", str(folder), "--sheet", str(sheet), "--quiet"]) == 0
    assert sheet.stat().st_size > 10_000
    return folder


def test_is_what_fit_rig_reads(made: Path) -> None:
    assert {path.name for path in made.iterdir()} == {"scans", "truth", DIRECTORY_LOG}
    for subject in ("S0001", "S0002"):
        scans = Scans.read(made / "scans" / subject, strict=True)
        assert scans.subject == subject
        assert list(scans.expressions) == ["neutral", "eyes_closed", "jaw_open"]
        assert not scans.activations
        for takes in scans.expressions.values():
            assert len(takes[0].frames) == 2
            assert takes[0].frames[0].read_color().shape == (120, 160, 3)
            assert 0.2 < np.nanmedian(takes[0].frames[0].read_depth()) < 1.6


def test_people_differ(made: Path) -> None:
    one, two = (ScanTruth.read(made / "truth" / f"{subject}.npz") for subject in ("S0001", "S0002"))
    assert np.linalg.norm(one.zero - two.zero, axis=1).mean() > 0.001
    assert one.depth_scale != two.depth_scale
    assert one.face_digest == two.face_digest == default_face().digest


def test_workers_make_the_same_bytes(made: Path, tmp_path: Path) -> None:
    assert app.main([*OPTIONS, *PEOPLE, "-o", str(tmp_path / "out"), "--workers", "2", "--quiet"]) == 0
    assert tree(tmp_path / "out") == tree(made)


def test_goes_on_after_a_kill(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame, written = ScansWriter.frame, []

    def dies(self: ScansWriter, *arguments: Any, **options: Any) -> None:
        if len(written) == 5:  # in the middle of the third expression
            raise KeyboardInterrupt
        written.append(arguments[0])
        frame(self, *arguments, **options)

    monkeypatch.setattr(ScansWriter, "frame", dies)
    arguments = [*OPTIONS, *PEOPLE, "-o", str(tmp_path / "out"), "--quiet"]
    assert app.main(arguments) == 130
    assert not (tmp_path / "out").exists()
    written.clear()
    monkeypatch.setattr(ScansWriter, "frame", lambda *a, **o: (written.append(a[1]), frame(*a, **o))[1])
    assert app.main(arguments) == 0
    assert len(written) == 2 * 3 * 2 - 4
    assert tree(tmp_path / "out") == tree(made)


def test_the_seed_makes_others(made: Path, tmp_path: Path) -> None:
    assert app.main([*OPTIONS, "--seed", "1", "-o", str(tmp_path / "out"), "--quiet"]) == 0
    ours, theirs = tree(tmp_path / "out"), tree(made)
    same = [name for name in ours if ours[name] == theirs[name]]
    assert same == ["scans/S0001/scans.json"]


def test_truth_agrees_with_the_frames(made: Path) -> None:
    """Visible vertices of the truth, seen through the true camera, lie where depth was read."""
    face = default_face()
    truth = ScanTruth.read(made / "truth" / "S0001.npz")
    scans = Scans.read(made / "scans" / "S0001")
    inside = face.regions[0] & (face.eyeball == 0)
    fx, fy, cx, cy = truth.intrinsics
    for e, expression in enumerate(truth.expression_ids):
        for i, frame in enumerate(scans.expressions[expression][0].frames):
            depth = frame.read_depth()
            pose = truth.camera_from_head[e, i]
            points = truth.vertices[e] @ pose[:3, :3].T + pose[:3, 3]
            normals = vertex_normals(points, face.triangles)
            facing = -(normals * points).sum(1) / np.linalg.norm(points, axis=1)
            column, row = fx * points[:, 0] / points[:, 2] + cx, fy * points[:, 1] / points[:, 2] + cy
            seen = inside & (facing > 0.7) & (column >= 0) & (column < 160) & (row >= 0) & (row < 120)
            difference = depth[row[seen].astype(int), column[seen].astype(int)] - points[seen, 2]
            read = np.isfinite(difference)
            assert read.mean() > 0.7
            # A pixel is 2 mm wide at this size, so that slopes count; noise and bias are about 0.5 mm.
            assert np.median(np.abs(difference[read])) < 0.0012, (expression, i)
        # What some frame saw: most of the face, nothing of the back of the head.
        x, y, z = truth.vertices[e].T
        outer = inside & np.isin(np.arange(len(x)), face.triangles[face.material == MATERIALS.index("skin")])
        front = outer & (vertex_normals(truth.vertices[e], face.triangles)[:, 2] > 0.5)
        assert truth.seen[e][front].mean() > 0.8
        assert not truth.seen[e][(z < -0.1) & (y > 0) & (np.abs(x) < 0.05)].any()


def test_neutral_is_the_rest(made: Path) -> None:
    truth = ScanTruth.read(made / "truth" / "S0001.npz")
    assert truth.expression_ids[0] == "neutral"
    rest = truth.weights[0] @ truth.shapes.reshape(53, -1)
    skin = default_face().eyeball == 0
    assert np.allclose(truth.neutral, truth.zero + rest.reshape(-1, 3), atol=1e-5)
    assert np.abs(truth.vertices[0] - truth.neutral)[skin].max() < 0.0005  # lids follow the eyes a little
    assert 0.0005 < np.linalg.norm(truth.neutral - truth.zero, axis=1).max() < 0.02


def test_shapes_that_a_model_lacks_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    face = default_face()
    gone = [INDEX["LipTightenerL"], INDEX["LipTightenerR"]]
    basis, lacks = face.expression_basis.copy(), face.lacks.copy()
    basis[gone], lacks[gone] = 0, True
    path = tmp_path / "face.npz"
    replace(face, expression_basis=basis, lacks=lacks).write(path)
    arguments = ["simulate", "--scans", "--face", str(path), "--expressions", "lips_pressed,lips_tightened"]
    arguments += ["--frames", "1", "--size", "64x64", "-o", str(tmp_path / "out")]
    assert app.main([*arguments, "--quiet"]) == 0
    scans = Scans.read(tmp_path / "out" / "scans" / "S0001")
    assert {name: dict(weights) for name, weights in scans.activations.items()} == {
        "lips_tightened": {},
        "lips_pressed": {"LipPressorL": 1.0, "LipPressorR": 1.0},
    }
    truth = ScanTruth.read(tmp_path / "out" / "truth" / "S0001.npz")
    assert not truth.weights[:, gone].any()
    assert not truth.shapes[gone].any()


def test_a_model_without_keypoints_and_regions_will_do(tmp_path: Path) -> None:
    face = default_face()
    bare: FaceModel = replace(
        face,
        keypoint_triangles=face.keypoint_triangles[:0],
        keypoint_barycentric=face.keypoint_barycentric[:0],
        lid_pairs=face.lid_pairs[:, :0],
        lip_pairs=face.lip_pairs[:0],
        regions=np.zeros_like(face.regions),
        identity_basis=face.identity_basis[:0],
        eye_centers_basis=face.eye_centers_basis[:0],
    )
    bare.write(tmp_path / "face.npz")
    arguments = ["simulate", "--scans", "--face", str(tmp_path / "face.npz"), "--expressions", "neutral,grin"]
    arguments += ["--frames", "1", "--size", "64x64", "-o", str(tmp_path / "out"), "--quiet"]
    assert app.main(arguments) == 0
    assert ScanTruth.read(tmp_path / "out" / "truth" / "S0001.npz").keypoints.shape == (2, 0, 3)


def test_dry_run_tells_and_writes_nothing(tmp_path: Path, capsys: Captured) -> None:
    assert app.main([*OPTIONS, *PEOPLE, "-o", str(tmp_path / "out"), "--dry-run", "--json"]) == 0
    table = json.loads(capsys.readouterr().out)
    assert [(row["subject"], row["frames"]) for row in table] == [("S0001", 6), ("S0002", 6)]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--scans", "--expressions", "jaw_opne"], "did you mean jaw_open"),
        (["--scans", "--expressions", "neutral,zzz"], "'zzz' is not an expression"),
        (["--scans", "--expressions", ","], "names no expression"),
        (["--scans", "--size", "640"], "--size must be WIDTHxHEIGHT"),
        (["--scans", "--size", "640x9999"], "--size must be WIDTHxHEIGHT"),
        ([], "--scans"),
    ],
)
def test_refused(arguments: list[str], sentence: str, tmp_path: Path, capsys: Captured) -> None:
    assert app.main(["simulate", *arguments, "-o", str(tmp_path / "out")]) == 2
    assert sentence in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_does_not_replace(made: Path, capsys: Captured) -> None:
    before = tree(made)
    assert app.main([*OPTIONS, *PEOPLE, "-o", str(made)]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert tree(made) == before


def test_jobs_are_named() -> None:
    plan = jobs.plan_of(None, seed=0, expressions=("neutral",), frames=1, width=64, height=64, noise=1.0)
    two, three = (Work(plan, None, people).recipe() for people in (2, 3))
    assert two.as_dict()["inputs"] == {"face": default_face().digest}
    assert two.digest() != three.digest()
    assert len(ALL) == 61
