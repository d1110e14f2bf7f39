"""From trained networks to their files and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from refa_cli.face.shapes import EXPRESSIONS
from refa_cli.formats.errors import DataError
from refa_cli.formats.model import KeypointModel, Model
from refa_cli.formats.network import Network
from refa_cli.networks.keypoints import KeypointFinder
from refa_cli.networks.tracker import Tracker

PERCENTILES = (50, 95, 99)
COUNTER = "num_batches_tracked"
"""Of a batch norm: it changes nothing of what a trained network tells."""


@dataclass(frozen=True)
class Seen:
    """Whose data a network was trained or validated on: names of subjects, and digests of recordings of captures."""

    subjects: tuple[str, ...] = ()
    recordings: tuple[str, ...] = ()


def pack(tracker: Tracker, seen: Seen, features: np.ndarray, present: np.ndarray, recipe: dict[str, Any]) -> Model:
    """features [N, C, 512]: of training frames; present [N, C]: whether there was a picture; a camera that never had
    one has mean 0, scale 1 and distances 0."""
    there = np.maximum(present.sum(0), 1)[:, None]
    held = present[..., None]
    mean = (features * held).sum(0) / there
    scale = np.sqrt(((features - mean) ** 2 * held).sum(0) / there) + 1e-3
    scale = np.where(present.sum(0)[:, None] > 0, scale, 1)
    distance = np.sqrt((((features - mean) / scale) ** 2).mean(-1))
    distances = [np.percentile(row[here], PERCENTILES) if here.any() else np.zeros(len(PERCENTILES))
                 for row, here in zip(distance.T, present.T, strict=True)]  # fmt: skip
    return Model(
        **network_fields(tracker, seen), shapes=EXPRESSIONS,
        feature_mean=mean.astype(np.float32), feature_scale=scale.astype(np.float32),
        feature_distance=np.array(distances, np.float32), recipe=recipe,
    )  # fmt: skip


def pack_keypoints(finder: KeypointFinder, seen: Seen, recipe: dict[str, Any]) -> KeypointModel:
    """The file of a keypoint finder."""
    return KeypointModel(**network_fields(finder, seen), recipe=recipe)


def network_fields(network: Tracker | KeypointFinder, seen: Seen) -> dict[str, Any]:
    """The fields of `formats.network.Network`."""
    state = {name: value for name, value in network.state_dict().items() if not name.endswith(COUNTER)}
    return {
        "size": network.size,
        "camera_names": network.cameras.names,
        "camera_role": network.cameras.role_numbers,
        "mirrored": np.array(network.cameras.mirrored, np.uint8),
        "pixels": np.array([network.pixels], np.int32),
        "layout": tuple(f"{name}:{'x'.join(map(str, value.shape))}" for name, value in state.items()),
        "parameters": np.concatenate([v.detach().cpu().numpy().reshape(-1) for v in state.values()]).astype(np.float32),
        "training_subjects": seen.subjects,
        "training_recordings": seen.recordings,
    }


def unpack(model: Model) -> Tracker:
    """The tracker, ready to tell. Raises DataError where tensors do not fit its cameras and size."""
    tracker = Tracker(model.size, model.cameras, int(model.pixels[0]), eye_branch="eye.told.weight" in model.state())
    _fill(tracker, model)
    return tracker


def unpack_keypoints(model: KeypointModel) -> KeypointFinder:
    """The finder, ready to find. Raises DataError likewise."""
    finder = KeypointFinder(model.size, model.cameras, int(model.pixels[0]))
    _fill(finder, model)
    return finder


def _fill(network: nn.Module, model: Network) -> None:
    wanted, advice = "the tensors of its cameras and size", "train it again"
    try:
        state = {name: torch.from_numpy(value) for name, value in model.state().items()}
        missing, odd = network.load_state_dict(state, strict=False)
    except RuntimeError as problem:
        raise DataError(model.SCHEMA, "layout", wanted, str(problem).splitlines()[-1], advice) from problem
    unfit = [name for name in missing if not name.endswith(COUNTER)] + odd
    if unfit:
        raise DataError(model.SCHEMA, "layout", wanted, unfit[0], advice)
    network.eval()
