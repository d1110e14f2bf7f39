"""Finding a face's keypoints in every camera's picture, with a heat map for each.

    finder = KeypointFinder("small", cameras, 224)
    out = finder(pictures)                     # place, spread, seen

A trunk for each kind of camera, shared by left and right as in the tracker, and a decoder that brings what its stages
saw back to a quarter of the resolution. A keypoint's place is the mean of its map (integral regression: Sun et al.,
ECCV 2018), its spread the map's standard deviation; whether it is seen at all is told apart.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from refa_cli.face.keypoints import KEYPOINTS, MIRROR
from refa_cli.formats.cameras import Cameras
from refa_cli.networks.encoder import WIDTHS, Trunk, levelled

DECODER: Final = 48
"""Channels of the decoder."""


class Found(NamedTuple):
    """Keypoints of N moments and C cameras."""

    place: Tensor  # [N, C, 100, 2] column and row as shares 0 ... 1 of the picture, as cameras deliver it
    spread: Tensor  # [N, C, 100] standard deviation of the heat map, share of the picture
    seen: Tensor  # [N, C, 100] logit of being seen


class Finder(nn.Module):
    """One kind of camera: pictures [N, 1, S, S] to maps [N, 100, S / 4, S / 4] and logits [N, 100]."""

    def __init__(self, size: str) -> None:
        super().__init__()
        widths = WIDTHS[size]
        self.trunk = Trunk(size)
        self.beside = nn.ModuleList([nn.Conv2d(width, DECODER, 1) for width in widths])
        self.smooth = nn.ModuleList([nn.Conv2d(DECODER, DECODER, 3, 1, 1, bias=False) for _ in widths[:-1]])
        self.smooth_norm = nn.ModuleList([nn.BatchNorm2d(DECODER) for _ in widths[:-1]])
        self.told_maps = nn.Conv2d(DECODER, len(KEYPOINTS), 1)
        self.told_seen = nn.Linear(widths[-1], len(KEYPOINTS))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Maps are logits over their places."""
        stages = self.trunk.stages(x)
        held = self.beside[-1](stages[-1])
        for level in range(len(stages) - 2, -1, -1):
            wide = nn.functional.interpolate(held, size=stages[level].shape[2:], mode="nearest")
            joined = torch.relu(wide + self.beside[level](stages[level]))
            held = torch.relu(self.smooth_norm[level](self.smooth[level](joined)))
        return self.told_maps(held), self.told_seen(stages[-1].mean((2, 3)))


class KeypointFinder(nn.Module):
    """All cameras of a headset."""

    def __init__(self, size: str, cameras: Cameras, pixels: int) -> None:
        super().__init__()
        self.size, self.cameras, self.pixels = size, cameras, pixels
        self.finders = nn.ModuleDict({kind: Finder(size) for kind in dict.fromkeys(cameras.kinds)})
        self.finders.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, pictures: Tensor) -> Found:
        """pictures [N, C, S, S], in counts, right ones mirrored, in which a right camera's keypoints are
        found as those of the left; they come out as what they are."""
        count = len(pictures)
        found: list[tuple[Tensor, Tensor, Tensor]] = [(pictures, pictures, pictures)] * len(self.cameras)
        for kind, finder in self.finders.items():
            own = [c for c, encoder in enumerate(self.cameras.kinds) if encoder == kind]
            maps, seen = finder(levelled(torch.cat([pictures[:, c] for c in own]))[:, None])
            place, spread = moments(maps)
            for i, camera in enumerate(own):
                rows = slice(i * count, (i + 1) * count)
                found[camera] = _as_delivered(place[rows], spread[rows], seen[rows], self.cameras.mirrored[camera])
        return Found(*(torch.stack([one[i] for one in found], 1) for i in range(3)))


def moments(maps: Tensor) -> tuple[Tensor, Tensor]:
    """(mean [N, K, 2], standard deviation [N, K]) of softmaxed maps [N, K, H, W], as shares of the picture."""
    height, width = maps.shape[2:]
    share = maps.float().flatten(2).softmax(-1).reshape(maps.shape)
    rows = (torch.arange(height, dtype=share.dtype, device=maps.device) + 0.5) / height
    columns = (torch.arange(width, dtype=share.dtype, device=maps.device) + 0.5) / width
    across, down = share.sum(2), share.sum(3)
    x, y = (across * columns).sum(-1), (down * rows).sum(-1)
    square = (across * columns**2).sum(-1) - x**2 + (down * rows**2).sum(-1) - y**2
    return torch.stack([x, y], -1), (square.clamp(min=0) / 2 + 1e-10).sqrt()


def _as_delivered(place: Tensor, spread: Tensor, seen: Tensor, mirrored: bool) -> tuple[Tensor, Tensor, Tensor]:
    if not mirrored:
        return place, spread, seen
    flipped = torch.stack([1 - place[..., 0], place[..., 1]], -1)
    return flipped[:, MIRROR], spread[:, MIRROR], seen[:, MIRROR]
