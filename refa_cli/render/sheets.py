"""Sheets of small pictures with a line of text under each, and marks drawn on pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refa_cli.formats.spec import U8

LABEL_HEIGHT = 16
PAPER, INK = (250, 250, 250), (30, 30, 30)


def contact_sheet(images: Sequence[U8], labels: Sequence[str], columns: int, gap: int = 4) -> U8:
    """Pictures [H, W, 3] of any sizes, row by row, each with its label below (cut where it is too long).

    Raises ValueError without pictures or with another number of labels.
    """
    from PIL import Image, ImageDraw, ImageFont

    if not images or len(images) != len(labels) or columns < 1:
        raise ValueError(f"{len(images)} pictures, {len(labels)} labels, {columns} columns")
    height = max(image.shape[0] for image in images) + LABEL_HEIGHT
    width = max(image.shape[1] for image in images)
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    sheet = Image.new("RGB", (columns * (width + gap) + gap, rows * (height + gap) + gap), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=11)
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        x, y = gap + (i % columns) * (width + gap), gap + (i // columns) * (height + gap)
        sheet.paste(Image.fromarray(np.ascontiguousarray(image)), (x, y))
        while label and draw.textlength(label, font=font) > width:
            label = label[:-1]
        draw.text((x + 2, y + height - LABEL_HEIGHT + 1), label, fill=INK, font=font)
    return np.array(sheet)


def shrunk(image: U8, largest: int) -> U8:
    """A picture [H, W, 3] with no side longer than `largest` pixels: means of whole blocks, so 1/2, 1/3 ... as long."""
    step = max(1, -(-max(image.shape[:2]) // largest))
    height, width = (side // step for side in image.shape[:2])
    blocks = image[: height * step, : width * step].reshape(height, step, width, step, -1)
    return np.asarray(np.rint(blocks.mean((1, 3))), np.uint8)


def draw_points(
    image: U8,
    points: NDArray[Any],  # [N, 2] pixels, pixel centres at +0.5
    color: tuple[int, int, int] = (0, 255, 80),
    radius: float = 1.5,
    labels: Sequence[str] | None = None,
) -> U8:
    """A copy of the picture with a disc at each point and, where given, its label beside it."""
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.fromarray(np.ascontiguousarray(image))
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(size=9)
    for i, (x, y) in enumerate(np.asarray(points, dtype=np.float64)[:, :2] - 0.5):
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=color)
        if labels is not None:
            draw.text((x + radius + 1, y - 6), labels[i], fill=color, font=font)
    return np.array(picture)
