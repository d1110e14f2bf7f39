"""Maps of expression weights between refa's shapes and those of other face interfaces, as sparse matrices by name.

    to_arkit = shape_map("refa", "arkit")
    weights = to_arkit.apply(weights)          # [T, 61] -> [T, 52], columns named to_arkit.target_names
    print(to_arkit.report())                   # what is lost, unfilled or only nearly the same

The tables are `map_*.csv` beside this file, one per set, a row per pair: `name` (theirs), `refa` (ours), `to` (what
one unit of ours adds to theirs), `from` (what one unit of theirs adds to ours), `near` (why the two are only nearly
the same). Rows stand in the set's own order and every shape of a set has one, also those without a counterpart. Shapes
that refa lacks but several others share (tongue out, sucked cheeks) are named in `refa` too and pass between those.

Conventions: a shape that stands for several finer ones (browInnerUp, mouthFunnel) is their mean, and drives each of
them fully. ARKit's mouthClose is LipsToward: it closes the lips of an open jaw, so it never exceeds it. ARKit's
"in" and "out" are per eye: eyeLookInLeft is the left eye looking right.

Sources: Apple ARKit `ARFaceAnchor.BlendShapeLocation`; OpenXR 1.0 `XR_FB_face_tracking`; VRCFaceTracking
`UnifiedExpressions` with the eye shapes of its `UnifiedEye` (docs.vrcft.io); ICT-FaceKit `vertex_indices.json`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix

from refa_cli.face.shapes import ALL, INDEX
from refa_cli.formats.errors import UsageError

SETS = ("refa", "arkit", "openxr", "vrcft", "ict")
"""refa's 61; ARKit's 52; OpenXR FB's 63; VRCFT's Unified Expressions; ICT-FaceKit's 53 and its four extras."""


@dataclass(frozen=True)
class Pair:
    """A row of a table: `name` of the other set and its counterpart of refa, with the weights in both directions."""

    name: str
    refa: str
    to: float
    from_: float
    near: str


@dataclass(frozen=True)
class ShapeMap:
    """A linear map of weights. matrix: [n_target, n_source], entries >= 0.

    lost: source shapes that drive nothing; unfilled: target shapes that nothing drives; approximate: why a target
    shape is not exactly what the source says, by target name.
    """

    source: str
    target: str
    source_names: tuple[str, ...]
    target_names: tuple[str, ...]
    matrix: csr_matrix
    lost: tuple[str, ...]
    unfilled: tuple[str, ...]
    approximate: Mapping[str, str]

    def apply(self, weights: ArrayLike) -> NDArray[np.float32]:
        """weights [..., n_source] -> [..., n_target] in 0..1; towards refa also LipsToward <= JawDrop."""
        given = np.asarray(weights, dtype=np.float32)
        if given.shape[-1:] != (len(self.source_names),):
            raise ValueError(f"weights of {self.source} must be [..., {len(self.source_names)}], got {given.shape}")
        rows = given.reshape(-1, given.shape[-1])
        mapped: NDArray[np.float32] = np.clip((self.matrix @ rows.T).T, 0.0, 1.0).astype(np.float32)
        if self.target == "refa":
            lips, jaw = INDEX["LipsToward"], INDEX["JawDrop"]
            mapped[:, lips] = np.minimum(mapped[:, lips], mapped[:, jaw])
        return np.reshape(mapped, (*given.shape[:-1], len(self.target_names)))

    def report(self) -> str:
        """What this map loses, for people."""
        used = len(self.source_names) - len(self.lost)
        lines = [f"{self.source} -> {self.target}: {used} of {len(self.source_names)} shapes are carried over"]
        if self.lost:
            lines.append(f"lost (no counterpart in {self.target}): {', '.join(self.lost)}")
        if self.unfilled:
            lines.append(f"unfilled (nothing in {self.source} drives them): {', '.join(self.unfilled)}")
        lines += [f"approximate: {name}: {reason}" for name, reason in self.approximate.items()]
        return "\n".join(lines)


