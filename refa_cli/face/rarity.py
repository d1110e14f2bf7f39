"""How often to draw moments, so that expressions that are rarely shown are seen often enough."""

from __future__ import annotations

from typing import Final

import numpy as np

from refa_cli.formats.spec import F32, F64

COMMON: Final = 0.02
"""Added to a shape's mean weight before rarity is told by it, so that what hardly happens does not drown the rest."""


def rarity(weights: F32) -> F64:
    """[R], of mean 1: how much each row of weights [R, 53] shows of what is rarely shown."""
    held = weights.astype(np.float64)
    score = (held / (held.mean(0) + COMMON)).sum(1)
    return np.asarray(score / max(float(score.mean()), 1e-12)) if score.any() else np.ones(len(held))


def odds(weights: F32, rare: float) -> F64:
    """Cumulative odds [R] of rows; rare: 0 draws all rows alike, 1 by their rarity. `pick` draws by them."""
    each = (1 - rare) + rare * rarity(weights)
    return np.asarray(np.cumsum(each) / each.sum())


def pick(cumulative: F64, uniform: F64 | float) -> np.ndarray:
    """Rows that uniform numbers 0..1 fall on."""
    return np.minimum(np.searchsorted(cumulative, uniform, side="right"), len(cumulative) - 1)
