"""A contact sheet of simulated scans: colour, and depth shaded like a surface, of some frames of every subject."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from refa_cli.formats.frames import Frame
from refa_cli.formats.pictures import write_picture
from refa_cli.formats.rows import evenly
from refa_cli.formats.scans import Scans
from refa_cli.formats.spec import U8
from refa_cli.render.sheets import contact_sheet

PER_SUBJECT = 8
HEIGHT = 180  # pixels of each picture


def write_sheet(path: Path, folders: Sequence[Path]) -> None:
    """Write the sheet (.png) of these folders of scans."""
    pictures: list[U8] = []
    labels: list[str] = []
    for folder in folders:
        scans = Scans.read(folder)
        takes = [take for takes in scans.expressions.values() for take in takes]
        chosen = [takes[i] for i in evenly(np.arange(len(takes)), PER_SUBJECT)]
        frames = [take.frames[(2 * i + 3) % len(take.frames)] for i, take in enumerate(chosen)]
        names = [f"{scans.subject} {take.expression}" for take in chosen]
        blank = [np.full((HEIGHT, HEIGHT * 4 // 3, 3), 250, np.uint8)] * (PER_SUBJECT - len(frames))
        pictures += [smaller(frame.read_color()) for frame in frames] + blank
        pictures += [smaller(relief(frame)) for frame in frames] + blank
        labels += (names + [""] * len(blank)) * 2
    path.parent.mkdir(parents=True, exist_ok=True)
    write_picture(path, contact_sheet(pictures, labels, PER_SUBJECT))


def smaller(picture: U8) -> U8:
    """The picture [H, W, 3] at HEIGHT, its proportions kept."""
    from PIL import Image

    image = Image.fromarray(picture)
    return np.array(image.resize((round(HEIGHT * image.width / image.height), HEIGHT), Image.Resampling.BOX))


def relief(frame: Frame) -> U8:
    """Depth [H, W, 3] as a grey surface lit from the upper left; dark blue where there is no reading."""
    depth = frame.read_depth()
    camera = frame.depth_camera
    rows, columns = np.mgrid[: camera.height, : camera.width].astype(np.float32) + 0.5
    x, y = (columns - camera.cx) / camera.fx * depth, (rows - camera.cy) / camera.fy * depth
    points = np.stack([x, y, depth], axis=2)
    with np.errstate(invalid="ignore"):
        normal = np.cross(np.gradient(points, axis=0), np.gradient(points, axis=1))
        normal /= np.linalg.norm(normal, axis=2, keepdims=True)
    light = np.array([0.4, 0.5, 0.77], np.float32) @ np.moveaxis(normal, 2, 0).reshape(3, -1)
    grey = np.nan_to_num(40 + 200 * np.clip(-light, 0, 1), nan=90.0).reshape(depth.shape)
    picture = np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)
    picture[np.isnan(depth)] = (30, 35, 70)
    return picture
