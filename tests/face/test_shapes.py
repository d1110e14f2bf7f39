"""The list of 53 + 8 shapes."""

from __future__ import annotations

import pytest

from refa_cli.face.shapes import ALL, EXPRESSIONS, EYE_FOLLOW, INDEX, columns, mirrored
from refa_cli.formats.face import EXPRESSION_COUNT, EYE_FOLLOW_COUNT


def test_counts_agree_with_the_formats() -> None:
    assert (len(EXPRESSIONS), len(EYE_FOLLOW)) == (EXPRESSION_COUNT, EYE_FOLLOW_COUNT)
    assert len(set(ALL)) == len(ALL) == len(INDEX)


def test_order_is_alphabetical_as_in_openxr() -> None:
    assert list(EXPRESSIONS) == sorted(EXPRESSIONS)
    assert list(EYE_FOLLOW) == sorted(EYE_FOLLOW)


@pytest.mark.parametrize("name", ALL)
def test_mirroring_undoes_itself(name: str) -> None:
    assert mirrored(mirrored(name)) == name
    assert (mirrored(name) in EXPRESSIONS) == (name in EXPRESSIONS)


def test_mirroring_keeps_only_midline_shapes() -> None:
    alone = {"ChinRaiserB", "ChinRaiserT", "JawDrop", "JawThrust", "LipsToward"}
    assert {name for name in ALL if mirrored(name) == name} == alone
    assert mirrored("EyesLookLeftL") == "EyesLookRightR"
    assert mirrored("LipSuckLT") == "LipSuckRT"


def test_columns() -> None:
    assert columns(["BrowLowererL", "EyesLookDownL"]) == [0, 53]
    with pytest.raises(KeyError):
        columns(["TongueOut"])
