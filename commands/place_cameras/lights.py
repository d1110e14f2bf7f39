"""Places for a headset's LEDs: as much light as possible where there is least of it.

Sought over candidates at the LED mounts, in mirrored pairs that share a fixed intensity: greedily, then by exchanging
pairs as long as that helps. The merit is the mean logarithm of irradiance in that region which has least of it, over
some people, with shadows of face and headset: a dark corner costs more than a bright one gains.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from refa_cli.commands.place_cameras.candidates import touched_parts
from refa_cli.commands.place_cameras.faces import sites_of
from refa_cli.commands.place_cameras.measure import Trials, person_of
from refa_cli.face.mesh import vertex_normals
from refa_cli.formats.errors import DataError
from refa_cli.formats.headset import Headset
from refa_cli.formats.json_fields import Fields
from refa_cli.formats.spec import F64
from refa_cli.headset.parts import triangles_of
from refa_cli.render.infrared import Lights, lights_of
from refa_cli.render.lighting import irradiance, reaching
from refa_cli.render.rasterize import camera_points

REGIONS: Final = ("eye_left", "eye_right", "brow_left", "brow_right", "glabella", "mouth", "lips")
EVEN: Final = 0.2
"""What the mean over all regions counts beside the one with least."""
PEOPLE: Final = 4
CANDIDATES: Final = 96
DARK: Final = 0.01
"""Share of the mean irradiance that counts as no light: the logarithm ends there."""
LIFT: Final = 0.0005
BODY: Final = 0.0015
"""Radius of an LED, metres."""
TURN: Final = np.array([-1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Placed:
    """The headset with its new lights, their merit and that of those it had before."""

    headset: Headset
    merit: float
    former: float


def place_lights(trials: Trials, headset: Headset, pairs: int, mounts: Path | None = None) -> Placed:
    """Replace a headset's LEDs by `pairs` mirrored pairs of the same total intensity. Raises DataError."""
    position, direction, half_angle = sought(headset, trials.seed, mounts)
    former = lights_of(headset)
    total = float(former.intensity.sum()) or 0.01
    count = len(position)
    both = Lights(np.concatenate([position, position * TURN]), np.concatenate([direction, direction * TURN]),
                  np.full(2 * count, total / (2 * pairs)),
                  np.full(2 * count, np.log(0.5) / np.log(np.cos(half_angle))))  # fmt: skip
    each, region = arriving(trials, headset, both)  # [N, 2 candidates]
    of_pair = each[:, :count] + each[:, count:]
    chosen: list[int] = []
    for _ in range(pairs):
        light = of_pair[:, chosen].sum(1)
        best = max((c for c in range(count) if c not in chosen), key=lambda c: merit(light + of_pair[:, c], region))
        chosen.append(best)
    improved = True
    while improved:
        improved = False
        for slot in range(pairs):
            rest = of_pair[:, [c for i, c in enumerate(chosen) if i != slot]].sum(1)
            best = max((c for c in range(count) if c not in chosen or c == chosen[slot]),
                       key=lambda c: merit(rest + of_pair[:, c], region))  # fmt: skip
            if merit(rest + of_pair[:, best], region) > merit(rest + of_pair[:, chosen[slot]], region) + 1e-9:
                chosen[slot], improved = best, True
    indices = [*chosen, *(c + count for c in chosen)]
    duty = float(headset.led_duty.mean()) if len(headset.led_duty) else 0.1
    placed = replace(
        headset,
        led_position=both.position[indices].astype(np.float32),
        led_direction=both.direction[indices].astype(np.float32),
        led_half_angle=np.full(len(indices), half_angle, np.float32),
        led_intensity=both.intensity[indices].astype(np.float32),
        led_duty=np.full(len(indices), duty, np.float32),
        led_shift=np.zeros(len(indices), np.float32),
        led_lights=np.ones((len(indices), len(headset.camera_names)), bool),
    )
    before = merit(arriving(trials, headset, former)[0].sum(1), region) if len(former.position) else float("-inf")
    return Placed(placed, merit(of_pair[:, chosen].sum(1), region), before)


