"""A picture of a training: each number that was logged over the steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from PIL import Image, ImageDraw

from refa_cli.formats.spec import U8

WIDTH, HEIGHT, MARGIN = 480, 200, 34
INK, LINE, GRID = (30, 30, 30), (40, 90, 200), (225, 225, 225)
COLUMNS: Final = 2


def draw_curves(log: Sequence[dict[str, Any]]) -> U8:
    """[H, W, 3]: a small chart for each number."""
    names = [name for name in dict.fromkeys(name for line in log for name in line) if name != "step"]
    rows = max(-(-len(names) // COLUMNS), 1)
    image = Image.new("RGB", (COLUMNS * WIDTH, rows * HEIGHT), (255, 255, 255))
    draw = ImageDraw.Draw(image)
    for i, name in enumerate(names):
        points = [(line["step"], line[name]) for line in log if name in line]
        _chart(draw, (i % COLUMNS * WIDTH, i // COLUMNS * HEIGHT), name, np.array(points, dtype=float))
    return np.asarray(image)


def _chart(draw: ImageDraw.ImageDraw, corner: tuple[int, int], name: str, points: np.ndarray) -> None:
    left, top = corner[0] + MARGIN + 20, corner[1] + MARGIN // 2
    right, bottom = corner[0] + WIDTH - 10, corner[1] + HEIGHT - MARGIN
    low, high = min(float(points[:, 1].min()), 0.0), float(points[:, 1].max())
    high = high if high > low else low + 1.0
    last = max(float(points[-1, 0]), 1.0)
    for share in (0.0, 0.5, 1.0):
        y = bottom - share * (bottom - top)
        draw.line([(left, y), (right, y)], fill=GRID)
        draw.text((corner[0] + 4, y - 6), f"{low + share * (high - low):.3g}", fill=INK)
    at = [(left + x / last * (right - left), bottom - (y - low) / (high - low) * (bottom - top)) for x, y in points]
    draw.line(at if len(at) > 1 else [at[0], at[0]], fill=LINE, width=2)
    draw.text((left, bottom + 6), f"{name}, to step {last:.0f}", fill=INK)
