"""`refa import` of meshes, and how files are told to be expressions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import trimesh

from refa_cli import app
from refa_cli.commands.import_ import naming
from refa_cli.face.prompts import PROMPTS
from refa_cli.formats.errors import DataError
from refa_cli.formats.scans import Scans
from tests.commands.import_made import recording
from tests.tree import ROOT

Captured = pytest.CaptureFixture[str]


def run(*arguments: object, code: int = 0) -> None:
    assert app.main(["import", *map(str, arguments)]) == code


def mesh(path: Path, size: float = 0.2) -> Path:
    """A box of a head's size."""
    trimesh.creation.box((size, size, size)).export(path)
    return path


def refusal(capsys: Captured, tmp_path: Path, *arguments: object) -> str:
    """The one sentence with which an import is refused; nothing is written."""
    run(*arguments, "-o", tmp_path / "refused", code=1)
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("refa: ") and not (tmp_path / "refused").exists()
    return said


def test_meshes_are_copied_as_they_are(tmp_path: Path, capsys: Captured) -> None:
    folder = tmp_path / "meshes"
    folder.mkdir()
    for name in ("neutral.ply", "Jaw-Open.obj", "grin.glb", "grin_2.ply"):
        mesh(folder / name, 200)
    (folder / ".hidden").write_text("passed over")
    run(folder, "-o", tmp_path / "scans", "--mesh-unit", 0.001, "--subject", "Ann", "--json")
    report = json.loads(capsys.readouterr().out)
    assert [row["take"] for row in report["takes"]] == ["neutral.ply", "jaw_open.obj", "grin.glb", "grin_2.ply"]
    assert report["takes"][0]["triangles"] == 12 and report["takes"][0]["size, m"] == pytest.approx(0.3464)
    scans = Scans.read(tmp_path / "scans", strict=True)
    assert (scans.subject, scans.mesh_unit, scans.camera) == ("Ann", 0.001, None)
    assert [take.kind for takes in scans.expressions.values() for take in takes] == ["ply", "obj", "glb", "ply"]
    assert (tmp_path / "scans" / "jaw_open.obj").read_bytes() == (folder / "Jaw-Open.obj").read_bytes()
    run(folder, "-o", tmp_path / "again", "--mesh-unit", 0.001, "--subject", "Ann", "--quiet")
    for file in (tmp_path / "scans").iterdir():
        assert file.name == "refa.log" or file.read_bytes() == (tmp_path / "again" / file.name).read_bytes()


def test_materials_and_textures_come_along(tmp_path: Path, capsys: Captured) -> None:
    source = mesh(tmp_path / "neutral.obj")
    source.write_text("mtllib head.mtl\nmtllib ../secret.mtl\n" + source.read_text())
    (tmp_path / "head.mtl").write_text("newmtl skin\nmap_Kd skin.png\nmap_Kd gone.png\n")
    (tmp_path / "skin.png").write_bytes(b"picture")
    run(source, "-o", tmp_path / "in" / "scans")
    names = {file.name for file in (tmp_path / "in" / "scans").iterdir()}
    assert {"neutral.obj", "head.mtl", "skin.png", "scans.json"} <= names
    said = capsys.readouterr().err
    assert "names '../secret.mtl'" in said and "names 'gone.png'" in said


def test_two_materials_of_one_name_are_refused(tmp_path: Path, capsys: Captured) -> None:
    sources = []
    for name in ("neutral", "grin"):
        (tmp_path / name).mkdir()
        source = mesh(tmp_path / name / f"{name}.obj")
        source.write_text("mtllib head.mtl\n" + source.read_text())
        (tmp_path / name / "head.mtl").write_text(f"newmtl {name}\n")
        sources.append(source)
    assert "head.mtl: expected a name of its own" in refusal(capsys, tmp_path, *sources)


def test_a_size_that_is_no_face_is_pointed_out(tmp_path: Path, capsys: Captured) -> None:
    run(mesh(tmp_path / "neutral.ply", 200), "-o", tmp_path / "scans")
    assert "0.001 is for millimetres" in capsys.readouterr().err


def test_what_is_wrong_with_a_mesh_is_named(tmp_path: Path, capsys: Captured) -> None:
    path = mesh(tmp_path / "neutral.obj")
    whole = path.read_text()
    path.write_text(whole.replace("v ", "v nan ", 2))
    assert "vertices: expected finite numbers, got 2 that are NaN" in refusal(capsys, tmp_path, path)
    path.write_text("\n".join(line for line in whole.splitlines() if line.startswith("v ")))
    assert "a mesh with faces" in refusal(capsys, tmp_path, path)
    path.write_bytes(b"\x00\xff" * 50)
    refusal(capsys, tmp_path, path)


