"""How much faster two subjects are rigged by two workers than by one:  python throughput.py SCANS SCANS

Prints a Markdown line. The machine must do nothing else meanwhile. Beside it stands what the machine itself allows: the
same ratio of a loop that needs no memory.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

LOOP = "sum(i * i % 7 for i in range(30_000_000))"


def seconds(*commands: Sequence[str]) -> float:
    """Time that all commands need, run at once."""
    start = time.perf_counter()
    running = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for command in commands]
    if any(process.wait() for process in running):
        raise SystemExit(f"{' '.join(commands[0])} failed")
    return time.perf_counter() - start


def main(scans: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        taken = {}
        for workers in ("1", "2"):
            rigs = str(Path(folder) / f"rigs{workers}")
            taken[workers] = seconds(
                [sys.executable, "-m", "refa_cli", "fit-rig", *scans, "-o", rigs + "/", "--workers", workers]
            )
    loop = [sys.executable, "-c", LOOP]
    ceiling = 2 * seconds(loop) / seconds(loop, loop)
    print("| two subjects, one worker s | two workers s | ratio | ratio of a plain loop |\n| --- | --- | --- | --- |")
    print(f"| {taken['1']:.0f} | {taken['2']:.0f} | {taken['1'] / taken['2']:.2f} | {ceiling:.2f} |")


if __name__ == "__main__":
    main(sys.argv[1:])
