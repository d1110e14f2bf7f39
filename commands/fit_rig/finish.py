"""From solved shapes to a rig: what 1.0 means, what a shape is that no scan shows, nothing through anything else."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from refa_cli.commands.fit_rig.person import Person
from refa_cli.commands.fit_rig.rigging import Shapes, gains
from refa_cli.face.shapes import EXPRESSIONS, INDEX
from refa_cli.formats.face import FaceModel

Float = NDArray[np.float64]

SHOWN = 0.35
"""A shape counts as shown when some scan was found to show at least so much of it ..."""
INFORMED = 0.15
"""... and the scans, not the prior, determine at least this share of it."""
FAMILIES = ("Brow", "Lid", "Eyes", "Cheek", "Nose", "Jaw", "Chin", "Lip", "Mouth", "Dimpler")
"""Shapes of one family share their gain where one of them was not shown."""


def finished(
    face: FaceModel, person: Person, solved: Shapes, moving: NDArray[np.bool_]
) -> tuple[Float, Float, Float, Float]:
    """Shapes [53, V, 3], weights [E, 53], gain [53], evidence [53].

    1.0 is the most that the person's scans reliably show of a shape: shown shapes are scaled so that the strongest
    scan's weight is 1. A shape that no scan shows stays at its transferred prior, times the median gain of its family.
    """
    prior = person.shapes[: len(EXPRESSIONS)]
    most = np.asarray(solved.weights.max(0, initial=0.0))
    shown = (most >= SHOWN) & (solved.resolution >= INFORMED)
    # LipsToward is measured by the jaw: as much of it as of JawDrop shuts the lips.
    most[INDEX["LipsToward"]] = most[INDEX["JawDrop"]]
    shapes, weights = solved.shapes.copy(), solved.weights.copy()
    shapes[shown] *= most[shown, None, None]
    weights[:, shown] = np.clip(weights[:, shown] / most[shown], 0, 1)
    gain = gains(shapes, prior, moving)
    for k in np.flatnonzero(~shown):
        family = next((f for f in FAMILIES if f in EXPRESSIONS[k]), "")
        alike = [j for j in np.flatnonzero(shown) if family in EXPRESSIONS[j]] or list(np.flatnonzero(shown))
        gain[k] = float(np.median(gain[alike])) if alike else 1.0
        shapes[k] = gain[k] * prior[k]
    # Outside the skin that scans inform, shapes are the prior's, at the same gain.
    shapes = person.tidy.shapes(person.neutral, shapes)
    return shapes, weights, gain, np.where(shown, solved.resolution, 0.0)
