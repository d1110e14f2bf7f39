"""Concentric edge rings of a quad mesh, around an eye or the mouth.

Lids and lips are modelled as rings of edges around their opening, crossed by columns. On such a grid the margin of a
lid, the vertex of the other lid that it meets and the falloff around it are found by counting, without thresholds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Int = NDArray[np.int64]
Float = NDArray[np.float64]


@dataclass(frozen=True)
class Rings:
    """Rings of one opening: `vertices[r, c]` is the vertex of ring r (0 = innermost kept) in column c."""

    vertices: Int  # [R, C]


@dataclass(frozen=True)
class Opening:
    """Rings around an eye or the mouth, split into an upper and a lower side that meet at ring `margin`."""

    rings: Rings
    margin: int
    corners: list[int]  # columns at the corners, on neither side
    upper: list[int]  # columns of the upper side ...
    lower: list[int]  # ... and the column of the lower side that each of them meets
    whole_lower: list[int]  # all columns of the lower side

    @property
    def pairs(self) -> Int:
        """Margin vertices [P, 2] that meet when the opening closes: upper, lower."""
        line = self.rings.vertices[self.margin]
        return np.stack([line[self.upper], line[self.lower]], axis=1)

    def meet(self, vertices: Float, gap: float, only_crossed: bool) -> Float:
        """The correction [V, 3] that moves upper and lower margin vertically to `gap` metres apart.

        Each side goes half the way; the rings beyond follow less and less. only_crossed: leave an open margin open.
        """
        line = self.rings.vertices[self.margin]
        below = line[self.whole_lower][np.argsort(vertices[line[self.whole_lower], 0])]
        above = line[self.upper][np.argsort(vertices[line[self.upper], 0])]
        out = np.zeros_like(vertices)
        for columns, across, sign in ((self.upper, below, 1.0), (self.whole_lower, above, -1.0)):
            at = line[columns]
            facing = np.interp(vertices[at, 0], vertices[across, 0], vertices[across, 1])
            excess = gap - sign * (vertices[at, 1] - facing)  # positive: too near, or crossed
            if only_crossed:
                excess = np.maximum(excess, 0)
            for ring, row in enumerate(self.rings.vertices):
                share = float(np.clip(1 - max(0, abs(ring - self.margin) - 1) / 5, 0, 1))
                out[row[columns], 1] += sign * share * excess / 2
        return out


def split_opening(rings: Rings, margin: int, vertices: Float, corners: list[int]) -> Opening:
    """Pair the columns above with those below: the nearest along x of `vertices` [V, 3] in the head frame.

    corners: the two columns at the corners; empty when the corners lie between columns and column 0 is the middle of
    one side.
    """
    line = rings.vertices[margin]
    count = len(line)
    if corners:
        first = [(corners[0] + s) % count for s in range(1, (corners[1] - corners[0]) % count)]
        second = [(corners[1] + s) % count for s in range(1, (corners[0] - corners[1]) % count)]
    else:
        quarter = count // 4
        first = [c % count for c in range(-quarter, quarter + 1)]
        second = [c for c in range(count) if c not in first]
    heights = vertices[rings.vertices[margin + 3], 1]
    upper, lower = sorted((first, second), key=lambda columns: -float(heights[columns].mean()))
    across = np.abs(vertices[line[upper], None, 0] - vertices[None, line[lower], 0])
    return Opening(rings, margin, corners, upper, [lower[i] for i in across.argmin(1)], lower)


class QuadMesh:
    """Neighbourhoods of a mesh of quads [Q, 4], for walking straight along edges."""

    def __init__(self, quads: Int) -> None:
        count = int(quads.max()) + 1
        self.neighbours: list[list[int]] = [[] for _ in range(count)]
        self.faces: list[set[int]] = [set() for _ in range(count)]
        for face, quad in enumerate(quads):
            for corner in range(4):
                vertex = int(quad[corner])
                self.faces[vertex].add(face)
                for other in (int(quad[corner - 1]), int(quad[(corner + 1) % 4])):
                    if other not in self.neighbours[vertex]:
                        self.neighbours[vertex].append(other)

    def loop(self, first: int, second: int) -> list[int]:
        """The closed edge loop that starts with two vertices; raises ValueError when it does not close."""
        loop = [first, second]
        while True:
            a, b = loop[-2:]
            shared = self.faces[a] & self.faces[b]
            ahead = [n for n in self.neighbours[b] if n != a and not (self.faces[n] & self.faces[b] & shared)]
            if len(ahead) != 1 or len(loop) > 1000:
                raise ValueError(f"the edge loop from vertices {first}, {second} does not close")
            if ahead[0] == first:
                return loop
            loop.append(ahead[0])

    def beside(self, ring: list[int], start: int) -> list[int]:
        """The ring next to `ring` on the side of `start`, a neighbour of ring[0]; column for column."""
        members, out = set(ring), [start]
        for vertex in ring[1:]:
            side = [n for n in self.neighbours[vertex] if n not in members and n in self.neighbours[out[-1]]]
            if len(side) != 1:
                raise ValueError(f"no ring beside vertex {vertex}")
            out.append(side[0])
        return out

    def rings(self, start: int, along: int, inward: int, outward: int, toward: int) -> Rings:
        """`inward` rings, the one through the edge (start, along), then `outward` rings.

        toward: a neighbour of `start` on the inward side.
        """
        middle = self.loop(start, along)
        others = [n for n in self.neighbours[start] if n not in middle]
        away = next(n for n in others if n != toward)
        inner = self._march(middle, toward, inward)
        outer = self._march(middle, away, outward)
        return Rings(np.array([*reversed(inner), middle, *outer], dtype=np.int64))

    def _march(self, ring: list[int], start: int, count: int) -> list[list[int]]:
        out: list[list[int]] = []
        behind: list[int] = []
        for _ in range(count):
            following = self.beside(ring, start)
            out.append(following)
            ring, behind = following, ring
            nexts = [n for n in self.neighbours[ring[0]] if n not in behind and n not in ring]
            if len(nexts) != 1:
                if len(out) < count:
                    raise ValueError(f"only {len(out)} of {count} rings from vertex {start}")
                break
            start = nexts[0]
        return out
