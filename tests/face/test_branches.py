"""The page of conventions lists the branches as they are."""

from __future__ import annotations

from pathlib import Path

from refa_cli.face.branches import EYE_SHAPES, FACE_INDICES, UPPER

PAGE = (Path(__file__).parents[2] / "docs" / "conventions.md").read_text("utf-8")


def test_the_page_tells_the_branches() -> None:
    section = PAGE.split("### What the tracker tells from what")[1].split("\n## ")[0]
    assert f"{', '.join(EYE_SHAPES)} of that side" in section
    assert f"the other {len(FACE_INDICES)}" in section
    told = section.split("upper left face")[1].split("of the")[0].replace("\n", " ")
    assert [name.strip(" (") for name in told.split(",")] == list(UPPER)
