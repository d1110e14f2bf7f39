"""Artifacts made from their declarations: random values in the declared shapes, ranges and indices.

`made` gives one for a seed, `artifacts` a hypothesis strategy. What a class checks across its fields (`check`) is
mended afterwards by the function of its schema in MEND; nothing else here knows a particular artifact.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from hypothesis import strategies as st

from refa_cli.formats.captures import Captures
from refa_cli.formats.face import FaceModel
from refa_cli.formats.headset import DISTORTION_COUNT, LENS_MODELS, Headset
from refa_cli.formats.labels import SEGMENT_KINDS, Labels
from refa_cli.formats.model import KeypointModel, Model
from refa_cli.formats.rig import Rig
from refa_cli.formats.scan_truth import ScanTruth
from refa_cli.formats.session_truth import SessionTruth
from refa_cli.formats.spec import ArraySpec, Checked, NamesSpec, TextSpec, specs_of
from refa_cli.formats.synth import Synth

C = TypeVar("C", bound=Checked)
KINDS: tuple[type[Checked], ...] = (
    FaceModel,
    Headset,
    Rig,
    ScanTruth,
    SessionTruth,
    Model,
    KeypointModel,
    Labels,
    Captures,
    Synth,
)
TEXT_OF_PATTERN = {"[0-9a-f]{64}": "0123456789abcdef" * 4, "[012]": "1", "small|paper": "small"}
WIDE = 1e3  # magnitude of values where the declaration sets no bound


def made(kind: type[C], seed: int, texts: str = "a text", **dims: int) -> C:
    """One artifact. dims: lengths of named dimensions, random from 0 to 6 where not given."""
    rng = np.random.default_rng(seed)
    fields: dict[str, Any] = {}
    for name, spec in specs_of(kind).items():
        if isinstance(spec, TextSpec):
            fields[name] = texts if spec.pattern is None else TEXT_OF_PATTERN.get(spec.pattern, "S0001")
        elif isinstance(spec, NamesSpec):
            count = spec.dim if isinstance(spec.dim, int) else dims.setdefault(spec.dim, int(rng.integers(0, 7)))
            fields[name] = tuple(f"{texts}{index}" for index in range(count))
        else:
            for dim in spec.dims:
                if isinstance(dim, str):
                    dims.setdefault(dim, int(rng.integers(0, 7)))
    for name, spec in specs_of(kind).items():
        if isinstance(spec, ArraySpec):
            fields[name] = values(spec, dims, rng)
    MEND[kind.SCHEMA](fields, dims, rng)
    return kind(**fields)


def values(spec: ArraySpec, dims: dict[str, int], rng: np.random.Generator) -> np.ndarray:
    """Random values that a declaration allows, its bounds among them."""
    shape = tuple(dims[dim] if isinstance(dim, str) else dim for dim in spec.dims)
    if spec.pose:
        return poses(shape[:-2], spec.pose == "similarity", rng)
    if spec.dtype == "bool":
        return rng.random(shape) < 0.5
    if spec.index_into is not None:
        count = dims[spec.index_into] if isinstance(spec.index_into, str) else spec.index_into
        least = -1 if spec.allow_none else 0
        return rng.integers(least, max(count, least + 1), shape).astype(spec.dtype)
    if spec.dtype.startswith(("int", "uint")):
        limits = np.iinfo(spec.dtype)
        drawn = rng.integers(limits.min, limits.max, shape, dtype=spec.dtype, endpoint=True)
        return np.unique(drawn) if spec.increasing else drawn  # 64 random bits do not meet twice
    low, high = (max(-WIDE, min(WIDE, bound)) for bound in spec.within or (-WIDE, WIDE))
    drawn = np.where(rng.random(shape) < 0.1, rng.choice([low, high], shape), rng.uniform(low, high, shape))
    if spec.sums_to is not None:
        drawn = rng.dirichlet(np.ones(shape[-1]), shape[:-1]).reshape(shape) * spec.sums_to
    bounded = np.clip(drawn.astype(spec.dtype), *(np.asarray(bound, spec.dtype) for bound in (low, high)))
    return np.where(bounded == 0, 0, bounded) if spec.within is None else bounded * np.asarray(1 - 1e-6, spec.dtype)


def poses(shape: tuple[int, ...], scaled: bool, rng: np.random.Generator) -> np.ndarray:
    """Random rigid or similarity transforms [*shape, 4, 4]."""
    turns, _ = np.linalg.qr(rng.normal(size=(*shape, 3, 3)))
    turns *= np.sign(np.linalg.det(turns))[..., None, None]
    result = np.zeros((*shape, 4, 4), dtype=np.float32)
    result[..., :3, :3] = turns * (rng.uniform(0.01, 1000, (*shape, 1, 1)) if scaled else 1.0)
    result[..., :3, 3] = rng.uniform(-1, 1, (*shape, 3))
    result[..., 3, 3] = 1
    return result


def artifacts(kind: type[C]) -> st.SearchStrategy[C]:
    """Artifacts of a kind with random sizes, values and texts."""
    text = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
    sizes = {"V": st.integers(3, 12), "F": st.integers(0, 6), "K": st.sampled_from([0, 100]), "T": st.integers(0, 60)}
    used = {dim for spec in specs_of(kind).values() if isinstance(spec, ArraySpec) for dim in spec.dims}
    chosen = {name: size for name, size in sizes.items() if name in used}
    return st.builds(lambda seed, texts, more: made(kind, seed, texts, **more), st.integers(0, 2**32 - 1), text,
                     st.fixed_dictionaries(chosen))  # fmt: skip


def mend_face(fields: dict[str, Any], dims: dict[str, int], rng: np.random.Generator) -> None:
    """A head of plausible size, empty lacking shapes, a mirror map that undoes itself, keypoints only on triangles."""
    head_like(fields, "mean")
    moving = ~fields["lacks"]
    fields["expression_basis"] *= moving[:53, None, None]
    fields["eye_follow_basis"] *= moving[53:, None, None]
    mirror = np.full(dims["V"], -1, dtype=np.int32)
    pairs = rng.permutation(dims["V"])[: dims["V"] // 2 * 2].reshape(-1, 2)
    mirror[pairs[:, 0]], mirror[pairs[:, 1]] = pairs[:, 1], pairs[:, 0]
    fields["mirror"] = mirror
    if dims["K"] not in (0, 100) or not dims["F"]:
        fields["keypoint_triangles"], fields["keypoint_barycentric"] = np.zeros(0, np.int32), np.zeros((0, 3))
    if not dims["U"]:
        fields["uv_triangles"] = np.full((dims["F"], 3), -1)


def mend_rig(fields: dict[str, Any], dims: dict[str, int], rng: np.random.Generator) -> None:
    """A head of plausible size; no texture with one side only."""
    head_like(fields, "neutral")
    if 0 in fields["texture"].shape:
        fields["texture"] = np.zeros((0, 0, 3), np.uint8)


def mend_truth(fields: dict[str, Any], dims: dict[str, int], rng: np.random.Generator) -> None:
    """A head of plausible size; keypoints all or none."""
    head_like(fields, "zero")
    if dims["K"] not in (0, 100):
        fields["keypoints"] = np.zeros((dims["E"], 0, 3), np.float32)


def mend_labels(fields: dict[str, Any], dims: dict[str, int], rng: np.random.Generator) -> None:
    """Segments in order; peaks, and only they, have an expression."""
    fields["segment_ns"] = np.sort(fields["segment_ns"] // 4, axis=1)
    peak = fields["segment_kind"] == SEGMENT_KINDS.index("peak")
    if not dims["E"]:
        fields["segment_kind"][peak] = 0
        peak[:] = False
    fields["segment_expression"] = np.where(peak, np.maximum(fields["segment_expression"], 0), -1)


def mend_headset(fields: dict[str, Any], dims: dict[str, int], rng: np.random.Generator) -> None:
    """Pictures that fit their masks, coefficients that fit their lenses, lights that point somewhere."""
    sides = np.array([dims["H"], dims["W"]])
    if not sides.all():
        fields["camera_valid"] = np.zeros((dims["C"], 1, 1), bool)
        sides = np.array([1, 1])
    fields["camera_size"] = rng.integers(1, sides + 1, (dims["C"], 2)).astype(np.int32)
    fields["camera_valid"] = fields["camera_valid"].copy()
    for i, (height, width) in enumerate(fields["camera_size"]):
        fields["camera_valid"][i, height:] = fields["camera_valid"][i, :, width:] = False
    fields["camera_intrinsics"] = np.abs(fields["camera_intrinsics"]) + 1
    fields["camera_bits"] = rng.integers(8, 17, dims["C"]).astype(np.uint8)
    counts = [DISTORTION_COUNT[LENS_MODELS[lens]][0] for lens in fields["camera_lens"]]
    fields["camera_coefficients"] = np.array(counts, np.uint8)
    direction = rng.normal(size=(dims["L"], 3))
    fields["led_direction"] = direction / np.linalg.norm(direction, axis=1, keepdims=True)
    if not dims["S"]:
        fields["solid_triangles"], fields["solid_of_triangle"] = np.zeros((0, 3), np.int32), np.zeros(0, np.uint8)
    if not dims["K"]:
        fields["solid_triangles"], fields["solid_of_triangle"] = np.zeros((0, 3), np.int32), np.zeros(0, np.uint8)


def mend_cameras(fields: dict[str, Any], dims: dict[str, int], rng: np.random.Generator) -> None:
    """Coefficients that fit their lenses, focal lengths over nothing."""
    fields["camera_intrinsics"] = np.abs(fields["camera_intrinsics"]) + 1
    counts = [DISTORTION_COUNT[LENS_MODELS[lens]][0] for lens in fields["camera_lens"]]
    fields["camera_coefficients"] = np.array(counts, np.uint8)


def mend_captures(fields: dict[str, Any], dims: dict[str, int], rng: np.random.Generator) -> None:
    """All cameras in one of both arrays of frames, which are not larger than a few pixels."""
    mend_labels(fields, dims, rng)
    mend_cameras(fields, dims, rng)
    split = int(rng.integers(0, dims["C"] + 1))
    for name, count in (("frames", split), ("other_frames", dims["C"] - split)):
        fields[name] = rng.integers(0, 256, (len(fields["time_ns"]), count, 3, 4), dtype=np.uint8)
    fields["camera_size"] = np.tile(np.array([[3, 2]], np.int32), (dims["C"], 1))


def mend_synth(fields: dict[str, Any], dims: dict[str, int], rng: np.random.Generator) -> None:
    """Pictures of a few pixels; no moments without takes."""
    mend_cameras(fields, dims, rng)
    fields["camera_size"] = np.tile(np.array([[3, 2]], np.int32), (dims["C"], 1))
    fields["frames"] = rng.integers(0, 256, (dims["T"], dims["C"], 3, 4), dtype=np.uint8)
    fields["take_row"] = np.abs(fields["take_row"] // 2)
    if not dims["M"]:
        fields["take_names"] = ("a take",)
        fields["take"] = np.zeros(dims["T"], np.int32)


def mend_session(fields: dict[str, Any], dims: dict[str, int], rng: np.random.Generator) -> None:
    """Faults in order, and in a recording."""
    fields["fault_ns"] = np.sort(fields["fault_ns"] // 4, axis=1)
    if not dims["R"]:
        fields["recording_names"] = ("a recording",)
    if not dims["C"]:
        fields["fault_camera"] = np.full(dims["N"], -1, np.int32)


def mend_model(fields: dict[str, Any], dims: dict[str, int], rng: np.random.Generator) -> None:
    """A layout that fills the parameters."""
    fields["layout"] = ("first:2x3", "second:", "third:0x5") if dims["P"] >= 7 else (f"all:{dims['P']}",)
    if dims["P"] >= 7:
        fields["layout"] = (*fields["layout"], f"rest:{dims['P'] - 7}")


def head_like(fields: dict[str, Any], name: str) -> None:
    """Vertices in a quarter of a metre, eyes where the head frame has them."""
    fields[name] = fields[name] * np.float32(0.12)
    fields[name][:2] = [[-0.1, 0, 0], [0.1, 0, 0]]
    fields["eye_centers"] = np.array([[0.031, 0, 0.001], [-0.031, 0, 0.001]])


MEND: dict[str, Callable[[dict[str, Any], dict[str, int], np.random.Generator], None]] = {
    "refa.face/1": mend_face,
    "refa.headset/1": mend_headset,
    "refa.rig/1": mend_rig,
    "refa.scantruth/2": mend_truth,
    "refa.sessiontruth/1": mend_session,
    "refa.model/1": mend_model,
    "refa.keypoints/1": mend_model,
    "refa.labels/2": mend_labels,
    "refa.captures/1": mend_captures,
    "refa.synth/1": mend_synth,
}
