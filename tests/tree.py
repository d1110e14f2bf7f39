"""The repository as tests look at it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {"refa_cli": "refa_cli", "commands": "refa_cli.commands", "formats": "refa_cli.formats"}
"""Folder at the top of the repository -> its import name."""


def package_files(folder: str) -> list[Path]:
    """All files of one of FOLDERS, without caches, logs beside artifacts and what lies behind the two links, sorted."""
    top = ROOT / folder
    behind_links = {top / "commands", top / "formats"} if folder == "refa_cli" else set()
    return sorted(
        path
        for path in top.rglob("*")
        if path.is_file()
        and "__pycache__" not in path.parts
        and behind_links.isdisjoint(path.parents)
        and not path.name.endswith(".npz.log")
    )


def modules() -> dict[str, Path]:
    """Import name -> file of every module of refa."""
    found = {}
    for folder, name in FOLDERS.items():
        for path in package_files(folder):
            if path.suffix == ".py":
                parts = path.relative_to(ROOT / folder).with_suffix("").parts
                found[".".join([name, *(part for part in parts if part != "__init__")])] = path
    return found


def imports(path: Path, module: str = "") -> Iterator[str]:
    """Full names that a file imports anywhere, also inside functions; `from a import b` gives a.b."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)
