"""The colours of a person: a map of the mean head, unrolled around its upright axis, painted once per person.

Column: direction around the axis, row: height. What is painted sticks to the skin, since every vertex looks up its
place on the mean head. Colours are sRGB 0..1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from refa_cli.commands.simulate.fields import Float
from refa_cli.commands.simulate.person import Generator
from refa_cli.commands.simulate.props import EYE_DISTANCE, HEAD_AXIS, eye_distance, hairline
from refa_cli.formats.face import MATERIALS, REGIONS, FaceModel
from refa_cli.formats.spec import F32
from refa_cli.render.preview import linear_of_srgb

ROWS, COLUMNS = 800, 1400  # about 0.4 mm a texel on a face
# Skin from light to dark, after the ten tones of the Monk scale (skintone.google); hair; irises; clothes.
SKINS = ((0.93, 0.80, 0.74), (0.91, 0.76, 0.68), (0.88, 0.71, 0.60), (0.80, 0.62, 0.50), (0.70, 0.52, 0.39),
         (0.57, 0.40, 0.29), (0.45, 0.31, 0.22), (0.34, 0.23, 0.17))  # fmt: skip
HAIRS = ((0.10, 0.08, 0.07), (0.16, 0.11, 0.08), (0.26, 0.17, 0.11), (0.38, 0.26, 0.16), (0.58, 0.45, 0.28),
         (0.52, 0.51, 0.50), (0.42, 0.20, 0.10))  # fmt: skip
IRISES = ((0.24, 0.15, 0.09), (0.33, 0.21, 0.12), (0.36, 0.33, 0.18), (0.33, 0.42, 0.50), (0.40, 0.45, 0.45))
CLOTHES = (
    (0.18, 0.22, 0.32),
    (0.55, 0.55, 0.57),
    (0.12, 0.12, 0.13),
    (0.45, 0.18, 0.18),
    (0.85, 0.84, 0.80),
    (0.2, 0.33, 0.26),
)


@dataclass(frozen=True, eq=False)
class Paint:
    """skin [ROWS, COLUMNS, 3] linear light; plain [stuff, 3] linear light of all that is not painted; bounds: lowest
    and highest y (m) and the axis' z."""

    skin: F32
    plain: F32
    bounds: tuple[float, float, float]


def unrolled(points: Float, bounds: tuple[float, float, float]) -> tuple[NDArray[Any], NDArray[Any]]:
    """(row, column) as real numbers of points [P, 3] on the mean head, inside the map."""
    low, high, axis = bounds
    column = (np.arctan2(points[:, 0], points[:, 2] - axis) / (2 * np.pi) + 0.5) * COLUMNS
    row = (high - points[:, 1]) / (high - low) * ROWS
    return np.clip(row, 0, ROWS - 1), np.clip(column, 0, COLUMNS - 1)


