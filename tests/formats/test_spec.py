"""What is declared is checked when an object is made: each rule has a value that breaks it."""

from __future__ import annotations

import pickle
import re
from dataclasses import FrozenInstanceError, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refa_cli import formats
from refa_cli.formats.errors import DataError
from refa_cli.formats.face import FaceModel
from refa_cli.formats.labels import Labels
from refa_cli.formats.rig import Rig
from refa_cli.formats.spec import F32, I32, I64, Checked, array, names, specs_of, text
from tests.formats.made import KINDS, made


@dataclass(frozen=True, kw_only=True, eq=False)
class Toy(Checked):
    """Every rule once."""

    SCHEMA = "toy/1"
    points: F32 = array("V 3", within=(-1, 1), unit="m", doc="points")
    corners: I32 = array("F 3", dtype="int32", index_into="V", doc="corners")
    twins: I32 = array("V", dtype="int32", index_into="V", allow_none=True, doc="twins")
    shares: F32 = array("V 2", sums_to=1.0, doc="shares")
    times: I64 = array("T", dtype="int64", increasing=True, doc="times")
    poses: F32 = array("T 4 4", pose="rigid", doc="poses")
    places: F32 = array("T 4 4", pose="similarity", doc="places")
    kind: str = text(doc="kind", pattern="[a-z]+")
    labels: tuple[str, ...] = names("V", doc="labels")


def toy(**changes: Any) -> Toy:
    fields: dict[str, Any] = {
        "points": np.zeros((2, 3)),
        "corners": np.array([[0, 1, 1]]),
        "twins": np.array([-1, 0]),
        "shares": np.array([[0.25, 0.75], [1, 0]]),
        "times": np.array([3, 5, 8]),
        "poses": np.tile(np.eye(4), (3, 1, 1)),
        "places": np.tile(np.diag([2.0, 2.0, 2.0, 1.0]), (3, 1, 1)),
        "kind": "toy",
        "labels": ["a", "b"],
    }
    return Toy(**(fields | changes))


MIRRORED, SHEARED, TILTED = np.diag([-1.0, 1, 1, 1]), np.eye(4), np.eye(4)
SHEARED[0, 1], TILTED[3, 0] = 0.1, 0.1

BROKEN: list[tuple[dict[str, Any], str]] = [
    ({"points": np.zeros((2, 4))}, r"points: expected shape \[V 3\], got \[2 4\]"),
    ({"points": np.zeros(3)}, r"shape \[V 3\], got \[3\]"),
    ({"shares": np.full((3, 2), 0.5)}, r"shares: expected shape \[V 2\] = \[2 2\], got \[3 2\]"),
    ({"points": np.array([[0, 0, np.nan], [0, np.inf, 0]])}, "finite numbers, got 2 that are NaN or infinite"),
    ({"points": np.full((2, 3), 1e39)}, "finite numbers, got 6"),
    ({"points": np.full((2, 3), 50.0)}, "within -1 to 1 m, got 50 to 50"),
    ({"points": np.full((2, 3), None)}, "float32, got object"),
    ({"points": "points"}, "points: expected an array of float32"),
    ({"points": np.zeros((2, 3), complex)}, "float32, got complex128"),
    ({"corners": np.array([[0, 1, 2]])}, "corners: expected indices from 0 to 1, got 0 to 2"),
    ({"corners": np.array([[0, 1, -1]])}, "indices from 0 to 1, got -1 to 1"),
    ({"corners": np.array([[0, 1, 2**40]])}, "fit int32"),
    ({"corners": np.array([[0.0, 1.0, 1.0]])}, "int32, got float64"),
    ({"twins": np.array([-2, 0])}, "indices from -1 to 1"),
    ({"shares": np.array([[0.5, 0.5], [0.5, 0.6]])}, r"sum to 1, got a sum of 1\.1"),
    ({"times": np.array([3, 3, 4])}, "strictly increasing values, got 3 after 3 at index 1"),
    ({"poses": np.tile(np.eye(4) * 1.1, (3, 1, 1))}, "poses: expected 4x4 matrices of a rotation and a translation"),
    ({"poses": np.stack([np.eye(4), np.eye(4), MIRRORED])}, "at index 2"),
    ({"poses": np.stack([np.eye(4), SHEARED, np.eye(4)])}, "at index 1"),
    ({"poses": np.stack([TILTED, np.eye(4), np.eye(4)])}, "at index 0"),
    ({"places": np.zeros((3, 4, 4))}, "places: expected 4x4 matrices of a rotation, one positive scale"),
    ({"kind": "Toy1"}, r"kind: expected text of the form \[a-z\]\+, got 'Toy1'"),
    ({"kind": 5}, "kind: expected text, got int"),
    ({"labels": ["a", "a"]}, "labels: expected distinct names, got 'a' twice"),
    ({"labels": ["a", ""]}, "not empty"),
    ({"labels": "ab"}, "list of names, got str"),
    ({"labels": ["a"]}, r"shape \[V\] = \[2\], got \[1\]"),
    ({"labels": ["a", "\ud800"]}, "UTF-8"),
]


