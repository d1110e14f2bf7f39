"""Domain adaptation: features from which nobody can tell real from synthetic frames.

A discriminator learns to tell them apart; its gradient comes back reversed to the encoders. Source: Ganin and
Lempitsky, "Unsupervised domain adaptation by backpropagation", ICML 2015; paper, section 7.2.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from refa_cli.formats.model import FEATURES

HIDDEN = 64


class _Reversed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return -ctx.strength * grads[0], None


def reversed_gradient(x: Tensor, strength: float) -> Tensor:
    """x; its gradient comes back times -strength."""
    out: Tensor = _Reversed.apply(x, strength)  # type: ignore[no-untyped-call]
    return out


def schedule(progress: float) -> float:
    """Strength of the reversal at a share 0..1 of the training: from 0 to 1, as in the source."""
    return float(2 / (1 + np.exp(-10 * progress)) - 1)


class Discriminator(nn.Module):
    """Features [N, C, 512] -> logit [N] of being real."""

    def __init__(self, cameras: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(cameras * FEATURES, HIDDEN)
        self.told = nn.Linear(HIDDEN, 1)

    def forward(self, features: Tensor, strength: float) -> Tensor:
        """strength: of the reversal."""
        hidden = torch.relu(self.hidden(reversed_gradient(features.flatten(1), strength)))
        logit: Tensor = self.told(hidden)[:, 0]
        return logit
