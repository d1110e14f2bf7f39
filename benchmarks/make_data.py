"""How fast `refa simulate --sessions` and `refa synth` write frames:  python make_data.py

Writes make_data.md. Every line is one run of the command, start of Python and compiled kernels' loading included,
stores on disk at the end.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from refa_cli.formats.captures import Captures
from refa_cli.formats.dataset import Dataset
from refa_cli.formats.synth import Synth

WORKERS = 2
KILLED_AFTER = (5, 18)
"""Seconds after which a run is killed, and the run that goes on with it."""
PACE = 0.594
"""At which the peaks of all 60 prompts take 100 s."""


def timed(*arguments: str) -> float:
    """Seconds of one run."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "refa_cli", *arguments, "--quiet", "--workers", str(WORKERS)], check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip
    return time.perf_counter() - start


def size(folder: Path) -> float:
    """Gigabytes."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e9


def digest(folder: Path) -> str:
    """Of all files but the log."""
    whole = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.name != "refa.log":
            whole.update(file.relative_to(folder).as_posix().encode() + file.read_bytes())
    return whole.hexdigest()


def sessions(folder: Path, cameras: str) -> str:
    """A row of the table of sessions."""
    out = folder / cameras
    seconds = timed("simulate", "--sessions", "--recordings", "peaks", "--pace", str(PACE), "--cameras", cameras,
                    "--seed", "1", "-o", str(out))  # fmt: skip
    held = Dataset.read(out / "captures.zarr", Captures).subjects["S0001"].recordings["peaks"].load(streamed=False)
    frames, count = len(held.time_ns), len(held.camera_names)
    row = f"| {cameras} | {frames} | {count} | {seconds:.0f} s | {frames / seconds:.1f} | {size(out):.2f} GB |"
    shutil.rmtree(out)
    return row


def synthetic(folder: Path, pixels: int, takes: Path | None) -> str:
    """A row of the table of synthetic frames."""
    out = folder / f"synth{pixels}"
    frames = 200 if pixels < 300 else 100
    more = [] if takes is None else ["--takes", str(takes)]
    seconds = timed("synth", "--identities", "4", "--frames", str(frames), "--pixels", str(pixels), *more,
                    "-o", str(out), "--seed", "1")  # fmt: skip
    total = 4 * frames
    Dataset.read(out, Synth).verify()
    row = f"| {pixels}x{pixels} | {total} | {seconds:.0f} s | {total / seconds:.1f} | {size(out):.2f} GB |"
    shutil.rmtree(out)
    return row


def interrupted(folder: Path) -> str:
    """What killing a run after five seconds and running it again gives."""
    arguments = ["synth", "--identities", "2", "--frames", "150", "--pixels", "224", "--seed", "2"]
    timed(*arguments, "-o", str(folder / "whole"))
    command = [sys.executable, "-m", "refa_cli", *arguments, "-o", str(folder / "killed"), "--quiet",
               "--workers", str(WORKERS)]  # fmt: skip
    standing = []
    for seconds in KILLED_AFTER:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
        time.sleep(seconds)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        standing.append(len(list((folder / "killed.partial").rglob("blocks/*.json"))))
    timed(*arguments, "-o", str(folder / "killed"))
    same = digest(folder / "whole") == digest(folder / "killed")
    return (
        f"Killed (SIGKILL, all processes) after {KILLED_AFTER[0]} s with {standing[0]} of 6 blocks written, run\n"
        f"again and killed after {KILLED_AFTER[1]} s with {standing[1]}, and run to its end, 2 x 150 frames were\n"
        f"{'the same bytes as' if same else 'OTHER BYTES than'} an undisturbed one."
    )


def main() -> None:
    """Runs all, writes the page."""
    takes = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if takes == Path("interrupted"):  # only this part
            print(interrupted(folder))
            return
        rows = [sessions(folder, cameras) for cameras in ("embedded", "all")]
        frames = [synthetic(folder, pixels, takes) for pixels in (224, 400)]
        ended = interrupted(folder)
    model = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), "?")  # fmt: skip
    page = f"""# How fast data are made

`make -C benchmarks make-data`, {model}, {os.cpu_count()} cores, {WORKERS} workers, {date.today()}. Default headset,
400x400 pixels unless said, 8 LEDs with shadows, hair, misfit 1. One run each, everything from the start of the program
to stores on disk counted.

## `refa simulate --sessions`: one person, all 60 prompts, 30 Hz, seed 1

| cameras | moments | views each | time | moments a second | on disk |
| --- | --- | --- | --- | --- | --- |
{chr(10).join(rows)}

## `refa synth`: 4 drawn people, five views a moment, a quarter of them with glasses, seed 1

| size | moments | time | moments a second | on disk |
| --- | --- | --- | --- | --- |
{chr(10).join(frames)}

{ended}
"""
    (Path(__file__).parent / "make_data.md").write_text(page)


if __name__ == "__main__":
    main()
