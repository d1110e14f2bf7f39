"""Options that mean the same in every command.

`--quiet`, `--debug` and `--config` are added to every command by `refa_cli.app`. The others are annotations that a
command takes where it has the option: `def run(seed: options.Seed = 0, json: options.Json = False) -> None`.
"""

from __future__ import annotations

import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperOption
from typer.main import get_command as build

from refa_cli import console
from refa_cli.formats.errors import DataError, UsageError


def _set_json(value: bool) -> bool:
    console.settings.json = console.settings.json or value
    return value


def _set_quiet(value: bool) -> None:
    console.settings.quiet = console.settings.quiet or value


def _set_debug(value: bool) -> None:
    console.settings.debug = console.settings.debug or value


Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of a table.", callback=_set_json)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check the inputs, say what would be done, write nothing.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an existing output once the new one is whole.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of everything random; the same seed, the same bytes.")]
Workers = Annotated[int, typer.Option("--workers", min=1, help="Local processes to use, one thread each.")]
Scheduler = Annotated[str | None, typer.Option("--scheduler", help="Dask scheduler to use, as tcp://HOST:PORT.")]
Device = Annotated[Literal["auto", "cpu", "cuda"], typer.Option("--device", help="Where networks and renders run.")]


def names(text: str) -> list[str]:
    """Names parted by commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def group() -> typer.Typer:
    """An empty Typer in refa's style (plain help, one-sentence errors); a module with subcommands calls it `app`."""
    return typer.Typer(
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def universal() -> list[TyperOption]:
    """Fresh --quiet, --debug and --config, which act on the program and are not passed to `run`."""
    app = group()
    app.command()(_universal)
    return [parameter for parameter in build(app).params if isinstance(parameter, TyperOption)]


def _read_config(ctx: typer.Context, path: Path | None) -> None:
    """Make the options in a TOML file the defaults of this call.

    Raises DataError for a file that is not TOML, UsageError for a key that is no option of the command.
    """
    if path is None or ctx.resilient_parsing:
        return
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(path, "", "a TOML file of options", str(error), "correct the file") from error
    names: dict[str, str] = {}
    for parameter in ctx.command.params:
        if isinstance(parameter, TyperOption) and parameter.expose_value:
            names |= {spelling.lstrip("-"): parameter.name for spelling in parameter.opts if spelling[:2] == "--"}
    defaults: dict[str, Any] = {}
    for key, value in values.items():
        name = names.get(key.replace("_", "-"))
        if name is None:
            near = get_close_matches(key, names)
            hint = f"did you mean `{near[0]}`?" if near else f"see `{ctx.command_path} --help`."
            raise UsageError(f"{path}: `{key}` is not an option of `{ctx.command_path}`; {hint}")
        defaults[name] = value
    ctx.default_map = defaults


Quiet = Annotated[
    bool,
    typer.Option("--quiet", help="No notes and no progress.", callback=_set_quiet, expose_value=False, is_eager=True),
]
Debug = Annotated[
    bool,
    typer.Option(
        "--debug", help="Show the traceback of an error.", callback=_set_debug, expose_value=False, is_eager=True
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="TOML file with defaults of these options; the command line wins.",
        callback=_read_config,
        expose_value=False,
        is_eager=True,
        exists=True,
        dir_okay=False,
    ),
]


def _universal(quiet: Quiet = False, debug: Debug = False, config: Config = None) -> None:
    """Only its signature is used."""