@cache
def pairs(name: str) -> tuple[Pair, ...]:
    """The table of a set other than refa, in the set's own order."""
    if name not in SETS or name == "refa":
        raise UsageError(f"unknown shape set {name!r}: choose one of {', '.join(SETS)}")
    text = files(__package__).joinpath(f"map_{name}.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return tuple(Pair(r["name"], r["refa"], float(r["to"] or 0), float(r["from"] or 0), r["near"]) for r in rows)


@cache
def shape_names(name: str) -> tuple[str, ...]:
    """The names of a set in its own order."""
    return ALL if name == "refa" else tuple(dict.fromkeys(pair.name for pair in pairs(name)))


@cache
def shape_map(source: str, target: str) -> ShapeMap:
    """The map from one set to another, by way of refa's shapes. Raises UsageError for an unknown set."""
    matrix = csr_matrix(_weights(target, "to") @ _weights(source, "from"))
    matrix.eliminate_zeros()
    matrix.sort_indices()
    source_names, target_names = shape_names(source), shape_names(target)
    per_source = np.diff(matrix.tocsc().indptr)
    per_target = np.diff(matrix.indptr)
    approximate: dict[str, str] = {}
    for row, name in enumerate(target_names):
        drivers = [source_names[column] for column in matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]]
        reasons = [f"weighted sum of {' + '.join(drivers)}"] if len(drivers) > 1 else []
        if drivers and source != target:
            reasons += _why_near(source, drivers) + _why_near(target, [name])
        if reasons:
            approximate[name] = "; ".join(dict.fromkeys(reasons))
    return ShapeMap(
        source=source,
        target=target,
        source_names=source_names,
        target_names=target_names,
        matrix=matrix,
        lost=tuple(n for n, used in zip(source_names, per_source, strict=True) if not used),
        unfilled=tuple(n for n, driven in zip(target_names, per_target, strict=True) if not driven),
        approximate=approximate,
    )


def _why_near(set_name: str, names: Sequence[str]) -> list[str]:
    return [] if set_name == "refa" else [p.near for p in pairs(set_name) if p.near and p.refa and p.name in names]


@cache
def _hub() -> dict[str, int]:
    """refa's shapes, then those of no set of ours that pass between the others."""
    passing = {pair.refa for name in SETS[1:] for pair in pairs(name)} - set(ALL) - {""}
    return {name: column for column, name in enumerate((*ALL, *sorted(passing)))}


def _weights(name: str, direction: str) -> csr_matrix:
    """direction "to": [n_set, hub]; "from": [hub, n_set]."""
    hub = _hub()
    if name == "refa":
        diagonal = (np.ones(len(ALL)), (range(len(ALL)), range(len(ALL))))
        return csr_matrix(diagonal, shape=(len(ALL), len(hub)) if direction == "to" else (len(hub), len(ALL)))
    names = {n: i for i, n in enumerate(shape_names(name))}
    shape = (len(names), len(hub)) if direction == "to" else (len(hub), len(names))
    matrix = np.zeros(shape)
    for pair in pairs(name):
        if pair.refa and direction == "to":
            matrix[names[pair.name], hub[pair.refa]] += pair.to
        elif pair.refa:
            matrix[hub[pair.refa], names[pair.name]] += pair.from_
    return csr_matrix(matrix)


def key(name: str) -> str:
    """A shape's name without what tools vary: case, separators, prefixes, Left/Right spelt out."""
    tail = re.split(r"[./:|]", name)[-1]
    tail = re.sub(r"^XR_FACE_EXPRESSION2?_|_(FB|META)$", "", tail)
    bare = re.sub(r"[^a-z0-9]", "", tail.lower())
    return re.sub(r"right$", "r", re.sub(r"left$", "l", bare))


def recognise(names: Sequence[str]) -> tuple[str, dict[str, str]]:
    """Which set these names are of, and for each recognised name its spelling in that set.

    The set with the most names recognised wins (the first of SETS where several do). Names are compared by `key`.
    Returns ("", {}) if no name is of any set.
    """
    best: tuple[str, dict[str, str]] = ("", {})
    for set_name in SETS:
        spelling = {key(name): name for name in shape_names(set_name)}
        found: dict[str, str] = {}
        for name in names:
            if key(name) in spelling and spelling[key(name)] not in found.values():
                found[name] = spelling[key(name)]
        if len(found) > len(best[1]):
            best = (set_name, found)
    return best
