"""A power cut, or a failing disk, at the n-th file-system call of a block of code."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

WATCHED = {
    "fcntl.flock",
    "open",
    "os.link",
    "os.listdir",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.scandir",
    "os.truncate",
    "shutil.rmtree",
    "test.exchange",
    "test.fsync",
}
"""Audit events of Python (and two raised by the tests, for calls that Python does not audit)."""


class PowerCut(BaseException):
    """The process is dead: no later call of it reaches the disk."""


class Disk:
    """Counts the watched calls that touch `folder`; stops the `at`-th (1-based) and, after a power cut, all later."""

    def __init__(self, folder: Path) -> None:
        self.folder = os.path.realpath(folder)
        self.armed = False
        self.at = self.calls = 0
        self.cut = True

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.armed or event not in WATCHED:
            return
        if event == "open" and os.path.isabs(name := os.fsdecode(arguments[0])) and not name.startswith(self.folder):
            return  # a module being imported
        self.calls += 1
        if self.cut and self.calls >= self.at:
            raise PowerCut(event)
        if self.calls == self.at:
            raise OSError(errno.EIO, "Input/output error", event)

    @contextlib.contextmanager
    def failing(self, at: int, *, cut: bool) -> Iterator[None]:
        """Inside, the `at`-th call fails; at = 0 only counts."""
        self.armed, self.at, self.calls, self.cut = True, at or sys.maxsize, 0, cut
        try:
            yield
        finally:
            self.armed = False


_current: Disk | None = None


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _current is not None:
        _current.audit(event, arguments)


_installed: list[bool] = []


@contextlib.contextmanager
def disk(folder: Path) -> Iterator[Disk]:
    """Watch `folder`. Python's audit hooks cannot be removed: one is installed once, and idles between uses."""
    global _current
    if not _installed:
        sys.addaudithook(_hook)
        _installed.append(True)
    _current = Disk(folder)
    try:
        yield _current
    finally:
        _current = None
