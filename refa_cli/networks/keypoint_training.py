"""Training of the keypoint finder on synthetic frames, by the loop that every network goes through."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from refa_cli.formats.cameras import Cameras
from refa_cli.formats.dataset import Dataset
from refa_cli.formats.rows import evenly
from refa_cli.formats.spec import B1, F32
from refa_cli.formats.synth import Synth
from refa_cli.networks.augmentation import Augmentation, moved_places
from refa_cli.networks.keypoints import Found, KeypointFinder, cross_entropy, turned
from refa_cli.networks.pool import Pool
from refa_cli.networks.samples import Samples, from_synth

MAP_WEIGHT, SEEN_WEIGHT, SPREAD_WEIGHT = 0.3, 0.02, 0.01
"""Of the maps' cross-entropy, of visibility's, and of the spread's likelihood, beside distances in shares of the
picture. Maps that are asked for their mean alone stay as wide as a quarter of the picture, and find less."""
SHIFTS: Final = ((0, 0), (2, 2), (2, 0), (0, 2))
"""Pixels across and down; a cell of the maps has four."""
VALIDATED: Final = 300
"""Frames that a validation looks at."""


@dataclass(frozen=True)
class KeypointSamples:
    """samples: frames and whose they are; place [N, C, 100, 2] as shares of the picture; seen [N, C, 100]."""

    samples: Samples
    place: F32
    seen: B1


def keypoints_of(path: Path, cameras: Cameras, pixels: int, subjects: Collection[str]) -> KeypointSamples:
    """Those of some subjects of a synthetic store."""
    places, seen = [], []
    for subject in Dataset.read(path, Synth).subjects.values():
        if subject.name not in subjects:
            continue
        for recording in subject.recordings.values():
            held = recording.load(streamed=False)
            order = cameras.order_in(recording)
            size = held.camera_size[order][:, ::-1].astype(np.float32)  # width, height
            places.append(held.keypoints[:, order] / size[:, None])
            seen.append(held.keypoint_seen[:, order])
    return KeypointSamples(from_synth(path, cameras, pixels, subjects), np.concatenate(places), np.concatenate(seen))


class KeypointTask:
    """train, held: subjects of the store to train and to validate on; batch: moments of a step."""

    def __init__(
        self, finder: KeypointFinder, data: KeypointSamples, train: set[str], held: set[str], batch: int
    ) -> None:  # fmt: skip
        self.finder, self.data, self.batch = finder, data, batch
        self.augmentation = Augmentation()
        self.pool, self.held = Pool.of(data.samples, train), data.samples.rows_of(held)

    def modules(self) -> Mapping[str, nn.Module]:
        """The finder."""
        return {"finder": self.finder}

    def loss(
        self, step: int, progress: float, rng: np.random.Generator, random: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """Of one batch: distances of seen keypoints, cross-entropy of their maps and of visibility, and how likely the
        distances are by Laplace's distribution with the spread told."""
        assert self.pool is not None
        rows = self.pool.draw(self.batch, rng)
        frames, place, seen = self._drawn(rows, random)
        out: Found = self.finder(frames)
        counts = seen.float()
        many = counts.sum().clamp(min=1)
        off = (out.place - place.clamp(-1, 2)).abs().sum(-1)
        distance = (off * counts).sum() / many
        told = nn.functional.binary_cross_entropy_with_logits(out.seen, counts)
        wrong = torch.stack([cross_entropy(maps, place[:, camera]) for camera, maps in enumerate(out.maps)], 1)
        map_loss = (wrong * counts).sum() / many
        doubt = ((2**0.5 * off.detach() / out.spread + 2 * torch.log(out.spread)) * counts).sum() / many
        loss = distance + MAP_WEIGHT * map_loss + SEEN_WEIGHT * told + SPREAD_WEIGHT * doubt
        return loss, {"distance": float(distance.detach()), "seen": float(told.detach())}

    def _drawn(self, rows: NDArray[np.intp], random: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Pictures as augmentation changes them, and where keypoints are in them and which are seen."""
        device = next(self.finder.parameters()).device
        held = (self.data.samples.frames, self.data.place, self.data.seen)
        frames, place, seen = (torch.from_numpy(values[rows]).to(device) for values in held)
        place, seen = turned(self.finder.cameras, place, seen)
        moves = self.augmentation.moves(frames.shape[0] * frames.shape[1], random).to(device)
        place = moved_places(place.flatten(0, 1), moves).view_as(place)
        seen = seen & ((place > 0) & (place < 1)).all(-1)
        return self.augmentation.pictures(frames.float(), moves, random), place, seen

    def validate(self) -> dict[str, float]:
        """Median distance of seen keypoints of people that are held back, share of the picture."""
        if not len(self.held):
            return {}
        rows = evenly(self.held, VALIDATED)
        place, _, _ = located(self.finder, self.data.samples, rows)
        seen = self.data.seen[rows]
        off = np.linalg.norm(place - self.data.place[rows], axis=-1)[seen]
        return {"validation": float(np.median(off)) if len(off) else float("nan")}


def located(finder: KeypointFinder, samples: Samples, rows: NDArray[np.intp], looks: int = 1) -> tuple[F32, F32, F32]:
    """place [N, C, 100, 2], spread [N, C, 100] and probability of being seen [N, C, 100] of some rows, in pictures as
    cameras deliver them.

    looks: from 1 to 4, how often a picture is looked at; maps are coarse, and what is found depends a little on how a
    picture lies on their cells. Each look shifts it by half a cell, and means are told.
    """
    finder.eval()
    parts = []
    with torch.no_grad():
        for start in range(0, len(rows), 32):
            frames = torch.from_numpy(np.ascontiguousarray(samples.frames[rows[start : start + 32]])).float()
            frames = frames.to(next(finder.parameters()).device)
            looked = [_shifted(finder, frames, *shift) for shift in SHIFTS[:looks]]
            told = turned(finder.cameras, *(torch.stack(values).mean(0) for values in zip(*looked, strict=True)))
            parts.append([value.float().cpu().numpy() for value in told])
    place, spread, seen = (np.concatenate(column) for column in zip(*parts, strict=True))
    return place, spread, seen


def _shifted(finder: KeypointFinder, frames: Tensor, across: int, down: int) -> tuple[Tensor, Tensor, Tensor]:
    """place, spread, probability of being seen, found in frames [N, C, S, S] that are moved by some pixels."""
    side = frames.shape[-1]
    moved = nn.functional.pad(frames, (across, 0, down, 0), mode="replicate")[:, :, :side, :side]
    out = finder(moved)
    return out.place - out.place.new_tensor([across, down]) / side, out.spread, torch.sigmoid(out.seen)
