"""`refa synth`: exact labels, the same bytes however it is made, what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from refa_cli import app
from refa_cli.commands.synth import jobs
from refa_cli.commands.synth.rendering import keypoints_seen
from refa_cli.face.default import default_face
from refa_cli.face.evaluate import Geometry
from refa_cli.face.keypoints import INDEX as KEYPOINT
from refa_cli.formats.dataset import Dataset
from refa_cli.formats.rig import Rig
from refa_cli.formats.synth import Synth
from refa_cli.headset.default import default_headset
from refa_cli.headset.parts import at_ipd, lens_of
from refa_cli.outputs import DIRECTORY_LOG
from refa_cli.render.infrared import Picture

OPTIONS = ["synth", "--identities", "1", "--frames", "60", "--pixels", "40", "--seed", "3", "--quiet"]
Captured = pytest.CaptureFixture[str]
FACE = default_face()


def tree(folder: Path) -> dict[str, bytes]:
    files = (file for file in folder.rglob("*") if file.is_file() and file.name != DIRECTORY_LOG)
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rig") / "rig.npz"
    rng = np.random.default_rng(1)
    identity = np.clip(rng.standard_normal(len(FACE.identity_basis)), -2, 2)
    geometry = Geometry.of_face(FACE, identity)
    Rig(
        subject="S0042", face_digest=FACE.digest, neutral=geometry.neutral, expressions=geometry.expressions,
        eye_follow=geometry.eye_follow, eye_centers=geometry.eye_centers, gain=np.ones(53), evidence=np.ones(53),
        expression_ids=(), weights=np.zeros((0, 53)), residual_mm=np.zeros((0, 3)), scan_from_head=np.zeros((0, 4, 4)),
        texture=np.zeros((0, 0, 3), np.uint8),
    ).write(path)  # fmt: skip
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, rig: Path) -> Path:
    folder = tmp_path_factory.mktemp("synth") / "synth.zarr"
    sheet = folder.parent / "sheet.png"
    assert app.main([*OPTIONS[:1], str(rig), *OPTIONS[1:], "-o", str(folder), "--sheet", str(sheet)]) == 0
    assert sheet.stat().st_size > 3000
    return folder


def recordings(folder: Path) -> dict[str, Synth]:
    dataset = Dataset.read(folder, Synth)
    dataset.verify()
    return {name: subject.recordings["frames"].load() for name, subject in dataset.subjects.items()}


def test_rigs_and_drawn_people_are_rendered(made: Path) -> None:
    held = recordings(made)
    assert list(held) == ["P0001", "S0042"]
    for one in held.values():
        assert one.frames.shape == (60, 5, 40, 40) and one.camera_names[0] == "eye_left"
        assert (one.frames.reshape(60, 5, -1).std(-1) > 3).mean() > 0.95
        assert 0 < one.glasses.mean() < 0.8


def test_labels_are_where_the_pictures_say(made: Path) -> None:
    """Keypoints again from weights, gaze, pose and calibrated cameras alone."""
    held = recordings(made)["S0042"]
    geometry = Geometry.of_rig(Rig.read(next(made.parent.parent.glob("rig*/rig.npz"))), FACE)
    corners = FACE.triangles[FACE.keypoint_triangles]
    for row in (0, 7, 59):
        head = geometry.evaluate(held.expressions[row], held.gaze[row], held.headset_from_head[row])
        points = np.einsum("kci,kc->ki", head[corners], FACE.keypoint_barycentric).astype(np.float64)
        for camera in range(5):
            pose = held.camera_from_headset[camera].astype(np.float64)
            placed = points @ pose[:3, :3].T + pose[:3, 3]
            seen = held.keypoint_seen[row, camera]
            pixels = lens_of(held, camera).project(placed[seen])
            np.testing.assert_allclose(held.keypoints[row, camera][seen], pixels, atol=0.02)
    assert 0.05 < held.keypoint_seen.mean() < 0.6


def test_each_eye_s_keypoints_are_seen_by_its_camera(made: Path) -> None:
    for held in recordings(made).values():
        left, right = (KEYPOINT[f"lid_upper_3_{side}"] for side in "lr")
        assert held.keypoint_seen[:, 0, left].mean() > 0.5 and held.keypoint_seen[:, 1, right].mean() > 0.5
        assert held.keypoint_seen[:, 0, right].mean() < 0.02
        assert not held.keypoint_seen[:, 2:4, left].any()


def test_what_hides_a_keypoint_hides_it() -> None:
    headset = at_ipd(default_headset(), 0.063)
    points = np.array([[0.03, -0.06, 0.0], [0.03, -0.06, -0.06], [0.0, 0.0, 5.0]])
    camera = headset.camera_names.index("mouth_left")
    near = np.full((400, 400), 0.05, np.float32)
    at, seen = keypoints_seen(points, headset, (camera,), [Picture(near, near)])
    assert at.shape == (1, 3, 2) and not seen[0, 2]
    pose = headset.camera_from_headset[camera]
    depth = (points @ pose[:3, :3].T + pose[:3, 3])[:, 2]
    for i in (0, 1):
        inside = ((at[0, i] >= 0) & (at[0, i] < 400)).all()
        assert seen[0, i] == (inside and depth[i] < 0.0515)


def test_killed_and_run_again_by_two_workers_it_is_the_same(
    made: Path, rig: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, count = jobs.render_block, [0]

    def stops(job: jobs.Job) -> None:
        count[0] += 1
        if count[0] > 1:
            raise KeyboardInterrupt
        whole(job)

    again = tmp_path / "synth.zarr"
    arguments = [*OPTIONS[:1], str(rig), *OPTIONS[1:], "-o", str(again)]
    monkeypatch.setattr(jobs, "render_block", stops)
    assert app.main(arguments) == 130
    assert not again.exists() and (tmp_path / "synth.zarr.partial").exists()
    monkeypatch.undo()
    assert app.main([*arguments, "--workers", "2"]) == 0
    assert tree(again) == tree(made)


def test_inspect_tells_how_labels_are_spread(made: Path, capsys: Captured) -> None:
    assert app.main(["inspect", str(made), "--labels"]) == 0
    out = capsys.readouterr().out
    row = next(line for line in out.splitlines() if line.startswith("JawDrop"))
    assert len(row.split()) >= 6


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["--identities", "0"], "nobody to render"),
        (["--face", "OTHER"], "face_digest"),
    ],
)
def test_what_does_not_go_is_refused(
    change: list[str], words: str, rig: Path, tmp_path: Path, capsys: Captured
) -> None:
    from dataclasses import replace

    other = tmp_path / "face.npz"
    replace(FACE, name="another").write(other)
    rigs = [str(rig)] if "--face" in change else []
    arguments = [part if part != "OTHER" else str(other) for part in change]
    code = app.main(["synth", *rigs, "-o", str(tmp_path / "out"), *arguments])
    assert code in (1, 2) and words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
