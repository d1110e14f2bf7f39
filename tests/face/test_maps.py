"""Maps between shape sets: complete, symmetric, lossless where they can be."""

from __future__ import annotations

import csv
import itertools
import re
from pathlib import Path

import numpy as np
import pytest

from refa_cli.face.maps import SETS, key, pairs, recognise, shape_map, shape_names
from refa_cli.face.shapes import ALL, EXPRESSIONS, INDEX, mirrored
from refa_cli.formats.errors import UsageError
from tests.face.data import TAKES

OTHERS = SETS[1:]
SIZES = {"refa": 61, "arkit": 52, "openxr": 63, "vrcft": 102, "ict": 57}


def other_side(name: str) -> str:
    """The mirrored name in any set."""
    for left, right in (("Left", "Right"), ("_L", "_R"), ("left", "right")):
        if name.endswith(left):
            return name[: -len(left)] + right
        if name.endswith(right):
            return name[: -len(right)] + left
    return mirrored(name) if name in INDEX else re.sub(r"[LR]$", lambda m: "RL"["LR".index(m[0])], name)


@pytest.mark.parametrize("name", SETS)
def test_size_and_uniqueness(name: str) -> None:
    names = shape_names(name)
    assert len(names) == len(set(names)) == SIZES[name]
    assert len({key(n) for n in names}) == len(names), "two shapes of a set are told apart by separators only"


@pytest.mark.parametrize("source,target", list(itertools.product(SETS, SETS)))
def test_every_shape_is_accounted_for(source: str, target: str) -> None:
    m = shape_map(source, target)
    assert m.matrix.shape == (len(m.target_names), len(m.source_names))
    assert (m.matrix.data > 0).all()
    driven = {m.target_names[row] for row in m.matrix.tocoo().row}
    used = {m.source_names[column] for column in m.matrix.tocoo().col}
    assert used | set(m.lost) == set(m.source_names) and not used & set(m.lost)
    assert driven | set(m.unfilled) == set(m.target_names) and not driven & set(m.unfilled)
    assert m.matrix.sum(axis=1).max() <= 1.0 + 1e-9, "a shape can be driven beyond what its sources show"
    assert set(m.approximate) <= driven


@pytest.mark.parametrize("source,target", list(itertools.product(SETS, SETS)))
def test_symmetric(source: str, target: str) -> None:
    m = shape_map(source, target)
    dense = m.matrix.toarray()
    rows = [m.target_names.index(other_side(n) if target != "refa" else mirrored(n)) for n in m.target_names]
    columns = [m.source_names.index(other_side(n) if source != "refa" else mirrored(n)) for n in m.source_names]
    np.testing.assert_allclose(dense[np.ix_(rows, columns)], dense)


@pytest.mark.parametrize("other", OTHERS)
def test_round_trip_keeps_what_is_not_lost(other: str) -> None:
    """Symmetric activations survive the way there and back, except what the set lacks."""
    there, back = shape_map("refa", other), shape_map(other, "refa")
    rng = np.random.default_rng(0)
    weights = np.zeros((20, len(ALL)), np.float32)
    for name in ALL:
        weights[:, INDEX[name]] = rng.random(20)
    for name in ALL:  # the same on both sides, and on both lips where sets have one funnel
        first = next(n for n in ALL if n == name or n == mirrored(name) or (n[:11] == name[:11] == "LipFunneler"))
        weights[:, INDEX[name]] = weights[:, INDEX[first]]
    weights[:, INDEX["LipsToward"]] *= weights[:, INDEX["JawDrop"]]
    lacking = [INDEX[name] for name in there.lost]
    expected = weights.copy()
    expected[:, lacking] = 0
    np.testing.assert_allclose(back.apply(there.apply(weights)), expected, atol=1e-6)


@pytest.mark.parametrize("other", ["openxr", "vrcft"])
def test_round_trip_is_exact_for_the_finer_sets(other: str) -> None:
    weights = np.random.default_rng(1).random((20, len(ALL))).astype(np.float32)
    weights[:, INDEX["LipsToward"]] *= weights[:, INDEX["JawDrop"]]
    there, back = shape_map("refa", other), shape_map(other, "refa")
    assert not there.lost
    np.testing.assert_allclose(back.apply(there.apply(weights)), weights, atol=1e-6)


def test_what_is_lost() -> None:
    assert shape_map("refa", "arkit").lost == ("LipTightenerL", "LipTightenerR")
    assert shape_map("arkit", "refa").lost == ("tongueOut",)
    assert shape_map("refa", "openxr").unfilled == ("CheekSuckL", "CheekSuckR")
    assert set(shape_map("ict", "refa").lost) == {"cheekRaiser_L", "cheekRaiser_R", "PupilDilate_L", "PupilDilate_R"}
    assert "LipTightenerL" in shape_map("refa", "arkit").report()


def test_shapes_that_refa_lacks_pass_between_others() -> None:
    m = shape_map("arkit", "vrcft")
    assert m.matrix[m.target_names.index("TongueOut"), m.source_names.index("tongueOut")] == 1.0
    assert not shape_map("openxr", "vrcft").lost


