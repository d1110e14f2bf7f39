"""Training of the tracker: l1 on labels, a domain discriminator behind gradient reversal, and a doubt about oneself.

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

from refa_cli.face.branches import REGION_OF
from refa_cli.networks.adaptation import Discriminator, schedule
from refa_cli.networks.augmentation import Augmentation, swap_sides
from refa_cli.networks.samples import Samples
from refa_cli.networks.tracker import Out, Tracker

SHAPES_WEIGHT, GAZE_WEIGHT = 4.0, 0.25
"""Of the expressions' mean error and of gaze's, radians: each of 53 shapes has a small share of that mean."""
ADAPTATION_WEIGHT: Final = 0.003
"""Of the domain's cross-entropy. At 0.05 it overwhelmed the labels: features became the same for every picture."""
DOUBT_WEIGHT: Final = 0.01
EVALUATED: Final = 64
"""Frames at once without gradients."""


@dataclass(frozen=True)
class Batch:
    """Tensors of N samples: pictures normalised, labelled and real [N]."""

    pictures: Tensor
    present: Tensor
    weights: Tensor
    gaze: Tensor
    labelled: Tensor
    real: Tensor


class TrackerTask:
    """real, made: what to train on, either may be None; train, held: subjects of `real` to train and to validate on;
    brightness: mean and standard deviation of pixels; adaptation: strength of the domain loss, 0 for none."""

    def __init__(
        self, tracker: Tracker, real: Samples | None, made: Samples | None, train: set[str], held: set[str],
        batch: int, brightness: tuple[float, float], *, adaptation: float = 1.0,
        augmentation: Augmentation | None = None,
    ) -> None:  # fmt: skip
        self.tracker, self.real, self.made = tracker, real, made
        self.batch, self.brightness = batch, brightness
        self.augmentation = Augmentation() if augmentation is None else augmentation
        self.rows = np.zeros(0, int) if real is None else real.rows_of(train)
        self.held = np.zeros(0, int) if real is None else real.rows_of(held)
        self.adaptation = adaptation if len(self.rows) and made is not None else 0.0
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
        loss, shown = _label_loss(out, batch)
        if self.adaptation:
            strength = self.adaptation * schedule(progress)
            logit = self.discriminator(out.features, strength)
            domain = nn.functional.binary_cross_entropy_with_logits(logit, batch.real.float())
            loss = loss + ADAPTATION_WEIGHT * domain
            shown["domain"] = float(domain.detach())
        return loss, shown

    def validate(self) -> dict[str, float]:
        """Mean error of weights on held-back real frames with labels."""
        if self.real is None:
            return {}
        rows = self.held[self.real.labelled[self.held]]
        if not len(rows):
            return {}
        rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), 1000)).round().astype(int)]
        weights, _, _, _ = evaluated(self.tracker, self.real, rows, self.brightness)
        return {"validation": float(np.abs(weights - self.real.weights[rows]).mean())}

    def _drawn(self, rng: np.random.Generator, random: torch.Generator) -> Batch:
        sources: list[tuple[Samples, NDArray[np.intp], bool]] = []
        if self.real is not None and len(self.rows):
            count = self.batch // 2 if self.made is not None else self.batch
            sources.append((self.real, self.rows[rng.integers(0, len(self.rows), count)], True))
        if self.made is not None:
            count = self.batch - sum(len(rows) for _, rows, _ in sources)
            sources.append((self.made, rng.integers(0, len(self.made), count), False))
        frames = torch.from_numpy(np.concatenate([s.frames[rows] for s, rows, _ in sources])).float()
        present, weights, gaze, labelled = (
            torch.from_numpy(np.concatenate([getattr(s, name)[rows] for s, rows, _ in sources]))
            for name in ("present", "weights", "gaze", "labelled")
        )
        real = torch.from_numpy(np.concatenate([np.full(len(rows), is_real) for _, rows, is_real in sources]))
        which = torch.rand(len(real), generator=random) < self.augmentation.swapped
        frames, present, weights, gaze = swap_sides(self.tracker.cameras, which, frames, present, weights, gaze)
        frames = self.augmentation.pictures(frames, random)
        present = self.augmentation.present(present, random)
        return Batch(normalised(frames, self.brightness), present, weights, gaze, labelled, real)


def _label_loss(out: Out, batch: Batch) -> tuple[Tensor, dict[str, float]]:
    """l1 of weights and gaze over labelled samples; of the doubt, a Laplace likelihood of each region's own error."""
    counts = batch.labelled.float()[:, None]
    many = counts.sum().clamp(min=1)
    off = (out.weights - batch.weights).abs()
    weights = (off * counts).sum() / (many * off.shape[1])
    gaze = ((out.gaze - batch.gaze).abs().mean((1, 2))[:, None] * counts).sum() / many
    regions = torch.tensor(REGION_OF, device=off.device)
    error = torch.stack([off[:, regions == r].mean(1) for r in range(out.spread.shape[1])], 1).detach()
    doubt = ((error * torch.exp(-out.spread) + out.spread) * counts).sum() / (many * out.spread.shape[1])
    loss = SHAPES_WEIGHT * weights + GAZE_WEIGHT * gaze + DOUBT_WEIGHT * doubt
    return loss, {"weights": float(weights.detach()), "gaze": float(gaze.detach())}


def normalised(frames: Tensor, brightness: tuple[float, float]) -> Tensor:
    """Counts [N, C, S, S] without their mean, in units of their standard deviation."""
    return (frames - brightness[0]) / brightness[1]


def brightness_of(samples: list[Samples]) -> tuple[float, float]:
    """Mean and standard deviation of pixels over some hundred frames of each."""
    picked = [s.frames[np.linspace(0, len(s) - 1, min(len(s), 300)).round().astype(int)].reshape(-1)
              for s in samples if len(s)]  # fmt: skip
    pixels = np.concatenate(picked).astype(np.float32)
    return float(pixels.mean()), max(float(pixels.std()), 1.0)


def evaluated(
    tracker: Tracker, samples: Samples, rows: NDArray[np.intp], brightness: tuple[float, float]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """weights [N, 53], gaze [N, 2, 2], spread [N, 3] and features [N, C, 512] of some rows."""
    tracker.eval()
    parts = []
    with torch.no_grad():
        for start in range(0, len(rows), EVALUATED):
            some = rows[start : start + EVALUATED]
            frames = torch.from_numpy(np.ascontiguousarray(samples.frames[some])).float()
            out = tracker(normalised(frames, brightness), torch.from_numpy(samples.present[some]))
            parts.append([value.numpy() for value in out])
    weights, gaze, spread, features = (np.concatenate(column) for column in zip(*parts, strict=True))
    return weights, gaze, spread, features
