"""Running a model: pictures in, what the face does out.

engine = Engine(model)
out = engine.run(frames, present)                 # frames [N, C, H, W] as cameras deliver them
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from refa_cli.formats.model import Model
from refa_cli.formats.resizing import squares
from refa_cli.formats.spec import B1, F32, U8
from refa_cli.runtime.graph import graph_of

USUAL_ERROR = 0.05
"""Expected error of a region's weights at which confidence has fallen to 1/e."""


class Told(NamedTuple):
    """weights [N, 53]; gaze [N, 2, 2] radians; confidence [N, 3] 0..1; features [N, C, 512]."""

    weights: F32
    gaze: F32
    confidence: F32
    features: F32


class Engine:
    """A model, ready to run on one thread."""

    def __init__(self, model: Model, threads: int = 1) -> None:
        self.model = model
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = settings.inter_op_num_threads = threads
        settings.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(graph_of(model), settings, providers=["CPUExecutionProvider"])

    def prepared(self, frames: list[U8]) -> F32:
        """frames: an array [N, H, W] of each camera, in the model's order -> pictures [N, C, S, S] for the graph."""
        side = int(self.model.pixels[0])
        out = np.empty((len(frames[0]), len(frames), side, side), np.float32)
        for camera, pictures in enumerate(frames):
            small = squares(pictures, side)
            out[:, camera] = small[..., ::-1] if self.model.mirrored[camera] else small
        return out

    def run(self, frames: list[U8], present: B1) -> Told:
        """What the face does in each of N moments; present [N, C]."""
        inputs = {"pictures": self.prepared(frames), "present": np.ascontiguousarray(present)}
        weights, gaze, spread, features = self._session.run(["weights", "gaze", "spread", "features"], inputs)
        return Told(weights, gaze, confidence_of(spread), features)


def confidence_of(spread: NDArray[np.float32]) -> F32:
    """Confidence [N, 3] of the logarithm of expected errors."""
    return np.asarray(np.exp(-np.exp(spread) / USUAL_ERROR), np.float32)


def averaged(told: list[Told]) -> Told:
    """The mean of what several models tell of the same moments; features are the first one's."""
    weights, gaze, confidence = (
        np.asarray(np.mean([getattr(one, name) for one in told], axis=0, dtype=np.float64), np.float32)
        for name in ("weights", "gaze", "confidence")
    )
    return Told(weights, gaze, confidence, told[0].features)
