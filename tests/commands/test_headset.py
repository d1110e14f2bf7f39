"""`refa headset`: what it writes, prints and draws."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from refa_cli import app
from refa_cli.face.default import default_face
from refa_cli.formats.face import REGIONS
from refa_cli.formats.headset import Headset
from refa_cli.formats.spec import same
from refa_cli.headset.default import default_headset
from refa_cli.render.infrared import Lights
from refa_cli.render.lighting import irradiance, reaching

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


def test_lights_are_listed_and_strong_ones_are_unsafe(tmp_path: Path, capsys: Captured) -> None:
    assert app.main(["headset", "--lights", "--json"]) == 0
    rows = {row["place"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["eye_left"]["mean, W/m2"] == pytest.approx(rows["eye_right"]["mean, W/m2"], rel=0.02)
    assert 0 < rows["glabella"]["uniformity"] <= 1
    assert rows["cornea left, over time"]["safe"] and rows["cornea left, over time"]["limit, W/m2"] == 100
    headset = default_headset()
    strong = replace(headset, led_intensity=headset.led_intensity * 400)
    strong.write(tmp_path / "strong.npz")
    assert app.main(["headset", str(tmp_path / "strong.npz"), "--lights", "--json"]) == 0
    unsafe = {row["place"]: row for row in json.loads(capsys.readouterr().out)}
    assert unsafe["cornea left, over time"]["safe"] is False
    assert unsafe["mouth"]["mean, W/m2"] == pytest.approx(400 * rows["mouth"]["mean, W/m2"], rel=0.02)


def test_irradiance_is_what_a_beam_gives_at_its_distance() -> None:
    """On its axis intensity over the square of the distance; at the half angle half; on a slope its cosine."""
    half = np.radians(40)
    lights = Lights(np.zeros((1, 3)), np.array([[0.0, 0, 1]]), np.array([0.002]), np.log(0.5) / np.log(np.cos([half])))
    at = 0.04 * np.array([[0.0, 0, 1], [np.sin(half), 0, np.cos(half)], [0, 0, -1]])
    np.testing.assert_allclose(irradiance(lights, at)[:, 0], [0.002 / 0.04**2, 0.001 / 0.04**2, 0])
    slope = irradiance(lights, at[:1], np.array([[np.sin(0.5), 0, -np.cos(0.5)]]))
    assert slope[0, 0] == pytest.approx(0.002 / 0.04**2 * np.cos(0.5))


def test_the_nose_keeps_light_from_the_other_cheek() -> None:
    """A light at the left of the nose reaches the left side of the face and not the right."""
    face = default_face()
    vertices = face.mean.astype(np.float64)
    lights = Lights(np.array([[0.05, -0.03, 0.05]]), np.array([[-0.8, 0, -0.6]]), np.array([0.01]), np.ones(1))
    nose = vertices[face.regions[REGIONS.index("nose")]]
    left, right = nose[nose[:, 0] > 0.012], nose[nose[:, 0] < -0.012]
    share = [
        float(reaching(lights, vertices, face.triangles, side + [0.0, 0.0, 0.0005]).mean()) for side in (left, right)
    ]
    assert share[0] > 0.7 and share[1] < 0.3


def test_the_infrared_picture_is_exposed_and_repeats(tmp_path: Path, capsys: Captured) -> None:
    pictures = []
    for name in ("a.png", "b.png"):
        assert app.main(["headset", "--infrared", str(tmp_path / name), "--show", "eyes_closed", "--seed", "3"]) == 0
        pictures.append(np.asarray(Image.open(tmp_path / name)))
    assert np.array_equal(pictures[0], pictures[1])
    first = pictures[0][4:204, 4:204, 0]  # the left eye's camera
    assert 60 < np.percentile(first[first > 8], 75) < 230
    assert app.main(["headset", "--infrared", str(tmp_path / "c.png"), "--show", "happy"]) == 2
    assert "prompted expressions" in capsys.readouterr().err


def test_a_headset_without_lights_and_parts_can_be_drawn(tmp_path: Path, capsys: Captured) -> None:
    file, over, infrared = tmp_path / "bare.toml", tmp_path / "over.png", tmp_path / "infrared.png"
    place = "field_degrees = 60\nposition_mm = [0, 0, 90]\nlook_at_mm = [0, 0, 0]\nsize = [120, 160]\nbits = 10\n"
    file.write_text('name = "bare"\n[[camera]]\nname = "a"\nrole = "other"\n' + place)
    assert app.main(["headset", str(file), "--overlay", str(over), "--infrared", str(infrared), "--lights"]) == 0
    assert np.asarray(Image.open(over)).std() > 10
    assert np.asarray(Image.open(infrared))[4:120, 4:160].max() < 40  # nothing lights it
