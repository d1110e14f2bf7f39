"""How far the reference avatar's lids and lips are apart, whatever rig the weights came from."""

from __future__ import annotations

from functools import cache

import numpy as np

from refa_cli.face.default import load_face
from refa_cli.face.evaluate import Geometry
from refa_cli.face.shapes import INDEX
from refa_cli.formats.face import EXPRESSION_COUNT
from refa_cli.formats.spec import F64


class Gaps:
    """Gaps of refa's own face: between the middle halves of the lids, where they part most, and of the inner lips."""

    def __init__(self) -> None:
        face = load_face(None)
        pairs = [*face.lid_pairs, face.lip_pairs]
        middle = [rows[len(rows) // 4 : len(rows) - len(rows) // 4] for rows in pairs]
        used = np.unique(np.concatenate([rows.reshape(-1) for rows in middle]))
        self._pairs = [np.searchsorted(used, rows) for rows in middle]
        self._geometry = Geometry(
            face.mean[used], face.expression_basis[:, used], face.eye_follow_basis[:, used], face.eye_centers,
            np.zeros(len(used), np.uint8), np.zeros((0, 3), np.int32),
        )  # fmt: skip
        self._open = self._at()
        self._shut = self._at(EyesClosedL=1.0, EyesClosedR=1.0)

    def _at(self, **weights: float) -> F64:
        """Gaps [3] of some weights."""
        row = np.zeros((1, EXPRESSION_COUNT))
        for name, weight in weights.items():
            row[0, INDEX[name]] = weight
        return np.asarray(self.of(row, np.zeros((1, 2, 2)))[0])

    def of(self, weights: F64, gaze: F64) -> F64:
        """Mean gap [T, 3] of left lids, right lids and lips, metres."""
        moved = self._geometry.evaluate(weights, gaze).astype(np.float64)
        return np.stack([np.linalg.norm(moved[:, rows[:, 0]] - moved[:, rows[:, 1]], axis=-1).mean(-1)
                         for rows in self._pairs], 1)  # fmt: skip

    def eyes_shut(self, weights: F64, gaze: F64) -> F64:
        """How far each eye is shut [T, 2]: 0 as open as the resting avatar's, 1 as shut as it can."""
        gaps = self.of(weights, gaze)[:, :2]
        return np.asarray(np.clip((self._open[:2] - gaps) / (self._open[:2] - self._shut[:2]), 0, 1))

    def mouth_shut(self, weights: F64, gaze: F64, fully_open: float) -> F64:
        """How far the mouth is shut [T]: 1 as the resting avatar's, 0 from the gap of that weight of JawDrop on."""
        gap = self.of(weights, gaze)[:, 2]
        widest = self._at(JawDrop=fully_open)[2]
        return np.asarray(np.clip((widest - gap) / (widest - self._open[2]), 0, 1))


@cache
def gaps() -> Gaps:
    """Made once."""
    return Gaps()
