"""What makes the tracker learn, one thing left out at a time:  python learning.py FOLDER

Uses the people and frames of tracker.py's folder; writes learning.md.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from trained import FOLDER, PEOPLE, PIXELS, prepare

from refa_cli.face.default import load_face
from refa_cli.face.evaluate import Geometry
from refa_cli.formats.captures import Captures
from refa_cli.networks import encoder, loop, pool, tracker, training
from refa_cli.networks.samples import cameras_of, from_captures, from_synth
from refa_cli.networks.tracker import Tracker

STEPS, BATCH, THIN, MOVING = 600, 32, 12, 0.001


def adam(modules: Any, rate: float) -> dict[str, torch.optim.Optimizer]:
    """Adam for everything."""
    return {"adam": torch.optim.Adam([p for module in modules.values() for p in module.parameters()], 1e-3)}


def averaged(self: encoder.Encoder, x: torch.Tensor) -> torch.Tensor:
    """Features as the mean over places."""
    x = torch.relu(self.widen_norm(self.widen(self.stages(x)[-1])))
    return x.mean((2, 3)) + 0 * self.weigh.weight.sum()


def not_normed(self: tracker.Head, x: torch.Tensor) -> torch.Tensor:
    """A head without its batch norm."""
    told: torch.Tensor = self.told(torch.relu(self.hidden(x) + self.norm.bias))
    return told


def one_scale(pictures: torch.Tensor) -> torch.Tensor:
    """Counts less one mean, over one deviation, the same for all pictures."""
    return (pictures - 30.0) / 45.0


@contextmanager
def left_out(what: str) -> Iterator[None]:
    """refa without that."""
    patches: dict[str, Callable[[], AbstractContextManager[Any]]] = {
        "nothing": nullcontext,
        "the loss narrows from a square to l1: l1 from the start": lambda: patch.object(
            training, "width_at", lambda progress: training.NARROW
        ),
        "Muon: Adam (0.001) for everything": lambda: patch.object(loop, "optimizers_of", adam),
        "rare moments come more often: all alike": lambda: patch.object(pool.Pool.of.__func__, "__defaults__", (0.0,)),
        "pictures are levelled one by one: one mean, one deviation": lambda: patch.multiple(
            "refa_cli.networks.tracker", levelled=one_scale
        ),
        "places are weighed: the mean over them": lambda: patch.object(encoder.Encoder, "forward", averaged),
        "hidden units of heads are normed": lambda: patch.object(tracker.Head, "forward", not_normed),
        "synthetic frames": nullcontext,
    }
    with patches[what]():
        yield


WITHOUT = (
    "nothing",
    "the loss narrows from a square to l1: l1 from the start",
    "Muon: Adam (0.001) for everything",
    "rare moments come more often: all alike",
    "pictures are levelled one by one: one mean, one deviation",
    "places are weighed: the mean over them",
    "hidden units of heads are normed",
    "synthetic frames",
)


def measured(out: Path, what: str) -> tuple[float, float, float]:
    """(surface error, mm, on the mean face; error of weights above 0.3; of those below) of people never seen."""
    torch.set_num_threads(1)
    captures, labels = out / "people/captures.zarr", out / "people/truth/truth.zarr"
    cameras = cameras_of(captures, Captures)
    real = from_captures(captures, labels, cameras, PIXELS, PEOPLE.trained)
    made = None
    if what != "synthetic frames":
        people = [path.name for path in (out / "synth.zarr").iterdir() if path.is_dir()]
        made = from_synth(out / "synth.zarr", cameras, PIXELS, people)
    with left_out(what), tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(0)
        network = Tracker("small", cameras, PIXELS)
        pools = (pool.Pool.of(real, PEOPLE.trained), None if made is None else pool.Pool.of(made, made.subjects))
        task = training.TrackerTask(network, *pools, None, BATCH, adaptation=0.0)
        loop.train(task, loop.Schedule(STEPS, every=10**6), Path(folder), 0)
        test = from_captures(captures, labels, cameras, PIXELS, PEOPLE.tested, THIN)
        rows = np.flatnonzero(test.labelled)
        told, *_ = training.evaluated(network, test, rows)
    true = test.weights[rows]
    off, moving = np.abs(told - true), true > 0.3
    return surface(told, true), float(off[moving].mean()), float(off[~moving].mean())


def surface(told: np.ndarray, true: np.ndarray) -> float:
    """Millimetres on vertices of the mean face that truly move by more than MOVING."""
    geometry = Geometry.of_face(load_face(None))
    basis = geometry.expressions[:, geometry.eyeball == 0]
    errors = []
    for a, b in zip(told, true, strict=True):
        moved = np.linalg.norm(np.tensordot(b, basis, 1), axis=1)
        off = np.linalg.norm(np.tensordot(a - b, basis, 1), axis=1)
        if (moved > MOVING).any():
            errors.append(1000 * off[moved > MOVING].mean())
    return float(np.mean(errors))


def main() -> None:
    """Trains each, two at a time; writes the page."""
    out = Path(sys.argv[1])
    prepare(out, made=("synth.zarr",))
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as workers:
        found = list(workers.map(measured, [out] * len(WITHOUT), WITHOUT))
    lines = [f"| {what} | {mm:.2f} | {moving:.3f} | {still:.4f} |"
             for what, (mm, moving, still) in zip(WITHOUT, found, strict=True)]  # fmt: skip
    page = f"""# What makes the tracker learn

`make -C benchmarks learning`: people and frames of tracker.md, {STEPS} steps of {BATCH}, seed 0, no adaptation,
{date.today()}. One thing is left out at a time; errors are on the {PEOPLE.test} people that nobody trained on.
Surface: of the mean face, on vertices that truly move by more than 1 mm.

| left out | surface, mm | error of weights above 0.3 | below |
| --- | --- | --- | --- |
{chr(10).join(lines)}
"""
    (FOLDER / "learning.md").write_text(page)
    print(page)


if __name__ == "__main__":
    main()
