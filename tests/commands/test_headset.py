"""`refa headset`: what it writes, prints and draws."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from refa_cli import app
from refa_cli.formats.headset import Headset
from refa_cli.formats.spec import same
from refa_cli.headset.default import default_headset

Captured = pytest.CaptureFixture[str]


def test_the_default_is_written_and_drawn(tmp_path: Path, capsys: Captured) -> None:
    out, picture = tmp_path / "headset.npz", tmp_path / "overlay.png"
    assert app.main(["headset", "-o", str(out), "--overlay", str(picture), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["camera"] for row in rows] == list(default_headset().camera_names)
    assert rows[0]["field, degrees"] == 92.0 and rows[0]["position, mm"] == "50.0 -19.0 0.0"
    written = Headset.read(out)
    assert same(written, default_headset()) and written.recipe["command"] == "headset"
    drawn = np.asarray(Image.open(picture))
    assert drawn.shape[0] > 400 and drawn.shape[1] > 1000
    assert (drawn == [0, 255, 80]).all(-1).sum() > 200  # keypoints
    assert app.main(["inspect", str(out), "--verify"]) == 0


def test_drawing_at_another_ipd_changes_eye_cameras_only(tmp_path: Path, capsys: Captured) -> None:
    assert app.main(["headset", "--ipd", "70", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows[0]["position, mm"] == "53.5 -19.0 0.0" and rows[4]["position, mm"] == "0.0 36.0 22.0"


def test_nothing_is_written_in_a_dry_run_and_mistakes_are_told(tmp_path: Path, capsys: Captured) -> None:
    out, mine = tmp_path / "headset.npz", tmp_path / "mine.toml"
    assert app.main(["headset", "-o", str(out), "--overlay", str(tmp_path / "o.png"), "--dry-run"]) == 0
    assert not list(tmp_path.iterdir())
    place = "field_degrees = 60\nposition_mm = [0, 0, 90]\nlook_at_mm = [0, 0, 0]\n"
    mine.write_text('name = "x"\n[[camera]]\nname = "a"\nrole = "nose"\n' + place)
    capsys.readouterr()
    assert app.main(["headset", str(mine), "-o", str(out)]) == 1
    assert "camera a.role" in capsys.readouterr().err
    assert not out.exists()
