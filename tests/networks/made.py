"""Small stores to train on: pictures that plainly tell what the labels say."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from refa_cli.face.shapes import EXPRESSIONS, INDEX
from refa_cli.formats.captures import Captures
from refa_cli.formats.dataset import SubjectWriter, finish_dataset
from refa_cli.formats.labels import STATES, Labels
from refa_cli.formats.synth import Synth
from refa_cli.headset.default import default_headset
from refa_cli.headset.parts import cameras_with, recorded, resized

SIDE = 24
HEADSET = resized(default_headset(), SIDE)
CAMERAS = cameras_with(HEADSET, embedded=True)


def moments(count: int, rng: np.random.Generator, bright: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """frames [N, 5, S, S], weights [N, 53], gaze [N, 2, 2]: the jaw brightens the lower half of mouth pictures, eyes
    that shut darken their own."""
    weights = np.zeros((count, 53), np.float32)
    jaw, left, right = rng.uniform(0, 1, (3, count)).astype(np.float32)
    for name, value in (("JawDrop", jaw), ("EyesClosedL", left), ("EyesClosedR", right)):
        weights[:, INDEX[name]] = value
    frames = rng.normal(60 + bright, 6, (count, 5, SIDE, SIDE))
    frames[:, 0, 6:18, 6:18] += 120 * (1 - left[:, None, None])
    frames[:, 1, 6:18, 6:18] += 120 * (1 - right[:, None, None])
    frames[:, 2:4, SIDE // 2 :] += 120 * jaw[:, None, None, None]
    return np.clip(frames, 0, 255).astype(np.uint8), weights, np.zeros((count, 2, 2), np.float32)


def captures(folder: Path, subjects: tuple[str, ...], count: int = 40, seed: int = 0) -> tuple[Path, Path]:
    """Paths of captures and their labels."""
    rng = np.random.default_rng(seed)
    cameras = recorded(HEADSET, CAMERAS)
    nothing = np.zeros(0, np.uint8)
    asked = {"expression_ids": (), "segment_ns": np.zeros((0, 3), np.int64), "segment_kind": nothing,
             "segment_side": nothing, "segment_expression": np.zeros(0, np.int32)}  # fmt: skip
    for subject in subjects:
        frames, weights, gaze = moments(count, rng)
        time = np.arange(count, dtype=np.int64) * 33_333_333
        writer = SubjectWriter(folder / "captures.zarr" / subject, Captures, subject)
        writer.add("one", Captures(
            headset_digest=HEADSET.digest, **cameras, time_ns=time, present=np.ones((count, 5), bool), frames=frames,
            other_frames=np.zeros((count, 0, 0, 0), np.uint8), **asked,
        ))  # fmt: skip
        writer.finish({})
        told = SubjectWriter(folder / "labels.zarr" / subject, Labels, subject)
        told.add("one", Labels(
            shapes=EXPRESSIONS, time_ns=time, expressions=weights, gaze=gaze,
            headset_from_head=np.tile(np.eye(4), (count, 1, 1)), confidence=np.ones((count, 3)),
            valid=np.arange(count) > 3, state=np.full(count, STATES.index("tracked"), np.uint8),
            segment_performed=nothing, **asked,
        ))  # fmt: skip
        told.finish({})
    finish_dataset(folder / "captures.zarr", Captures, {})
    finish_dataset(folder / "labels.zarr", Labels, {})
    return folder / "captures.zarr", folder / "labels.zarr"


def synth(folder: Path, count: int = 60, seed: int = 5, bright: float = 30.0, subject: str = "P0001") -> Path:
    """Path of synthetic frames, brighter than the real ones."""
    frames, weights, gaze = moments(count, np.random.default_rng(seed), bright)
    writer = SubjectWriter(folder / "synth.zarr" / subject, Synth, subject)
    writer.add("frames", Synth(
        headset_digest=HEADSET.digest, **recorded(HEADSET, CAMERAS), shapes=EXPRESSIONS, take_names=("prompts",),
        frames=frames, expressions=weights, gaze=gaze, headset_from_head=np.tile(np.eye(4), (count, 1, 1)),
        keypoints=np.zeros((count, 5, 100, 2)), keypoint_seen=np.zeros((count, 5, 100), bool),
        glasses=np.zeros(count, np.uint8), take=np.zeros(count, np.int32), take_row=np.zeros(count, np.int32),
    ))  # fmt: skip
    writer.finish({})
    finish_dataset(folder / "synth.zarr", Synth, {})
    return folder / "synth.zarr"


def marked(folder: Path, subjects: tuple[str, ...] = ("P0001", "P0002"), count: int = 60) -> Path:
    """Path of synthetic frames with a bright spot where every keypoint is, if it is seen."""
    rng = np.random.default_rng(9)
    rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5
    for subject in subjects:
        _, weights, gaze = moments(count, rng)
        place = rng.uniform(5, SIDE - 5, (count, 5, 1, 2))
        there = rng.random((count, 5, 1)) < 0.7
        square = (columns - place[..., 0, 0][..., None, None]) ** 2 + (rows - place[..., 0, 1][..., None, None]) ** 2
        frames = rng.normal(50, 4, (count, 5, SIDE, SIDE)) + 180 * np.exp(-square / 8) * there[..., None]
        writer = SubjectWriter(folder / "synth.zarr" / subject, Synth, subject)
        writer.add("frames", Synth(
            headset_digest=HEADSET.digest, **recorded(HEADSET, CAMERAS), shapes=EXPRESSIONS, take_names=("prompts",),
            frames=np.clip(frames, 0, 255).astype(np.uint8), expressions=weights, gaze=gaze,
            headset_from_head=np.tile(np.eye(4), (count, 1, 1)), keypoints=np.tile(place, (1, 1, 100, 1)),
            keypoint_seen=np.tile(there, (1, 1, 100)), glasses=np.zeros(count, np.uint8),
            take=np.zeros(count, np.int32), take_row=np.zeros(count, np.int32),
        ))  # fmt: skip
        writer.finish({})
    finish_dataset(folder / "synth.zarr", Synth, {})
    return folder / "synth.zarr"
