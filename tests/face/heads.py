"""A small made head with ARKit shapes, for tests of importing: an ellipsoid with slits for lids and lips, eyes, teeth.

Metres, head frame. Quads, so that importers meet them; symmetric in x = 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

EYE = (0.0315, 0.0, 0.0)
EYE_RADIUS = 0.012
MOUTH_Y = -0.065
STEP = 0.00325
COLUMNS = 120
# stem: (x, y) of the left action's middle, direction, reach; metres
SIDED = {
    "eyeSquint": ((0.0315, -0.012), (0, 0.003, 0.001), 0.008),
    "eyeWide": ((0.0315, 0.010), (0, 0.003, 0), 0.006),
    "eyeLookDown": ((0.0315, 0.008), (0, -0.003, 0), 0.007),
    "eyeLookUp": ((0.0315, 0.008), (0, 0.002, 0), 0.007),
    "eyeLookIn": ((0.0315, 0.0), (-0.001, 0, 0), 0.010),
    "eyeLookOut": ((0.0315, 0.0), (0.001, 0, 0), 0.010),
    "browDown": ((0.025, 0.024), (-0.002, -0.006, 0), 0.012),
    "browOuterUp": ((0.045, 0.024), (0, 0.007, 0), 0.012),
    "cheekSquint": ((0.040, -0.022), (0, 0.005, 0.002), 0.012),
    "noseSneer": ((0.013, -0.030), (0, 0.004, 0), 0.009),
    "mouthSmile": ((0.028, -0.063), (0.009, 0.009, -0.004), 0.013),
    "mouthFrown": ((0.028, -0.066), (0.002, -0.008, 0), 0.012),
    "mouthDimple": ((0.030, -0.065), (0.004, 0, -0.005), 0.010),
    "mouthStretch": ((0.030, -0.067), (0.010, -0.002, -0.003), 0.012),
    "mouthPress": ((0.015, -0.065), (0, 0, -0.003), 0.010),
    "mouthLowerDown": ((0.013, -0.073), (0, -0.006, 0), 0.009),
    "mouthUpperUp": ((0.013, -0.058), (0, 0.006, 0), 0.009),
}
MIDLINE = {
    "browInnerUp": ((0, 0.024), (0, 0.007, 0), 0.016),
    "cheekPuff": ((0, -0.055), (0, 0, 0.008), 0.030),
    "jawForward": ((0, -0.085), (0, 0, 0.008), 0.025),
    "jawLeft": ((0, -0.085), (0.008, 0, 0), 0.025),
    "jawRight": ((0, -0.085), (-0.008, 0, 0), 0.025),
    "mouthLeft": ((0, -0.065), (0.008, 0, 0), 0.018),
    "mouthRight": ((0, -0.065), (-0.008, 0, 0), 0.018),
    "mouthFunnel": ((0, -0.065), (0, 0, 0.009), 0.016),
    "mouthPucker": ((0, -0.065), (0, 0, 0.006), 0.012),
    "mouthRollLower": ((0, -0.071), (0, 0.002, -0.005), 0.012),
    "mouthRollUpper": ((0, -0.059), (0, -0.002, -0.005), 0.012),
    "mouthShrugLower": ((0, -0.082), (0, 0.005, 0.002), 0.014),
    "mouthShrugUpper": ((0, -0.058), (0, 0.004, 0), 0.010),
}


@dataclass
class Head:
    """vertices [V, 3]; quads [Q, 4]; part of each quad; uv [V, 2]; shapes: displacement [V, 3] by ARKit's names."""

    vertices: Float
    quads: NDArray[np.int64]
    part: NDArray[np.str_]
    uv: Float
    shapes: dict[str, Float]


def make_head() -> Head:
    """The head, 51 of ARKit's 52 shapes (no tongue)."""
    skin, quads, lids, lips = _skin()
    parts = [(skin, quads, "skin")]
    parts += [(_ball(side), *_ball_quads(), name) for side, name in ((1, "eye_left"), (-1, "eye_right"))]  # type: ignore[list-item]
    parts.append((_teeth(), np.array([[0, 1, 2, 3]]), "teeth"))
    starts = np.cumsum([0, *(len(p[0]) for p in parts)])
    vertices = np.concatenate([p[0] for p in parts])
    head = Head(
        vertices=vertices,
        quads=np.concatenate([p[1] + s for p, s in zip(parts, starts, strict=False)]),
        part=np.concatenate([np.full(len(p[1]), p[2]) for p in parts]),
        uv=np.column_stack([vertices[:, 0] / 0.2 + 0.5, vertices[:, 1] / 0.3 + 0.5]),
        shapes={},
    )
    movable = np.arange(len(vertices)) < len(skin)
    front = movable & (vertices[:, 2] > -0.06)
    for stem, ((x, y), way, reach) in SIDED.items():
        for sign, side in ((1.0, "Left"), (-1.0, "Right")):
            push = np.array(way) * [sign, 1, 1]
            head.shapes[stem + side] = _bump(vertices, (sign * x, y), push, reach) * front[:, None]
    for name, ((x, y), way, reach) in MIDLINE.items():
        head.shapes[name] = _bump(vertices, (x, y), np.array(way), reach) * front[:, None]
    below = np.zeros(len(vertices))
    below[movable] = np.clip((MOUTH_Y - vertices[movable, 1]) / 0.02, 0, 1) * np.exp(
        -((vertices[movable, 0] / 0.05) ** 2)
    )
    below[lips[:, 1]] = np.exp(-((vertices[lips[:, 1], 0] / 0.05) ** 2))
    below *= front
    head.shapes["jawOpen"] = below[:, None] * np.array([0, -0.028, -0.006])
    near_lip = np.exp(-(((vertices[:, 1] - MOUTH_Y) / 0.012) ** 2))
    head.shapes["mouthClose"] = -head.shapes["jawOpen"] * near_lip[:, None]
    for eye, side in enumerate(("Left", "Right")):
        closing = np.zeros(vertices.shape)
        upper, lower = lids[eye].T
        closing[upper] = vertices[lower] - vertices[upper]
        head.shapes["eyeBlink" + side] = closing
    return head


