"""An output is whole or absent, whatever happens while it is written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from refa_cli import placing
from refa_cli.formats.errors import DataError, UsageError
from refa_cli.outputs import DIRECTORY_LOG, Output, Recipe, versions
from tests.faults import Disk, PowerCut, disk
from tests.tree import ROOT

RECIPE = Recipe(command="toy", options={"scale": 1.0}, seed=3, inputs={"scans": "ab"}, versions={"refa": "0"})
OTHER = Recipe(command="toy", options={"scale": 2.0}, seed=3, inputs={"scans": "ab"}, versions={"refa": "0"})
OLD, NEW = {"": b"old"}, {"": b"new" * 1000}
OLD_TREE = {"a": b"old", "sub/b": b"old b", "only-old": b"x"}
NEW_TREE = {"a": b"new", "sub/b": b"new b" * 500, "sub/c/d": b"", "refa.json": b"{}"}


def write(path: Path, tree: dict[str, bytes], *, recipe: Recipe = RECIPE, overwrite: bool = True) -> bool:
    """Write a file (a tree with the one name "") or a directory; returns whether it was resumed."""
    with Output(path, recipe, overwrite=overwrite, directory="" not in tree) as out:
        for name, content in tree.items():
            target = out.partial / name if name else out.partial
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as file:
                file.write(content[:3])
                file.write(content[3:])
    return out.resumed


def read(path: Path) -> dict[str, bytes] | None:
    """What stands at `path`, without the log; None when nothing does."""
    if path.is_file():
        return {"": path.read_bytes()}
    if not path.is_dir():
        return None
    return {
        file.relative_to(path).as_posix(): file.read_bytes()
        for file in path.rglob("*")
        if file.is_file() and file.name != DIRECTORY_LOG
    }


@pytest.mark.parametrize("tree", [NEW, NEW_TREE])
def test_places_and_leaves_nothing_else(tree: dict[str, bytes], tmp_path: Path) -> None:
    target = tmp_path / "made" / "out"
    assert write(target, tree) is False
    assert read(target) == tree
    log = target / DIRECTORY_LOG if target.is_dir() else tmp_path / "made" / "out.log"
    assert {path.name for path in target.parent.iterdir()} == {"out"} | ({"out.log"} if target.is_file() else set())
    line = json.loads(log.read_text())
    assert line["outcome"] == "done" and line["recipe"] == RECIPE.digest() and line["workers"] == 1


@pytest.mark.parametrize("tree", [NEW, NEW_TREE])
def test_existing_output_is_refused_before_any_work(tree: dict[str, bytes], tmp_path: Path) -> None:
    target = tmp_path / "out"
    write(target, tree)
    with pytest.raises(UsageError, match="already exists; choose another name or replace it with --overwrite"):
        Output(target, RECIPE, directory="" not in tree)
    assert write(target, tree, overwrite=True) is False


def test_a_file_and_a_directory_do_not_replace_each_other(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match="is a directory"):
        Output(tmp_path / "folder", RECIPE, overwrite=True)
    with pytest.raises(UsageError, match="is a file"):
        Output(tmp_path / "file", RECIPE, overwrite=True, directory=True)


def test_only_directories_of_refa_are_replaced(tmp_path: Path) -> None:
    precious = tmp_path / "home"
    precious.mkdir()
    assert write(precious, NEW_TREE, overwrite=False) is False, "an empty directory is free"
    (precious / DIRECTORY_LOG).unlink()
    with pytest.raises(UsageError, match="was not written by refa"):
        Output(precious, RECIPE, overwrite=True, directory=True)


def test_a_failed_file_is_thrown_away_and_a_failed_directory_is_resumed(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), Output(tmp_path / "file", RECIPE) as out:
        out.partial.write_bytes(b"half")
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())
    folder = tmp_path / "folder"
    with pytest.raises(KeyboardInterrupt), Output(folder, RECIPE, directory=True) as out:
        (out.partial / "a").write_bytes(b"done already")
        raise KeyboardInterrupt
    assert not folder.exists()
    with Output(folder, RECIPE, directory=True) as out:
        assert out.resumed and (out.partial / "a").read_bytes() == b"done already"
    outcomes = [json.loads(line)["outcome"] for line in (folder / DIRECTORY_LOG).read_text().splitlines()]
    assert outcomes == ["stopped: KeyboardInterrupt", "done"]


def test_another_recipe_starts_over(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), Output(tmp_path / "out", RECIPE, directory=True) as out:
        (out.partial / "a").write_bytes(b"of the first recipe")
        raise ZeroDivisionError
    with Output(tmp_path / "out", OTHER, directory=True) as out:
        assert not out.resumed and not list(out.partial.iterdir())


def test_two_writers_are_kept_apart(tmp_path: Path) -> None:
    with Output(tmp_path / "out", RECIPE) as first:
        first.partial.write_bytes(b"first")
        with (
            pytest.raises(DataError, match=f"no other writer, got process {os.getpid()}"),
            Output(tmp_path / "out", RECIPE),
        ):
            pass
        assert first.partial.read_bytes() == b"first"
    assert (tmp_path / "out").read_bytes() == b"first" and not (tmp_path / "out.lock").exists()


def test_a_killed_process_is_taken_over(tmp_path: Path) -> None:
    script = f"""
