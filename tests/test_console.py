"""Streams: tables, JSON, notes and bars."""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refa_cli import console

ROWS = [{"name": "jaw\tdrop", "mm": 0.123456, "count": 3}, {"name": "a", "mm": float("nan"), "count": None}]


def as_terminal(stream: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)


def test_table_in_a_pipe_is_tab_separated(capsys: pytest.CaptureFixture[str]) -> None:
    console.table(ROWS)
    assert capsys.readouterr().out == "name\tmm\tcount\njaw drop\t0.1235\t3\na\tnan\t\n"


def test_table_as_json_keeps_every_digit(capsys: pytest.CaptureFixture[str]) -> None:
    console.settings.json = True
    console.table(ROWS, ["mm", "name"])
    assert json.loads(capsys.readouterr().out) == [{"mm": 0.123456, "name": "jaw\tdrop"}, {"mm": None, "name": "a"}]


def test_empty_table(capsys: pytest.CaptureFixture[str]) -> None:
    console.table([], ["a", "b"])
    assert capsys.readouterr().out == "a\tb\n"


def test_table_on_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    as_terminal(sys.stdout, monkeypatch)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    console.table([{"name": "[bold]x", "mm": 0.5}], title="Residuals")
    out = capsys.readouterr().out
    assert "Residuals" in out and "[bold]x" in out and "\t" not in out
    assert not re.search(r"\x1b\[[0-9;]*[34][0-7]", out), "NO_COLOR is obeyed"


def test_plain_values() -> None:
    value = {"a": np.array([0.5, np.inf], np.float32), "b": np.int64(3), "p": Path("x/y"), "t": (True, None)}
    assert console.plain(value) == {"a": [0.5, None], "b": 3, "p": "x/y", "t": [True, None]}


def test_progress_is_silent_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(console.progress(range(3), "fitting")) == [0, 1, 2]
    assert capsys.readouterr() == ("", "")


def test_progress_on_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    as_terminal(sys.stderr, monkeypatch)
    assert list(console.progress(range(3), "quick")) == [0, 1, 2]
    assert "quick" not in capsys.readouterr().err, "no bar for what is over within a second"
    as_terminal(sys.stderr, monkeypatch)
    for item in console.progress(range(3), "slow", told=lambda: "loss 0.5"):
        time.sleep(1.1 if item < 2 else 0)
    out, err = capsys.readouterr()
    assert out == "" and "slow" in err and "loss 0.5" in err
    console.settings.quiet = True
    as_terminal(sys.stderr, monkeypatch)
    for item in console.progress(range(2), "slow"):
        time.sleep(1.1 if item == 0 else 0)
    assert capsys.readouterr().err == ""


def test_quiet_silences_notes_but_not_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    console.settings.quiet = True
    console.note("a note")
    console.warn("frame 3 left out")
    assert capsys.readouterr().err == "warning: frame 3 left out\n"
