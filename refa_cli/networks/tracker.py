"""The tracker (paper, Fig. 7): an encoder for each kind of camera, a branch for each eye, one for the rest of the face.

    tracker = Tracker("small", cameras, 224)
    out = tracker(pictures, present)            # weights, gaze, spread, features

Left and right cameras of a kind share an encoder; the right one's picture comes in mirrored, so that both look alike.
An eye's shapes and gaze come from its own camera alone (`face.branches` lists them), by one branch for both eyes. Any
headset will do: the roles that are present decide the encoders; without eye cameras all shapes come from all features.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from refa_cli.face.branches import CONFIDENCE_REGIONS, EYE_INDICES, EYE_SHAPES, FACE_INDICES, WIDEST_GAZE
from refa_cli.face.shapes import INDEX
from refa_cli.formats.cameras import Cameras
from refa_cli.formats.face import EXPRESSION_COUNT
from refa_cli.formats.model import FEATURES
from refa_cli.networks.encoder import Encoder, levelled

EYE_HIDDEN, FACE_HIDDEN, SPREAD_HIDDEN = 128, 256, 64
LOG_ERROR: Final = -4.0
"""Logarithm of the error that the doubt starts at, near those of trained trackers."""


class Out(NamedTuple):
    """What the tracker tells of N moments."""

    weights: Tensor  # [N, 53], 0 ... 1
    gaze: Tensor  # [N, 2, 2], radians; eye left, right; yaw to the left, pitch up
    spread: Tensor  # [N, 3], logarithm of the expected error of each confidence region
    features: Tensor  # [N, C, 512]


class Head(nn.Module):
    """From features to what is told, over one hidden layer, whose units are normed: otherwise nine of ten come to rest
    for every picture, and shapes that move seldom are never told."""

    def __init__(self, inside: int, hidden: int, told: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(inside, hidden, bias=False)
        self.norm = nn.BatchNorm1d(hidden)
        self.told = nn.Linear(hidden, told)

    def forward(self, x: Tensor) -> Tensor:
        """[N, inside] -> [N, told]."""
        with torch.autocast(x.device.type, enabled=False):  # weights to more than bfloat16's two digits
            told: Tensor = self.told(torch.relu(self.norm(self.hidden(x.float()))))
        return told


class Tracker(nn.Module):
    """Pictures of all cameras to what the face does. size: of the encoders; pixels: of a picture's side;
    eye_branch: see above; False, for comparison, takes all shapes from all features."""

    def __init__(self, size: str, cameras: Cameras, pixels: int, *, eye_branch: bool = True) -> None:
        super().__init__()
        self.size, self.cameras, self.pixels = size, cameras, pixels
        self.encoders = nn.ModuleDict({kind: Encoder(size, pixels) for kind in dict.fromkeys(cameras.kinds)})
        self.absent = nn.Parameter(torch.zeros(len(cameras), FEATURES))
        self.eyes = cameras.eyes if eye_branch else None
        shapes = len(FACE_INDICES) if self.eyes else EXPRESSION_COUNT
        told = shapes if self.eyes else shapes + 4
        inside = FEATURES * len(cameras)
        self.face = Head(inside, FACE_HIDDEN, told)
        if self.eyes:
            self.eye = Head(FEATURES, EYE_HIDDEN, len(EYE_SHAPES) + 2)
        self.doubt = Head(inside, SPREAD_HIDDEN, len(CONFIDENCE_REGIONS))
        nn.init.constant_(self.doubt.told.bias, LOG_ERROR)
        self.encoders.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # faster on CPU

    def encoded(self, pictures: Tensor, present: Tensor) -> Tensor:
        """Features [N, C, 512] of pictures [N, C, S, S] in counts, right ones mirrored already; where a camera is not
        present [N, C], those learned for that."""
        count = len(pictures)
        found: list[Tensor] = [self.absent] * len(self.cameras)
        for kind, encoder in self.encoders.items():
            alike = [c for c, own in enumerate(self.cameras.kinds) if own == kind]
            together = levelled(torch.cat([pictures[:, c] for c in alike]))[:, None]
            for camera, features in zip(alike, encoder(together).split(count), strict=True):
                found[camera] = features
        return torch.where(present[..., None], torch.stack(found, 1), self.absent)

    def forward(self, pictures: Tensor, present: Tensor) -> Out:
        """pictures [N, C, S, S] in counts, right ones mirrored; present [N, C]."""
        features = self.encoded(pictures, present)
        together = features.flatten(1)
        face = self.face(together)
        if self.eyes is None:
            weights, gaze = _clipped(face[:, :-4]), WIDEST_GAZE * torch.tanh(face[:, -4:]).reshape(-1, 2, 2)
        else:
            weights = torch.zeros(len(face), EXPRESSION_COUNT, dtype=face.dtype, device=face.device)
            weights[:, list(FACE_INDICES)] = _clipped(face)
            sides = []
            for side, camera in enumerate(self.eyes):
                eye = self.eye(features[:, camera])
                weights[:, list(EYE_INDICES[side])] = _clipped(eye[:, :-2])
                angles = WIDEST_GAZE * torch.tanh(eye[:, -2:])
                sides.append(angles * angles.new_tensor([1.0 if side == 0 else -1.0, 1.0]))
            gaze = torch.stack(sides, 1)
        return Out(_held(weights), gaze, self.doubt(together.detach()), features)


def _clipped(raw: Tensor) -> Tensor:
    """raw clipped to 0 ... 1, its gradient as if it were not. A sigmoid would saturate: most shapes rest most of the
    time, and once it says 0 it hardly learns anything else."""
    return raw + (raw.clamp(0, 1) - raw).detach()


def _held(weights: Tensor) -> Tensor:
    """weights [N, 53] with LipsToward as a share of JawDrop, which it cannot exceed."""
    lips, jaw = INDEX["LipsToward"], INDEX["JawDrop"]
    held = (weights[:, lips] * weights[:, jaw])[:, None]
    return torch.cat([weights[:, :lips], held, weights[:, lips + 1 :]], 1)
