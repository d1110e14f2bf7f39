"""A contact sheet of captures: all cameras of some moments of every subject."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from refa_cli.formats.captures import Captures
from refa_cli.formats.dataset import Dataset, Recording
from refa_cli.formats.labels import SEGMENT_KINDS
from refa_cli.formats.pictures import write_picture
from refa_cli.formats.spec import U8
from refa_cli.render.sheets import contact_sheet, shrunk

MOMENTS: Final = 4
LARGEST: Final = 224
SUBJECTS: Final = 3
"""At most so many subjects are shown."""


def write_sheet(path: Path, store: Path) -> None:
    """Writes the sheet (.png) of a store of captures: a row of all its cameras for each moment."""
    pictures: list[U8] = []
    labels: list[str] = []
    columns = 1
    for name, subject in list(Dataset.read(store, Captures).subjects.items())[:SUBJECTS]:
        for recording, row, what in moments(list(subject.recordings.values())):
            held = recording.load(streamed=False)
            frames = [*recording.rows("frames", row, row + 1)[0], *recording.rows("other_frames", row, row + 1)[0]]
            columns = len(frames)
            for camera, frame in enumerate(frames):
                height, width = held.camera_size[camera]
                picture = frame[:height, :width]
                pictures.append(shrunk(np.repeat(picture[..., None], 3, 2), LARGEST))
                labels.append(f"{name} {what}" if camera == 0 else held.camera_names[camera])
    path.parent.mkdir(parents=True, exist_ok=True)
    write_picture(path, contact_sheet(pictures, labels, columns))


def moments(recordings: list[Recording[Captures]]) -> list[tuple[Recording[Captures], int, str]]:
    """MOMENTS (recording, row, what is asked then): holds of different segments, evenly over all."""
    found = []
    for recording in recordings:
        held = recording.load(streamed=False)
        for (_, hold, end), kind, expression in zip(
            held.segment_ns, held.segment_kind, held.segment_expression, strict=True
        ):
            if SEGMENT_KINDS[kind] == "neutral" and len(held.segment_ns) > 1:
                continue
            row = int(np.clip(np.searchsorted(held.time_ns, (hold + end) // 2), 0, len(held.time_ns) - 1))
            name = held.expression_ids[expression] if expression >= 0 else SEGMENT_KINDS[kind]
            found.append((recording, row, name))
    count = min(MOMENTS, len(found))
    return [found[i * len(found) // count + len(found) // (2 * count)] for i in range(count)]
