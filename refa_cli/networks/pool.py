"""What batches are drawn from: rows of samples, those that show what is rare more often."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from refa_cli.face.rarity import odds, pick
from refa_cli.formats.spec import F64
from refa_cli.networks.samples import Samples

RARE: Final = 0.8
"""How much rarity counts: most shapes move in 1 to 5 of 100 frames of a recording."""


@dataclass(frozen=True)
class Pool:
    """rows of samples, and the cumulative odds of drawing each."""

    samples: Samples
    rows: NDArray[np.intp]
    cumulative: F64

    @classmethod
    def of(cls, samples: Samples | None, subjects: Collection[str], rare: float = RARE) -> Pool | None:
        """Rows of these subjects; None if there are none. Rows without labels are drawn all alike."""
        rows = np.zeros(0, np.intp) if samples is None else samples.rows_of(subjects)
        if samples is None or not len(rows):
            return None
        labelled = samples.labelled[rows]
        each = np.ones(len(rows))
        if labelled.any():
            each[labelled] = np.diff(odds(samples.weights[rows[labelled]], rare), prepend=0) * labelled.sum()
        return cls(samples, rows, np.cumsum(each) / each.sum())

    def draw(self, count: int, rng: np.random.Generator) -> NDArray[np.intp]:
        """So many rows, with repetition."""
        return np.asarray(self.rows[pick(self.cumulative, rng.random(count))])