def as_ict(name: str) -> str:
    """Another tool's spelling of an ARKit name."""
    return (
        name.replace("Left", "_L").replace("Right", "_R") if not name.startswith(("jaw", "mouthL", "mouthR")) else name
    )


def _bump(vertices: Float, middle: tuple[float, float], push: Float, reach: float) -> Float:
    square = ((vertices[:, :2] - middle) ** 2).sum(axis=1)
    weight = np.exp(-square / (2 * reach**2))
    return np.where(weight > 0.02, weight, 0.0)[:, None] * push


def _skin() -> tuple[Float, NDArray[np.int64], list[NDArray[np.int64]], NDArray[np.int64]]:
    """(vertices, quads, per eye (upper, lower) lid pairs, (upper, lower) lip pairs)."""
    rows = np.arange(-36, 31) * STEP
    turn = 2 * np.pi * np.arange(COLUMNS) / COLUMNS
    y = np.repeat(rows, COLUMNS)
    ring = np.sqrt(1 - ((y + 0.010) / 0.117) ** 2)
    angle = np.tile(turn, len(rows))
    vertices = np.column_stack([0.078 * ring * np.sin(angle), y, 0.092 * ring * np.cos(angle) - 0.072])
    nose = np.exp(-((vertices[:, 0] / 0.009) ** 2) - ((y + 0.040) / 0.014) ** 2) * (vertices[:, 2] > -0.03)
    vertices[:, 2] += 0.018 * nose
    index = np.arange(len(vertices)).reshape(len(rows), COLUMNS)
    top_of = index.copy()  # what a quad below a row uses as its upper edge; at slits the lower copies
    extra: list[Float] = []

    def slit(row: int, low: float, high: float) -> NDArray[np.int64]:
        at = index[row]
        chosen = at[(vertices[at, 0] > low) & (vertices[at, 0] < high) & (vertices[at, 2] > -0.03)]
        copies = len(vertices) + len(extra) + np.arange(len(chosen))
        extra.extend(vertices[chosen])
        top_of[row, chosen - row * COLUMNS] = copies
        return np.column_stack([chosen, copies])

    middle = int(np.flatnonzero(rows == 0.0)[0])
    mouth = int(np.abs(rows - MOUTH_Y).argmin())
    lids = [slit(middle, 0.018, 0.045), slit(middle, -0.045, -0.018)]
    lips = slit(mouth, -0.027, 0.027)
    everything = np.concatenate([vertices, np.array(extra)])
    for pairs in lids:
        shape = np.sqrt(np.clip(1 - ((np.abs(everything[pairs[:, 0], 0]) - EYE[0]) / 0.0145) ** 2, 0.2, 1))
        everything[pairs[:, 0], 1] += 0.005 * shape
        everything[pairs[:, 1], 1] -= 0.004 * shape
    upper, lower = top_of[1:], index[:-1]
    quads = np.stack([lower, np.roll(lower, -1, 1), np.roll(upper, -1, 1), upper], axis=-1).reshape(-1, 4)
    return everything, quads, lids, lips


def _ball(side: int) -> Float:
    """A sphere of rings whose poles lie on z."""
    polar = np.linspace(0.02, np.pi - 0.02, 13)
    turn = 2 * np.pi * np.arange(24) / 24
    p, t = np.meshgrid(polar, turn, indexing="ij")
    ball = np.stack([np.sin(p) * np.cos(t), np.sin(p) * np.sin(t), np.cos(p)], -1).reshape(-1, 3)
    return ball * EYE_RADIUS * [side, 1, 1] + [side * EYE[0], EYE[1], EYE[2]]


def _ball_quads() -> tuple[NDArray[np.int64]]:
    index = np.arange(13 * 24).reshape(13, 24)
    a, b = index[:-1], index[1:]
    return (np.stack([a, b, np.roll(b, -1, 1), np.roll(a, -1, 1)], -1).reshape(-1, 4),)


def _teeth() -> Float:
    return np.array([(-0.015, -0.07, 0.005), (0.015, -0.07, 0.005), (0.015, -0.06, 0.005), (-0.015, -0.06, 0.005)])
