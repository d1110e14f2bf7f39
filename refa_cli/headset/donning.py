"""How a headset sits: straight, as people put it on a little differently each time, and as the face pushes it.

A donning is headset_from_head [4, 4]. Numbers are refa's guesses of what straps allow, in the order of fit reports of
head-worn displays: millimetres up and down, less sideways, a few degrees of pitch and roll.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.transform import Rotation

from refa_cli.face.shapes import INDEX
from refa_cli.formats.spec import F64

SHIFT_SIGMA: Final = (0.0015, 0.0035, 0.0015)
"""Standard deviations along the headset's X, Y and Z, metres."""
TURN_SIGMA: Final = tuple(np.radians([2.5, 1.0, 1.5]).tolist())
"""The same of turns about X (pitch), Y (yaw) and Z (roll), radians."""
FARTHEST: Final = 2.0
"""No donning is more standard deviations off."""
PIVOT: Final = np.array([0.0, 0.0, -0.01])
"""About which it turns, headset frame: the pad that lies on the face, metres."""
PUSHES: Final = {
    "CheekRaiserL": (0.0, 0.0006, 0.0012), "CheekRaiserR": (0.0, 0.0006, 0.0012),
    "LipCornerPullerL": (0.0, 0.0004, 0.0008), "LipCornerPullerR": (0.0, 0.0004, 0.0008),
    "OuterBrowRaiserL": (0.0, 0.0004, 0.0), "OuterBrowRaiserR": (0.0, 0.0004, 0.0),
    "InnerBrowRaiserL": (0.0, 0.0004, 0.0), "InnerBrowRaiserR": (0.0, 0.0004, 0.0),
    "BrowLowererL": (0.0, -0.0003, 0.0002), "BrowLowererR": (0.0, -0.0003, 0.0002),
}  # fmt: skip
"""How far cheeks and brows push the headset at weight 1.0, metres in its own frame."""


@dataclass(frozen=True)
class Slip:
    """A small motion of the headset on the face: shift [3] metres and turn [3], an axis times radians, in its frame."""

    shift: F64
    turn: F64

    def applied(self, headset_from_head: ArrayLike) -> F64:
        """headset_from_head [4, 4] after it: the headset moved, so that the head moves the other way in its frame."""
        moved: F64 = np.eye(4)
        moved[:3, :3] = Rotation.from_rotvec(self.turn).as_matrix()
        moved[:3, 3] = PIVOT - moved[:3, :3] @ PIVOT + self.shift
        return np.asarray(np.linalg.inv(moved) @ np.asarray(headset_from_head), dtype=np.float64)


def random_slip(rng: np.random.Generator, size: float = 1.0) -> Slip:
    """One of the ways people put it on; size: in units of the usual spread."""
    numbers = np.clip(rng.standard_normal(6), -FARTHEST, FARTHEST) * size
    return Slip(numbers[:3] * SHIFT_SIGMA, numbers[3:] * TURN_SIGMA)


def pushed(weights: ArrayLike) -> Slip:
    """What an expression [53] does to the headset's seat; cheeks that rise on one side also roll it."""
    w = np.asarray(weights, dtype=np.float64)
    shift: F64 = np.zeros(3)
    uneven = 0.0
    for name, push in PUSHES.items():
        shift += float(w[INDEX[name]]) * np.array(push, dtype=np.float64)
        uneven += float(w[INDEX[name]]) * push[1] * (1 if name.endswith("L") else -1)
    return Slip(shift, np.array([0.0, 0.0, uneven / 0.07]))
