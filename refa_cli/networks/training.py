"""Training of the tracker: a loss on labels that narrows to l1, a domain discriminator behind gradient reversal, and a
doubt about oneself.

Half of a batch is real and half synthetic where there are both. Real frames without labels take part in the adaptation
only. Paper, section 7.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from refa_cli.face.branches import REGION_MEANS
from refa_cli.formats.rows import evenly
from refa_cli.networks.adaptation import Discriminator, schedule
from refa_cli.networks.augmentation import Augmentation, swap_sides
from refa_cli.networks.pool import Pool
from refa_cli.networks.samples import Samples
from refa_cli.networks.tracker import Out, Tracker

SHAPES_WEIGHT, GAZE_WEIGHT = 4.0, 0.25
"""Of the expressions' mean error and of gaze's, radians: each of 53 shapes has a small share of that mean."""
ADAPTATION_WEIGHT: Final = 0.003
"""Of the domain's cross-entropy. At 0.05 it overwhelmed the labels: features became the same for every picture."""
DOUBT_WEIGHT: Final = 0.01
NARROWED, NARROW = 0.65, 0.02
"""Share of the training after which the loss is l1, and the width of its rounded tip from then on."""
EVALUATED: Final = 64
"""Frames at once without gradients."""
VALIDATED: Final = 1000
"""Frames that a validation looks at."""


@dataclass(frozen=True)
class Batch:
    """Tensors of N samples: pictures in counts, labelled and real [N]."""

    pictures: Tensor
    present: Tensor
    weights: Tensor
    gaze: Tensor
    labelled: Tensor
    real: Tensor


class TrackerTask:
    """real, made: what to train on, either may be None; held: what to validate on; batch: how many moments; adaptation:
    strength of the domain loss, 0 for none."""

    def __init__(
        self, tracker: Tracker, real: Pool | None, made: Pool | None, held: Pool | None, batch: int, *,
        adaptation: float = 1.0, augmentation: Augmentation | None = None,
    ) -> None:  # fmt: skip
        self.tracker, self.batch = tracker, batch
        self.augmentation = Augmentation() if augmentation is None else augmentation
        self.real, self.made, self.held = real, made, held
        both = self.real is not None and self.made is not None
        self.adaptation = adaptation if both else 0.0
        self.discriminator = Discriminator(len(tracker.cameras))

    def modules(self) -> Mapping[str, nn.Module]:
        """The tracker and the discriminator."""
        return {"tracker": self.tracker, "discriminator": self.discriminator}

    def loss(
        self, step: int, progress: float, rng: np.random.Generator, random: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """Of one batch."""
        batch = self._drawn(rng, random)
        out: Out = self.tracker(batch.pictures, batch.present)
        loss, shown = _label_loss(out, batch, progress)
        if self.adaptation:
            strength = self.adaptation * schedule(progress)
            logit = self.discriminator(out.features, strength)
            domain = nn.functional.binary_cross_entropy_with_logits(logit, batch.real.float())
            loss = loss + ADAPTATION_WEIGHT * domain
            shown["domain"] = float(domain.detach())
        return loss, shown

    def validate(self) -> dict[str, float]:
        """Mean error of weights on labelled frames of people that are held back."""
        if self.held is None:
            return {}
        samples = self.held.samples
        rows = self.held.rows[samples.labelled[self.held.rows]]
        if not len(rows):
            return {}
        rows = evenly(rows, VALIDATED)
        weights, _, _, _ = evaluated(self.tracker, samples, rows)
        return {"validation": float(np.abs(weights - samples.weights[rows]).mean())}

    def _drawn(self, rng: np.random.Generator, random: torch.Generator) -> Batch:
        drawn: list[tuple[Samples, NDArray[np.intp]]] = []
        count = self.batch // 2 if self.made is not None else self.batch
        if self.real is not None:
            drawn.append((self.real.samples, self.real.draw(count, rng)))
        reals = sum(len(rows) for _, rows in drawn)
        if self.made is not None:
            drawn.append((self.made.samples, self.made.draw(self.batch - reals, rng)))
        device = self.tracker.absent.device
        frames, present, weights, gaze, labelled = (
            torch.from_numpy(np.concatenate([getattr(samples, name)[rows] for samples, rows in drawn])).to(device)
            for name in ("frames", "present", "weights", "gaze", "labelled")
        )
        real = torch.arange(self.batch, device=device) < reals
        which = (torch.rand(self.batch, generator=random) < self.augmentation.swapped).to(device)
        frames, present, weights, gaze = swap_sides(self.tracker.cameras, which, frames, present, weights, gaze)
        moves = self.augmentation.moves(frames.shape[0] * frames.shape[1], random)
        pictures = self.augmentation.pictures(frames.float(), moves, random)
        present = present & self.augmentation.kept(present.shape, random).to(device)
        return Batch(pictures, present, weights, gaze, labelled, real)


def _label_loss(out: Out, batch: Batch, progress: float) -> tuple[Tensor, dict[str, float]]:
    """Weights by a loss that narrows to l1 and l1 of gaze, over labelled samples; of the doubt, a Laplace likelihood of
    each region's own error."""
    counts = batch.labelled.float()[:, None]
    many = counts.sum().clamp(min=1)
    off = (out.weights - batch.weights).abs()
    weights = (rounded(off, width_at(progress)) * counts).sum() / (many * off.shape[1])
    gaze = ((out.gaze - batch.gaze).abs().mean((1, 2))[:, None] * counts).sum() / many
    error = (off.detach()[..., None] * torch.from_numpy(REGION_MEANS).to(off)).sum(1)
    doubt = ((error * torch.exp(-out.spread) + out.spread) * counts).sum() / (many * out.spread.shape[1])
    loss = SHAPES_WEIGHT * weights + GAZE_WEIGHT * gaze + DOUBT_WEIGHT * doubt
    told = (off.detach() * counts).sum() / (many * off.shape[1])
    return loss, {"weights": float(told), "gaze": float(gaze.detach())}


def width_at(progress: float) -> float:
    """Width of the loss's rounded tip at a share 0..1 of the training: from 1 down to NARROW.

    l1 asks for the median of what a picture leaves possible. That is rest for every shape as long as pictures tell
    little, for each moves in a few frames of a hundred: l1 alone stayed there. A square asks for the mean, which moves
    with the first hint; narrowed, it becomes l1.
    """
    return max(NARROW, 1 - progress * (1 - NARROW) / NARROWED)


def rounded(off: Tensor, width: float) -> Tensor:
    """|off| with its tip rounded to a parabola within `width` (Huber, 1964), scaled so that 1 costs as much at every
    width."""
    huber = torch.where(off < width, off**2 / (2 * width), off - width / 2)
    return huber / (1 - width / 2)


def evaluated(
    tracker: Tracker, samples: Samples, rows: NDArray[np.intp]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """weights [N, 53], gaze [N, 2, 2], spread [N, 3] and features [N, C, 512] of some rows."""
    tracker.eval()
    parts = []
    with torch.no_grad():
        for start in range(0, len(rows), EVALUATED):
            some = rows[start : start + EVALUATED]
            frames = torch.from_numpy(np.ascontiguousarray(samples.frames[some])).float()
            pictures = frames.to(tracker.absent.device)
            out = tracker(pictures, torch.from_numpy(samples.present[some]).to(pictures.device))
            parts.append([value.float().cpu().numpy() for value in out])
    weights, gaze, spread, features = (np.concatenate(column) for column in zip(*parts, strict=True))
    return weights, gaze, spread, features
