"""The `refa` program: a table of commands, each imported only when it is called.

A command lives in `refa_cli.commands.NAME`, as a function `run` (its signature is the command line, its docstring the
help) or, for a command with subcommands, as `app = options.group()`. Such a module imports nothing heavy at its top:
numpy and everything above it is imported inside `run`, so that `--help` and shell completion answer at once.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command as build

from refa_cli import __version__, console, options

COMMANDS: dict[str, tuple[str, str]] = {
    "face": ("refa_cli.commands.face", "Build or import a face model; draw its sheets."),
    "fit-rig": ("refa_cli.commands.fit_rig", "Fit one person's rig to phone scans."),
    "headset": ("refa_cli.commands.headset", "Describe or import a headset; check it by an overlay."),
    "place-cameras": ("refa_cli.commands.place_cameras", "Choose where a headset's cameras stand."),
    "simulate": ("refa_cli.commands.simulate", "Make virtual people: scans, headset sessions, truth."),
    "synth": ("refa_cli.commands.synth", "Render synthetic frames with exact labels, to train on."),
    "import": ("refa_cli.commands.import_", "Bring phone recordings and meshes into refa's formats."),
    "inspect": ("refa_cli.commands.inspect", "Say what an artifact holds, and if it is whole."),
    "train": ("refa_cli.commands.train", "Train the tracker on captures and synthetic frames."),
    "predict": ("refa_cli.commands.predict", "Tell expressions of captures by a trained model."),
    "metrics": ("refa_cli.commands.metrics", "Score labels or predictions, with or without truth."),
    "env": ("refa_cli.commands.env", "Print versions, devices and backends, for a bug report."),
}
"""Name of each command -> (module, one-line help)."""


class LazyGroup(TyperGroup):
    """A group that lists its commands from the table and imports one only to run it or to complete its options."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name, (_, line) in COMMANDS.items():
            self.commands[name] = TyperCommand(name, help=line, rich_markup_mode=None)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """(name, command, remaining arguments); raises typer's usage error, with suggestions, for an unknown name."""
        name, listed, rest = super().resolve_command(ctx, args)
        return name, (load(name) if name and listed else listed), rest


def load(name: str) -> TyperCommand | TyperGroup:
    """Import one command of the table and give it the options that every command has."""
    module = importlib.import_module(COMMANDS[name][0])
    app = getattr(module, "app", None)
    if app is None:
        app = options.group()
        app.command(name)(module.run)
    command = build(app)
    assert isinstance(command, (TyperCommand, TyperGroup))
    command.name = name
    _add_universal(command)
    return command


def _add_universal(command: TyperCommand | TyperGroup) -> None:
    command.params.extend(options.universal())
    for child in command.commands.values() if isinstance(command, TyperGroup) else ():
        assert isinstance(child, (TyperCommand, TyperGroup))
        _add_universal(child)


def _print_version(asked: bool) -> None:
    if asked:
        print(f"refa {__version__}")
        raise typer.Exit


def _root(
    ctx: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """From the cameras inside a headset to facial animation, as commands that read and write files."""
    if ctx.invoked_subcommand is None:
        print(ctx.get_help())


def _discard(result: object, **_: object) -> None:
    """What `run` returns is for callers in Python; only typer.Exit and errors set the exit code."""


def root() -> TyperGroup:
    """The whole program, commands not yet imported."""
    app = typer.Typer(
        cls=LazyGroup,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        result_callback=_discard,
        invoke_without_command=True,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    group = build(app)
    assert isinstance(group, TyperGroup)
    return group


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `refa` with the given arguments (the process's own by default); returns the exit code."""
    console.reset()
    try:
        result = root().main(args=arguments, prog_name="refa", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of a pipe has gone: nobody is left to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (Exception, KeyboardInterrupt) as error:
        return console.report(error)
    if result == console.INTERRUPTED:
        console.error("interrupted.")
    return result if isinstance(result, int) else 0
