"""The work: one job a recording, then every subject's manifest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from refa_cli import console, placing
from refa_cli.face.shapes import EXPRESSIONS
from refa_cli.formats.captures import Captures
from refa_cli.formats.dataset import Dataset, SubjectWriter, finish_dataset
from refa_cli.formats.errors import DataError, UsageError
from refa_cli.formats.labels import STATES, Labels
from refa_cli.formats.model import Model
from refa_cli.outputs import Output, Recipe, versions
from refa_cli.runtime.inference import Engine, Told, averaged
from refa_cli.workers import fan_out

MARKER: Final = "recipe.json"
"""In a folder of features: what they are of."""
AT_ONCE: Final = 50
"""Frames that are read and told together: a shard."""
COPIED: Final = ("expression_ids", "segment_ns", "segment_kind", "segment_side", "segment_expression")
"""Of the captures: what was asked for when."""


@dataclass(frozen=True)
class Plan:
    """captures: path; models: (path, digest) of each; features: folder to keep these in, or None; frames:
    {subject: {recording: frames}}."""

    captures: Path
    models: tuple[tuple[Path, str], ...]
    features: Path | None
    frames: dict[str, dict[str, int]]
    recipe: Recipe


@dataclass(frozen=True)
class Job:
    """One recording of a subject; root: the unfinished output."""

    captures: Path
    models: tuple[tuple[Path, str], ...]
    features: Path | None
    root: Path
    subject: str
    recording: str


def plan_of(
    captures: Path, models: Sequence[Path], held_out: bool, only: Sequence[str] = (), features: Path | None = None
) -> Plan:
    """Reads and checks the inputs; only: the subjects wanted, all if none are named.

    Raises DataError, and UsageError for a subject that is not there.
    """
    held = Dataset.read(captures, Captures)
    digests = {"captures": held.digest}
    for name in only:
        if name not in held.subjects:
            raise UsageError(f"--only: {captures} has no subject {name!r}.")
    subjects = {name: subject for name, subject in held.subjects.items() if not only or name in only}
    trained: set[str] = set()
    paired = []
    for number, path in enumerate(models):
        model = Model.read(path)
        seen = sorted(subject.name for subject in subjects.values() if model.saw(subject))
        trained |= set(seen)
        digests[f"model {number}"] = model.digest
        paired.append((path, model.digest))
        if seen and held_out:
            raise DataError(captures, seen[0], "subjects that no model was trained on", f"one that {path} was",
                            "predict others, or leave --held-out away")  # fmt: skip
        if seen:
            console.warn(f"{path} was trained on {', '.join(seen)}: what it tells of them says nothing of others.")
        for subject in subjects.values():
            for recording in subject.recordings.values():
                model.cameras.order_in(recording)
    frames = {name: {r.name: r.shapes["time_ns"][0] for r in subject.recordings.values()}
              for name, subject in subjects.items()}  # fmt: skip
    recipe = Recipe(
        command="predict",
        options={"subjects": sorted(frames), "training_subjects": sorted(trained)},
        inputs=digests,
        versions=versions("onnxruntime"),
    )
    return Plan(captures, tuple(paired), features, frames, recipe)


def predict(output: Path, plan: Plan, *, overwrite: bool, workers: int, scheduler: str | None) -> None:
    """Writes the store; an interrupted run is continued. Raises UsageError for a folder of another run's features."""
    if plan.features is not None:
        _claim(plan.features, plan.recipe, overwrite=overwrite)
    with Output(output, plan.recipe, overwrite=overwrite, directory=True, workers=workers) as out:
        jobs = [Job(plan.captures, plan.models, plan.features, out.partial, subject, recording)
                for subject, recordings in plan.frames.items() for recording in recordings]  # fmt: skip
        for _ in fan_out(predict_recording, jobs, name=_name, workers=workers, scheduler=scheduler, label="recordings"):
            pass
        recipe = plan.recipe.as_dict()
        for subject, recordings in plan.frames.items():
            writer = SubjectWriter(out.partial / subject, Labels, subject)
            for recording in recordings:
                assert writer.has(recording)
            writer.finish(recipe)
        finish_dataset(out.partial, Labels, recipe)


