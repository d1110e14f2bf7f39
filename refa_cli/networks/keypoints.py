"""Finding a face's keypoints in every camera's picture, with a heat map for each.

    finder = KeypointFinder("small", cameras, 224)
    out = finder(pictures)                     # place, spread, seen, maps

A trunk for each kind of camera, shared by left and right as in the tracker, and a decoder that brings what its stages
saw back to a quarter of the resolution. A keypoint's place is the mean of its map (integral regression: Sun et al.,
ECCV 2018), its spread the map's standard deviation times what is learned of how much that tells too much or too little;
whether it is seen at all is told apart.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from refa_cli.face.keypoints import KEYPOINTS, MIRROR
from refa_cli.formats.cameras import Cameras
from refa_cli.networks.encoder import WIDTHS, Trunk, levelled

DECODER: Final = 64
"""Channels of the decoder."""
BOUND: Final = 15.0
"""Logits of maps lie within plus and minus this: probabilities stay far from numbers too small to be normal, which
processors are slow with."""


class Found(NamedTuple):
    """Keypoints of N moments and C cameras, in the pictures as they went in: those of a right camera, whose picture is
    mirrored, are named and placed as the left one's."""

    place: Tensor  # [N, C, 100, 2] column and row as shares 0 ... 1 of the picture
    spread: Tensor  # [N, C, 100] standard deviation along an axis that is expected of the place, share of the picture
    seen: Tensor  # [N, C, 100] logit of being seen
    maps: tuple[Tensor, ...]  # of each camera [N, 100, S / 4, S / 4] log-probabilities of the cells


class Finder(nn.Module):
    """One kind of camera: pictures [N, 1, S, S] to maps [N, 100, S / 4, S / 4], visibility and scale [N, 100]."""

    def __init__(self, size: str) -> None:
        super().__init__()
        widths = WIDTHS[size]
        self.trunk = Trunk(size)
        self.beside = nn.ModuleList([nn.Conv2d(width, DECODER, 1) for width in widths])
        self.smooth = nn.ModuleList([nn.Conv2d(DECODER, DECODER, 3, 1, 1, bias=False) for _ in widths[:-1]])
        self.smooth_norm = nn.ModuleList([nn.BatchNorm2d(DECODER) for _ in widths[:-1]])
        self.fine = nn.Conv2d(DECODER, DECODER, 3, 1, 1, bias=False)
        self.fine_norm = nn.BatchNorm2d(DECODER)
        self.told_maps = nn.Conv2d(DECODER, len(KEYPOINTS), 1)
        self.told_seen = nn.Linear(widths[-1], len(KEYPOINTS))
        self.told_spread = nn.Linear(widths[-1], len(KEYPOINTS))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Maps are log-probabilities of their cells; visibility a logit; scale the logarithm of how much larger the
        spread is than the map's."""
        stages = self.trunk.stages(x)
        held = self.beside[-1](stages[-1])
        for level in range(len(stages) - 2, -1, -1):
            wide = nn.functional.interpolate(held, size=stages[level].shape[2:], mode="nearest")
            joined = torch.relu(wide + self.beside[level](stages[level]))
            held = torch.relu(self.smooth_norm[level](self.smooth[level](joined)))
        held = held + torch.relu(self.fine_norm(self.fine(held)))
        whole = stages[-1].mean((2, 3))
        with torch.autocast(x.device.type, enabled=False):  # half a float's logits would shift places
            logits = BOUND * torch.tanh(self.told_maps(held.float()) / BOUND)
            return log_probabilities(logits), self.told_seen(whole.float()), self.told_spread(whole.float())


class KeypointFinder(nn.Module):
    """All cameras of a headset."""

    def __init__(self, size: str, cameras: Cameras, pixels: int) -> None:
        super().__init__()
        self.size, self.cameras, self.pixels = size, cameras, pixels
        self.finders = nn.ModuleDict({kind: Finder(size) for kind in dict.fromkeys(cameras.kinds)})
        self.finders.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, pictures: Tensor) -> Found:
        """pictures [N, C, S, S], in counts, right ones mirrored."""
        found: dict[int, tuple[Tensor, ...]] = {}
        for kind, finder in self.finders.items():
            own = [c for c, encoder in enumerate(self.cameras.kinds) if encoder == kind]
            maps, seen, scale = finder(levelled(torch.cat([pictures[:, c] for c in own]))[:, None])
            place, spread = moments(maps)
            told = (place, spread.detach() * scale.exp(), seen, maps)
            found |= zip(own, zip(*(part.split(len(pictures)) for part in told), strict=True), strict=True)
        places, spreads, seens, of_cameras = zip(*(found[c] for c in range(len(found))), strict=True)
        return Found(torch.stack(places, 1), torch.stack(spreads, 1), torch.stack(seens, 1), of_cameras)


def log_probabilities(logits: Tensor) -> Tensor:
    """Of maps of logits [N, K, H, W]."""
    return logits.flatten(2).log_softmax(-1).reshape(logits.shape)


def moments(maps: Tensor) -> tuple[Tensor, Tensor]:
    """(mean [N, K, 2], standard deviation [N, K]) of maps [N, K, H, W] of log-probabilities, as shares of the
    picture."""
    height, width = maps.shape[2:]
    share = maps.exp()
    rows = (torch.arange(height, dtype=share.dtype, device=maps.device) + 0.5) / height
    columns = (torch.arange(width, dtype=share.dtype, device=maps.device) + 0.5) / width
    across, down = share.sum(2), share.sum(3)
    x, y = (across * columns).sum(-1), (down * rows).sum(-1)
    square = (across * columns**2).sum(-1) - x**2 + (down * rows**2).sum(-1) - y**2
    return torch.stack([x, y], -1), (square.clamp(min=0) / 2 + 1e-10).sqrt()


def cross_entropy(maps: Tensor, place: Tensor) -> Tensor:
    """[...] of maps [..., H, W] of log-probabilities and places [..., 2], shares of the picture, each of which is dealt
    linearly to the four cells around it, so that the best map has its mean there."""
    size = place.new_tensor([maps.shape[-1], maps.shape[-2]])
    at = torch.minimum((place * size - 0.5).clamp(min=0), size - 1)
    low = torch.minimum(at.floor(), size - 2)
    right, below = (at - low).unbind(-1)
    first = (low[..., 1] * size[0] + low[..., 0]).long()
    cells = torch.stack([first, first + 1, first + maps.shape[-1], first + maps.shape[-1] + 1], -1)
    weights = torch.stack([(1 - right) * (1 - below), right * (1 - below), (1 - right) * below, right * below], -1)
    return -(maps.flatten(-2).gather(-1, cells) * weights).sum(-1)


def turned(cameras: Cameras, place: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
    """place [N, C, 100, 2] and others [N, C, 100] in pictures as cameras deliver them, of those in pictures as they go
    in, where right ones are mirrored; or the other way about."""
    mirrored = torch.tensor(cameras.mirrored, device=place.device)[:, None]
    twins = torch.tensor(MIRROR, device=place.device)
    flipped = place[:, :, twins] * place.new_tensor([-1, 1]) + place.new_tensor([1, 0])
    return (
        torch.where(mirrored[..., None], flipped, place),
        *(torch.where(mirrored, other[:, :, twins], other) for other in others),
    )
