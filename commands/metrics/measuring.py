"""Scores and errors of a whole store, recording by recording."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from refa_cli import console
from refa_cli.face.default import load_face
from refa_cli.face.evaluate import Geometry
from refa_cli.formats.dataset import Dataset, Recording
from refa_cli.formats.errors import DataError
from refa_cli.formats.labels import Labels
from refa_cli.formats.rig import Rig
from refa_cli.scores import errors
from refa_cli.scores.curves import Curves
from refa_cli.scores.scoring import Score, score_recording

Rows = dict[str, dict[str, dict[str, Score]]]


@dataclass
class Measured:
    """rows: {subject: {recording: {score: value}}}; offsets: {subject: millimetres and degrees of the pose offset that
    was taken away}."""

    rows: Rows = field(default_factory=dict)
    offsets: dict[str, tuple[float, float]] = field(default_factory=dict)


def seen_in_training(path: Path) -> list[str]:
    """Subjects of these predictions that the model behind them was trained on, as the recipe of each tells."""
    subjects = Dataset.read(path, Labels).subjects
    return [name for name, subject in subjects.items()
            if name in subject.recipe.get("options", {}).get("training_subjects", ())]  # fmt: skip


def tell_seen(path: Path, *, refused: bool) -> None:
    """Raises DataError for subjects seen in training, or warns of them."""
    seen = seen_in_training(path)
    if seen and refused:
        raise DataError(path, seen[0], "subjects that no model was trained on", "one that its model was trained on",
                        "score others, or leave --held-out away")  # fmt: skip
    if seen:
        console.warn(f"the model of {path} was trained on {', '.join(seen)}: these scores say nothing of other people.")


def measure(path: Path, truth: Path | None, rigs: Path | None, face: Path | None) -> Measured:
    """Everything about a store. Raises DataError, also where the truth has no such recording."""
    store = Dataset.read(path, Labels)
    true = None if truth is None else Dataset.read(truth, Labels)
    out = Measured()
    for name, subject in console.progress(store.subjects.items(), "scores", total=len(store.subjects), unit="subjects"):
        out.rows[name] = {}
        pairs: list[tuple[str, Curves, Curves]] = []
        for recording in subject.recordings.values():
            labels = recording.load()
            out.rows[name][recording.name] = score_recording(labels)
            if true is not None:
                pairs.append((recording.name, *_paired(recording, labels, true)))
        if pairs:
            geometry = None if rigs is None else _geometry(rigs, name, face)
            _add_errors(out, name, pairs, geometry)
    return out


def _paired(recording: Recording[Labels], labels: Labels, true: Dataset[Labels]) -> tuple[Curves, Curves]:
    """What was found and what is true at the same times."""
    subject = recording.path.parent.name
    held = true.subjects.get(subject)
    if held is None or recording.name not in held.recordings:
        raise DataError(true.path, f"{subject}/{recording.name}", "the truth of every recording", "none",
                        "score only what there is truth of")  # fmt: skip
    truth = held.recordings[recording.name].load()
    rows = np.searchsorted(truth.time_ns, labels.time_ns)
    if (rows >= len(truth.time_ns)).any() or (
        truth.time_ns[np.minimum(rows, len(truth.time_ns) - 1)] != labels.time_ns
    ).any():
        raise DataError(recording.path, "time_ns", "time stamps of the truth", "others", "predict the same captures")
    whole = Curves.of(truth)
    return Curves.of(labels), Curves(whole.seconds[rows], whole.weights[rows], whole.gaze[rows], whole.valid[rows],
                                     truth)  # fmt: skip


def _add_errors(out: Measured, name: str, pairs: list[tuple[str, Curves, Curves]], geometry: Geometry | None) -> None:
    """Head poses that are all the identity were not predicted, and are not compared."""
    poses = [(found.labels.headset_from_head.astype(np.float64), _true_poses(found, true), true.valid)
             for _, found, true in pairs]  # fmt: skip
    predicted = any((pose != np.eye(4)).any() for pose, _, _ in poses)
    offset = np.eye(4)
    if predicted:
        found_poses, true_poses = (np.concatenate([p[i][p[2]] for p in poses]) for i in (0, 1))
        offset = errors.pose_offset(found_poses, true_poses)
        turned = float(np.degrees(np.arccos(np.clip((np.trace(offset[:3, :3]) - 1) / 2, -1, 1))))
        out.offsets[name] = (1000 * float(np.linalg.norm(offset[:3, 3])), turned)
    for (recording, found, true), (pose, true_pose, valid) in zip(pairs, poses, strict=True):
        row: dict[str, Score] = {"weight_error": errors.weight_error(found, true)}
        surface = None if geometry is None else errors.surface_errors(found, true, geometry)
        if geometry is not None:
            row["surface_mm"], row["unmoved_mm"] = surface or (None, None)
        row["gaze_degrees"] = errors.gaze_error(found, true)
        if predicted and valid.any():
            row["pose_mm"], row["pose_degrees"] = errors.pose_errors(pose[valid], true_pose[valid], offset)
        out.rows[name][recording] |= row


def _true_poses(found: Curves, true: Curves) -> Any:
    rows = np.searchsorted(true.labels.time_ns, found.labels.time_ns)
    return true.labels.headset_from_head[rows].astype(np.float64)


def _geometry(rigs: Path, subject: str, face: Path | None) -> Geometry:
    path = rigs / f"{subject}.npz" if rigs.is_dir() else rigs
    rig, model = Rig.read(path), load_face(face)
    if rig.subject != subject:
        raise DataError(path, "subject", subject, rig.subject, "name a folder with the rigs of all subjects")
    if rig.face_digest != model.digest:
        raise DataError(path, "face_digest", f"that of the face model, {model.digest[:12]}", rig.face_digest[:12],
                        "name the face model it was fitted with by --face")  # fmt: skip
    return Geometry.of_rig(rig, model)