@pytest.mark.parametrize(("changes", "words"), BROKEN, ids=range(len(BROKEN)))
def test_broken(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        toy(**changes)
    assert "\n" not in str(caught.value)


def test_what_holds() -> None:
    made_toy = toy()
    assert made_toy.points.dtype == np.float32
    assert made_toy.times.dtype == np.int64
    assert made_toy.labels == ("a", "b")
    assert dict(made_toy.dims) == {"V": 2, "F": 1, "T": 3}


def test_nothing_can_be_changed_by_mistake() -> None:
    given = np.zeros((2, 3), np.float32)
    made_toy = toy(points=given)
    with pytest.raises(ValueError, match="read-only"):
        made_toy.points[0, 0] = 1
    with pytest.raises(FrozenInstanceError):
        made_toy.points = given  # type: ignore[misc]
    given[0, 0] = 1  # the caller's own array stays the caller's


def test_order_of_memory_does_not_matter() -> None:
    points = np.asfortranarray(np.random.default_rng(0).uniform(-1, 1, (2, 3)).astype(">f8"))
    assert np.array_equal(toy(points=points).points, points.astype(np.float32))
    assert toy(points=points).points.flags.c_contiguous


INVARIANTS: list[tuple[type[Checked], dict[str, Any], str]] = [
    (FaceModel, {"mean": lambda v: v * 0.001}, "0.1 to 1 m"),
    (FaceModel, {"eye_centers": lambda v: v[::-1]}, "the left at greater x"),
    (FaceModel, {"eye_centers": lambda v: v + np.float32([0, 0.01, 0])}, "2 mm of the origin"),
    (FaceModel, {"eye_centers": lambda v: v * 1.7}, "0.03 to 0.1 m apart|within"),
    (FaceModel, {"lacks": lambda v: ~v, "expression_basis": lambda v: np.full_like(v, 0.01)}, "lacking shape"),
    (FaceModel, {"mirror": lambda v: np.roll(np.arange(len(v)), 1)}, "undoes itself"),
    (FaceModel, {"keypoint_triangles": lambda v: v[:50], "keypoint_barycentric": lambda v: v[:50]}, "0 or 100"),
    (FaceModel, {"material": lambda v: v + 8}, "indices from 0 to 7"),
    (Rig, {"neutral": lambda v: v * 10}, "within|0.1 to 1 m"),
    (Rig, {"texture": lambda v: np.zeros((0, 4, 3), np.uint8)}, "both sides"),
    (Rig, {"subject": lambda v: "../../etc"}, "subject"),
    (Rig, {"face_digest": lambda v: "0"}, "face_digest"),
    (Rig, {"weights": lambda v: v + 1.5}, "within 0 to 1"),
    (Labels, {"segment_ns": lambda v: v[:, ::-1]}, "start <= hold <= end"),
    (Labels, {"segment_expression": lambda v: np.zeros_like(v), "segment_kind": lambda v: v * 0}, "one for each peak"),
    (Labels, {"gaze": lambda v: v + 4}, "rad"),
    (Labels, {"shapes": lambda v: v[:52]}, r"shape \[53\]"),
]


@pytest.mark.parametrize(("kind", "changes", "words"), INVARIANTS, ids=range(len(INVARIANTS)))
def test_invariants_of_artifacts(kind: type[Checked], changes: dict[str, Any], words: str) -> None:
    whole = made(kind, 11, V=8, F=5, K=100, S=4, T=9, E=3)
    fields = {name: getattr(whole, name) for name in specs_of(kind)}
    with pytest.raises(DataError, match=words):
        kind(**(fields | {name: change(fields[name]) for name, change in changes.items()}))


@pytest.mark.parametrize("recipe", [{"a": float("nan")}, {"a": object()}, [1], {"a": {1, 2}}, {"a": "\ud800"}])
def test_recipes_are_plain_json(recipe: Any) -> None:
    fields = {name: getattr(made(Rig, 1, V=5), name) for name in specs_of(Rig)}
    if recipe == {"a": "\ud800"}:
        assert Rig(**fields, recipe=recipe).recipe == recipe  # JSON can hold it, escaped
    else:
        with pytest.raises(DataError, match="recipe"):
            Rig(**fields, recipe=recipe)


@pytest.mark.parametrize("kind", KINDS)
def test_everything_is_documented(kind: type[Checked]) -> None:
    assert re.fullmatch(r"refa\.[a-z]+/\d+", kind.SCHEMA)
    for name, spec in specs_of(kind).items():
        assert spec.doc, name


def test_no_pickle_anywhere() -> None:
    """Nothing in formats can execute what it reads."""
    for path in Path(formats.__path__[0]).glob("*.py"):
        code = "\n".join(line for line in path.read_text().splitlines() if "pickled" not in line)
        for word in ("pickle", "np.load", "marshal", "literal_eval", "eval(", "exec("):
            assert word not in code, f"{path.name}: {word}"
    assert b"refa" not in pickle.dumps(np.zeros(2))  # arrays that leave here carry no class of ours
