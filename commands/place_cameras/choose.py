"""Which candidates are worth a look (a Pareto front of visibility and motion), and which one is taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from refa_cli.commands.place_cameras.candidates import Candidate
from refa_cli.commands.place_cameras.measure import Score
from refa_cli.formats.errors import DataError


@dataclass(frozen=True)
class Ranked:
    """A measured candidate: whether it violates nothing, is on its role's front, and was chosen; its merit."""

    candidate: Candidate
    score: Score
    admissible: bool
    front: bool
    chosen: bool
    merit: float


def rank(candidates: Sequence[Candidate], scores: Sequence[Score]) -> list[Ranked]:
    """All candidates, the best of each role first. Raises DataError where all of a role violate keep-outs.

    Merit is the product of visibility and motion, each as a share of the best admissible one of its role: what sees
    nothing or shows no motion is worth nothing, and units do not matter. Keypoints that leave the picture count as
    unmoved. The one with the most is chosen.
    """
    out = []
    for role in sorted({candidate.camera.role for candidate in candidates}):
        group = [i for i, candidate in enumerate(candidates) if candidate.camera.role == role]
        free = [i for i in group if not candidates[i].violates]
        if not free:
            parts = sorted({name for i in group for name in candidates[i].violates})
            raise DataError("candidates", role, "a camera that keeps out of what it must", f"all in {', '.join(parts)}",
                            "give other candidates or mounts")  # fmt: skip
        seen, moves = (np.array([[s.visibility, s.motion_kept] for s in scores])[:, k] for k in (0, 1))
        merit = seen / max(seen[free].max(), 1e-12) * moves / max(moves[free].max(), 1e-12)
        front = set(pareto(np.stack([seen[free], moves[free]], 1), free))
        best = max(free, key=lambda i: merit[i])
        rows = [Ranked(candidates[i], scores[i], i in free, i in front, i == best, float(merit[i])) for i in group]
        out += sorted(rows, key=lambda row: (not row.admissible, -row.merit))
    return out


def pareto(values: np.ndarray, names: Sequence[int]) -> list[int]:
    """The names of rows of values [N, 2] that no other row equals or exceeds in both and exceeds in one."""
    kept = []
    for i, value in enumerate(values):
        better = (values >= value).all(1) & (values > value).any(1)
        if not better.any():
            kept.append(names[i])
    return kept
