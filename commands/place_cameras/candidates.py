"""Candidate cameras: from a list that people write, or sought over places where cameras could be mounted."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

import numpy as np
from scipy.stats import qmc

from refa_cli.face.closest import ClosestPoints
from refa_cli.formats.errors import DataError
from refa_cli.formats.headset import SOLID_KINDS, Headset
from refa_cli.formats.json_fields import Fields
from refa_cli.formats.spec import F64
from refa_cli.headset.description import Camera, load
from refa_cli.headset.lenses import Lens
from refa_cli.headset.poses import look_at

ROLES: Final = ("eye_left", "eye_right", "mouth_left", "mouth_right", "mouth_center", "glabella")
BODY: Final = 0.0025
"""Radius of a camera's body, metres: nothing else may be nearer to where it stands."""
SIZE: Final = (400, 400)
BLOCK, TRIES = 256, 64
"""Places looked at at once, and how often at most."""


@dataclass(frozen=True)
class Candidate:
    """One camera that could be chosen, and the keep-outs that it violates, by name."""

    camera: Camera
    violates: tuple[str, ...]

    @property
    def center(self) -> F64:
        """Where it stands, headset frame."""
        pose = self.camera.camera_from_headset
        center: F64 = -pose[:3, :3].T @ pose[:3, 3]
        return center


def listed(path: Path, headset: Headset) -> list[Candidate]:
    """All cameras of a headset's description that have a role to be placed for. Raises DataError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise DataError(path, "", "a list of candidate cameras", str(problem), "give a readable TOML file") from problem
    cameras = [camera for camera in load(text, path).cameras if camera.role in ROLES]
    if not cameras:
        raise DataError(path, "camera", f"cameras with a role of {', '.join(ROLES)}", "none", "give candidates")
    return [Candidate(camera, violated(camera, headset)) for camera in cameras]


def sought(count: int, headset: Headset, seed: int, mounts: Path | None = None) -> list[Candidate]:
    """Up to `count` candidates of each mount (refa's own by default) that touch nothing, spread evenly (a scrambled
    Sobol sequence). Raises DataError."""
    text = (
        files(__package__).joinpath("mounts.toml").read_text("utf-8") if mounts is None else mounts.read_text("utf-8")
    )
    file = mounts or Path("mounts.toml")
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise DataError(file, "", "TOML with a table for each role", str(problem), "correct it") from problem
    out = []
    for number, (role, value) in enumerate(tables.items()):
        if role == "led":
            continue
        table = Fields(file, role, value, ("box_mm", "look_at_mm", "field_degrees"))
        if role not in ROLES:
            raise DataError(file, role, f"one of {', '.join(ROLES)}", role, "rename the table")
        low, high = _bounds(table)
        sequence = qmc.Sobol(7, scramble=True, rng=np.random.default_rng([seed, number]))
        free: list[Candidate] = []
        touched: set[str] = set()
        for _ in range(TRIES):
            for row in low + sequence.random(BLOCK) * (high - low):
                name = f"{role}_{len(free):03d}"
                camera = _camera(name, role, row[:3] / 1000, row[3:6] / 1000, float(np.radians(row[6])))
                hit = violated(camera, headset)
                touched |= set(hit)
                if not hit and len(free) < count:
                    free.append(Candidate(camera, ()))
            if len(free) == count:
                break
        if not free:
            parts = ", ".join(sorted(touched))
            raise DataError(file, f"{role}.box_mm", "room for a camera", f"nothing free of {parts}", "widen it")
        out += free
    return out


def violated(camera: Camera, headset: Headset) -> tuple[str, ...]:
    """The names of the keep-outs, and lens barrels, that a camera's body touches."""
    center = -camera.camera_from_headset[:3, :3].T @ camera.camera_from_headset[:3, 3]
    return touched_parts(headset, center, BODY)


def touched_parts(headset: Headset, place: F64, radius: float) -> tuple[str, ...]:
    """The names of the keep-outs, and lens barrels, that a ball at a place of the headset frame touches."""
    names = []
    vertices = headset.solid_vertices.astype(np.float64)
    for part, name in enumerate(headset.solid_names):
        if SOLID_KINDS[int(headset.solid_kind[part])] == "housing":
            continue
        triangles = headset.solid_triangles[headset.solid_of_triangle == part]
        found = ClosestPoints(vertices, triangles).query(place[None])
        if float(found.distance[0]) < radius or _inside(vertices[triangles], place):
            names.append(name)
    return tuple(names)


def _inside(corners: F64, place: F64) -> bool:
    """Whether a closed mesh [T, 3, 3] surrounds a place: the solid angles of its triangles add up (van Oosterom and
    Strackee, 1983)."""
    a, b, c = (corners[:, i] - place for i in range(3))
    la, lb, lc = (np.linalg.norm(v, axis=1) for v in (a, b, c))
    above = np.einsum("ti,ti->t", a, np.cross(b, c))
    below = la * lb * lc + (a * b).sum(1) * lc + (b * c).sum(1) * la + (c * a).sum(1) * lb
    return bool(abs(2 * np.arctan2(above, below).sum()) > 2 * np.pi)


def _camera(name: str, role: str, place: F64, goal: F64, field: float) -> Camera:
    """A fisheye whose picture spans `field` radians sideways."""
    focal = SIZE[1] / field
    lens = Lens("kannala_brandt", (focal, focal, SIZE[1] / 2, SIZE[0] / 2), (0.0, 0.0, 0.0, 0.0), SIZE)
    side = 1.0 if role == "eye_left" else -1.0 if role == "eye_right" else 0.0
    return Camera(name, role, True, lens, look_at(place, goal), side, 30.0, 8, "global")


def _bounds(table: Fields) -> tuple[F64, F64]:
    low, high = [], []
    for key, count in (("box_mm", 3), ("look_at_mm", 3), ("field_degrees", 0)):
        value = table.value[key]
        good = isinstance(value, list) and len(value) == 2
        ends = [np.atleast_1d(np.asarray(end, dtype=object)) for end in value] if good else []
        for end in ends:
            good = good and len(end) == max(count, 1) and all(type(item) in (int, float) for item in end)
        if not good or any(a > b for a, b in zip(ends[0], ends[1], strict=True)):
            wanted = (
                f"two places of {count} numbers, the first not beyond the second" if count else "two angles, rising"
            )
            table.wrong(key, wanted, value)
        low += [float(item) for item in ends[0]]
        high += [float(item) for item in ends[1]]
    if not 5 <= low[6] <= high[6] <= 168:
        table.wrong("field_degrees", "angles from 5 to 168", table.value["field_degrees"])
    return np.array(low), np.array(high)
