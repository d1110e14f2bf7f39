"""The program as a user meets it: exit codes, one-sentence errors, lazy imports, completion."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated

import pytest
import typer

from refa_cli import __version__, app, console, options
from refa_cli.formats.errors import DataError, GateNotMet, UsageError
from tests.tree import ROOT

HEAVY = {
    *("numpy", "scipy", "numba", "torch", "zarr", "skimage", "trimesh", "pygltflib", "ai_edge_litert"),
    *("PIL", "rich", "tqdm", "distributed"),
}
"""Top-level names that --help must not import."""


def child(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `python ARGUMENTS` at the top of the repository."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """A command `refa toy` in place of the table; what it was called with."""
    seen: dict[str, object] = {}

    def run(
        source: Annotated[Path, typer.Argument(help="A file.", exists=True)],
        size: Annotated[int, typer.Option("--size", min=1, help="A size.")] = 3,
        dry_run: options.DryRun = False,
        json: options.Json = False,
        fail: Annotated[str, typer.Option("--fail", help="How to end.")] = "",
    ) -> int:
        """A toy."""
        seen.update(source=source, size=size, dry_run=dry_run, quiet=console.settings.quiet)
        endings: dict[str, BaseException] = {
            "data": DataError(source, "mean", "3 columns", "4", "write it again"),
            "usage": UsageError("give one of two."),
            "gate": GateNotMet("0.4 is below 0.5."),
            "stop": KeyboardInterrupt(),
            "bug": ZeroDivisionError("oh\nno"),
            "missing": FileNotFoundError(2, "No such file or directory", "scan.ply"),
        }
        if fail:
            raise endings[fail]
        console.note("working")
        console.table([{"a": 1, "b": 0.5}])
        return 7

    monkeypatch.setattr(app, "COMMANDS", {"toy": ("toy_module", "A toy.")})
    monkeypatch.setitem(sys.modules, "toy_module", SimpleNamespace(run=run))
    return seen


@pytest.mark.parametrize(
    ("ending", "code", "sentence"),
    [
        ("data", 1, "pyproject.toml: mean: expected 3 columns, got 4; write it again."),
        ("usage", 2, "give one of two."),
        ("gate", 3, "0.4 is below 0.5."),
        ("stop", 130, "interrupted."),
        ("bug", 1, "unexpected ZeroDivisionError: oh no; run again with --debug for the traceback."),
        ("missing", 1, "scan.ply: no such file or directory."),
    ],
)
def test_exit_codes(
    toy: object,
    ending: str,
    code: int,
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    assert app.main(["toy", "pyproject.toml", "--fail", ending]) == code
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"refa: {sentence}\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["toy"], "missing argument 'source'; see `refa toy --help`."),
        (["toy", "nowhere"], "invalid value for 'source': path 'nowhere' does not exist; see `refa toy --help`."),
        (["toy", ".", "--sizes", "3"], "no such option: --sizes; did you mean --size?"),
        (["toy", ".", "--size"], "option '--size' requires an argument."),
        (["toy", ".", ".."], "got unexpected extra argument(s) (..); see `refa toy --help`."),
        (["tyo"], "no such command 'tyo'; did you mean 'toy'?"),
        (["--quiet"], "no such option: --quiet; see `refa --help`."),
    ],
)
def test_usage_errors_are_one_sentence(
    toy: object, arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.lower() == f"refa: {sentence}\n".lower()


def test_a_wrong_value_is_one_line_that_names_the_option(toy: object, capsys: pytest.CaptureFixture[str]) -> None:
    for value in ("many", "0"):
        assert app.main(["toy", ".", "--size", value]) == 2
        err = capsys.readouterr().err
        assert err.count("\n") == 1 and "--size" in err


def test_streams(toy: dict[str, object], capsys: pytest.CaptureFixture[str]) -> None:
    assert app.main(["toy", "."]) == 0, "what run returns is no exit code"
    assert capsys.readouterr() == ("a\tb\n1\t0.5\n", "working\n")
    assert app.main(["toy", ".", "--quiet", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == [{"a": 1, "b": 0.5}] and err == ""
    assert app.main(["toy", "."]) == 0
    assert capsys.readouterr().err == "working\n", "--quiet does not outlive its call"


def test_debug_shows_the_traceback(toy: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.main(["toy", ".", "--fail", "bug", "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_config_gives_defaults(toy: dict[str, object], tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text("size = 8\ndry-run = true\n")
    assert app.main(["toy", ".", "--config", str(config)]) == 0
    assert (toy["size"], toy["dry_run"]) == (8, True)
    assert app.main(["toy", ".", "--config", str(config), "--size", "9"]) == 0
    assert (toy["size"], toy["dry_run"]) == (9, True), "the command line wins"


@pytest.mark.parametrize(
    ("text", "code", "sentence"),
    [
        ("sizes = 8", 2, "`sizes` is not an option of `refa toy`; did you mean `size`?"),
        ("source = '.'", 2, "`source` is not an option of `refa toy`; see `refa toy --help`."),
        ("config = 'x'", 2, "`config` is not an option of `refa toy`; see `refa toy --help`."),
        ("size = 0", 2, "--size"),
        ("size = 'x'", 2, "--size"),
        ("size = ", 1, "expected a TOML file of options"),
    ],
)
def test_config_refuses(
    toy: object, text: str, code: int, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "c.toml"
    config.write_text(text)
    assert app.main(["toy", ".", "--config", str(config)]) == code
    err = capsys.readouterr().err
    assert sentence in err and err.count("\n") == 1


def test_version_and_bare_call(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.main(["--version"]) == 0
    assert capsys.readouterr().out == f"refa {__version__}\n"
    assert app.main([]) == 0
    assert "Commands:" in capsys.readouterr().out


LOADED = "import sys; from refa_cli.app import main; main(sys.argv[1:]); print('LOADED', *sys.modules)"


@pytest.mark.parametrize("arguments", [["--help"], *([name, "--help"] for name in app.COMMANDS)])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    loaded = child("-c", LOADED, *arguments).stdout.split("LOADED")[1].split()
    assert not {name.split(".")[0] for name in loaded} & HEAVY
    if arguments == ["--help"]:
        assert not [name for name in loaded if name.startswith("refa_cli.commands.")]


def test_help_is_as_fast_as_a_bare_program(tmp_path: Path) -> None:
    bare = tmp_path / "bare.py"
    bare.write_text(
        "import typer\napp = typer.Typer()\n@app.command()\ndef a(): ...\n@app.command()\ndef b(): ...\napp()"
    )

    def seconds(*arguments: str) -> float:
        start = time.perf_counter()
        assert child(*arguments, "--help").returncode == 0
        return time.perf_counter() - start

    pairs = [(seconds("-m", "refa_cli"), seconds(str(bare))) for _ in range(5)]
    ours, theirs = map(min, zip(*pairs, strict=True))
    assert ours <= 1.5 * theirs, f"{ours:.3f} s against {theirs:.3f} s"


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("refa in", {"inspect"}),
        ("refa ", set(app.COMMANDS)),
        ("refa env --j", {"--json"}),
        ("refa env --q", {"--quiet"}),
    ],
)
def test_bash_completion(words: str, offered: set[str]) -> None:
    count = len(words.split(" ")) - 1
    done = child("-m", "refa_cli", _REFA_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=str(count))
    assert set(done.stdout.split()) == offered, done.stderr


def test_completion_scripts() -> None:
    for shell in ("bash", "zsh", "fish"):
        done = child("-m", "refa_cli", _REFA_COMPLETE=f"source_{shell}")
        assert "_REFA_COMPLETE" in done.stdout and done.returncode == 0


def test_a_reader_that_leaves_is_no_error() -> None:
    script = f"{sys.executable} -m refa_cli env --json | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr == "" and done.returncode in (0, 1)
