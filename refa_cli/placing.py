"""Putting files and directories in place in one step, and keeping two writers apart: what `outputs` is made of.

Every function leaves, when the process dies inside it, either the old or the new thing, or (two renames, only where
the system cannot exchange two directories) the old one under another name, which `recover` brings back.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import shutil
import sys
from pathlib import Path

from refa_cli.formats.errors import DataError


def flush(path: Path) -> None:
    """Make sure that a file, or a directory with all that is in it, is on the disk."""
    if path.is_dir():
        for child in sorted(path.iterdir()):
            if not child.is_symlink():
                flush(child)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush_entry(path: Path) -> None:
    """Make sure that the name of `path` is on the disk."""
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Remove a file, a link or a whole directory, if there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Write a small text file so that it is seen whole or not at all."""
    draft = path.parent / (path.name + ".draft")
    draft.write_text(text, "utf-8")
    flush(draft)
    place_file(draft, path)


def place_file(source: Path, target: Path) -> None:
    """Rename a flushed file to `target`, replacing what is there."""
    os.replace(source, target)
    _flush_entry(target)


def place_directory(source: Path, target: Path, former: Path) -> None:
    """Rename a flushed directory to `target`; what was there is removed once the new one stands.

    former: a name beside `target` that a system without an exchange of two names needs in between.
    """
    if not target.exists() or not any(target.iterdir()):
        os.rename(source, target)  # an empty directory at `target` is replaced by rename itself
        _flush_entry(target)
        return
    if exchange(source, target):
        _flush_entry(target)
        shutil.rmtree(source)
        return
    os.rename(target, former)
    os.rename(source, target)
    _flush_entry(target)
    shutil.rmtree(former)


def recover(target: Path, former: Path) -> None:
    """Finish what a process that died inside `place_directory` left: bring the former output back, or remove it."""
    if not former.exists():
        return
    if target.exists():
        shutil.rmtree(former)
    else:
        os.rename(former, target)


def exchange(first: Path, second: Path) -> bool:
    """Swap two names in one step; False where the system or the file system cannot."""
    library = ctypes.CDLL(None, use_errno=True)
    paths = os.fsencode(first), os.fsencode(second)
    here, swap = -100, 2  # AT_FDCWD; RENAME_EXCHANGE (Linux) and RENAME_SWAP (macOS) are both 2
    if sys.platform == "darwin" and hasattr(library, "renamex_np"):
        failed = library.renamex_np(*paths, ctypes.c_uint(swap))
    elif sys.platform != "darwin" and hasattr(library, "renameat2"):
        failed = library.renameat2(here, paths[0], here, paths[1], ctypes.c_uint(swap))
    else:
        return False
    if not failed:
        return True
    number = ctypes.get_errno()
    if number in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
        return False
    raise OSError(number, os.strerror(number), str(second))


class Lock:
    """At most one process holds the lock at `path`; the system lets go of it when that process ends, in any way."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = -1

    def acquire(self, wanted: Path) -> None:
        """Take the lock; raises DataError naming `wanted` when another process holds it."""
        while self._descriptor < 0:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                if self._take(descriptor, wanted):
                    self._descriptor = descriptor
            finally:
                if self._descriptor < 0:
                    os.close(descriptor)

    def _take(self, descriptor: int, wanted: Path) -> bool:
        """False when the holder removed the file between our open and our lock: there may be a new one."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            raise DataError(
                wanted, "", "no other writer", f"process {holder} writing it", "wait for that one or stop it"
            ) from error
        try:
            if not os.path.samestat(os.fstat(descriptor), os.stat(self.path)):
                return False
        except FileNotFoundError:
            return False
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        return True

    def release(self) -> None:
        """Remove the lock's file and let go of the lock."""
        try:
            self.path.unlink(missing_ok=True)
        finally:
            os.close(self._descriptor)
            self._descriptor = -1
