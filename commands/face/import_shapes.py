"""From a source's shapes to refa's 53 + 8: by name, summed where several make one, split where one makes several."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refa_cli.commands.face.import_source import Source
from refa_cli.face.contacts import lip_pairs
from refa_cli.face.maps import pairs, recognise
from refa_cli.face.mesh import cotangent_laplacian
from refa_cli.face.shapes import ALL, EXPRESSIONS
from refa_cli.face.splitting import seam_weight, smoothstep, split_left_right, split_quarters
from refa_cli.formats.errors import DataError

Float = NDArray[np.floating[Any]]

FEWEST = 5
"""Shapes that must be recognised for a source to be a face that moves."""
MIDLINE_WIDTH = 0.024
"""Metres over which a shape of the whole mouth or brow passes from its left to its right half."""
SEAM_REACH = 0.012
"""Metres above and below the seam between the lips over which a shape passes from one lip to the other."""
_QUARTERS = {"LB", "LT", "RB", "RT"}


@dataclass
class Named:
    """A source's shapes by refa's names. whole: displacement [V, 3] per shape; parents: (children, displacement)
    of shapes that are still to be split into several of ours."""

    set_name: str
    whole: dict[str, Float] = field(default_factory=dict)
    parents: list[tuple[tuple[str, ...], Float]] = field(default_factory=list)
    ignored: tuple[str, ...] = ()

    def evidence(self, *stems: str) -> Float | None:
        """Summed movement [V] of the shapes whose names begin so, each scaled to its own strongest vertex."""
        total: Float | None = None
        shapes = [(name, moved) for name, moved in self.whole.items()]
        shapes += [(children[0], moved) for children, moved in self.parents]
        for name, moved in shapes:
            if name.startswith(stems):
                length = np.linalg.norm(moved, axis=1)
                peak = float(length.max())
                if peak > 0:
                    total = length / peak if total is None else total + length / peak
        return total


def name_shapes(source: Source) -> Named:
    """Recognise the source's names. Raises DataError if they are of no set that refa knows."""
    set_name, spelling = recognise(list(source.shapes))
    if len(spelling) < FEWEST:
        got = ", ".join(list(source.shapes)[:8]) or "no shapes at all"
        expected = "morph targets named as ARKit, OpenXR, VRCFT, ICT-FaceKit or refa name them"
        raise DataError(source.path, "shapes", expected, got, "rename them or add them")
    named = Named(set_name, ignored=tuple(name for name in source.shapes if name not in spelling))
    children: dict[str, list[str]] = {}
    if set_name == "refa":
        children = {name: [name] for name in ALL}
    else:
        for pair in pairs(set_name):
            children.setdefault(pair.name, [])
            if pair.refa in ALL:
                children[pair.name].append(pair.refa)
    unmapped = []
    for given, name in spelling.items():
        ours, moved = children[name], source.shapes[given]
        if len(ours) == 1:
            named.whole[ours[0]] = named.whole[ours[0]] + moved if ours[0] in named.whole else moved
        elif ours:
            named.parents.append((tuple(ours), moved))
        else:
            unmapped.append(given)
    named.ignored += tuple(unmapped)
    _separate_mouth_close(source, named)
    return named


def _separate_mouth_close(source: Source, named: Named) -> None:
    """LipsToward is what closing the lips adds to the dropped jaw. Some tools store the two together: undo that."""
    closing, jaw = named.whole.get("LipsToward"), named.whole.get("JawDrop")
    if closing is None or jaw is None:
        return
    share = float((closing * jaw).sum() / max(float((jaw * jaw).sum()), 1e-30))
    if share > 0.25:  # a mouth that closes over an open jaw moves against it; this one moves with it
        named.whole["LipsToward"] = closing - jaw
        source.notes.append("mouthClose held the open jaw too, which was taken out of it")


def to_basis(
    named: Named, vertices: Float, triangles: NDArray[np.integer[Any]], skin: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """(basis [61, V, 3], lacks [61]). The shapes, like the vertices [V, 3], must be in metres in the head frame."""
    basis = np.zeros((len(ALL), len(vertices), 3), np.float32)
    lacks = np.ones(len(ALL), np.bool_)
    parts = dict(named.whole)
    upper: Float | None = None
    for children, moved in named.parents:
        stem = _stem(children)
        sides = {child[len(stem) :] for child in children}
        if sides == _QUARTERS:
            if upper is None:
                upper = _upper_share(named, vertices, triangles, skin, moved)
            split = split_quarters(moved, vertices[:, 0], MIDLINE_WIDTH, upper)
            parts |= {stem + side: part for side, part in split.items()}
        else:  # L and R, or the left and right of one lip
            left, right = split_left_right(moved, vertices[:, 0], MIDLINE_WIDTH)
            for child in children:
                parts[child] = left if child[len(stem) :].startswith("L") else right
    for name, moved in parts.items():
        row = ALL.index(name)
        basis[row] = moved
        lacks[row] = not basis[row].any()
    return basis, lacks


def _stem(children: tuple[str, ...]) -> str:
    """What the names have in common before the side: "LipSuck" of LipSuckLB and LipSuckRB."""
    first = children[0]
    length = next(i for i in range(len(first)) if len({child[: i + 1] for child in children}) > 1)
    return first[:length]


def _upper_share(
    named: Named, vertices: Float, triangles: NDArray[np.integer[Any]], skin: NDArray[np.bool_], moved: Float
) -> Float:
    """The upper lip's share [V] of a shape of both lips."""
    jaw = named.whole.get("JawDrop")
    seam = lip_pairs(vertices, jaw, skin) if jaw is not None else np.zeros((0, 2), np.int64)
    if len(seam) >= 3:
        return seam_weight(vertices, cotangent_laplacian(vertices, triangles), seam, SEAM_REACH)
    strength = np.linalg.norm(moved, axis=1)
    middle = float((strength * vertices[:, 1]).sum() / max(float(strength.sum()), 1e-30))
    return smoothstep((vertices[:, 1] - middle) / (2 * SEAM_REACH) + 0.5)


def strongest(basis: Float) -> Float:
    """[V]: the farthest that any expression moves each vertex, metres."""
    far = np.zeros(basis.shape[1])
    for row in basis[: len(EXPRESSIONS)]:
        np.maximum(far, np.linalg.norm(row, axis=1), out=far)
    return far
