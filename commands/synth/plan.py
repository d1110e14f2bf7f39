"""What synthetic frames to make: everything that decides their bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refa_cli.face.default import load_face
from refa_cli.formats.dataset import Dataset
from refa_cli.formats.errors import DataError, UsageError
from refa_cli.formats.face import FaceModel
from refa_cli.formats.headset import Headset
from refa_cli.formats.labels import Labels
from refa_cli.formats.rig import Rig
from refa_cli.headset.default import load_headset, sized_headset
from refa_cli.headset.parts import cameras_with
from refa_cli.outputs import Recipe


@dataclass(frozen=True)
class Plan:
    """face, device, takes and rigs: paths, None for the defaults and for no takes; digests of them all; subjects: who
    is rendered, those of the rigs first; frames: of each; pixels: of the longer side, 0 for the headset's own;
    prompted: share of moments that are prompted expressions, not of takes; glasses, spread: see the command's options.
    """

    face: Path | None
    device: Path | None
    takes: Path | None
    rigs: tuple[Path, ...]
    digests: tuple[tuple[str, str], ...]
    subjects: tuple[str, ...]
    frames: int
    pixels: int
    prompted: float
    rare: float
    glasses: float
    spread: float
    seed: int

    def headset(self) -> Headset:
        """The headset, with pictures of the size wanted."""
        return sized_headset(self.device, self.pixels)

    def rig_of(self, subject: str) -> Path | None:
        """The rig of a subject, None for a sampled identity."""
        number = self.subjects.index(subject)
        return self.rigs[number] if number < len(self.rigs) else None

    def recipe(self) -> Recipe:
        """All that decides the bytes."""
        options = {
            "identities": len(self.subjects) - len(self.rigs), "frames": self.frames, "pixels": self.pixels,
            "prompted": self.prompted, "rare": self.rare, "glasses": self.glasses, "spread": self.spread,
        }  # fmt: skip
        return Recipe(command="synth", options=options, seed=self.seed, inputs=dict(self.digests))


def plan_of(
    rigs: Sequence[Path], identities: int, face: Path | None, headset: Path | None, takes: Path | None, **choices: Any
) -> Plan:
    """The plan, its inputs read and checked. Raises UsageError and DataError."""
    model = load_face(face)
    device = load_headset(headset)
    digests = {"face": model.digest, "headset": device.digest}
    if not cameras_with(device, embedded=True):
        raise DataError(headset or "headset", "camera_embedded", "an embedded camera", "none", "mark those that are")
    _needs_keypoints(face, model)
    subjects: list[str] = []
    for path in rigs:
        rig = Rig.read(path)
        if rig.face_digest != model.digest:
            raise DataError(path, "face_digest", f"that of the face model, {model.digest[:12]}", rig.face_digest[:12],
                            "name the face model it was fitted with by --face")  # fmt: skip
        if rig.subject in subjects:
            raise DataError(path, "subject", "each subject once", rig.subject, "leave one of the two out")
        subjects.append(rig.subject)
        digests[f"rig {rig.subject}"] = rig.digest
    taken = set(subjects)
    subjects += [name for name in (f"P{i + 1:04d}" for i in range(identities)) if name not in taken]
    if not subjects:
        raise UsageError("nobody to render; name rigs, or say how many people to draw with --identities.")
    if takes is not None:
        held = Dataset.read(takes, Labels)
        if not any(subject.recordings for subject in held.subjects.values()):
            raise DataError(takes, "", "a recording", "none", "import takes with `refa import`")
        digests["takes"] = held.digest
    return Plan(face, headset, takes, tuple(rigs), tuple(sorted(digests.items())), tuple(subjects), **choices)


def _needs_keypoints(face: Path | None, model: FaceModel) -> None:
    if not len(model.keypoint_triangles):
        raise DataError(face or "face", "keypoint_triangles", "100 keypoints", "none", "place them with `refa face`")
