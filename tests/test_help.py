"""Every command and option says what it is for, in --help and in docs/commands.md."""

from __future__ import annotations

import importlib.util
import re
from types import ModuleType

import pytest

from refa_cli import app, options
from tests.tree import ROOT


def load_maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_make", ROOT / "docs" / "make.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKER = load_maker()


@pytest.mark.parametrize("name", app.COMMANDS)
def test_everything_has_help(name: str) -> None:
    for path, command in MAKER._descend(f"refa {name}", app.load(name)):
        assert command.help and command.help[0].isupper(), f"{path} lacks a docstring"
        assert command.help.split("\n\n")[0].endswith((".", ":")), f"{path}: its first paragraph is no sentence"
        for parameter in command.params:
            help_text = getattr(parameter, "help", None)
            assert help_text, f"{path}: {parameter.name} lacks help"
            assert help_text[0].isupper() and help_text.rstrip().endswith("."), f"{path}: {parameter.name}: a sentence"


@pytest.mark.parametrize("name", app.COMMANDS)
def test_documented(name: str) -> None:
    page = (ROOT / "docs" / "commands.md").read_text("utf-8")
    every = page.split("\n## ")[0]
    for path, command in MAKER._descend(f"refa {name}", app.load(name)):
        section = re.search(rf"^## {re.escape(path)}$(.*?)(?=^## |\Z)", page, re.S | re.M)
        assert section is not None, f"{path} is missing from docs/commands.md; run `make docs`"
        for parameter in command.params:
            spelling = parameter.opts[0] if parameter.param_type_name == "option" else parameter.display_name_raw
            assert spelling in section[1] + every, f"{path} {spelling} is missing; run `make docs`"


def test_generated_pages_are_up_to_date() -> None:
    for path, text in MAKER.pages().items():
        assert path.read_text("utf-8") == text, f"{path.name} is not up to date; run `make docs`"


@pytest.mark.parametrize("name", app.COMMANDS)
def test_shared_options_mean_the_same_everywhere(name: str) -> None:
    """An option of conventions.md is taken from refa_cli.options, not written anew."""
    shared = {
        information.default: information.help  # inside Annotated, typer keeps the first spelling as `default`
        for annotation in vars(options).values()
        for information in getattr(annotation, "__metadata__", ())
    }
    assert {"--json", "--seed", "--workers", "--scheduler", "--device", "--overwrite", "--dry-run"} <= set(shared)
    for path, command in MAKER._descend(f"refa {name}", app.load(name)):
        for parameter in command.params:
            for spelling in set(parameter.opts) & set(shared):
                assert parameter.help == shared[spelling], f"{path} {spelling}"


def test_the_list_shows_each_line_whole(capsys: pytest.CaptureFixture[str]) -> None:
    app.main(["--help"])
    shown = capsys.readouterr().out
    for name, (_, line) in app.COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(line)}$", shown, re.M), name
