"""What sessions to make: everything that decides their bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refa_cli import options
from refa_cli.commands.simulate.session.script import RECORDINGS
from refa_cli.face.default import load_face
from refa_cli.formats.dataset import Dataset
from refa_cli.formats.errors import DataError, UsageError
from refa_cli.formats.headset import Headset
from refa_cli.formats.labels import Labels
from refa_cli.headset.default import load_headset, sized_headset
from refa_cli.headset.parts import cameras_with


@dataclass(frozen=True)
class Plan:
    """face, device, takes: paths, None for the defaults and for no takes, with their digests; pixels: of the longer
    side of a picture, 0 for the headset's; rate: frames a second; the rest as the options say."""

    face: Path | None
    device: Path | None
    takes: Path | None
    digests: tuple[tuple[str, str], ...]
    seed: int
    misfit: int
    recordings: tuple[str, ...]
    take_names: tuple[str, ...]
    expressions: tuple[str, ...]
    pace: float
    seconds: float
    rate: float
    pixels: int
    all_cameras: bool

    def headset(self) -> Headset:
        """The headset as calibrated, with pictures of the size wanted."""
        return sized_headset(self.device, self.pixels)

    def recordings_of(self, person: int) -> list[str]:
        """The recordings of the person of that number, each with one take of those given."""
        named = [name for name in self.recordings if name != "takes"]
        if "takes" in self.recordings and self.take_names:
            named.append("take_" + self.take_names[person % len(self.take_names)])
        return named

    def options(self) -> dict[str, Any]:
        """All options that decide the bytes."""
        return {
            "misfit": self.misfit, "recordings": list(self.recordings), "expressions": list(self.expressions),
            "pace": self.pace, "seconds": self.seconds, "rate": self.rate, "pixels": self.pixels,
            "all_cameras": self.all_cameras,
        }  # fmt: skip


def plan_of(
    face: Path | None, headset: Path | None, takes: Path | None, *, seed: int, misfit: int, recordings: Sequence[str],
    expressions: tuple[str, ...], pace: float, seconds: float, rate: float | None, pixels: int, all_cameras: bool,
) -> Plan:  # fmt: skip
    """The plan, its inputs read and checked. Raises UsageError for what does not go together, DataError for inputs."""
    device, digests = load_headset(headset), {"face": load_face(face).digest}
    if not cameras_with(device, embedded=True):
        raise DataError(headset or "headset", "camera_embedded", "an embedded camera", "none", "mark those that are")
    digests["headset"] = device.digest
    names: list[str] = []
    if takes is not None:
        held = Dataset.read(takes, Labels)
        digests["takes"] = held.digest
        names = [f"{s.name}.{r}" for s in held.subjects.values() for r in s.recordings]
    if "takes" in recordings and not names:
        raise UsageError("--recordings takes needs --takes, a store of labels with a recording in it.")
    own = float(device.camera_rate[cameras_with(device, embedded=True)[0]])
    return Plan(face, headset, takes, tuple(sorted(digests.items())), seed, misfit, tuple(recordings), tuple(names),
                expressions, pace, seconds, rate or own, pixels, all_cameras)  # fmt: skip


def recordings(text: str, takes: bool) -> list[str]:
    """Recordings that text names, parted by commas; "all" are all, takes if there are any. Raises UsageError."""
    if text == "all":
        return [*RECORDINGS, *(["takes"] if takes else [])]
    known = [*RECORDINGS, "takes"]
    wanted = options.names(text)
    for name in wanted:
        if name not in known:
            raise UsageError(f"--recordings: {name!r} is none of {', '.join(known)}.")
    if not wanted:
        raise UsageError("--recordings names no recording.")
    return [name for name in known if name in wanted]
