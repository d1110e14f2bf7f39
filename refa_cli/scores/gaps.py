"""How far the reference avatar's lids and lips are apart, whatever rig the weights came from."""

from __future__ import annotations

from functools import cache

import numpy as np

from refa_cli.face.default import load_face
from refa_cli.face.evaluate import Geometry
from refa_cli.face.shapes import INDEX
from refa_cli.formats.face import EXPRESSION_COUNT
from refa_cli.formats.spec import F64
from refa_cli.scores.constants import constants


class Gaps:
    """Gaps of refa's own face: between the middle halves of the lids, where they part most, and of the inner lips,
    along the way they open. Lids and lips that cross are shut, not open by as much as they cross."""

    def __init__(self) -> None:
        face = load_face(None)
        pairs = [*face.lid_pairs, face.lip_pairs]
        aside = (1 - constants().closure_middle) / 2
        middle = [rows[int(aside * len(rows)) : len(rows) - int(aside * len(rows))] for rows in pairs]
        used = np.unique(np.concatenate([rows.reshape(-1) for rows in middle]))
        self._pairs = [np.searchsorted(used, rows) for rows in middle]
        self._geometry = Geometry(
            face.mean[used], face.expression_basis[:, used], face.eye_follow_basis[:, used], face.eye_centers,
            np.zeros(len(used), np.uint8), np.zeros((0, 3), np.int32),
        )  # fmt: skip
        apart = self._apart(_row(JawDrop=1.0), np.zeros((1, 2, 2)))
        self._ways = [one[0] / np.linalg.norm(one[0], axis=-1, keepdims=True) for one in apart]
        self._open = self._at()
        self._shut = self._at(EyesClosedL=1.0, EyesClosedR=1.0)

    def _apart(self, weights: F64, gaze: F64) -> list[F64]:
        """From one margin to the other [T, P, 3], metres, of left lids, right lids and lips."""
        moved = self._geometry.evaluate(weights, gaze).astype(np.float64)
        return [moved[:, rows[:, 0]] - moved[:, rows[:, 1]] for rows in self._pairs]

    def _at(self, **weights: float) -> F64:
        """Gaps [3] of some weights."""
        return np.asarray(self.of(_row(**weights), np.zeros((1, 2, 2)))[0])

    def of(self, weights: F64, gaze: F64) -> F64:
        """Mean gap [T, 3] of left lids, right lids and lips, metres."""
        return np.stack([np.maximum((one * way).sum(-1), 0).mean(-1)
                         for one, way in zip(self._apart(weights, gaze), self._ways, strict=True)], 1)  # fmt: skip

    def eyes_shut(self, weights: F64, gaze: F64) -> F64:
        """How far each eye is shut [T, 2]: 0 as open as the resting avatar's, 1 as shut as it can."""
        gaps = self.of(weights, gaze)[:, :2]
        return np.asarray(np.clip((self._open[:2] - gaps) / (self._open[:2] - self._shut[:2]), 0, 1))

    def mouth_shut(self, weights: F64, gaze: F64, fully_open: float) -> F64:
        """How far the mouth is shut [T]: 1 as the resting avatar's, 0 from the gap of that weight of JawDrop on."""
        gap = self.of(weights, gaze)[:, 2]
        widest = self._at(JawDrop=fully_open)[2]
        return np.asarray(np.clip((widest - gap) / (widest - self._open[2]), 0, 1))


def _row(**weights: float) -> F64:
    row = np.zeros((1, EXPRESSION_COUNT))
    for name, weight in weights.items():
        row[0, INDEX[name]] = weight
    return row


@cache
def gaps() -> Gaps:
    """Made once."""
    return Gaps()
