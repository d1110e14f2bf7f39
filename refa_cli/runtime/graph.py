"""A trained model as an ONNX graph, made from its tensors alone.

Inputs: `pictures` [N, C, S, S] float32, counts, right cameras mirrored; `present` [N, C] bool. Outputs: `weights`
[N, 53], `gaze` [N, 2, 2], `spread` [N, 3] (logarithm of the expected error of each confidence region), `features`
[N, C, 512]. Batch norms are folded into their convolutions. The same network in torch is `refa_cli.networks.tracker`;
tests compare the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from refa_cli.face.branches import EYE_INDICES, FACE_INDICES, WIDEST_GAZE
from refa_cli.face.shapes import INDEX
from refa_cli.formats.face import EXPRESSION_COUNT
from refa_cli.formats.model import FEATURES, STD_FLOOR, Model
from refa_cli.formats.spec import F32, F64

OPSET: Final = 17
EPSILON: Final = 1e-5
"""Of torch's batch norm."""


class Graph:
    """Nodes and constants as they are added; every method returns the name of what it makes."""

    def __init__(self, state: Mapping[str, F32]) -> None:
        self.state = state
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """One operation of one output."""
        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, name: str, value: Any, dtype: Any = np.float32) -> str:
        """A tensor; the same name is the same tensor."""
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.array(value, dtype, order="C"), name)
        return name

    def convolution(self, x: str, name: str, norm: str, stride: int, padding: int) -> str:
        """A convolution with the batch norm after it."""
        weight = self.state[f"{name}.weight"].astype(np.float64)
        gain, bias = self.folded(norm)
        side = weight.shape[-1]
        return self.node(
            "Conv", x, self.constant(f"{name}.folded", weight * gain[:, None, None, None]),
            self.constant(f"{name}.bias", bias), kernel_shape=[side, side], strides=[stride, stride],
            pads=[padding] * 4,
        )  # fmt: skip

    def linear(self, x: str, name: str) -> str:
        """A fully connected layer."""
        weight, bias = (self.constant(f"{name}.{part}", self.state[f"{name}.{part}"]) for part in ("weight", "bias"))
        return self.node("Gemm", x, weight, bias, transB=1)

    def clipped(self, x: str) -> str:
        """x within 0 ... 1."""
        return self.node("Clip", x, self.constant("nothing", 0.0), self.constant("everything", 1.0))

    def layers(self, x: str, name: str) -> str:
        """Two fully connected layers, the first with its batch norm."""
        gain, bias = self.folded(f"{name}.norm")
        weight = self.constant(f"{name}.hidden.folded", self.state[f"{name}.hidden.weight"] * gain[:, None])
        hidden = self.node("Gemm", x, weight, self.constant(f"{name}.hidden.bias", bias), transB=1)
        return self.linear(self.node("Relu", hidden), f"{name}.told")

    def folded(self, norm: str) -> tuple[F64, F64]:
        """A batch norm as (factor, addend)."""
        gain = self.state[f"{norm}.weight"] / np.sqrt(self.state[f"{norm}.running_var"].astype(np.float64) + EPSILON)
        return gain, self.state[f"{norm}.bias"] - self.state[f"{norm}.running_mean"] * gain

    def encoder(self, x: str, kind: str) -> str:
        """Features [N, 512] of pictures [N, 1, S, S]."""
        at = f"encoders.{kind}"
        x = self.node("Relu", self.convolution(x, f"{at}.stem", f"{at}.stem_norm", 4, 3))
        block = 0
        while f"{at}.blocks.{block}.first.weight" in self.state:
            here = f"{at}.blocks.{block}"
            skips = f"{here}.skip.weight" in self.state
            widens = self.state[f"{here}.first.weight"].shape
            stride = 2 if skips and widens[0] != widens[1] else 1
            inner = self.node("Relu", self.convolution(x, f"{here}.first", f"{here}.first_norm", stride, 1))
            inner = self.convolution(inner, f"{here}.second", f"{here}.second_norm", 1, 1)
            beside = self.convolution(x, f"{here}.skip", f"{here}.skip_norm", stride, 0) if skips else x
            x = self.node("Relu", self.node("Add", inner, beside))
            block += 1
        x = self.node("Relu", self.convolution(x, f"{at}.widen", f"{at}.widen_norm", 1, 0))
        weight, bias = (self.constant(f"{at}.{part}", self.state[f"{at}.{part}"]) for part in
                        ("weigh.weight", "weigh.bias"))  # fmt: skip
        return self.node("Flatten", self.node("Conv", x, weight, bias, group=FEATURES))