def one(source: str, target: str, **weights: float) -> dict[str, float]:
    m = shape_map(source, target)
    row = np.array([weights.get(name, 0.0) for name in m.source_names])
    return {n: round(float(w), 4) for n, w in zip(m.target_names, m.apply(row), strict=True) if w}


def test_conventions() -> None:
    assert one("arkit", "refa", eyeLookInLeft=1.0) == {"EyesLookRightL": 1.0}
    assert one("arkit", "refa", eyeLookOutRight=1.0) == {"EyesLookRightR": 1.0}
    assert one("arkit", "refa", browInnerUp=0.6) == {"InnerBrowRaiserL": 0.6, "InnerBrowRaiserR": 0.6}
    assert one("refa", "arkit", InnerBrowRaiserL=1.0) == {"browInnerUp": 0.5}
    assert one("refa", "arkit", LipFunnelerLB=1.0, LipFunnelerRB=1.0) == {"mouthFunnel": 0.5}
    assert one("arkit", "refa", mouthRollLower=1.0) == {"LipSuckLB": 1.0, "LipSuckRB": 1.0}
    assert one("arkit", "refa", mouthClose=0.3, jawOpen=0.5) == {"JawDrop": 0.5, "LipsToward": 0.3}
    assert one("refa", "vrcft", LipCornerPullerL=0.5) == {"MouthCornerPullLeft": 0.5, "MouthCornerSlantLeft": 0.5}


def test_weights_are_clipped_and_lips_follow_the_jaw() -> None:
    assert one("arkit", "refa", jawOpen=1.076) == {"JawDrop": 1.0}
    assert one("arkit", "refa", mouthClose=0.4, jawOpen=0.1) == {"JawDrop": 0.1, "LipsToward": 0.1}
    assert one("arkit", "refa", mouthSmileLeft=-0.1) == {}


def test_apply_keeps_leading_dimensions_and_refuses_others() -> None:
    m = shape_map("refa", "arkit")
    assert m.apply(np.zeros((2, 3, 61))).shape == (2, 3, 52)
    assert m.apply(np.zeros((0, 61))).shape == (0, 52)
    with pytest.raises(ValueError, match="61"):
        m.apply(np.zeros((2, 53)))


def test_unknown_set() -> None:
    with pytest.raises(UsageError, match="vrm"):
        shape_map("refa", "vrm")
    with pytest.raises(UsageError):
        pairs("refa")


@pytest.mark.parametrize(
    "spelling,expected",
    [
        (str, "arkit"),
        (lambda n: n[0].upper() + n[1:], "arkit"),
        (lambda n: "blendShape1." + n, "arkit"),
        (lambda n: re.sub(r"([A-Z])", r"_\1", n).lower(), "arkit"),
        (lambda n: n.replace("Left", "_L").replace("Right", "_R"), "arkit"),
    ],
)
def test_recognises_spellings(spelling: object, expected: str) -> None:
    given = [spelling(n) for n in shape_names("arkit")]  # type: ignore[operator]
    name, found = recognise([*given, "Basis"])
    assert name == expected
    assert [found[n] for n in given] == list(shape_names("arkit"))


def test_recognises_each_set_by_its_own_names() -> None:
    for name in SETS:
        assert recognise(shape_names(name))[0] == name
    constants = ["XR_FACE_EXPRESSION_" + re.sub(r"(?<=[a-z])(?=[A-Z])", "_", n).upper() + "_FB" for n in EXPRESSIONS]
    assert len(recognise(constants)[1]) == len(EXPRESSIONS)
    assert recognise(["cube", "sphere"]) == ("", {})


@pytest.mark.skipif(not TAKES.is_dir(), reason="the Live Link Face takes are not here: set REFA_TEST_DATA")
@pytest.mark.parametrize("file", sorted(TAKES.glob("*.csv")), ids=lambda p: p.stem)
def test_real_takes_stay_in_range(file: Path) -> None:
    rows = list(csv.reader(file.read_text().splitlines()))
    names, found = rows[0], recognise(rows[0])
    assert found[0] == "arkit" and len(found[1]) == 52
    table = np.array([[float(x) for x in row[2:]] for row in rows[1:] if len(row) == len(names)])
    column = {found[1][n]: i - 2 for i, n in enumerate(names) if n in found[1]}
    m = shape_map("arkit", "refa")
    given = table[:, [column[n] for n in m.source_names]]
    mapped = m.apply(given)
    assert mapped.min() >= 0 and mapped.max() <= 1 and len(mapped) > 1000
    assert (mapped[:, INDEX["LipsToward"]] <= mapped[:, INDEX["JawDrop"]]).all()
    again = shape_map("refa", "arkit").apply(mapped)
    kept = [i for i, n in enumerate(m.source_names) if n not in ("tongueOut", "mouthClose")]
    np.testing.assert_allclose(again[:, kept], np.clip(given[:, kept], 0, 1), atol=1e-6)