class Painter:
    """Draws on the unrolled mean head."""

    def __init__(self, face: FaceModel) -> None:
        self.face, self.unit = face, eye_distance(face) / EYE_DISTANCE
        low, high = float(face.mean[:, 1].min()), float(face.mean[:, 1].max())
        self.bounds = (low, high, HEAD_AXIS * self.unit)
        self.texel = (high - low) / ROWS  # metres, along a column
        row, column = unrolled(face.mean, self.bounds)
        self.places = np.column_stack([column, row])
        self.outside = np.isin(face.material, [MATERIALS.index("skin"), MATERIALS.index("lips")])

    def region(self, members: NDArray[np.bool_], soft: float) -> F32:
        """Coverage [ROWS, COLUMNS] of the triangles `members` [F], with a soft border (m)."""
        corners = self.places[self.face.triangles[members & self.outside]]
        whole = np.ptp(corners[..., 0], axis=1) < COLUMNS / 4  # not across the seam at the back
        return self._draw([("polygon", c, 0.0) for c in corners[whole]], soft)

    def of_vertices(self, name: str, soft: float) -> F32:
        """Coverage of a region of the face model."""
        return self.region(self.face.regions[REGIONS.index(name)][self.face.triangles].all(axis=1), soft)

    def lines(self, lines: list[Float], width: float, soft: float) -> F32:
        """Coverage of polylines [P, 3] on the mean head, width in metres."""
        placed = [np.column_stack(unrolled(line, self.bounds)[::-1]) for line in lines if len(line) > 1]
        return self._draw([("line", line, width / self.texel) for line in placed], soft)

    def _draw(self, items: list[tuple[str, Float, float]], soft: float) -> F32:
        from PIL import Image, ImageDraw

        coarse = 4 if soft > 8 * self.texel else 1  # soft things need no fine map
        picture = Image.new("L", (COLUMNS // coarse, ROWS // coarse))
        draw = ImageDraw.Draw(picture)
        for kind, points, width in items:
            flat = [(float(x) / coarse, float(y) / coarse) for x, y in points]
            if kind == "polygon":
                draw.polygon(flat, fill=255, outline=255)
            else:
                draw.line(flat, fill=255, width=max(1, round(width / coarse)), joint="curve")
        return enlarged(gaussian_filter(np.array(picture, np.float32) / 255, soft / self.texel / coarse))

    def scalp(self, shift: float) -> F32:
        """Coverage by hair roots, with the hairline raised by `shift` metres."""
        row, column = np.mgrid[0:ROWS:4, 0:COLUMNS:4] + 2.0
        direction = np.abs(column / COLUMNS - 0.5) * 2 * np.pi
        low, high, _ = self.bounds
        height = high - row / ROWS * (high - low)
        grown = (height - hairline(direction, shift, self.unit)) / (0.004 * self.unit)
        cover = enlarged(np.clip(grown, 0, 1).astype(np.float32))
        return np.asarray(cover * (1 - self.of_vertices("ears", 0.002)), np.float32)

    def brows(self, rng: Generator) -> list[Float]:
        """The hairs of both brows: short lines on the mean head, fitted to the model's brow regions."""
        hairs: list[Float] = []
        for side, name in ((1.0, "brow_left"), (-1.0, "brow_right")):
            members = self.face.mean[self.face.regions[REGIONS.index(name)]].astype(np.float64)
            if len(members) < 6:
                continue
            x = side * members[:, 0]
            inner, outer = np.quantile(x, (0.08, 0.92))
            curve = np.polyfit(x, members[:, 1:], 2)  # y and z along the brow
            along = rng.uniform(0.0, 1.0, 420)
            thick = 0.0042 * self.unit * np.interp(along, [0, 0.15, 0.6, 1], [0.7, 1.0, 0.8, 0.25])
            across = rng.uniform(-1.0, 1.0, 420) * thick
            angle = np.interp(along, [0, 0.3, 1], [1.2, 0.6, -0.1]) + rng.normal(0.0, 0.15, 420)
            length = rng.uniform(0.004, 0.007, 420) * self.unit
            start_x = inner + along * (outer - inner)
            ends = np.stack([start_x, start_x + length * np.cos(angle)])
            y = np.polyval(curve[:, 0], start_x) + across
            heights = np.stack([y, y + length * np.sin(angle) * 0.6])
            z = np.polyval(curve[:, 1], start_x)
            for k in range(420):
                hairs.append(np.column_stack([side * ends[:, k], heights[:, k], [z[k], z[k]]]))
        return hairs


def enlarged(picture: F32) -> F32:
    """A coarse map [ROWS / k, COLUMNS / k] at full size."""
    from PIL import Image

    if picture.shape == (ROWS, COLUMNS):
        return picture
    return np.array(Image.fromarray(picture).resize((COLUMNS, ROWS), Image.Resampling.BILINEAR))


def grains(radius: float, rng: Generator) -> F32:
    """Noise [ROWS, COLUMNS] of variance 1, smooth over that many texels."""
    coarse = 4 if radius > 4 else 1
    noise = gaussian_filter(rng.standard_normal((ROWS // coarse, COLUMNS // coarse), np.float32), radius / coarse)
    return enlarged(np.asarray(noise / noise.std(), np.float32))


def paint_person(face: FaceModel, hairline_shift: float, rng: Generator) -> Paint:
    """A person's colours: skin, lips, brows, lashes, stubble, hair."""
    painter = Painter(face)
    tone = int(rng.integers(len(SKINS)))
    skin = np.array(SKINS[tone]) * rng.uniform(0.96, 1.04, 3)
    dark_hair = HAIRS[: 3 if tone > 4 else len(HAIRS)]
    hair = np.array(dark_hair[int(rng.integers(len(dark_hair)))])
    picture = np.ones((ROWS, COLUMNS, 3), np.float32) * skin.astype(np.float32)

    def blend(cover: NDArray[Any], color: Float) -> None:
        nonlocal picture
        part = np.clip(cover, 0.0, 1.0)[..., None].astype(np.float32)
        picture = picture * (1 - part) + np.asarray(color, np.float32) * part

    picture *= 1 + (0.02 * grains(12, rng) + 0.02 * grains(1.2, rng))[..., None]
    red = skin * (1.0, 0.82, 0.80)
    for name, strength in (("cheek_left", 0.45), ("cheek_right", 0.45), ("nose", 0.35), ("ears", 0.5)):
        blend(strength * painter.of_vertices(name, 0.009), red)
    for name in ("eye_left", "eye_right"):
        blend(0.35 * painter.of_vertices(name, 0.004), skin * (0.82, 0.72, 0.72))
    lip_color = skin * (0.92, 0.66, 0.66) * rng.uniform(0.85, 1.0)
    lips = painter.region(face.material == MATERIALS.index("lips"), 0.0007)
    if rng.random() < 0.45:  # shaven, or not
        beard = np.maximum(painter.of_vertices("jaw", 0.006), painter.of_vertices("mouth", 0.004))
        speckle = np.clip(0.6 + 0.4 * grains(0.7, rng), 0, 1)
        blend(rng.uniform(0.1, 0.55) * beard * speckle * (1 - lips), hair)
    blend(0.9 * lips, lip_color)
    blend(0.75 * painter.lines(painter.brows(rng), 0.0006, 0.0004), hair * 0.8)
    for pairs in face.lid_pairs:
        if len(pairs):
            upper, lower = (face.mean[pairs[np.argsort(face.mean[pairs[:, k], 0]), k]] for k in (0, 1))
            blend(0.85 * painter.lines([upper], 0.0014, 0.0004), hair * 0.5)
            blend(0.4 * painter.lines([lower], 0.0008, 0.0004), hair * 0.6)
    blend(0.85 * painter.scalp(hairline_shift), hair)
    plain = np.array(
        [
            skin, lip_color, (0.72, 0.70, 0.68), IRISES[int(rng.integers(len(IRISES)))], (0.02, 0.02, 0.02),
            (0.74, 0.71, 0.64), (0.62, 0.34, 0.34), (0.45, 0.22, 0.22), hair, CLOTHES[int(rng.integers(len(CLOTHES)))],
        ]
    )  # fmt: skip
    return Paint(linear_of_srgb(picture), linear_of_srgb(plain), painter.bounds)
