"""The same results, in the same order, from this process, from local processes and from a Dask cluster."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from refa_cli import workers
from refa_cli.formats.errors import DataError, RefaError, UsageError
from refa_cli.workers import JobFailed, fan_out, seed_of
from tests.tree import ROOT


def square(job: int) -> tuple[int, int]:
    time.sleep(0.05 if job == 0 else 0)  # the first job ends last
    return job * job, os.getpid()


def explain(job: str) -> str:
    if job == "S0002":
        raise DataError("scan.ply", "vertices", "finite numbers", "a NaN", "scan again")
    if job == "S0003":
        raise ZeroDivisionError("oh\nno")
    if job == "S0004":
        raise UsageError("not so.")
    return job.lower()


def die(job: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def threads(job: int) -> list[str | None]:
    import numba

    return [os.environ.get("OMP_NUM_THREADS"), str(numba.get_num_threads())]


@pytest.mark.parametrize("count", [1, 2])
def test_order_is_kept(count: int) -> None:
    results = list(fan_out(square, range(7), workers=count))
    assert [result[0] for result in results if not isinstance(result, JobFailed)] == [job * job for job in range(7)]
    processes = {result[1] for result in results if not isinstance(result, JobFailed)}
    assert (processes == {os.getpid()}) is (count == 1)


@pytest.mark.parametrize("count", [1, 2])
def test_errors_carry_the_name_of_the_job(count: int) -> None:
    jobs = ["S0001", "S0002", "S0003", "S0004"]
    with pytest.raises(
        JobFailed, match="^S0002: scan.ply: vertices: expected finite numbers, got a NaN; scan again\\."
    ):
        list(fan_out(explain, jobs, workers=count))
    results = list(fan_out(explain, jobs, workers=count, keep_going=True))
    assert [str(result) for result in results] == [
        "s0001",
        "S0002: scan.ply: vertices: expected finite numbers, got a NaN; scan again.",
        "S0003: ZeroDivisionError: oh no",
        "S0004: not so.",
    ]
    codes = [result.exit_code for result in results if isinstance(result, JobFailed)]
    assert codes == [1, 1, 2]
    assert "ZeroDivisionError" in results[2].__notes__[0]  # type: ignore[union-attr]


def test_names_are_the_callers() -> None:
    with pytest.raises(JobFailed, match="^subject S0002: "):
        list(fan_out(explain, ["S0002"], name=lambda job: f"subject {job}"))


def test_one_thread_each_and_the_environment_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    assert list(fan_out(threads, [1, 2], workers=2)) == [["1", "1"]] * 2
    assert os.environ["OMP_NUM_THREADS"] == "5" and "OPENBLAS_NUM_THREADS" not in os.environ


def test_a_killed_worker_is_reported() -> None:
    with pytest.raises(RefaError, match="a worker process was killed"):
        list(fan_out(die, [1, 2], workers=2))


def test_no_jobs() -> None:
    assert list(fan_out(square, [], workers=4)) == []


def test_ctrl_c_stops_the_workers(tmp_path: Path) -> None:
    script = tmp_path / "long.py"
    script.write_text(
        "import os, signal, sys, time\n"
        "from pathlib import Path\n"
        "from refa_cli.workers import fan_out\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # also where a shell began us in its background
        "def sleep(job):\n"
        "    Path(sys.argv[1], str(os.getpid())).touch()\n"
        "    time.sleep(60)\n"
        "if __name__ == '__main__':\n"
        "    list(fan_out(sleep, range(4), workers=2))\n"
    )
    started = tmp_path / "started"
    started.mkdir()
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, str(script), str(started)],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while len(list(started.iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode != 0 and err.count("KeyboardInterrupt") == 1, err
    for file in started.iterdir():
        with pytest.raises(ProcessLookupError):
            os.kill(int(file.name), 0)


def test_seeds() -> None:
    assert seed_of(0, "S0001", 3) == 3651495562443531495, "outputs of earlier versions must stay what they are"
    assert len({seed_of(seed, subject, frame) for seed in (0, 1) for subject in "ab" for frame in range(50)}) == 200
    assert seed_of(0, "a", "b") != seed_of(0, "ab")


class TestDask:
    """On a cluster inside this process."""

    def test_same_as_here(self) -> None:
        distributed = pytest.importorskip("distributed")
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None, protocol="tcp"
        ) as cluster:
            address = cluster.scheduler_address
            results = list(fan_out(explain, ["S0001", "S0002"], scheduler=address, keep_going=True))
            assert [str(result)[:5] for result in results] == ["s0001", "S0002"]
            assert [result[0] for result in fan_out(square, range(4), scheduler=address)] == [0, 1, 4, 9]  # type: ignore[index]
            with pytest.raises(JobFailed, match="^S0003: ZeroDivisionError"):
                list(fan_out(explain, ["S0003"], scheduler=address))

    @pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense://x"])
    def test_no_scheduler(self, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
        pytest.importorskip("distributed")
        monkeypatch.setattr(workers, "ANSWER_SECONDS", 1)
        with pytest.raises(RefaError, match="no Dask scheduler answers at"):
            list(fan_out(explain, ["S0001"], scheduler=address))

    def test_not_installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "distributed", None)
        with pytest.raises(RefaError, match="install it with"):
            list(fan_out(explain, ["S0001"], scheduler="tcp://127.0.0.1:9"))
