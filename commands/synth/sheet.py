"""A contact sheet of synthetic frames: a row of all cameras for each of some moments, some with their keypoints."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from refa_cli.formats.dataset import Dataset
from refa_cli.formats.pictures import write_picture
from refa_cli.formats.spec import U8
from refa_cli.formats.synth import Synth
from refa_cli.render.sheets import contact_sheet, draw_points, shrunk

MOMENTS: Final = 8
LARGEST: Final = 224


def write_sheet(path: Path, store: Path) -> None:
    """Writes the sheet (.png) of a store: MOMENTS moments, spread over its subjects; every second with keypoints."""
    held = [recording for subject in Dataset.read(store, Synth).subjects.values()
            for recording in subject.recordings.values()]  # fmt: skip
    pictures: list[U8] = []
    labels: list[str] = []
    columns = 1
    for i in range(MOMENTS):
        recording = held[i * len(held) // MOMENTS]
        told = recording.load(streamed=False)
        row = int((i + 0.5) / MOMENTS * len(told.take))
        frames = recording.rows("frames", row, row + 1)[0]
        columns = len(frames)
        for camera, frame in enumerate(frames):
            height, width = told.camera_size[camera]
            picture = np.repeat(frame[:height, :width, None], 3, 2)
            small = shrunk(picture, LARGEST)
            if i % 2:
                seen = told.keypoint_seen[row, camera]
                small = draw_points(small, told.keypoints[row, camera][seen] * small.shape[1] / picture.shape[1])
            pictures.append(small)
            labels.append(f"{recording.path.parent.name} {row}" if camera == 0 else told.camera_names[camera])
    path.parent.mkdir(parents=True, exist_ok=True)
    write_picture(path, contact_sheet(pictures, labels, columns))
