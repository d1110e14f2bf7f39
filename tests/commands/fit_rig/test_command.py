"""`refa fit-rig`: what it writes and prints, and how it is called."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from refa_cli import app
from refa_cli.commands.fit_rig import jobs
from refa_cli.face.default import default_face
from refa_cli.face.shapes import EXPRESSIONS
from refa_cli.formats.pictures import write_picture
from refa_cli.formats.rig import Rig
from refa_cli.workers import THREAD_VARIABLES
from tests.commands.fit_rig import scans_made
from tests.commands.fit_rig.refusals import refused
from tests.commands.fit_rig.scans_made import BLACK, NEUTRAL, SHOWN, YAWS, edit

Captured = pytest.CaptureFixture[str]
COLUMNS = ["subject", "expression", "frames", "agreement_mm", "coverage", "mean_mm", "median_mm", "p95_mm"]


@pytest.fixture(scope="session")
def fitted(made: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """One successful run with all it can write: its folder, what it printed on stdout and on stderr."""
    folder = tmp_path_factory.mktemp("fitted")
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = app.main(["fit-rig", str(made), "-o", str(folder / "rig.npz"), "--sheet", str(folder / "rig.png"),
                         "--keep-steps", str(folder / "steps"), "--json"])  # fmt: skip
    assert code == 0, err.getvalue()
    return folder, out.getvalue(), err.getvalue()


def test_rig_is_whole(fitted: tuple[Path, str, str]) -> None:
    rig = Rig.read(fitted[0] / "rig.npz")
    assert rig.subject == "S0001"
    assert rig.face_digest == default_face().digest
    assert rig.expression_ids == tuple(SHOWN)
    assert rig.weights[1, EXPRESSIONS.index("JawDrop")] > 0.7
    assert rig.weights[2, EXPRESSIONS.index("LipCornerPullerL")] > 0.7
    assert rig.residual_mm[:, 1].max() < 0.4
    assert rig.recipe["command"] == "fit-rig"
    assert set(rig.recipe["inputs"]) == {"scans", "face"}
    assert rig.texture.size > 0
    assert not list(fitted[0].glob("*.partial*"))


def test_json_is_one_document(fitted: tuple[Path, str, str]) -> None:
    rows = json.loads(fitted[1])
    assert [row["expression"] for row in rows] == list(SHOWN)
    assert list(rows[0]) == COLUMNS
    assert all(row["frames"] == len(YAWS) and row["coverage"] > 0.5 and row["p95_mm"] < 1.5 for row in rows)
    assert fitted[2] == ""


def test_sheet_is_a_picture(fitted: tuple[Path, str, str]) -> None:
    with Image.open(fitted[0] / "rig.png") as picture:
        assert picture.format == "PNG"
        assert min(picture.size) > 200


def test_steps_are_kept(fitted: tuple[Path, str, str]) -> None:
    steps = fitted[0] / "steps"
    found = {folder.name: {file.name for file in folder.iterdir()} for folder in steps.iterdir()}
    measured, fit = {f"{name}.ply" for name in SHOWN}, {"jaw_open.ply", "smile_left.ply"}
    assert found == {
        "1_points": measured, "2_surfaces": measured, "3_person": {"scanned.ply", "neutral.ply"}, "4_fitted": fit,
        "5_refined": fit, "6_shapes": {f"{name}.ply" for name in EXPRESSIONS} | {"shapes.tsv"},
        "skin": {f"{name}.png" for name in SHOWN},
    }  # fmt: skip


def test_existing_rig_is_kept(fitted: tuple[Path, str, str], made: Path, capsys: Captured) -> None:
    rig = fitted[0] / "rig.npz"
    before = rig.read_bytes()
    assert app.main(["fit-rig", str(made), "-o", str(rig)]) == 2
    assert capsys.readouterr().err == (
        f"refa: {rig} already exists; choose another name or replace it with --overwrite.\n"
    )
    assert rig.read_bytes() == before


def test_dry_run_writes_nothing(made: Path, tmp_path: Path, capsys: Captured) -> None:
    arguments = ["fit-rig", str(made), "-o", str(tmp_path / "rig.npz"), "--sheet", str(tmp_path / "rig.png")]
    assert app.main([*arguments, "--keep-steps", str(tmp_path / "steps"), "--dry-run"]) == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "would fit S0001 from 3 expressions, 9 frames" in printed.err
    assert not list(tmp_path.iterdir())


def test_dry_run_checks(scans: Path, capsys: Captured) -> None:
    edit(scans, lambda value: value.update(expressions={"jaw_open": "jaw_open"}))
    assert "a scan of 'neutral'" in refused(capsys, scans, "--dry-run")


@pytest.fixture(scope="session")
def several(made: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, list[str], list[str]]:
    """S0001 whole, S0002 without depth, S0003 with unusable frames and expressions, two at a time: their folder (rigs/
    in it), exit code, lines on stdout and on stderr."""
    folder = tmp_path_factory.mktemp("several")
    for name in ("S0001", "S0002", "S0003"):
        shutil.copytree(made, folder / name)
        edit(folder / name, lambda value, name=name: value.update(subject=name, expressions=NEUTRAL))  # type: ignore[misc]
    for depth in (folder / "S0002" / "neutral" / "depth").iterdir():
        write_picture(depth, np.zeros((scans_made.HIGH, scans_made.WIDE), np.uint16))
    partly = folder / "S0003"
    more = {"jaw_open": "jaw_open", "grin": "grin.ply", "smile_left": "nowhere"}
    edit(partly, lambda value: value.update(expressions=NEUTRAL | more))
    (partly / "grin.ply").write_bytes(b"ply\nnot one")
    for file in ("neutral/color/f0.jpg", *(f"jaw_open/color/f{index}.jpg" for index in range(len(YAWS)))):
        write_picture(partly / file, BLACK)
    folders = [str(folder / name) for name in ("S0001", "S0002", "S0003")]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = app.main(["fit-rig", *folders, "-o", str(folder / "rigs"), "--workers", "2", "--quiet"])
    return folder, code, out.getvalue().splitlines(), err.getvalue().splitlines()


def test_one_that_fails_does_not_keep_the_others(several: tuple[Path, int, list[str], list[str]]) -> None:
    folder, code, out, err = several
    assert code == 1
    assert err[-1].startswith(f"refa: {folder / 'S0002'}: {folder / 'S0002' / 'neutral' / 'depth' / 'f0.png'}")
    assert "some readings" in err[-1]
    assert sum(line.startswith("refa: ") for line in err) == 1
    header, *rows = (line.split("\t") for line in out)
    assert header == COLUMNS
    assert [row[:3] for row in rows] == [["S0001", "neutral", "3"], ["S0003", "neutral", "2"]]
    placed = {path.name for path in (folder / "rigs").iterdir() if not path.name.endswith(".log")}
    assert placed == {"S0001.npz", "S0003.npz"}


def test_unusable_is_left_out_and_listed(several: tuple[Path, int, list[str], list[str]]) -> None:
    warnings = several[3][:-1]
    assert all(line.startswith("warning: left out: ") for line in warnings)
    partly = several[0] / "S0003"
    for name in ("neutral/color/f0.jpg", "jaw_open/color/f0.jpg", "jaw_open/color/f2.jpg", "grin.ply", "nowhere"):
        assert sum(str(partly / name) in line for line in warnings) == 1, name
    assert len(warnings) == 6
    assert any("nothing else of jaw_open is usable" in line for line in warnings)


def test_who_does_the_work_does_not_change_the_bytes(
    several: tuple[Path, int, list[str], list[str]], tmp_path: Path
) -> None:
    one = Rig.read(several[0] / "rigs" / "S0001.npz")
    assert len(one.weights) == 1 and not one.evidence.any()
    again = tmp_path / "again.npz"
    free = {name: value for name, value in os.environ.items() if name not in THREAD_VARIABLES}
    command = [sys.executable, "-m", "refa_cli", "fit-rig", str(several[0] / "S0001"), "-o", str(again)]
    subprocess.run(command, check=True, capture_output=True, env=free)
    assert Rig.read(again).digest == one.digest
    assert again.read_bytes() == (several[0] / "rigs" / "S0001.npz").read_bytes()


def test_meshes_in_unknown_units(fused: Path, tmp_path: Path, capsys: Captured) -> None:
    """--scale auto sets the eyes 63 mm apart, whatever the unit; a mesh turned inside out is turned back."""
    import trimesh

    edit(fused, lambda value: value.update(mesh_unit=1.0, expressions={"neutral": "neutral.ply"}))
    mesh: Any = trimesh.load(fused / "neutral.ply", process=False)
    mesh.invert()
    mesh.export(fused / "neutral.ply")
    assert app.main(["fit-rig", str(fused), "-o", str(tmp_path / "rig.npz"), "--scale", "auto"]) == 0
    rig = Rig.read(tmp_path / "rig.npz")
    assert np.linalg.norm(rig.eye_centers[0] - rig.eye_centers[1]) == pytest.approx(0.063, abs=0.001)
    assert np.cbrt(np.linalg.det(rig.scan_from_head[0, :3, :3])) == pytest.approx(1000, rel=0.15)
    assert rig.residual_mm[0, 1] < 0.3


def test_missing_path(tmp_path: Path, capsys: Captured) -> None:
    assert "nowhere" in refused(capsys, tmp_path / "nowhere", code=2)
    assert "nowhere" in refused(capsys, tmp_path, "--face", tmp_path / "nowhere.npz", code=2)


def test_outputs_that_cannot_be(scans: Path, tmp_path: Path, capsys: Captured) -> None:
    file = tmp_path / "file"
    file.touch()
    assert "--keep-steps" in refused(capsys, scans, "--keep-steps", file, code=2)
    assert "directory" in refused(capsys, scans, "--sheet", tmp_path, code=2)
    shutil.copytree(scans, tmp_path / "other")
    capsys.readouterr()
    for arguments in (["-o", str(file)], ["-o", str(tmp_path / "rigs")]):
        assert app.main(["fit-rig", str(scans), str(tmp_path / "other"), *arguments]) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"refa: --output: {file} is a file; give the name of a folder.",
        f"refa: {tmp_path / 'other'}: subject S0001 is also that of {scans}; give one of them another name.",
    ]
    assert not (tmp_path / "rigs").exists()


def test_not_a_face_model(scans: Path, tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "face.npz").write_bytes(b"no archive")
    assert "face.npz" in refused(capsys, scans, "--face", tmp_path / "face.npz")


def test_interrupted(scans: Path, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(jobs, "fit_subject", dies)
    assert refused(capsys, scans, code=130) == "refa: interrupted."


def test_interrupted_at_the_end(scans: Path, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the rig is being written: half a file is thrown away."""

    class Half:
        def write(self, path: Path) -> None:
            path.write_bytes(b"half")
            raise KeyboardInterrupt

    class Fitted:
        rig = Half()

    monkeypatch.setattr(jobs, "fit_subject", lambda *_, **__: Fitted())
    assert refused(capsys, scans, code=130) == "refa: interrupted."
