"""Glasses: frames that hide and throw shadows, lenses that mirror the lights.

    glasses = draw_glasses(face, geometry, rng)
    points, triangles = glasses.frame                     # head frame

A lens is a piece of a sphere before each eye, bounded by a superellipse; rims, bridge and temples are tubes. Sizes are
those that opticians write on temples (boxing system, ISO 8624): 44 to 58 mm wide, 14 to 22 mm apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.spatial.transform import Rotation

from refa_cli.face.evaluate import Geometry
from refa_cli.formats.spec import F64, I32

AROUND: Final = 36
"""Corners of a rim."""
SIDES: Final = 6
"""Corners across a tube."""
CORNEA_TO_LENS: Final = 0.012
TEMPLE: Final = 0.085
"""Length of what is drawn of a temple, metres."""


@dataclass(frozen=True)
class Sheet:
    """One lens, in a frame: center [3] of its sphere, which lies behind it; axes [3, 3]: rows to the wearer's left, up
    and out; middle [3]: its apex; half_width, half_height and exponent of its outline; radius; reflectance of both its
    faces together."""

    center: F64
    axes: F64
    middle: F64
    half_width: float
    half_height: float
    exponent: float
    radius: float
    reflectance: float

    def moved(self, turn: F64, shift: F64) -> Sheet:
        """In another frame: p goes to turn @ p + shift."""
        return Sheet(turn @ self.center + shift, self.axes @ turn.T, turn @ self.middle + shift, self.half_width,
                     self.half_height, self.exponent, self.radius, self.reflectance)  # fmt: skip

    def outline(self, count: int = AROUND) -> F64:
        """Points [count, 3] around the lens, on its sphere."""
        turn = np.linspace(0, 2 * np.pi, count, endpoint=False)
        power = 2 / self.exponent
        u = self.half_width * np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** power
        v = self.half_height * np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** power
        out = np.sqrt(np.maximum(self.radius**2 - u**2 - v**2, 0.0))
        return np.asarray(self.center + np.stack([u, v, out], 1) @ self.axes)

    def numbers(self) -> F64:
        """All of it [19], as the kernel takes it."""
        return np.concatenate([self.center, self.axes.ravel(), self.middle, [
            self.half_width, self.half_height, self.exponent, self.radius]])  # fmt: skip


@dataclass(frozen=True)
class Glasses:
    """points [P, 3] and triangles [T, 3] of the frame, and the two lenses; head frame, metres."""

    points: F64
    triangles: I32
    sheets: tuple[Sheet, Sheet]


def draw_glasses(geometry: Geometry, eye_radius: float, rng: np.random.Generator) -> Glasses:
    """Glasses that a person might wear; eye_radius: of the eyeballs, metres."""
    width, bridge = rng.uniform(0.044, 0.058), rng.uniform(0.014, 0.022)
    height = width * rng.uniform(0.62, 0.92)
    exponent, curve = rng.uniform(2.0, 5.0), rng.uniform(0.09, 0.2)
    thick = 0.0 if rng.random() < 0.15 else rng.uniform(0.0008, 0.0026)  # some have no rims
    tilt, wrap = np.radians(rng.uniform(3, 11)), np.radians(rng.uniform(0, 7))
    coated = 0.015 if rng.random() < 0.6 else 0.08
    low = rng.uniform(0.0, 0.004)
    eyes = geometry.eye_centers.astype(np.float64)
    ahead = float(eyes[:, 2].mean()) + eye_radius + 0.001 + CORNEA_TO_LENS + rng.uniform(-0.002, 0.004)
    level = float(eyes[:, 1].mean()) - low
    tubes: list[tuple[F64, bool, float]] = []
    sheets = []
    for sign in (1.0, -1.0):
        turn = Rotation.from_euler("yx", [sign * wrap, tilt]).as_matrix()
        axes = turn.T  # rows: left, up, out
        middle = np.array([sign * (bridge + width) / 2, level, ahead])
        sheet = Sheet(middle - curve * axes[2], axes, middle, width / 2, height / 2, exponent, curve, coated)
        sheets.append(sheet)
        around = sheet.outline()
        if thick:
            tubes.append((around, True, thick))
        hinge = around[np.argmax(sign * around[:, 0])] + [sign * 0.002, 0.3 * height, 0]
        ear = hinge + [sign * 0.006, -0.002, -TEMPLE]
        tubes.append((np.linspace(around[np.argmax(sign * around[:, 0])], hinge, 4), False, max(thick, 0.0009)))
        tubes.append((np.linspace(hinge, ear, 12), False, max(thick, 0.0010)))
    inner = [sheet.outline()[np.argmin(s * sheet.outline()[:, 0])] for s, sheet in zip((1, -1), sheets, strict=True)]
    share = np.linspace(0, 1, 9)[:, None]
    arch = inner[0] + share * (inner[1] - inner[0]) + np.array([0, 0.004, 0.002]) * np.sin(np.pi * share)
    tubes.append((arch + [0, 0.25 * height, 0], False, max(thick, 0.0009)))
    points, triangles = [], []
    count = 0
    for line, closed, radius in tubes:
        at, corners = tube(line, closed, radius)
        points.append(at)
        triangles.append(corners + count)
        count += len(at)
    return Glasses(np.concatenate(points), np.concatenate(triangles).astype(np.int32), (sheets[0], sheets[1]))


def tube(line: F64, closed: bool, radius: float) -> tuple[F64, I32]:
    """Points and triangles, counter-clockwise from outside, of a tube around a line [N, 3]."""
    ahead = np.roll(line, -1, 0) - np.roll(line, 1, 0) if closed else np.gradient(line, axis=0)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    aside = np.cross(ahead, [0.0, 0.35, 0.94])
    aside /= np.maximum(np.linalg.norm(aside, axis=1, keepdims=True), 1e-9)
    upright = np.cross(aside, ahead)
    turn = np.linspace(0, 2 * np.pi, SIDES, endpoint=False)
    ring = np.cos(turn)[:, None] * aside[:, None] + np.sin(turn)[:, None] * upright[:, None]
    points = (line[:, None] + radius * ring).reshape(-1, 3)
    count = len(line)
    steps = np.arange(count if closed else count - 1)
    a = steps[:, None] * SIDES + np.arange(SIDES)
    b = steps[:, None] * SIDES + (np.arange(SIDES) + 1) % SIDES
    c, d = (a + SIDES) % (count * SIDES), (b + SIDES) % (count * SIDES)
    triangles = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([b, d, c], -1).reshape(-1, 3)])
    return points, triangles.astype(np.int32)
