"""Imports run down only: commands -> refa_cli/* -> formats, and inside refa_cli as this table says."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.tree import ROOT, imports, modules

PARTS_BELOW = {
    "face": set(),
    "headset": {"face"},
    "render": {"headset", "face"},
    "landmarks": {"render", "headset", "face"},
    "networks": {"face"},
    "runtime": {"face"},
    "scores": {"face"},
}
"""Part of refa_cli -> the parts that it may import; each may import itself, formats, and the modules of the house."""

WITHOUT_TORCH = ("face", "headset", "scores", "runtime")
FORMATS_MAY_USE = {"numpy", "zarr", "numcodecs", "google_crc32c", "PIL"}
CALLS_OTHER_COMMANDS = "refa_cli.commands.distill_round"
MODULES = modules()
HOUSE = {name.split(".")[1] for name in MODULES if name.count(".") == 1} - {*PARTS_BELOW, "commands", "formats"}


def parts(name: str) -> list[str]:
    """The names below refa_cli: ["commands", "env", ...]."""
    return name.split(".")[1:]


def breach(module: str, imported: str) -> str:
    """Why `module` may not import `imported`; empty if it may."""
    here, there = parts(module), parts(imported)
    top = imported.split(".")[0]
    if top in ("commands", "formats", "tests", "docs", "benchmarks"):
        return "no module of refa has this name outside refa_cli"
    if here[:1] == ["formats"]:
        if top == "refa_cli":
            return "" if there[:1] == ["formats"] else "formats stand below everything"
        allowed = top in FORMATS_MAY_USE or top in sys.stdlib_module_names
        return "" if allowed else "formats use numpy, zarr (with its crc32c), Pillow and the standard library"
    if top == "torch" and here[:1] and here[0] in WITHOUT_TORCH:
        return "this part works without torch"
    if top != "refa_cli" or not there or there[0] == "formats" or there[0].startswith("__"):
        return ""
    if here[:1] == ["commands"]:
        if there[0] == "commands" and there[1:2] != here[1:2] and module != CALLS_OTHER_COMMANDS:
            return "commands share code through refa_cli only"
        return ""
    if there[0] == "commands":
        return "commands stand above everything"
    if there[0] in HOUSE:
        return ""
    if not here or here[0] in HOUSE:
        return "the house knows no part"
    if there[0] not in PARTS_BELOW[here[0]] | {here[0]}:
        return f"{here[0]} may import {sorted(PARTS_BELOW[here[0]])}"
    return ""


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_run_down(module: str) -> None:
    breaches = [
        f"{imported}: {why}" for imported in imports(MODULES[module], module) if (why := breach(module, imported))
    ]
    assert not breaches


def test_every_part_has_a_place() -> None:
    packages = {path.parent.name for path in (ROOT / "refa_cli").glob("*/__init__.py") if not path.parent.is_symlink()}
    assert packages <= set(PARTS_BELOW)


@pytest.mark.parametrize("folder", ["tests", "docs", "benchmarks", "examples"])
def test_nobody_imports_a_second_copy(folder: str) -> None:
    for path in (ROOT / folder).rglob("*.py"):
        assert not {name.split(".")[0] for name in imports(path)} & {"commands", "formats"}, path


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("refa_cli.formats.rig", "scipy.linalg"),
        ("refa_cli.formats.rig", "refa_cli.console.note"),
        ("refa_cli.face.rigs", "torch"),
        ("refa_cli.face.rigs", "refa_cli.render.rasterize"),
        ("refa_cli.console", "refa_cli.face.shapes"),
        ("refa_cli.commands.env", "refa_cli.commands.inspect"),
        ("refa_cli.landmarks.detect", "formats.rig"),
        ("refa_cli.outputs", "refa_cli.commands.env"),
    ],
)
def test_a_breach_is_seen(module: str, imported: str) -> None:
    assert breach(module, imported)


def test_relative_imports_are_resolved(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("from . import b\nfrom ..c import d\nfrom .e import f\nimport g.h\n")
    assert list(imports(file, "x.y.a")) == ["x.y.b", "x.c.d", "x.y.e.f", "g.h"]
