"""`refa import` of Live Link Face takes: made ones with known numbers, damaged ones, and real ones where they are."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from refa_cli import app
from refa_cli.commands.import_.takes import read_all, read_take
from refa_cli.face.maps import shape_map
from refa_cli.face.shapes import INDEX
from refa_cli.formats.dataset import Dataset
from refa_cli.formats.errors import DataError
from refa_cli.formats.labels import STATES, Labels

Captured = pytest.CaptureFixture[str]
NAMES = [name[0].upper() + name[1:] for name in shape_map("arkit", "refa").source_names]
ANGLES = ["HeadYaw", "HeadPitch", "HeadRoll", "LeftEyeYaw", "LeftEyePitch", "LeftEyeRoll", "RightEyeYaw",
          "RightEyePitch", "RightEyeRoll"]  # fmt: skip
HEADER = ",".join(["Timecode", "BlendShapeCount", *NAMES, *ANGLES])
REAL = Path(os.environ.get("REFA_TEST_DATA", Path(__file__).parents[3] / "shared" / "data")) / "livelinkface"


def row(time: str, **values: float) -> str:
    return ",".join([time, "61", *(f"{values.get(name, 0.0):.6f}" for name in [*NAMES, *ANGLES])])


def write(folder: Path, *rows: str, name: str = "take 1.csv") -> Path:
    (folder / name).write_text("\n".join([HEADER, *rows]) + "\n")
    return folder / name


def test_weights_time_and_gaze_come_over(tmp_path: Path) -> None:
    shown = {"JawOpen": 0.5, "MouthSmileLeft": 0.25, "LeftEyeYaw": -0.2, "RightEyePitch": 0.1}
    take = read_take(write(tmp_path, row("12:59:59:58.500", **shown), row("13:00:00:00.500", JawOpen=0.6)))
    labels = take.labels
    assert take.name == "take_1" and (take.lost, take.dropped, take.over) == (0, 0, 0)
    np.testing.assert_allclose(labels.time_ns, [0, 2e9 / 60], atol=1)
    np.testing.assert_allclose(labels.expressions[:, INDEX["JawDrop"]], [0.5, 0.6], atol=1e-6)
    assert labels.expressions[0, INDEX["LipCornerPullerL"]] == pytest.approx(0.25)
    assert labels.expressions[0, INDEX["LipCornerPullerR"]] == 0
    np.testing.assert_allclose(labels.gaze[0], [[0.2, 0.0], [0.0, -0.1]], atol=1e-6)
    assert labels.valid.all() and (labels.segment_ns == [[0, 0, labels.time_ns[-1]]]).all()


def test_lost_rows_stay_in_time_and_are_marked(tmp_path: Path) -> None:
    take = read_take(write(tmp_path, row("00:00:01:00", JawOpen=0.2), "00:00:01:02,0", "00:00:01:04,0",
                           row("00:00:01:06", JawOpen=0.8)))  # fmt: skip
    assert take.lost == 2 and take.labels.valid.tolist() == [True, False, False, True]
    np.testing.assert_allclose(take.labels.expressions[:, INDEX["JawDrop"]], [0.2, 0.4, 0.6, 0.8], atol=1e-6)
    assert [STATES[s] for s in take.labels.state] == ["tracked", "lost", "lost", "tracked"]
    assert (take.labels.confidence[1] == 0).all()


def test_values_over_one_and_rows_out_of_order(tmp_path: Path) -> None:
    take = read_take(write(tmp_path, row("00:00:01:00", JawOpen=1.07), row("00:00:01:02"), row("00:00:01:02"),
                           row("00:00:01:01"), row("00:00:01:04")))  # fmt: skip
    assert (take.over, take.dropped, len(take.labels.time_ns)) == (1, 2, 3)
    assert take.labels.expressions.max() == 1


def test_a_take_goes_on_past_midnight(tmp_path: Path) -> None:
    take = read_take(write(tmp_path, row("23:59:59:58"), row("00:00:00:00"), row("00:00:00:02")))
    np.testing.assert_allclose(take.labels.time_ns, [0, 2e9 / 60, 4e9 / 60], atol=1)


def test_lips_never_close_more_than_the_jaw_opens(tmp_path: Path) -> None:
    take = read_take(write(tmp_path, row("00:00:01:00", JawOpen=0.1, MouthClose=0.4), row("00:00:01:02")))
    assert take.labels.expressions[0, INDEX["LipsToward"]] <= take.labels.expressions[0, INDEX["JawDrop"]] + 1e-6


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["00:00:01,61"], "a time code"),
        ([row("00:00:01:00")[:-9], row("00:00:01:02")], "61 numbers"),
        ([row("00:00:01:00").replace("0.000000", "none", 1), row("00:00:01:02")], "61 numbers"),
        ([row("00:00:01:00").replace("0.000000", "nan", 1), row("00:00:01:02")], "61 numbers"),
        ([row("00:00:01:00"), "00:00:01:02,0"], "at least 2 rows"),
        ([], "at least 2 rows"),
        ([row("00:00:01:00", JawOpen=9.0), row("00:00:01:02")], "0 to about 1"),
        ([row("00:00:01:00", LeftEyeYaw=12.0), row("00:00:01:02")], "angles in radians"),
    ],
)
def test_damaged_takes_are_refused(tmp_path: Path, rows: list[str], words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_take(write(tmp_path, *rows))


def test_headers_that_lack_a_weight_and_twin_names_are_refused(tmp_path: Path) -> None:
    file = write(tmp_path, row("00:00:01:00"), row("00:00:01:02"))
    (tmp_path / "take_1.csv").write_text(file.read_text())
    with pytest.raises(DataError, match="names that differ"):
        read_all([file, tmp_path / "take_1.csv"])
    file.write_text(file.read_text().replace("JawOpen", "JawShut"))
    with pytest.raises(DataError, match="no jawOpen"):
        read_take(file)


def test_the_command_writes_a_store_and_lists_takes(tmp_path: Path, capsys: Captured) -> None:
    file, out = write(tmp_path, row("00:00:01:00", JawOpen=0.5), row("00:00:01:02")), tmp_path / "takes.zarr"
    assert app.main(["import", str(file), "-o", str(out), "--subject", "P1", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows[0]["take"] == "take_1" and rows[0]["rows"] == 2
    store = Dataset.read(out, Labels)
    held = store.subjects["P1"].recordings["take_1"].load()
    assert held.expressions[0, INDEX["JawDrop"]] == pytest.approx(0.5)
    assert app.main(["inspect", str(out), "--verify"]) == 0
    assert app.main(["import", str(file), "-o", str(out)]) == 2


@pytest.mark.skipif(not REAL.is_dir(), reason="the Live Link Face takes are not here: set REFA_TEST_DATA")
def test_real_takes(tmp_path: Path) -> None:
    takes = {take.name: take for take in read_all(sorted(REAL.glob("*.csv")))}
    assert takes["S88-001"].lost == 277 and takes["apfel"].lost == 35
    assert len(takes["alex_rom_3"].labels.time_ns) == 4030
    steps = np.diff(takes["alex_rom_3"].labels.time_ns) / 1e9
    assert np.median(steps) == pytest.approx(1 / 30, rel=0.01)
    for take in takes.values():
        assert take.dropped == 0 and take.labels.expressions.max() <= 1
        assert take.labels.expressions[:, INDEX["JawDrop"]].max() > 0.2