@pytest.mark.parametrize("suffix", [".ply", ".glb"])
def test_damaged_meshes_are_refused_or_whole(tmp_path: Path, capsys: Captured, suffix: str) -> None:
    path = mesh(tmp_path / f"neutral{suffix}")
    data = path.read_bytes()
    generator = np.random.default_rng(5)
    for cut in generator.integers(0, len(data) - 1, 25):
        path.write_bytes(data[:cut])
        run(path, "-o", tmp_path / "scans", code=1)
        assert capsys.readouterr().err.splitlines()[-1].startswith("refa: ")
    for place in generator.integers(0, len(data), 40):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :])
        assert app.main(["import", str(path), "-o", str(tmp_path / "scans"), "--overwrite"]) in (0, 1)
        assert "refa: unexpected" not in capsys.readouterr().err


@pytest.mark.parametrize("form", ["csv", "toml"])
def test_a_list_tells_what_files_show(tmp_path: Path, form: str) -> None:
    mesh(tmp_path / "IMG 1.ply")
    mesh(tmp_path / "IMG_2.ply")
    mesh(tmp_path / "grin.ply")
    listed = tmp_path / f"list.{form}"
    if form == "csv":
        listed.write_text("file, expression, note\nIMG 1.ply, neutral, first\nIMG_2.ply,grin,\n")
    else:
        listed.write_text('"IMG 1.ply" = "neutral"\n"IMG_2.ply" = "grin"\n')
    run(tmp_path, "-o", tmp_path / "out" / "scans", "--map", listed)
    scans = Scans.read(tmp_path / "out" / "scans", strict=True)
    assert {name: len(takes) for name, takes in scans.expressions.items()} == {"neutral": 1, "grin": 2}


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("a.toml", '"neutral.ply" = "grinn"', "did you mean grin?"),
        ("a.toml", '"neutral.ply" = 3', "expected the id of an expression, got 3"),
        ("a.toml", '"nuetral.ply" = "grin"', "did you mean neutral.ply"),
        ("a.toml", "not = toml = at all", "expected a list as CSV or TOML"),
        ("a.toml", "", "expected files with their expressions, got none"),
        ("a.csv", "name,what\na,b\n", "expected the columns file and expression, got name, what"),
        ("a.csv", "file,expression\nneutral.ply,grin\nneutral.ply,grin\n", "expected each file once"),
        ("a.csv", "file,expression\nneutral.ply\n", "expected the id of an expression, such as neutral, got ''"),
    ],
)
def test_wrong_lists_are_refused(tmp_path: Path, capsys: Captured, name: str, text: str, sentence: str) -> None:
    (tmp_path / name).write_text(text)
    assert sentence in refusal(capsys, tmp_path, mesh(tmp_path / "neutral.ply"), "--map", tmp_path / name)


def test_names_tell_expressions() -> None:
    for name in ("jaw_open", "Jaw Open", "JAW-OPEN", "jaw_open_2", "jaw open (3)", "jaw_open2"):
        assert naming.of_name(Path(f"x/{name}.r3d")) == "jaw_open"
    with pytest.raises(DataError, match="did you mean jaw_open"):
        naming.of_name(Path("jaw_opn 2.r3d"))
    with pytest.raises(DataError, match="--map"):
        naming.of_name(Path("2024-05-01--10-11-12.r3d"))


def test_wrong_calls_and_sources(tmp_path: Path, capsys: Captured) -> None:
    path = mesh(tmp_path / "neutral.ply")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    assert "got a .txt file" in refusal(capsys, tmp_path, tmp_path)
    assert "got none" in refusal(capsys, tmp_path, tmp_path / "empty")
    assert "expected each file once" in refusal(capsys, tmp_path, path, path)
    run(path, "-o", tmp_path / "s", "--subject", "../x", code=2)
    run(path, "-o", tmp_path / "s", "--mesh-unit", 0, code=2)
    run(tmp_path / "absent.ply", "-o", tmp_path / "s", code=2)
    run(path, "-o", tmp_path / "s")
    run(path, "-o", tmp_path / "s", code=2)


def test_two_kinds_together_are_refused(tmp_path: Path, capsys: Captured) -> None:
    said = refusal(capsys, tmp_path, mesh(tmp_path / "neutral.ply"), recording(tmp_path / "grin.r3d", 1))
    assert "import the kinds apart" in said


def test_the_page_on_recording_tells_every_prompt() -> None:
    page = (ROOT / "docs" / "capture.md").read_text("utf-8")
    for prompt in PROMPTS:
        mark = "scoring" if prompt.split == "scoring" else ""
        assert f"| `{prompt.id}` | {prompt.prompt} | {mark} |" in page, prompt.id