def _claim(features: Path, recipe: Recipe, *, overwrite: bool) -> None:
    """Writes whose features the folder holds, and takes away another run's if that may be."""
    marker, text = features / MARKER, json.dumps(recipe.as_dict(), indent=2, sort_keys=True) + "\n"
    if marker.exists() and marker.read_text("utf-8") == text:
        return
    if features.exists() and any(features.iterdir()):
        if not (overwrite and marker.exists()):
            raise UsageError(
                f"--features: {features} holds something else than this run's features; name a new folder."
            )
        placing.remove(features)
    features.mkdir(parents=True, exist_ok=True)
    placing.write_whole(marker, text)


def predict_recording(job: Job) -> None:
    """Predicts one recording, unless it stands there with all that is wanted of it."""
    writer = SubjectWriter(job.root / job.subject, Labels, job.subject)
    kept = None if job.features is None else job.features / job.subject / f"{job.recording}.npy"
    if writer.has(job.recording) and (kept is None or kept.exists()):
        return
    recording = Dataset.read(job.captures, Captures).subjects[job.subject].recordings[job.recording]
    held = recording.load(streamed=False)
    engines = [_engine(path, digest) for path, digest in job.models]
    orders = [engine.model.cameras.order_in(recording) for engine in engines]
    parts = []
    for start in range(0, len(held.time_ns), AT_ONCE):
        rows = slice(start, min(start + AT_ONCE, len(held.time_ns)))
        frames = recording.rows("frames", rows.start, rows.stop)
        told = [engine.run([_cropped(frames, held, camera) for camera in order], held.present[rows][:, order])
                for engine, order in zip(engines, orders, strict=True)]  # fmt: skip
        parts.append(averaged(told) if len(told) > 1 else told[0])
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(".partial.npy")
        np.save(partial, np.concatenate([part.features for part in parts]).astype(np.float16))
        partial.replace(kept)
    if not writer.has(job.recording):
        writer.add(job.recording, _labels(held, parts, orders[0]))


def _cropped(frames: np.ndarray, held: Captures, camera: int) -> np.ndarray:
    height, width = map(int, held.camera_size[camera])
    return frames[:, camera, :height, :width]


def _labels(held: Captures, parts: list[Told], order: list[int]) -> Labels:
    weights, gaze, confidence = (np.concatenate([getattr(part, name) for part in parts])
                                 for name in ("weights", "gaze", "confidence"))  # fmt: skip
    count = len(held.time_ns)
    seen = np.asarray(held.present[:, order].any(1), np.bool_)
    told: dict[str, Any] = {name: getattr(held, name) for name in COPIED}
    return Labels(
        shapes=EXPRESSIONS, time_ns=held.time_ns, expressions=np.clip(weights, 0, 1), gaze=gaze,
        headset_from_head=np.tile(np.eye(4, dtype=np.float32), (count, 1, 1)), confidence=confidence, valid=seen,
        state=np.where(seen, STATES.index("tracked"), STATES.index("lost")).astype(np.uint8),
        segment_performed=np.zeros(len(held.segment_kind), np.uint8), **told,
    )  # fmt: skip


@lru_cache(maxsize=4)
def _engine(path: Path, digest: str) -> Engine:
    """Made once in a process for each model; a path may come to hold another one, which the digest tells."""
    model = Model.read(path)
    if model.digest != digest:
        raise DataError(path, "digest", f"the model that this run began with, {digest[:12]}", model.digest[:12],
                        "leave the model in place until it is done")  # fmt: skip
    return Engine(model)


def _name(job: Job) -> str:
    return f"{job.subject}/{job.recording}"
