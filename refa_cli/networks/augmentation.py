"""What may differ between two frames of the same face: how the headset sits, exposure, noise, a camera that fails.

Pictures are changed on the device that they lie on: on a GPU, the processor only has to gather them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from refa_cli.face.shapes import MIRROR
from refa_cli.formats.cameras import Cameras


@dataclass(frozen=True)
class Augmentation:
    """Sizes, each the standard deviation or largest value of what is drawn: shift and scale as shares of the picture,
    turn in radians, exposure of the logarithm, noise in counts; blurred: chance of a picture to be out of focus, by up
    to the mean over 3x3 pixels; dropped: chance of a camera to be missing; swapped: chance of left and right to change
    places."""

    shift: float = 0.03
    scale: float = 0.03
    turn: float = 0.04
    exposure: float = 0.4
    noise: float = 4.0
    blurred: float = 0.5
    dropped: float = 0.02
    swapped: float = 0.5

    def moves(self, pictures: int, random: torch.Generator) -> Tensor:
        """[N, 2, 3] how pictures move: to where each place of the new picture lies in the old one, -1 ... 1."""
        turn = self.turn * torch.randn(pictures, generator=random)
        scale = 1 + self.scale * torch.randn(pictures, generator=random)
        shift = 2 * self.shift * torch.randn(pictures, 2, generator=random)
        cos, sin = scale * torch.cos(turn), scale * torch.sin(turn)
        return torch.stack([torch.stack([cos, -sin, shift[:, 0]], 1), torch.stack([sin, cos, shift[:, 1]], 1)], 1)

    def pictures(self, frames: Tensor, moves: Tensor, random: torch.Generator) -> Tensor:
        """frames [N, C, S, S] in counts, each picture moved by its own of moves [N C, 2, 3] and changed on its own."""
        flat = frames.reshape(-1, 1, *frames.shape[2:])
        with torch.autocast(flat.device.type, enabled=False):  # half a float's places would be off by a pixel
            grid = torch.nn.functional.affine_grid(moves.to(flat.device), list(flat.shape), align_corners=False)
        moved = torch.nn.functional.grid_sample(flat, grid, padding_mode="border", align_corners=False)
        moved = self._out_of_focus(moved, random)
        gain = torch.exp(self.exposure * torch.randn(len(flat), 1, 1, 1, generator=random)).to(flat.device)
        noise = (self.noise * torch.rand(len(flat), 1, 1, 1, generator=random)).to(flat.device)
        changed = gain * moved + noise * _normal(flat, random)
        return changed.clamp(0, 255).reshape(frames.shape)

    def _out_of_focus(self, pictures: Tensor, random: torch.Generator) -> Tensor:
        """pictures [N, 1, S, S], some of them blurred."""
        share = torch.rand(len(pictures), generator=random) * (
            torch.rand(len(pictures), generator=random) < self.blurred
        )
        soft = torch.nn.functional.avg_pool2d(pictures, 3, 1, 1, count_include_pad=False)
        return torch.lerp(pictures, soft, share[:, None, None, None].to(pictures.device))

    def kept(self, shape: torch.Size, random: torch.Generator) -> Tensor:
        """[N, C] which cameras deliver."""
        return torch.rand(shape, generator=random) >= self.dropped


def _normal(like: Tensor, random: torch.Generator) -> Tensor:
    """Normal numbers of that shape, drawn on that device."""
    if like.device.type == "cpu":
        return torch.randn(like.shape, generator=random)
    there = torch.Generator(like.device).manual_seed(int(torch.randint(2**62, (1,), generator=random)))
    return torch.randn(like.shape, generator=there, device=like.device)


def moved_places(place: Tensor, moves: Tensor) -> Tensor:
    """Where places [N, K, 2], shares of the picture, lie in pictures that moved by `moves` [N, 2, 3]."""
    with torch.autocast(place.device.type, enabled=False):
        back = torch.linalg.inv(moves[:, :, :2])
        out: Tensor = ((2 * place - 1 - moves[:, None, :, 2]) @ back.mT + 1) / 2
    return out


def swap_sides(
    cameras: Cameras, which: Tensor, frames: Tensor, present: Tensor, weights: Tensor, gaze: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The samples `which` [N] as seen in a mirror: left and right cameras change places (their pictures are mirrored to
    look alike already), those in the middle are flipped, and labels change sides."""
    other = []
    for role in cameras.roles:
        twin = role.replace("left", "?").replace("right", "left").replace("?", "right")
        other.append(cameras.roles.index(twin) if cameras.roles.count(twin) == 1 else -1)
    if min(other) < 0:
        return frames, present, weights, gaze
    swapped = frames[:, other].clone()
    for camera, source in enumerate(other):
        if source == camera:
            swapped[:, camera] = swapped[:, camera].flip(-1)
    flipped = gaze.flip(1) * gaze.new_tensor([-1.0, 1.0])
    pick = which[:, None]
    return (
        torch.where(which[:, None, None, None], swapped, frames), torch.where(pick, present[:, other], present),
        torch.where(pick, weights[:, list(MIRROR)], weights), torch.where(which[:, None, None], flipped, gaze),
    )  # fmt: skip
