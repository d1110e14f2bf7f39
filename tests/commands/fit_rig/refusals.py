"""Running fit-rig on something bad."""

from __future__ import annotations

from pathlib import Path

import pytest

from refa_cli import app

Captured = pytest.CaptureFixture[str]


def refused(capsys: Captured, *arguments: str | Path, code: int = 1) -> str:
    """The one sentence with which fit-rig refuses; asserts that it is one, and that nothing is left behind."""
    capsys.readouterr()
    output = Path(str(arguments[0])).parent / "placed" / "rig.npz"
    assert app.main(["fit-rig", *map(str, arguments), "-o", str(output)]) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    lines = printed.err.splitlines()
    assert len(lines) == 1, printed.err
    assert lines[0].startswith("refa: ") and lines[0][-1] in ".?"
    assert "Error" not in lines[0] and "--debug" not in lines[0]
    assert not output.parent.exists() or not list(output.parent.iterdir())
    return lines[0]
