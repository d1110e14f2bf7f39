"""A wheel and an sdist hold every file of the tree, under the one name refa_cli."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.tree import FOLDERS, ROOT, package_files

BUILD = "import sys, setuptools.build_meta as b; print(getattr(b, sys.argv[1])(sys.argv[2]))"


def build(kind: str, source: Path, target: Path) -> Path:
    """Build with "build_wheel" or "build_sdist" in `source`; returns the archive."""
    command = [sys.executable, "-c", BUILD, kind, str(target)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return target / done.stdout.splitlines()[-1]


def names_in_wheel(path: Path) -> set[str]:
    return {name for name in zipfile.ZipFile(path).namelist() if ".dist-info/" not in name}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that a build reads, apart from the tree: a build leaves things beside its sources."""
    target = tmp_path_factory.mktemp("copy")
    for name in (*FOLDERS, "pyproject.toml", "README.md", "LICENSE"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, target / name)
    return target


@pytest.fixture(scope="module")
def expected() -> set[str]:
    return {
        f"{name.replace('.', '/')}/{path.relative_to(ROOT / folder).as_posix()}"
        for folder, name in FOLDERS.items()
        for path in package_files(folder)
    }


def test_wheel_is_the_tree(copy: Path, expected: set[str], tmp_path: Path) -> None:
    names = names_in_wheel(build("build_wheel", copy, tmp_path))
    assert names == expected
    assert {name.split("/")[0] for name in names} == {"refa_cli"}


def test_a_wheel_of_the_sdist_is_the_tree(copy: Path, expected: set[str], tmp_path: Path) -> None:
    with tarfile.open(build("build_sdist", copy, tmp_path)) as archive:
        archive.extractall(tmp_path, filter="data")
    unpacked = next(path for path in tmp_path.iterdir() if path.is_dir())
    assert names_in_wheel(build("build_wheel", unpacked, tmp_path)) == expected


def test_every_package_is_listed() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    packages = {
        ".".join([name, *path.parent.relative_to(ROOT / folder).parts])
        for folder, name in FOLDERS.items()
        for path in package_files(folder)
        if path.name == "__init__.py"
    }
    assert set(settings["packages"]) == packages


def test_links_lead_to_the_folders() -> None:
    for name in ("commands", "formats"):
        assert (ROOT / "refa_cli" / name).is_symlink()
        assert (ROOT / "refa_cli" / name).resolve() == ROOT / name