import os, signal
from pathlib import Path
from refa_cli.outputs import Output
from tests.test_outputs import RECIPE
with Output(Path({str(tmp_path / "out")!r}), RECIPE, directory=True) as out:
    (out.partial / "a").write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    assert (tmp_path / "out.lock").exists() and not (tmp_path / "out").exists()
    assert write(tmp_path / "out", NEW_TREE) is True
    assert read(tmp_path / "out") == NEW_TREE
    assert {path.name for path in tmp_path.iterdir()} == {"out"}


@pytest.fixture(params=["exchange", "two renames"])
def failing_disk(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """A disk that can fail, on a system that can exchange two directories and on one that cannot."""
    fsync, exchange = os.fsync, placing.exchange

    def audited_fsync(descriptor: int) -> None:
        sys.audit("test.fsync")
        fsync(descriptor)

    def audited_exchange(first: Path, second: Path) -> bool:
        sys.audit("test.exchange")
        return request.param == "exchange" and exchange(first, second)

    monkeypatch.setattr(os, "fsync", audited_fsync)
    monkeypatch.setattr(placing, "exchange", audited_exchange)
    with disk(tmp_path) as found:
        yield found


@pytest.mark.parametrize(("old", "new"), [(None, NEW), (OLD, NEW), (None, NEW_TREE), (OLD_TREE, NEW_TREE)])
@pytest.mark.parametrize("cut", [True, False], ids=["power cut", "failing call"])
def test_a_crash_at_every_call_leaves_the_old_or_nothing(
    old: dict[str, bytes] | None, new: dict[str, bytes], cut: bool, failing_disk: Disk, tmp_path: Path
) -> None:
    def count(work: Callable[[], object]) -> int:
        with failing_disk.failing(0, cut=cut):
            work()
        return failing_disk.calls

    def prepared(number: int) -> Path:
        target = tmp_path / str(number) / "out"
        target.parent.mkdir()
        if old is not None:
            write(target, old, recipe=OTHER)
        return target

    first = prepared(0)
    calls = count(lambda: write(first, new))
    assert calls > 8 and read(first) == new
    for at in range(1, calls + 1):
        target = prepared(at)
        try:
            with failing_disk.failing(at, cut=cut):
                write(target, new)
        except (PowerCut, OSError):
            assert read(target) in (None, old, new), f"call {at}"
        else:  # only a call that fails once, and that the writer can do without
            assert not cut and read(target) == new, f"call {at}"
        write(target, new)
        assert read(target) == new, f"call {at}"
        names = {path.name for path in target.parent.iterdir()}
        assert names == {path.name for path in first.parent.iterdir()}, f"call {at}"


def test_the_two_renames_are_recovered(tmp_path: Path) -> None:
    write(tmp_path / "out", OLD_TREE)
    os.rename(tmp_path / "out", tmp_path / "out.former")  # the process died between the renames
    with pytest.raises(UsageError), Output(tmp_path / "out", RECIPE, directory=True):
        pass
    assert read(tmp_path / "out") == OLD_TREE


def test_recipe() -> None:
    assert RECIPE.digest() != OTHER.digest() and len(RECIPE.digest()) == 64
    assert RECIPE.as_dict() == json.loads(json.dumps(RECIPE.as_dict()))
    assert Recipe(command="toy").as_dict()["versions"] == versions()
    assert {"refa", "python", "numpy"} <= set(versions()) and "torch" not in versions()
    assert "no-such-library" not in versions("no-such-library")
    assert (
        Recipe(command="a", options={"x": 1, "y": 2}).digest() == Recipe(command="a", options={"y": 2, "x": 1}).digest()
    )
