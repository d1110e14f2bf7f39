"""Fan-out of one function over many jobs (subjects, frame ranges): here, in local processes, or on a Dask cluster.

The function stands at the top of a module and takes one job; a job is small and can be pickled. Results come in the
order of the jobs, whatever finished first. A worker uses one thread: several processes of one thread each are faster
and steadier than threads that compete for cores. What is random in a job takes its seed from `seed_of`, so that the
bytes do not depend on who did the job.

    for rig in fan_out(fit_subject, subjects, name=str, workers=workers, label="fitting"):
        ...
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from refa_cli import console
from refa_cli.formats.errors import RefaError

J = TypeVar("J")
R = TypeVar("R")

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
"""What OpenMP, BLAS and their kin read when they are loaded."""


ANSWER_SECONDS = 10
"""How long a Dask scheduler may take to answer."""


class JobFailed(RefaError):
    """A job raised an error: "NAME: its sentence", with the exit code of that error."""

    def __init__(self, name: str, message: str, exit_code: int, where: str) -> None:
        super().__init__(f"{name}: {message}")
        self.name, self.exit_code = name, exit_code
        self.add_note(where)  # the traceback in the worker, shown with --debug


@dataclass(frozen=True)
class _Outcome(Generic[R]):
    """What a job gave. Errors travel as text: not every exception survives pickling."""

    result: R | None = None
    error: tuple[str, int, str] | None = None


def seed_of(seed: int, *parts: str | int) -> int:
    """A seed below 2**63 for one part of the work, such as seed_of(seed, "S0001", 17)."""
    text = "\0".join(map(str, (seed, *parts)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def fan_out(
    function: Callable[[J], R],
    jobs: Sequence[J],
    *,
    name: Callable[[J], str] = str,
    workers: int = 1,
    scheduler: str | None = None,
    label: str = "working",
    keep_going: bool = False,
) -> Iterator[R | JobFailed]:
    """Yield function(job) for every job, in order.

    workers: local processes, 1 being this process; scheduler: address of a Dask scheduler, which wins over workers;
    name: what to call a job in errors. A failed job raises JobFailed, or with keep_going is yielded in its place.
    Ctrl-C stops the workers.
    """
    outcomes: Generator[_Outcome[R], None, None]
    if scheduler is not None:
        outcomes = _on_cluster(function, jobs, scheduler)
    elif workers > 1 and len(jobs) > 1:
        outcomes = _in_processes(function, jobs, min(workers, len(jobs)))
    else:
        outcomes = (_attempt(function, job) for job in jobs)
    with contextlib.closing(outcomes):
        for job, outcome in zip(jobs, console.progress(outcomes, label, total=len(jobs)), strict=True):
            if outcome.error is None:
                yield outcome.result  # type: ignore[misc]  # None only if R allows it
                continue
            failure = JobFailed(name(job), *outcome.error)
            if not keep_going:
                raise failure
            yield failure


def _attempt(function: Callable[[J], R], job: J) -> _Outcome[R]:
    try:
        return _Outcome(result=function(job))
    except Exception as error:
        known = isinstance(error, RefaError)
        message = str(error) if known else " ".join(f"{type(error).__name__}: {error}".split())
        return _Outcome(error=(message, error.exit_code if isinstance(error, RefaError) else 1, traceback.format_exc()))


def _in_processes(function: Callable[[J], R], jobs: Sequence[J], count: int) -> Generator[_Outcome[R], None, None]:
    """Fresh interpreters (not forks: a fork copies the state of threads that it does not have)."""
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), initializer=_begin)
    try:
        with _one_thread_each():
            futures: list[Future[_Outcome[R]]] = [pool.submit(_attempt, function, job) for job in jobs]
            for future in futures:
                yield future.result()
    except BrokenProcessPool as error:
        raise RefaError("a worker process was killed (out of memory?); try fewer --workers.") from error
    except BaseException:
        for process in set(multiprocessing.active_children()) - before:
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """Start of a worker process: Ctrl-C is the parent's to handle, and numba keeps to one thread."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["NUMBA_NUM_THREADS"] = "1"
    if "numba" in sys.modules:  # a script that uses refa may import it at its top, which runs before this
        import numba

        numba.set_num_threads(1)


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes started inside read these variables when they load numpy; this process has loaded its own before.

    numba's variable is not among them: numba refuses a change of it in a process that has started its threads.
    """
    former = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in former.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _on_cluster(function: Callable[[J], R], jobs: Sequence[J], scheduler: str) -> Generator[_Outcome[R], None, None]:
    """Its workers have refa installed; how many threads they use is said where they are started."""
    try:
        distributed: Any = importlib.import_module("distributed")
    except ImportError as error:
        raise RefaError("--scheduler needs Dask; install it with `pip install 'refa-cli[dask]'`.") from error
    try:
        client = distributed.Client(scheduler, timeout=ANSWER_SECONDS)
    except (OSError, ValueError) as error:
        raise RefaError(f"no Dask scheduler answers at {scheduler}; start one or correct --scheduler.") from error
    with client:
        futures = client.map(_attempt, [function] * len(jobs), list(jobs), pure=False)
        try:
            for future in futures:
                yield future.result()
        except BaseException:
            client.cancel(futures)
            raise
