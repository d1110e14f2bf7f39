"""How fast the tracker trains and runs:  python speed.py

Writes speed.md. Pictures are noise: what they show does not change how long they take.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np
import torch

from refa_cli.face.shapes import EXPRESSIONS
from refa_cli.formats.cameras import Cameras
from refa_cli.formats.captures import Captures
from refa_cli.formats.dataset import SubjectWriter, finish_dataset
from refa_cli.headset.default import default_headset
from refa_cli.headset.parts import cameras_with, recorded
from refa_cli.networks.loop import Schedule, train
from refa_cli.networks.packing import Seen, pack
from refa_cli.networks.pool import Pool
from refa_cli.networks.samples import Samples
from refa_cli.networks.tracker import Tracker
from refa_cli.networks.training import TrackerTask
from refa_cli.runtime.inference import Engine

NAMES = ("eye_left", "eye_right", "mouth_left", "mouth_right", "glabella")
STEPS, BATCH, FRAMES, RECORDINGS = 30, 32, 300, 4


def noise(count: int, pixels: int) -> Pool | None:
    """What to train on."""
    rng = np.random.default_rng(0)
    samples = Samples(
        rng.integers(0, 256, (count, 5, pixels, pixels), dtype=np.uint8), np.ones((count, 5), bool),
        rng.random((count, len(EXPRESSIONS)), np.float32), np.zeros((count, 2, 2), np.float32), np.ones(count, bool),
        np.zeros(count, np.int32), ("S0001",),
    )  # fmt: skip
    return Pool.of(samples, {"S0001"})


def training(pixels: int) -> float:
    """Five-view samples a second of the whole step: drawing, augmentation, adaptation, both ways, Muon."""
    tracker = Tracker("small", Cameras(NAMES, NAMES), pixels)
    task = TrackerTask(tracker, noise(256, pixels), noise(256, pixels), None, BATCH)
    with tempfile.TemporaryDirectory() as folder:
        train(task, Schedule(3), Path(folder) / "warm", 0)
        start = time.perf_counter()
        train(task, Schedule(STEPS, every=10**6), Path(folder) / "run", 0)
    return STEPS * BATCH / (time.perf_counter() - start)


def drawing(pixels: int) -> float:
    """Samples a second of what comes before the network alone."""
    tracker = Tracker("small", Cameras(NAMES, NAMES), pixels)
    task = TrackerTask(tracker, noise(256, pixels), noise(256, pixels), None, BATCH)
    start = time.perf_counter()
    for step in range(STEPS):
        task._drawn(np.random.default_rng(step), torch.Generator().manual_seed(step))
    return STEPS * BATCH / (time.perf_counter() - start)


def model_of(size: str, pixels: int, path: Path) -> Engine:
    """An untrained model, written and ready to run."""
    tracker = Tracker(size, Cameras(NAMES, NAMES), pixels).eval()
    model = pack(tracker, Seen(), np.random.default_rng(0).random((9, 5, 512), np.float32), np.ones((9, 5), bool), {})
    model.write(path)
    return Engine(model)


def alone(engine: Engine, pixels: int) -> float:
    """Milliseconds of one moment at a time, the network only."""
    frames = [np.zeros((1, pixels, pixels), np.uint8)] * 5
    present = np.ones((1, 5), bool)
    for _ in range(20):
        engine.run(frames, present)
    start = time.perf_counter()
    for _ in range(200):
        engine.run(frames, present)
    return (time.perf_counter() - start) / 200 * 1000


def predicting(folder: Path, model: Path) -> float:
    """Five-view 400x400 moments a second of `refa predict --workers 2`, from disk to disk."""
    headset, rng = default_headset(), np.random.default_rng(0)
    nothing = np.zeros(0, np.uint8)
    writer = SubjectWriter(folder / "captures.zarr" / "S0001", Captures, "S0001")
    for i in range(RECORDINGS):
        writer.add(f"r{i}", Captures(
            headset_digest=headset.digest, **recorded(headset, cameras_with(headset, embedded=True)),
            time_ns=np.arange(FRAMES) * 33_333_333, present=np.ones((FRAMES, 5), bool),
            frames=rng.integers(0, 256, (FRAMES, 5, 400, 400), dtype=np.uint8),
            other_frames=np.zeros((FRAMES, 0, 0, 0), np.uint8), expression_ids=(),
            segment_ns=np.zeros((0, 3), np.int64),
            segment_kind=nothing, segment_side=nothing, segment_expression=np.zeros(0, np.int32),
        ))  # fmt: skip
    writer.finish({})
    finish_dataset(folder / "captures.zarr", Captures, {})
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "refa_cli", "predict", str(folder / "captures.zarr"), "--model", str(model),
                    "-o", str(folder / "preds.zarr"), "--workers", "2", "--quiet"], check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip
    return FRAMES * RECORDINGS / (time.perf_counter() - start)


def main() -> None:
    """Measures all, writes the page."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        engine = model_of("small", 224, folder / "model.npz")
        large = model_of("paper", 224, folder / "large.npz")
        rows = [
            ("training at 96x96, one core", f"{training(96):.0f} five-view samples/s"),
            ("... of which drawing and augmentation alone", f"{drawing(96):.0f} five-view samples/s"),
            ("training at 224x224, one core", f"{training(224):.0f} five-view samples/s"),
            ("... of which drawing and augmentation alone", f"{drawing(224):.0f} five-view samples/s"),
            ("the model alone at 224x224, fp32, one core", f"{alone(engine, 224):.1f} ms a five-view moment"),
            ("... of the paper's size", f"{alone(large, 224):.0f} ms a five-view moment"),
            ("`refa predict` of 400x400 captures, 2 cores, disk to disk",
             f"{predicting(folder, folder / 'model.npz'):.0f} five-view moments/s"),
        ]  # fmt: skip
    model = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), "?")  # fmt: skip
    lines = "\n".join(f"| {what} | {value} |" for what, value in rows)
    page = f"""# How fast the tracker trains and runs

`make -C benchmarks speed`, {model}, {os.cpu_count()} cores, {date.today()}. Five cameras, batches of {BATCH}, half
real and half synthetic, with domain adaptation; the small tracker where nothing else is said.

| what | how fast |
| --- | --- |
{lines}
"""
    (Path(__file__).parent / "speed.md").write_text(page)
    print(page)


if __name__ == "__main__":
    main()
