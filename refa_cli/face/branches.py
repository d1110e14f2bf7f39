"""Which shapes are told from which part of a face: one eye, and regions of confidence."""

from __future__ import annotations

from typing import Final

import numpy as np

from refa_cli.face.shapes import EXPRESSIONS
from refa_cli.formats.spec import F32

EYE_SHAPES: Final = ("EyesClosed", "LidTightener", "UpperLidRaiser")
"""What a single eye's picture tells, without its side: the tracker's eye branch sees nothing else, so that a wink is
not taken for a blink because both eyes mostly shut together."""
UPPER: Final = ("BrowLowerer", "InnerBrowRaiser", "OuterBrowRaiser", "CheekRaiser", "NoseWrinkler", *EYE_SHAPES)
WIDEST_GAZE: Final = 0.9
"""Radians; the largest angle that the tracker tells."""
CONFIDENCE_REGIONS: Final = ("upper left", "upper right", "lower")


def region_of(shape: str) -> int:
    """The index in CONFIDENCE_REGIONS of a shape's part of the face."""
    if shape[:-1] in UPPER:
        return 0 if shape.endswith("L") else 1
    return 2


REGION_OF: Final = tuple(region_of(name) for name in EXPRESSIONS)
REGION_MEANS: Final[F32] = (np.eye(len(CONFIDENCE_REGIONS))[list(REGION_OF)] / np.bincount(REGION_OF)).astype(
    np.float32
)
"""[53, 3]: what is told of each shape, times this, is the mean of each region."""
EYE_INDICES: Final = tuple(tuple(EXPRESSIONS.index(name + side) for name in EYE_SHAPES) for side in ("L", "R"))
"""Columns of the eye branch's shapes, of the left eye and of the right."""
FACE_INDICES: Final = tuple(i for i in range(len(EXPRESSIONS)) if i not in EYE_INDICES[0] and i not in EYE_INDICES[1])
"""Columns of all others."""
