"""From a trained tracker to `formats.model.Model` and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from refa_cli.face.shapes import EXPRESSIONS
from refa_cli.formats.errors import DataError
from refa_cli.formats.headset import ROLES
from refa_cli.formats.model import Model
from refa_cli.networks.tracker import Tracker, Wiring

PERCENTILES = (50, 95, 99)
COUNTER = "num_batches_tracked"
"""Of a batch norm: it changes nothing of what a trained network tells."""


def pack(
    tracker: Tracker, pixels: int, brightness: tuple[float, float], subjects: tuple[str, ...],
    features: np.ndarray, recipe: dict[str, Any],
) -> Model:  # fmt: skip
    """features [N, C, 512]: of training frames."""
    state = {name: value for name, value in tracker.state_dict().items() if not name.endswith(COUNTER)}
    mean, scale = features.mean(0), features.std(0) + 1e-3
    distance = np.sqrt((((features - mean) / scale) ** 2).mean(-1))
    return Model(
        size=tracker.wiring.size, shapes=EXPRESSIONS, camera_names=tracker.wiring.names,
        camera_role=np.array([ROLES.index(role) for role in tracker.wiring.roles], np.uint8),
        mirrored=np.array(tracker.wiring.mirrored, np.uint8), pixels=np.array([pixels], np.int32),
        brightness=np.array(brightness, np.float32),
        layout=tuple(f"{name}:{'x'.join(map(str, value.shape))}" for name, value in state.items()),
        parameters=np.concatenate([value.detach().numpy().reshape(-1) for value in state.values()]).astype(np.float32),
        training_subjects=subjects, feature_mean=mean.astype(np.float32), feature_scale=scale.astype(np.float32),
        feature_distance=np.percentile(distance, PERCENTILES, axis=0).T.astype(np.float32), recipe=recipe,
    )  # fmt: skip


def unpack(model: Model) -> Tracker:
    """The tracker, ready to tell. Raises DataError where tensors do not fit its cameras and size."""
    roles = tuple(ROLES[int(role)] for role in model.camera_role)
    held = model.state()
    tracker = Tracker(Wiring.of(model.size, model.camera_names, roles), eye_branch="eye.0.weight" in held)
    try:
        state = {name: torch.from_numpy(value) for name, value in held.items()}
        missing, odd = tracker.load_state_dict(state, strict=False)
    except RuntimeError as problem:
        raise DataError(model.SCHEMA, "layout", "the tensors of its cameras and size", str(problem).splitlines()[-1],
                        "train it again") from problem  # fmt: skip
    missing = [name for name in missing if not name.endswith(COUNTER)]
    if missing or odd:
        raise DataError(
            model.SCHEMA, "layout", "the tensors of its cameras and size", (missing + odd)[0], "train again"
        )
    tracker.eval()
    return tracker
