"""`refa simulate --sessions`: what it writes, the truth apart from it, the same bytes however it is made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from refa_cli import app
from refa_cli.commands.simulate.session import jobs
from refa_cli.face.default import default_face
from refa_cli.face.evaluate import Geometry
from refa_cli.face.shapes import EXPRESSIONS
from refa_cli.formats.captures import Captures
from refa_cli.formats.dataset import Dataset
from refa_cli.formats.labels import PERFORMED, SEGMENT_KINDS, STATES, Labels
from refa_cli.formats.rig import Rig
from refa_cli.formats.session_truth import SessionTruth
from refa_cli.outputs import DIRECTORY_LOG

OPTIONS = [
    "simulate", "--sessions", "--expressions", "neutral,jaw_open", "--pixels", "24", "--rate", "6", "--seconds", "7",
    "--pace", "0.4", "--seed", "8", "--quiet",
]  # fmt: skip
Captured = pytest.CaptureFixture[str]


def tree(folder: Path) -> dict[str, bytes]:
    files = (file for file in folder.rglob("*") if file.is_file() and file.name != DIRECTORY_LOG)
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sessions") / "out"
    sheet = folder.parent / "sheet.png"
    assert app.main([*OPTIONS, "--people", "2", "-o", str(folder), "--sheet", str(sheet)]) == 0
    assert sheet.stat().st_size > 2000
    return folder


def test_captures_are_whole_and_say_what_was_asked(made: Path) -> None:
    dataset = Dataset.read(made / "captures.zarr", Captures)
    dataset.verify()
    assert list(dataset.subjects) == ["S0001", "S0002"]
    for subject in dataset.subjects.values():
        assert set(subject.recordings) == {"peaks", "closures", "gaze", "speech", "free"}
        for name, recording in subject.recordings.items():
            held = recording.load()
            assert held.frames.shape[1:] == (5, 24, 24) and held.other_frames.shape[1:] == (5, 24, 24)
            assert np.allclose(np.diff(held.time_ns), 1e9 / 6, atol=1)
            assert held.frames[held.present[:, :5]].std() > 5
            kinds = {SEGMENT_KINDS[kind] for kind in held.segment_kind}
            assert kinds == {"peaks": {"neutral", "peak"}, "closures": {"eyes_closed", "mouth_closed"}}.get(
                name, {name}
            )
            assert held.segment_ns.max() <= held.time_ns[-1] + 2e9 / 6
            assert held.camera_names[0] == "eye_left" and held.camera_size.max() == 24


def test_truth_stands_apart_and_fits_frame_by_frame(made: Path) -> None:
    captures = Dataset.read(made / "captures.zarr", Captures)
    truth = Dataset.read(made / "truth" / "truth.zarr", Labels)
    truth.verify()
    for name, subject in truth.subjects.items():
        for recording in subject.recordings.values():
            told, true = captures.subjects[name].recordings[recording.name].load(streamed=False), recording.load()
            assert np.array_equal(told.time_ns, true.time_ns) and np.array_equal(told.segment_ns, true.segment_ns)
            worn = true.state == STATES.index("tracked")
            assert np.array_equal(worn, true.valid) and (recording.name == "free" or worn.all())
            peak = true.segment_kind == SEGMENT_KINDS.index("peak")
            assert (true.segment_performed[peak] > 0).all() and (true.segment_performed[~peak] == 0).all()
            assert true.shapes == EXPRESSIONS
    assert not [path for path in (made / "captures.zarr").rglob("*") if "expressions" in path.name]


def test_rigs_and_sessions_tell_the_rest(made: Path) -> None:
    face = default_face()
    rig = Rig.read(made / "truth" / "rigs" / "S0002.npz")
    assert rig.subject == "S0002" and rig.face_digest == face.digest
    assert np.isfinite(Geometry.of_rig(rig, face).evaluate(np.ones(53) * 0.1)).all()
    session = SessionTruth.read(made / "truth" / "sessions" / "S0002.npz")
    assert session.misfit == "1" and len(session.camera_names) == 10
    told = Dataset.read(made / "captures.zarr", Captures).subjects["S0002"].recordings["peaks"].load(streamed=False)
    assert not np.allclose(session.camera_intrinsics, told.camera_intrinsics, rtol=1e-5)
    assert np.allclose(session.camera_intrinsics, told.camera_intrinsics, rtol=0.2)


def test_people_and_pictures_differ(made: Path) -> None:
    one, two = (
        Dataset.read(made / "captures.zarr", Captures).subjects[name].recordings["peaks"].rows("frames", 0, 1)[0]
        for name in ("S0001", "S0002")
    )
    assert np.abs(one.astype(int) - two).mean() > 3


def test_killed_and_run_again_by_two_workers_it_is_the_same(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, count = jobs.film_block, [0]

    def stops(job: jobs.Job) -> None:
        count[0] += 1
        if count[0] > 3:
            raise KeyboardInterrupt
        whole(job)

    again = tmp_path / "out"
    arguments = [*OPTIONS, "--people", "2", "-o", str(again)]
    monkeypatch.setattr(jobs, "film_block", stops)
    assert app.main(arguments) == 130
    assert not again.exists()
    monkeypatch.undo()
    assert app.main([*arguments, "--workers", "2"]) == 0
    assert tree(again) == tree(made)


def test_misfit_0_is_the_calibrated_device_and_the_model_s_own_person(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert app.main([*OPTIONS, "-o", str(out), "--misfit", "0", "--recordings", "peaks", "--cameras", "embedded"]) == 0
    session = SessionTruth.read(out / "truth" / "sessions" / "S0001.npz")
    told = Dataset.read(out / "captures.zarr", Captures).subjects["S0001"].recordings["peaks"].load()
    assert np.array_equal(session.camera_intrinsics, told.camera_intrinsics) and not len(session.fault_kind)
    assert told.other_frames.size == 0 and told.frames.shape[1] == 5
    face, rig = default_face(), Rig.read(out / "truth" / "rigs" / "S0001.npz")
    expected = face.mean + np.einsum("n,nvk->vk", session.identity, face.identity_basis)
    np.testing.assert_allclose(rig.neutral, expected, atol=1e-6)
    np.testing.assert_array_equal(rig.expressions, face.expression_basis)
    true = Dataset.read(out / "truth" / "truth.zarr", Labels).subjects["S0001"].recordings["peaks"].load()
    peak = true.segment_kind == SEGMENT_KINDS.index("peak")
    assert {PERFORMED[i] for i in true.segment_performed[peak]} == {"fully"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--recordings", "dance"], "none of"),
        (["--recordings", "takes"], "--takes"),
        (["--cameras", "some"], "--cameras"),
        (["--expressions", "jaw_opn"], "jaw_open"),
    ],
)
def test_what_does_not_go_is_refused(options: list[str], words: str, tmp_path: Path, capsys: Captured) -> None:
    assert app.main([*OPTIONS, "-o", str(tmp_path / "out"), *options]) == 2
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_dry_run_tells_what_it_would_make(tmp_path: Path, capsys: Captured) -> None:
    assert app.main([*OPTIONS, "-o", str(tmp_path / "out"), "--dry-run"]) == 0
    assert "S0001" in capsys.readouterr().out and not list(tmp_path.iterdir())
