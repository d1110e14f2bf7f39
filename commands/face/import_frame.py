"""Where the head lies in a source: its axes, its unit and its eyes, told from what its shapes move.

The left and right versions of the shapes give the sideways axis, eyes over mouth the upright one. A source whose axes
are nearly those of its own coordinates (most are) keeps them exactly. The unit is the common one that makes the eyes
a human distance apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refa_cli.commands.face.import_shapes import Named
from refa_cli.commands.face.import_source import Source
from refa_cli.formats.errors import DataError

Float = NDArray[np.floating[Any]]

UNITS = {"metres": 1.0, "decimetres": 0.1, "inches": 0.0254, "centimetres": 0.01, "millimetres": 0.001, "feet": 0.3048}
EYE_DISTANCE = (0.050, 0.076)
"""Metres between the eyes of an adult head, beyond the extremes of measured people."""
USUAL_DISTANCE = 0.063
SNAP_DEGREES = 30.0
"""Axes this close to the source's own are taken to be them: faces are modelled upright, chins recede."""
UPPER = ("Eyes", "Lid", "UpperLid", "Brow", "InnerBrow", "OuterBrow")
LOWER = (
    "LipPucker",
    "LipFunneler",
    "LipCorner",
    "LipSuck",
    "LipStretcher",
    "LipPressor",
    "Mouth",
    "Dimpler",
    "LowerLip",
)
EYES = ("EyesClosed", "LidTightener", "UpperLidRaiser", "EyesLook")


@dataclass(frozen=True)
class Frame:
    """axes [3, 3]: the head's x, y and z as rows, in the source's coordinates; a rotation, or for a left-handed source
    with a reflection. eyes [2, 3]: roughly where the eyes are, source units.
    """

    axes: Float
    eyes: Float

    @property
    def mirrored(self) -> bool:
        """Whether the source is left-handed."""
        return float(np.linalg.det(self.axes)) < 0


def find_frame(source: Source, named: Named) -> Frame:
    """Axes and rough eyes. Raises DataError when the shapes cannot tell."""
    left, right = (_center(source.vertices, named, *(stem + side for stem in _PAIRED)) for side in "LR")
    upper, lower = _center(source.vertices, named, *UPPER), _center(source.vertices, named, *LOWER)
    if lower is None:
        lower = _center(source.vertices, named, "JawDrop")
    if left is None or right is None or upper is None or lower is None:
        missing = "left and right" if left is None or right is None else "the eyes or brows and the mouth"
        raise DataError(
            source.path, "shapes", f"shapes of {missing}, to find the head's axes", "none", "add some that move"
        )
    sideways = _unit(left - right)
    upright = _unit((upper - lower) - ((upper - lower) @ sideways) * sideways)
    rough = np.stack([sideways, upright, np.cross(sideways, upright)])
    face = (upper + lower) / 2
    if (face - source.vertices.mean(axis=0)) @ rough[2] < 0:  # the face is in front of the head's middle
        rough[2] = -rough[2]
    axes = _snapped(rough)
    if axes is rough:
        source.notes.append("the head is tilted in its own coordinates; its pitch was estimated from eyes and mouth")
    return Frame(axes, np.stack([_eye(source.vertices, named, side, upper, upper - lower, sideways) for side in "LR"]))


def _eye(vertices: Float, named: Named, side: str, upper: Float, height: Float, sideways: Float) -> Float:
    """Where the lids of one eye move; without any lid shape half the height from mouth to brows off the middle."""
    found = _center(vertices, named, *(stem + side for stem in EYES))
    if found is None:
        return upper + (1.0 if side == "L" else -1.0) * sideways * np.linalg.norm(height) / 2
    return np.asarray(found, dtype=np.float64)


def find_scale(source: Source, distance: float) -> float:
    """Metres per source unit, for eyes `distance` source units apart."""
    for name, scale in UNITS.items():
        if EYE_DISTANCE[0] <= distance * scale <= EYE_DISTANCE[1]:
            source.notes.append(f"the source is in {name}: its eyes are {distance * scale * 1000:.1f} mm apart")
            return scale
    source.notes.append(f"the source is in no usual unit; it was scaled to eyes {USUAL_DISTANCE * 1000:.0f} mm apart")
    return USUAL_DISTANCE / distance


_PAIRED = (
    "EyesClosed", "BrowLowerer", "OuterBrowRaiser", "CheekRaiser", "LidTightener", "UpperLidRaiser", "NoseWrinkler",
    "LipCornerPuller", "LipCornerDepressor", "LipStretcher", "Dimpler", "UpperLipRaiser", "LowerLipDepressor",
)  # fmt: skip


def _center(vertices: Float, named: Named, *stems: str) -> Any:
    """Mean place of what these shapes move, weighted by how much; None if there are none."""
    moved = named.evidence(*stems)
    if moved is None:
        return None
    weight = moved**2
    return (weight[:, None] * vertices).sum(axis=0) / weight.sum()


def _unit(vector: Float) -> Float:
    return np.asarray(vector / np.linalg.norm(vector))


def _snapped(rough: Float) -> Float:
    """The signed permutation of axes nearest to these, or these themselves if none is within SNAP_DEGREES."""
    best, least = rough, np.cos(np.radians(SNAP_DEGREES))
    for order in permutations(range(3)):
        for signs in product((1.0, -1.0), repeat=3):
            candidate = np.zeros((3, 3))
            candidate[range(3), order] = signs
            worst = float((candidate * rough).sum(axis=1).min())
            if worst > least:
                best, least = candidate, worst
    return best
