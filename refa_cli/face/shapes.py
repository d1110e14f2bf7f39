"""The names of refa's 53 expression shapes and 8 eye-follow shapes, in the order of all [.., 53] and [.., 8] arrays.

The paper (REFA, section 5) uses 53 FACS blendshapes and does not list them. This list is refa's choice: the FACS
shapes of OpenXR `XR_FB_face_tracking` without its eight eye-look shapes, which follow gaze here, and without CheekSuck
L/R. "L" and "R" are the subject's left and right; "T" and "B" the top and bottom lip.
"""

from __future__ import annotations

from collections.abc import Iterable

EXPRESSIONS: tuple[str, ...] = (
    "BrowLowererL", "BrowLowererR", "CheekPuffL", "CheekPuffR", "CheekRaiserL", "CheekRaiserR",
    "ChinRaiserB", "ChinRaiserT", "DimplerL", "DimplerR", "EyesClosedL", "EyesClosedR",
    "InnerBrowRaiserL", "InnerBrowRaiserR", "JawDrop", "JawSidewaysLeft", "JawSidewaysRight", "JawThrust",
    "LidTightenerL", "LidTightenerR", "LipCornerDepressorL", "LipCornerDepressorR",
    "LipCornerPullerL", "LipCornerPullerR", "LipFunnelerLB", "LipFunnelerLT", "LipFunnelerRB", "LipFunnelerRT",
    "LipPressorL", "LipPressorR", "LipPuckerL", "LipPuckerR", "LipStretcherL", "LipStretcherR",
    "LipSuckLB", "LipSuckLT", "LipSuckRB", "LipSuckRT", "LipTightenerL", "LipTightenerR", "LipsToward",
    "LowerLipDepressorL", "LowerLipDepressorR", "MouthLeft", "MouthRight", "NoseWrinklerL", "NoseWrinklerR",
    "OuterBrowRaiserL", "OuterBrowRaiserR", "UpperLidRaiserL", "UpperLidRaiserR", "UpperLipRaiserL", "UpperLipRaiserR",
)  # fmt: skip

EYE_FOLLOW: tuple[str, ...] = (
    "EyesLookDownL", "EyesLookDownR", "EyesLookLeftL", "EyesLookLeftR",
    "EyesLookRightL", "EyesLookRightR", "EyesLookUpL", "EyesLookUpR",
)  # fmt: skip

ALL: tuple[str, ...] = EXPRESSIONS + EYE_FOLLOW
INDEX: dict[str, int] = {name: column for column, name in enumerate(ALL)}
"""Column of each name: 0..52 in expression arrays; eye-follow shapes continue at 53."""

_MIRRORED_WHOLE = {
    "JawSidewaysLeft": "JawSidewaysRight",
    "MouthLeft": "MouthRight",
    "EyesLookLeftL": "EyesLookRightR",
    "EyesLookLeftR": "EyesLookRightL",
}
_MIRRORED = _MIRRORED_WHOLE | {right: left for left, right in _MIRRORED_WHOLE.items()}
_SIDES = {"L": "R", "R": "L", "LB": "RB", "LT": "RT", "RB": "LB", "RT": "LT"}


def mirrored(name: str) -> str:
    """The name of the same action on the other half of the face; a midline shape is its own mirror image."""
    if name in _MIRRORED:
        return _MIRRORED[name]
    for suffix in ("LB", "LT", "RB", "RT", "L", "R"):
        if name.endswith(suffix) and name[: -len(suffix)] + _SIDES[suffix] in INDEX:
            return name[: -len(suffix)] + _SIDES[suffix]
    return name


MIRROR: tuple[int, ...] = tuple(INDEX[mirrored(name)] for name in EXPRESSIONS)
"""The expression on the other half of the face for each expression; twice is nothing."""


def columns(names: Iterable[str]) -> list[int]:
    """The columns of several shapes; raises KeyError for a name that is not one of the 61."""
    return [INDEX[name] for name in names]
