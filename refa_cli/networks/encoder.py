"""The residual encoder of one camera's picture (paper, Fig. 7): [N, 1, S, S] -> features [N, 512].

small: a stem of stride 4 and four blocks of widths 16 to 128, 54 million multiplications at 224x224; paper: the plan of
ResNet-18 (He et al., 2016), widths 64 to 512, two blocks each. What is left of the picture, 512x7x7 at 224x224, is
weighed by place, each of the 512 on its own (Chen et al., "MobileFaceNets", 2018): a mean over it would forget where
things are.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from refa_cli.formats.model import FEATURES, STD_FLOOR

WIDTHS: Final = {"small": (16, 32, 64, 128), "paper": (64, 128, 256, 512)}
BLOCKS: Final = {"small": 1, "paper": 2}


def levelled(pictures: Tensor) -> Tensor:
    """Counts [..., S, S] as what networks see: their roots, in which a sensor's noise is alike in light and shade,
    without their mean, in units of their standard deviation, so that exposure does not matter."""
    roots = pictures.clamp(min=0).sqrt()
    off = roots - roots.mean((-2, -1), keepdim=True)
    return off / (off.square().mean((-2, -1), keepdim=True).sqrt() + STD_FLOOR)


class Residual(nn.Module):
    """Two 3x3 convolutions beside a straight way."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(outside)
        self.second = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(outside)
        self.straight = inside == outside and stride == 1
        if not self.straight:
            self.skip = nn.Conv2d(inside, outside, 1, stride, bias=False)
            self.skip_norm = nn.BatchNorm2d(outside)

    def forward(self, x: Tensor) -> Tensor:
        """[N, inside, H, W] -> [N, outside, H / stride, W / stride]."""
        inner = torch.relu(self.first_norm(self.first(x)))
        inner = self.second_norm(self.second(inner))
        return torch.relu(inner + (x if self.straight else self.skip_norm(self.skip(x))))


class Trunk(nn.Module):
    """The residual stages, which encoders of features and finders of keypoints have in common."""

    def __init__(self, size: str) -> None:
        super().__init__()
        widths = WIDTHS[size]
        self.stem = nn.Conv2d(1, widths[0], 7, 4, 3, bias=False)
        self.stem_norm = nn.BatchNorm2d(widths[0])
        blocks: list[nn.Module] = []
        inside = widths[0]
        for stage, width in enumerate(widths):
            for block in range(BLOCKS[size]):
                blocks.append(Residual(inside, width, 2 if stage and block == 0 else 1))
                inside = width
        self.blocks = nn.Sequential(*blocks)
        self.per_stage = BLOCKS[size]

    def stages(self, x: Tensor) -> list[Tensor]:
        """[N, 1, S, S] -> what each stage makes of it: [N, width, S / 4, S / 4], then each of half that side."""
        x = torch.relu(self.stem_norm(self.stem(x)))
        out = []
        for number, block in enumerate(self.blocks, 1):
            x = block(x)
            if number % self.per_stage == 0:
                out.append(x)
        return out


class Encoder(Trunk):
    """Pictures of pixels x pixels to features."""

    def __init__(self, size: str, pixels: int) -> None:
        super().__init__(size)
        self.widen = nn.Conv2d(WIDTHS[size][-1], FEATURES, 1, bias=False)
        self.widen_norm = nn.BatchNorm2d(FEATURES)
        side = pixels
        for stride in (4, 2, 2, 2):
            side = -(-side // stride)
        self.weigh = nn.Conv2d(FEATURES, FEATURES, side, groups=FEATURES)
        with torch.no_grad():  # near a mean at first
            self.weigh.weight.copy_((1 + torch.randn_like(self.weigh.weight)) / side**2)
            nn.init.zeros_(_known(self.weigh.bias))

    def forward(self, x: Tensor) -> Tensor:
        """[N, 1, S, S] -> [N, 512]."""
        x = torch.relu(self.widen_norm(self.widen(self.stages(x)[-1])))
        weighed: Tensor = self.weigh(x)
        return weighed[:, :, 0, 0]


def _known(bias: Tensor | None) -> Tensor:
    assert bias is not None
    return bias
