"""Running the three networks of the face landmarker file; one thread each, created at first use."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from refa_cli.formats.errors import DataError
from refa_cli.formats.spec import F32
from refa_cli.landmarks import weights

# Names and shapes of inputs and outputs; for the landmarks the third output is whether the tongue is out.
SHAPES = {
    "face_detector.tflite": ([(1, 128, 128, 3)], [(1, 896, 16), (1, 896, 1)]),
    "face_landmarks_detector.tflite": ([(1, 256, 256, 3)], [(1, 1, 1, 1434), (1, 1, 1, 1), (1, 1)]),
    "face_blendshapes.tflite": ([(1, 146, 2)], [(52,)]),
}


class Network:
    """One TensorFlow Lite model. Calls from several threads take turns."""

    def __init__(self, path: str, name: str, content: bytes) -> None:
        """Raises DataError where the model is not the expected one."""
        from ai_edge_litert.interpreter import Interpreter

        try:
            with _library_silent():
                self._interpreter: Any = Interpreter(model_content=content, num_threads=1)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise DataError(path, name, "a model that can be run", str(error)[:100], weights.ADVICE) from None
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        got = tuple([tuple(int(n) for n in d["shape"]) for d in details] for details in (inputs, outputs))
        if got != SHAPES[name]:
            raise DataError(path, name, f"inputs and outputs {SHAPES[name]}", f"{got}", weights.ADVICE)
        self._input: int = inputs[0]["index"]
        self._outputs: list[int] = [d["index"] for d in outputs]
        self._lock = threading.Lock()

    def __call__(self, values: NDArray[np.float32]) -> list[F32]:
        """The outputs, as copies, for an input of the expected shape."""
        with self._lock:
            self._interpreter.set_tensor(self._input, np.ascontiguousarray(values, dtype=np.float32))
            self._interpreter.invoke()
            return [self._interpreter.get_tensor(index) for index in self._outputs]


@contextlib.contextmanager
def _library_silent() -> Iterator[None]:
    """Keep what the library prints while a model is made off stderr: it has no setting for that."""
    sys.stderr.flush()
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


class Networks(NamedTuple):
    """detector: BlazeFace; landmarks: 478 points; blendshapes: 52 scores from 146 of the points."""

    detector: Network
    landmarks: Network
    blendshapes: Network


@lru_cache(maxsize=1)
def networks() -> Networks:
    """The networks of this process. Raises DataError where their file is missing or damaged."""
    path = weights.landmarker_path()
    contents = weights.read_networks(path)
    return Networks(*(Network(str(path), name, contents[name]) for name in weights.MEMBERS))
