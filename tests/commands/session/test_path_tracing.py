"""The independent renderer sees what refa's own sees: same places, about the same light."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refa_cli import app
from refa_cli.commands.simulate.session.path_tracing import PathTracedViews, require, tiles_of
from refa_cli.face.default import default_face
from refa_cli.face.evaluate import Geometry
from refa_cli.face.prompts import by_id
from refa_cli.formats.captures import Captures
from refa_cli.formats.dataset import Dataset
from refa_cli.formats.errors import RefaError
from refa_cli.formats.session_truth import SessionTruth
from refa_cli.headset.default import default_headset
from refa_cli.headset.parts import cameras_with, lens_of, resized
from refa_cli.render.appearance import draw_appearance
from refa_cli.render.scene import Actor, assemble
from refa_cli.render.views import Views

FACE, HEADSET = default_face(), resized(default_headset(), 64)


@pytest.mark.parametrize("camera", [0, 4, 5])
@pytest.mark.parametrize("side", [64, 96])
def test_tiles_put_a_picture_together(camera: int, side: int) -> None:
    """Every pixel of the lens looks along its own ray in its tile, between the centres of the tile's pixels."""
    lens = lens_of(resized(default_headset(), side), camera)
    found = np.full((*lens.size, 3), np.nan)
    for tile in tiles_of(lens):
        flat = ((tile.at + 0.5) / tile.size * 2 - 1) * tile.half
        assert np.nanmin(tile.at) >= 0 and np.nanmax(tile.at) <= tile.size - 1
        np.testing.assert_allclose(tile.axes @ tile.axes.T, np.eye(3), atol=1e-12)
        found[tile.window] = np.stack([flat[1], flat[0], np.ones_like(flat[0])], -1) @ tile.axes
    x, y = lens.ray_grids()
    np.testing.assert_allclose(found[..., 0] / found[..., 2], x, atol=1e-9)
    np.testing.assert_allclose(found[..., 1] / found[..., 2], y, atol=1e-9)


def test_both_renderers_agree() -> None:
    mitsuba = pytest.importorskip("mitsuba")
    assert mitsuba
    rng = np.random.default_rng(3)
    appearance = draw_appearance(FACE, rng, 0.0)
    actor = Actor.of(FACE, Geometry.of_face(FACE), appearance.hair, appearance.look)
    views = Views.of(HEADSET, [*cameras_with(HEADSET, role="mouth_left"), *cameras_with(HEADSET, role="glabella")])
    surfaces = assemble(actor, HEADSET, HEADSET.headset_from_head, by_id("grin").weights)
    own, traced = (v.pictures(surfaces, actor.look) for v in (views, PathTracedViews(views)))
    for mine, theirs in zip(own, traced, strict=True):
        assert theirs.light.shape == mine.light.shape
        assert np.corrcoef(np.sqrt(mine.light).ravel(), np.sqrt(theirs.light).ravel())[0, 1] > 0.93
        assert theirs.light.mean() == pytest.approx(mine.light.mean(), rel=0.3)
    again = PathTracedViews(views).pictures(surfaces, actor.look, [1])[0]
    assert np.array_equal(again.light, traced[1].light)


def test_misfit_2_records_with_it(tmp_path: Path) -> None:
    pytest.importorskip("mitsuba")
    out = tmp_path / "out"
    options = ["--recordings", "gaze", "--pace", "0.2", "--rate", "1", "--pixels", "20", "--cameras", "embedded"]
    assert app.main(["simulate", "--sessions", "--misfit", "2", *options, "-o", str(out), "--quiet"]) == 0
    assert SessionTruth.read(out / "truth" / "sessions" / "S0001.npz").misfit == "2"
    held = Dataset.read(out / "captures.zarr", Captures).subjects["S0001"].recordings["gaze"].load()
    assert held.frames[held.present[:, :5]].std() > 5


def test_without_it_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = importlib.import_module

    def without(name: str, *more: Any) -> Any:
        if name == "mitsuba":
            raise ImportError(name)
        return whole(name, *more)

    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(RefaError, match="pip install"):
        require()