def merit(light: F64, region: NDArray[np.int64]) -> float:
    """Of irradiance [N] at points of regions [N]: the least region's mean logarithm, and EVEN of the mean of all.

    What is darker than DARK of the mean counts as that.
    """
    mean = float(light.mean())
    if mean <= 0:
        return float("-inf")
    logarithm = np.log(np.maximum(light, DARK * mean))
    each = np.bincount(region, logarithm) / np.bincount(region)
    return float((each.min() + EVEN * each.mean()) / (1 + EVEN))


def arriving(trials: Trials, headset: Headset, lights: Lights) -> tuple[F64, NDArray[np.int64]]:
    """Irradiance [N, L] by each light at points of some people, and the region [N] of each."""
    parts, _ = triangles_of(headset, "housing", "lens")
    solid, face = headset.solid_vertices.astype(np.float64), trials.face
    sites = sites_of(face, REGIONS)
    out = []
    for person in range(PEOPLE):
        head = person_of(face, trials.seed, person).evaluate().astype(np.float64)
        at = camera_points(head, headset.headset_from_head)
        normals = np.asarray(vertex_normals(at, face.triangles), np.float64)[sites.vertices]
        points, triangles = np.concatenate([at, solid]), np.concatenate([face.triangles, parts + len(at)])
        places = at[sites.vertices] + LIFT * normals
        out.append(irradiance(lights, places, normals) * reaching(lights, points, triangles, places))
    return np.concatenate(out), np.tile(sites.region, PEOPLE)


def sought(headset: Headset, seed: int, mounts: Path | None = None) -> tuple[F64, F64, float]:
    """Places [N, 3] and directions [N, 3] of candidates on the wearer's left, headset frame, and their half angle.

    Raises DataError.
    """
    file = mounts or Path("mounts.toml")
    try:
        source = files(__package__).joinpath(file.name) if mounts is None else file
        tables = tomllib.loads(source.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise DataError(file, "", "TOML with a table [led]", str(problem), "correct it") from problem
    table = Fields(file, "led", tables.get("led"), ("boxes_mm", "look_at_mm", "half_angle_degrees"))
    boxes = table.value["boxes_mm"]
    if not isinstance(boxes, list) or not boxes:
        table.wrong("boxes_mm", "a list of boxes", boxes)
    goal = _box(table, "look_at_mm", table.value["look_at_mm"])
    half_angle = float(np.radians(table.number("half_angle_degrees", 5, 85)))
    sequence = qmc.Sobol(6, scramble=True, rng=np.random.default_rng([seed, 77]))
    position, direction = [], []
    each = -(-CANDIDATES // len(boxes))
    for value in boxes:
        low, high = _box(table, "boxes_mm", value)
        free = 0
        for row in sequence.random(1024):
            place = (low + row[:3] * (high - low)) / 1000
            way = (goal[0] + row[3:] * (goal[1] - goal[0])) / 1000 - place
            if free < each and not touched_parts(headset, place, BODY):
                position.append(place)
                direction.append(way / np.linalg.norm(way))
                free += 1
    if not position:
        raise DataError(file, "led.boxes_mm", "room for lights", "nothing free", "widen them")
    return np.array(position), np.array(direction), half_angle


def _box(table: Fields, key: str, value: object) -> tuple[F64, F64]:
    good = isinstance(value, list) and len(value) == 2
    for end in value if isinstance(value, list) else ():
        good = good and isinstance(end, list) and len(end) == 3 and all(type(item) in (int, float) for item in end)
    box = np.array(value, dtype=np.float64) if good else np.zeros((2, 3))
    if not good or (box[0] > box[1]).any():
        table.wrong(key, "two places of 3 numbers, the first not beyond the second", value)
    return box[0], box[1]
