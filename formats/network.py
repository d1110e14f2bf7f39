"""What every trained network's file holds: how it is wired, what goes in, its weights, and who it was trained on.

Weights lie one after the other in `parameters`, in the order and shapes of `layout`, so that nothing in it is code.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from refa_cli.formats.cameras import Cameras
from refa_cli.formats.dataset import Subject
from refa_cli.formats.headset import ROLES
from refa_cli.formats.npz import NpzArtifact
from refa_cli.formats.spec import F32, I32, U8, array, names, text

SIZES = ("small", "paper")


@dataclass(frozen=True, kw_only=True, eq=False)
class Network(NpzArtifact):
    """A network of C cameras with P numbers in L tensors, trained on S subjects, R recordings of captures."""

    size: str = text(doc=f"one of {', '.join(SIZES)}", pattern="small|paper")
    camera_names: tuple[str, ...] = names("C", doc="the cameras it expects, in order")
    camera_role: U8 = array("C", dtype="uint8", index_into=len(ROLES), doc=f"one of {', '.join(ROLES)}")
    mirrored: U8 = array("C", dtype="uint8", index_into=2, doc="1: the picture is flipped sideways before it goes in")
    pixels: I32 = array("1", dtype="int32", unit="px", within=(16, 1024), doc="side of the square pictures that go in")
    layout: tuple[str, ...] = names("L", doc="tensors in order, as NAME:1x2x3")
    parameters: F32 = array("P", doc="all tensors, one after the other")
    training_subjects: tuple[str, ...] = names("S", doc="whose data it was trained or validated on")
    training_recordings: tuple[str, ...] = names("R", doc="digests of the captures' recordings among these data")

    @property
    def cameras(self) -> Cameras:
        """What it sees with."""
        return Cameras.of(self.camera_names, self.camera_role)

    def saw(self, subject: Subject[Any]) -> bool:
        """Whether it was trained on someone of that name, or on a recording of it under another name."""
        digests = set(subject.digests.values())
        return subject.name in self.training_subjects or not digests.isdisjoint(self.training_recordings)

    def check(self) -> None:
        """The layout fills the parameters."""
        total = sum(prod(shape) for _, shape in self.tensors())
        if total != len(self.parameters):
            self.refuse("parameters", f"{total} numbers, as in the layout", str(len(self.parameters)))

    def tensors(self) -> list[tuple[str, tuple[int, ...]]]:
        """(name, shape) of every tensor in order. Raises DataError for a layout that cannot be read."""
        out = []
        for entry in self.layout:
            name, _, sizes = entry.rpartition(":")
            parts = sizes.split("x") if sizes else []
            if not name or not all(part.isdigit() and len(part) < 10 for part in parts):
                self.refuse("layout", "entries of the form NAME:1x2x3", repr(entry[:80]))
            out.append((name, tuple(map(int, parts))))
        return out

    def state(self) -> dict[str, F32]:
        """Name -> tensor."""
        found, at = {}, 0
        for name, shape in self.tensors():
            count = prod(shape)
            found[name] = np.array(self.parameters[at : at + count]).reshape(shape)
            at += count
        return found
