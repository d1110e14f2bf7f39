"""Lids on an eyeball: closing them by turning about it, and keeping them off it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from refa_cli.commands.face.head import MARGIN_RING
from refa_cli.commands.face.rings import Opening, Rings, split_opening

Float = NDArray[np.float64]

CLEARANCE = 0.0002
"""Least distance of a lid from the eyeball, metres."""
LOWER_SHARE = 0.15
"""How far up the opening the lids meet: the lower lid rises little in a blink."""
MARGIN_GAP = 0.00015
"""Distance kept between the margins of closed lids, metres."""
STIFF_RINGS = {"upper": 3, "lower": 2}
"""Rings that move with the margin as one (the tarsal plate) before the skin above or below gives."""


def split_lids(rings: Rings, vertices: Float) -> Opening:
    """The lids of one eye; its corners are the extremes of the margin along x."""
    x = np.abs(vertices[rings.vertices[MARGIN_RING], 0])
    return split_opening(rings, MARGIN_RING, vertices, [int(x.argmin()), int(x.argmax())])


def closing(lids: Opening, vertices: Float, center: Float) -> Float:
    """The displacement [V, 3] that shuts one eye of `vertices` [V, 3], metres.

    Every lid vertex turns about the axis through the eye's corners, so that it keeps its distance from the eyeball:
    the margins until they meet, the rings beyond by a share that falls off smoothly.
    """
    grid = lids.rings.vertices
    margin = vertices[grid[MARGIN_RING]] - center
    axis = margin[lids.corners[1]] - margin[lids.corners[0]]
    axis /= np.linalg.norm(axis)
    forward = np.array([0.0, 0.0, 1.0]) - axis[2] * axis
    forward /= np.linalg.norm(forward)
    up = np.cross(forward, axis)
    up *= np.sign(up[1])

    relative = vertices - center
    angle = np.arctan2(relative @ up, relative @ forward)  # [V], positive upwards
    reach = np.hypot(relative @ up, relative @ forward)
    along = relative @ axis
    turn, lift = np.zeros(len(vertices)), np.zeros(len(vertices))
    lower = grid[MARGIN_RING, lids.whole_lower]
    for columns, others, share, side in (
        (lids.upper, lower, 1 - LOWER_SHARE, "upper"),
        (lids.whole_lower, grid[MARGIN_RING, lids.upper], LOWER_SHARE, "lower"),
    ):
        at = grid[MARGIN_RING, columns]
        line = others[np.argsort(along[others])]
        opening = np.interp(along[at], along[line], angle[line]) - angle[at]
        gap = MARGIN_GAP / 2 / np.maximum(reach[at], 1e-6) * np.sign(opening)
        full = share * opening - gap
        rise = (np.interp(along[at], along[line], reach[line]) - reach[at]) / 2
        for ring in range(len(grid)):
            beyond = max(0, ring - MARGIN_RING - STIFF_RINGS[side])
            fade = 0.5 + 0.5 * np.cos(np.pi * min(1.0, beyond / (len(grid) - MARGIN_RING - STIFF_RINGS[side])))
            turn[grid[ring, columns]] = full * fade
            lift[grid[ring, columns]] = rise * fade
    new, reach = angle + turn, reach + lift
    moved = along[:, None] * axis + (reach * np.sin(new))[:, None] * up + (reach * np.cos(new))[:, None] * forward
    displacement = np.where(turn[:, None] != 0, moved - relative, 0.0)
    return displacement


def keep_clear(lids: Opening, vertices: Float, center: Float, radius: float) -> Float:
    """The correction [V, 3] that pushes lid vertices from the eyeball's inside to CLEARANCE outside it."""
    grid = lids.rings.vertices
    visible = np.unique(grid[MARGIN_RING:])
    out = np.zeros_like(vertices)
    relative = vertices[visible] - center
    distance = np.linalg.norm(relative, axis=1, keepdims=True)
    out[visible] = relative / distance * np.maximum(radius + CLEARANCE - distance, 0)
    return out