def graph_of(model: Model) -> bytes:
    """The ONNX file of a model."""
    g = Graph(model.state())
    cameras = model.cameras
    x = _levelled(g, "pictures")
    features = []
    for camera, kind in enumerate(cameras.kinds):
        one = g.node("Gather", x, g.constant(f"camera_{camera}", [camera], np.int64), axis=1)
        features.append(g.node("Unsqueeze", g.encoder(one, kind), g.constant("one", [1], np.int64)))
    stacked = g.node("Concat", *features, axis=1)
    here = g.node("Unsqueeze", "present", g.constant("two", [2], np.int64))
    held = g.node("Where", here, stacked, g.constant("absent", g.state["absent"][None]))
    together = g.node("Flatten", held)
    face = g.layers(together, "face")
    if "eye.told.weight" in g.state:
        assert cameras.eyes is not None
        eyes = [_eye(g, held, camera, sign) for camera, sign in zip(cameras.eyes, (1.0, -1.0), strict=True)]
        joined = g.node("Concat", g.clipped(face), eyes[0][0], eyes[1][0], axis=1)
        order = np.argsort([*FACE_INDICES, *EYE_INDICES[0], *EYE_INDICES[1]])
        weights = g.node("Gather", joined, g.constant("order", order, np.int64), axis=1)
        gaze = g.node("Concat", eyes[0][1], eyes[1][1], axis=1)
    else:
        count = EXPRESSION_COUNT
        weights = g.clipped(_columns(g, face, range(count)))
        gaze = g.node(
            "Mul", g.node("Tanh", _columns(g, face, range(count, count + 4))), g.constant("wide", WIDEST_GAZE)
        )
    jaw = _columns(g, weights, [INDEX["JawDrop"]])
    lips = np.arange(EXPRESSION_COUNT)[None] == INDEX["LipsToward"]
    weights = g.node("Where", g.constant("lips", lips, np.bool_), g.node("Mul", weights, jaw), weights)
    gaze = g.node("Reshape", gaze, g.constant("pairs", [-1, 2, 2], np.int64))
    told = {"weights": weights, "gaze": gaze, "spread": g.layers(together, "doubt"), "features": held}
    for name, value in told.items():
        g.nodes.append(helper.make_node("Identity", [value], [name]))
    return _serialised(g, model, told)


def _levelled(g: Graph, counts: str) -> str:
    """As `refa_cli.networks.encoder.levelled`."""

    def mean(x: str) -> str:
        return g.node("ReduceMean", x, axes=[2, 3], keepdims=1)

    roots = g.node("Sqrt", counts)
    off = g.node("Sub", roots, mean(roots))
    deviation = g.node("Sqrt", mean(g.node("Mul", off, off)))
    return g.node("Div", off, g.node("Add", deviation, g.constant("floor", STD_FLOOR)))


def _eye(g: Graph, features: str, camera: int, sign: float) -> tuple[str, str]:
    """(shapes [N, 3], gaze [N, 2]) of one eye."""
    one = g.node("Gather", features, g.constant(f"eye_{camera}", camera, np.int64), axis=1)
    out = g.layers(one, "eye")
    count = len(EYE_INDICES[0])
    angles = g.node("Tanh", _columns(g, out, range(count, count + 2)))
    wide = g.constant(f"wide_{sign:g}", [[WIDEST_GAZE * sign, WIDEST_GAZE]])
    return g.clipped(_columns(g, out, range(count))), g.node("Mul", angles, wide)


def _columns(g: Graph, x: str, columns: Any) -> str:
    picked = list(columns)
    name = "columns_" + "_".join(map(str, (picked[0], picked[-1])))
    return g.node("Gather", x, g.constant(name, picked, np.int64), axis=1)


def _serialised(g: Graph, model: Model, told: Mapping[str, str]) -> bytes:
    cameras, side = len(model.camera_names), int(model.pixels[0])
    inputs = [helper.make_tensor_value_info("pictures", TensorProto.FLOAT, ["N", cameras, side, side]),
              helper.make_tensor_value_info("present", TensorProto.BOOL, ["N", cameras])]  # fmt: skip
    shapes = {"weights": [EXPRESSION_COUNT], "gaze": [2, 2], "spread": [3], "features": [cameras, FEATURES]}
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *shapes[name]]) for name in told]
    graph = helper.make_graph(g.nodes, "refa", inputs, outputs, list(g.constants.values()))
    whole = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    data: bytes = whole.SerializeToString()
    return data
