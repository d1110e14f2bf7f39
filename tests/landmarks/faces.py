"""Renders of the default face for these tests, which skip, saying so, where face or networks are not there."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import refa_cli
from refa_cli.formats.errors import DataError
from refa_cli.formats.face import FaceModel
from refa_cli.formats.spec import U8
from refa_cli.landmarks.weights import landmarker_path
from refa_cli.render.cameras import View, around
from refa_cli.render.preview import MATERIAL_COLORS, preview

FACE = Path(refa_cli.__file__).parent / "face" / "data" / "face.npz"
SHARED = Path(refa_cli.__file__).resolve().parents[2] / "shared" / "data"


def need_networks() -> None:
    """Skip where the networks' weights are not installed."""
    try:
        landmarker_path()
    except DataError as error:
        pytest.skip(str(error))


@lru_cache(maxsize=1)
def face() -> FaceModel:
    """The default face model."""
    if not FACE.exists():
        pytest.skip("the default face model is not baked")
    return FaceModel.read(FACE)


def picture(view: View | None = None, **options: Any) -> U8:
    """A render of the default face."""
    model = face()
    return preview(
        model.mean, model.triangles, view or around(), triangle_colors=MATERIAL_COLORS[model.material], **options
    )


def positions(model: FaceModel) -> dict[str, np.ndarray[Any, np.dtype[np.float64]]]:
    """Places on the default face that are known without detecting anything, metres."""
    lids = {side: model.mean[model.lid_pairs[i]] for i, side in enumerate("lr")}
    return {f"eye_{side}": lids[side].reshape(-1, 3).mean(axis=0) for side in "lr"} | {
        "mouth": model.mean[model.lip_pairs].reshape(-1, 3).mean(axis=0)
    }
