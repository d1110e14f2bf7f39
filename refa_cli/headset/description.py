"""A headset from the short TOML that people write: `default.toml` beside this file is one, and says what all means.

    headset = load(text, path)

Every camera is given by where it stands and looks, and by its field or its calibrated lens, which may stand in a
calibration file (`calibration`, `calibration_camera`); one that such a file relates to another camera can be placed by
that (`placed_by`). Lights and solid parts likewise. Millimetres and degrees, in the headset frame.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, cast

import numpy as np

from refa_cli.formats.errors import DataError
from refa_cli.formats.headset import DISTORTION_COUNT, LARGEST_SIDE, LENS_MODELS, ROLES, SHUTTERS, SOLID_KINDS, Headset
from refa_cli.formats.json_fields import Fields
from refa_cli.formats.spec import F32, F64
from refa_cli.headset import solids
from refa_cli.headset.calibration import Calibrated, read_calibration
from refa_cli.headset.lenses import Lens, Model
from refa_cli.headset.poses import look_at

NAME: Final = r"[a-z][a-z0-9_]{0,39}"
FARTHEST: Final = 500.0
"""Nothing of a headset is farther from its middle, millimetres."""
BEFORE_THE_FACE: Final = (0.0, -0.03, 0.12)
"""Where the first camera of a calibration without a description is put, headset frame, metres."""
MOVES: Final = {"left": 1.0, "right": -1.0, "none": 0.0}
CAMERA: Final = ("name", "role")
CAMERA_OPTIONAL: Final = (
    "position_mm", "embedded", "look_at_mm", "rotation", "roll_degrees", "size", "field_degrees", "lens", "intrinsics",
    "distortion", "rate_hz", "bits", "shutter", "moves", "mirror", "calibration", "calibration_camera", "placed_by",
)  # fmt: skip
LED_OPTIONAL: Final = ("half_angle_degrees", "duty", "for", "moves", "mirror")


@dataclass(frozen=True)
class Camera:
    """One camera of a description, in metres and radians; shift: as in `formats.headset`."""

    name: str
    role: str
    embedded: bool
    lens: Lens
    camera_from_headset: F64
    shift: float
    rate: float
    bits: int
    shutter: str
    calibration: Calibrated | None = None


@dataclass(frozen=True)
class Led:
    """One light; cameras: the names of those it is on for, none for all."""

    position: F64
    direction: F64
    half_angle: float
    intensity: float
    duty: float
    shift: float
    cameras: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """One solid part."""

    name: str
    kind: str
    shift: float
    solid: solids.Solid


@dataclass(frozen=True)
class Description:
    """All that a headset is made of; metres."""

    name: str
    ipd: float
    eye_to_lens: float
    lens_radius: float
    cameras: list[Camera]
    leds: list[Led] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)

    def headset(self, recipe: dict[str, object] | None = None) -> Headset:
        """The artifact. Raises DataError for what does not fit together."""
        count, parts = len(self.cameras), self.parts
        donned = np.eye(4)
        donned[2, 3] = -self.eye_to_lens
        size = np.array([camera.lens.size for camera in self.cameras], np.int32).reshape(-1, 2)
        valid = np.zeros((count, *size.max(0, initial=0)), bool)
        distortion = np.zeros((count, 8))
        for i, camera in enumerate(self.cameras):
            height, width = camera.lens.size
            valid[i, :height, :width] = np.isfinite(camera.lens.ray_grids()[0])
            distortion[i, : len(camera.lens.distortion)] = camera.lens.distortion
        names = [camera.name for camera in self.cameras]
        lights = np.array([[not led.cameras or name in led.cameras for name in names] for led in self.leds], bool)
        offsets = np.cumsum([0, *(len(part.solid.vertices) for part in parts)])
        return Headset(
            name=self.name,
            ipd=_f32(self.ipd),
            headset_from_head=_f32(donned),
            camera_names=tuple(names),
            camera_role=_indices([camera.role for camera in self.cameras], ROLES),
            camera_embedded=np.array([camera.embedded for camera in self.cameras], bool),
            camera_size=size,
            camera_bits=np.array([camera.bits for camera in self.cameras], np.uint8),
            camera_rate=np.array([camera.rate for camera in self.cameras], np.float32),
            camera_shutter=_indices([camera.shutter for camera in self.cameras], SHUTTERS),
            camera_lens=_indices([camera.lens.model for camera in self.cameras], LENS_MODELS),
            camera_intrinsics=np.array([camera.lens.intrinsics for camera in self.cameras]).reshape(-1, 4),
            camera_distortion=_f32(distortion),
            camera_coefficients=np.array([len(camera.lens.distortion) for camera in self.cameras], np.uint8),
            camera_from_headset=np.array([camera.camera_from_headset for camera in self.cameras]).reshape(-1, 4, 4),
            camera_shift=np.array([camera.shift for camera in self.cameras], np.float32),
            camera_valid=valid,
            led_position=np.array([led.position for led in self.leds]).reshape(-1, 3),
            led_direction=np.array([led.direction for led in self.leds]).reshape(-1, 3),
            led_half_angle=np.array([led.half_angle for led in self.leds], np.float32),
            led_intensity=np.array([led.intensity for led in self.leds], np.float32),
            led_duty=np.array([led.duty for led in self.leds], np.float32),
            led_shift=np.array([led.shift for led in self.leds], np.float32),
            led_lights=lights.reshape(len(self.leds), count),
            lens_radius=_f32(self.lens_radius),
            solid_names=tuple(part.name for part in parts),
            solid_kind=_indices([part.kind for part in parts], SOLID_KINDS),
            solid_shift=np.array([part.shift for part in parts], np.float32),
            solid_vertices=np.concatenate([np.zeros((0, 3)), *(part.solid.vertices for part in parts)]),
            solid_triangles=np.concatenate(
                [
                    np.zeros((0, 3), np.int32),
                    *(part.solid.triangles + o for part, o in zip(parts, offsets, strict=False)),
                ]
            ).astype(np.int32),
            solid_of_triangle=np.repeat(np.arange(len(parts)), [len(part.solid.triangles) for part in parts]).astype(
                np.uint8
            ),
            recipe=recipe or {},
        )


def _f32(values: Any) -> F32:
    return np.asarray(values, dtype=np.float32)


def _indices(values: Sequence[str], among: Sequence[str]) -> np.ndarray:
    return np.array([among.index(value) for value in values], np.uint8)


def load(text: str, path: str | Path = "headset.toml") -> Description:
    """A description from TOML. Raises DataError that names the table and key at fault."""
    file = Path(path)
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise DataError(file, "", "TOML", str(problem), "correct it") from problem
    top = Fields(file, "", tables, ("name", "camera"),
                 ("ipd_mm", "eye_to_lens_mm", "lens_radius_mm", "led", "solid"))  # fmt: skip
    out = Description(
        name=top.text("name", r".{1,80}"),
        ipd=top.number("ipd_mm", 40, 90, 63) / 1000,
        eye_to_lens=top.number("eye_to_lens_mm", 10, 80, 33) / 1000,
        lens_radius=top.number("lens_radius_mm", 0, 100, 0) / 1000,
        cameras=_each(top, "camera", _cameras),
        leds=_each(top, "led", _leds),
        parts=_each(top, "solid", _parts),
    )
    names = [camera.name for camera in out.cameras]
    for kind, found in (("camera", names), ("solid", [part.name for part in out.parts])):
        for twice in sorted({name for name in found if found.count(name) > 1}):
            raise DataError(file, f"{kind} {twice}", "each name once", f"{found.count(twice)} of it", "rename one")
    for led in out.leds:
        for name in set(led.cameras) - set(names):
            raise DataError(file, "led.for", f"names of cameras: {', '.join(names)}", name, "correct it")
    return out


def of_calibration(path: Path) -> Description:
    """A headset that has only the cameras of a calibration file, the first of them right before the face.

    Raises DataError, also where the file does not tell how another camera stands to the first.
    """
    cameras = []
    first = look_at(BEFORE_THE_FACE, [0.0, BEFORE_THE_FACE[1], 0.0])
    for one in read_calibration(path):
        if one.from_first is None:
            raise DataError(path, one.name, "where it stands to the camera before it (T_cn_cnm1)", "nothing",
                            "describe the headset in TOML and place its cameras there")  # fmt: skip
        pose = one.from_first @ first
        cameras.append(Camera(one.name, "other", True, one.lens, pose, 0.0, 30.0, 8, "global", one))
    return Description(name=path.stem[:80], ipd=0.063, eye_to_lens=0.033, lens_radius=0.0, cameras=cameras)


def _each(top: Fields, key: str, read: Callable[[Fields, list[Any]], list[Any]]) -> list[Any]:
    tables = top.value.get(key, [])
    if not isinstance(tables, list) or (key == "camera" and not tables):
        top.wrong(key, f"[[{key}]] tables", tables)
    required, optional = {
        "camera": (CAMERA, CAMERA_OPTIONAL),
        "led": (("position_mm", "look_at_mm", "intensity_mw_per_sr"), LED_OPTIONAL),
        "solid": (("name", "kind"), ("box_mm", "without", "cone_mm", "radius_mm", "moves", "mirror")),
    }[key]
    found: list[Any] = []
    for number, table in enumerate(tables, 1):
        name = table.get("name", number) if isinstance(table, dict) else number
        found += read(Fields(top.path, f"{key} {name}", table, required, optional), found)
    return found


def _cameras(table: Fields, before: list[Camera]) -> list[Camera]:
    """The camera of a table, and its mirror image; before: those of the tables above it."""
    if "calibration" in table:
        calibrated = _calibrated(table)
        lens, shape = calibrated.lens, calibrated.lens.size
        for key in ("size", "field_degrees", "lens", "intrinsics", "distortion"):
            if key in table:
                table.wrong(key, "nothing beside calibration", table.value[key], "remove one of the two")
    else:
        size = _numbers(table, "size", 2, 1, LARGEST_SIDE, [400, 400])
        shape = (int(size[0]), int(size[1]))
        lens, calibrated = _lens(table, shape), None
    camera = Camera(
        name=table.text("name", NAME),
        role=_one_of(table, "role", ROLES),
        embedded=table.flag("embedded", False),
        lens=lens,
        camera_from_headset=_placed(table, calibrated, before) if "placed_by" in table else _pose(table),
        calibration=calibrated,
        shift=MOVES[_one_of(table, "moves", MOVES, "none")],
        rate=table.number("rate_hz", 1, 1000, 30),
        bits=int(table.number("bits", 8, 16, 8)),
        shutter=_one_of(table, "shutter", SHUTTERS, "global"),
    )
    if "mirror" not in table:
        return [camera]
    return [camera, mirrored(camera, table.text("mirror", NAME))]


def mirrored(camera: Camera, name: str) -> Camera:
    """The same camera on the other side of the face, under another name; its role and shift change sides with it."""
    role = camera.role.replace("left", "?").replace("right", "left").replace("?", "right")
    flip = np.diag([-1.0, 1.0, 1.0, 1.0])
    fx, fy, cx, cy = camera.lens.intrinsics
    # Seen in a mirror, the picture is flipped as well: x to the other side, and what bends it sideways.
    lens = replace(camera.lens, intrinsics=(fx, fy, camera.lens.size[1] - cx, cy), distortion=_flipped(camera.lens))
    pose = flip @ camera.camera_from_headset @ flip
    return replace(camera, name=name, role=role, shift=-camera.shift, lens=lens, camera_from_headset=pose)


def _calibrated(table: Fields) -> Calibrated:
    """The camera of the file that a table refers to, relative to the description's own folder."""
    found = read_calibration(table.path.parent / table.text("calibration", r"[^\\0]{1,400}"))
    if "calibration_camera" not in table:
        if len(found) > 1:
            table.wrong("calibration_camera", f"one of {', '.join(one.name for one in found)}", None, "say which")
        return found[0]
    name = table.text("calibration_camera", r".{1,80}")
    for one in found:
        if one.name == name:
            return one
    return cast(Calibrated, table.wrong("calibration_camera", f"one of {', '.join(c.name for c in found)}", name))


def _placed(table: Fields, mine: Calibrated | None, before: list[Camera]) -> F64:
    """camera_from_headset from another camera's and what one calibration tells of both."""
    name = table.text("placed_by", NAME)
    other = next((camera for camera in before if camera.name == name), None)
    if other is None:
        table.wrong("placed_by", "a camera above this one", name)
    if any(key in table for key in ("position_mm", "look_at_mm", "rotation", "roll_degrees")):
        table.wrong("placed_by", "no position, look_at, rotation or roll beside it", "both", "remove one of the two")
    theirs = other.calibration if other is not None else None
    if mine is None or theirs is None or mine.from_first is None or theirs.from_first is None:
        table.wrong("placed_by", "two cameras of one calibration that tells where they stand", name)
    assert other is not None and mine is not None and theirs is not None
    assert mine.from_first is not None and theirs.from_first is not None
    return np.asarray(mine.from_first @ np.linalg.inv(theirs.from_first) @ other.camera_from_headset)


def _flipped(lens: Lens) -> tuple[float, ...]:
    if lens.model != "brown_conrady":
        return lens.distortion
    k1, k2, p1, p2, *rest = lens.distortion
    return (k1, k2, p1, -p2, *rest)


def _lens(table: Fields, size: tuple[int, int]) -> Lens:
    """From intrinsics, or from the angle that the picture spans from side to side."""
    model = cast(Model, _one_of(table, "lens", LENS_MODELS, "pinhole"))
    distortion: list[float] = [0.0] * DISTORTION_COUNT[model][0]
    if "distortion" in table:
        given = table.value["distortion"]
        counts = DISTORTION_COUNT[model]
        if not isinstance(given, list) or len(given) not in counts:
            table.wrong("distortion", f"{' or '.join(map(str, counts))} numbers for a {model} lens", given)
        distortion = _numbers(table, "distortion", len(given), -100, 100)
    height, width = size
    if ("intrinsics" in table) == ("field_degrees" in table):
        table.wrong("intrinsics", "either intrinsics or field_degrees", "both" if "intrinsics" in table else "neither",
                    "give one of them")  # fmt: skip
    if "intrinsics" in table:
        fx, fy, cx, cy = _numbers(table, "intrinsics", 4, -1e5, 1e5)
        if min(fx, fy) <= 0:
            table.wrong("intrinsics", "fx, fy, cx, cy with positive fx, fy", table.value["intrinsics"])
        return Lens(model, (fx, fy, cx, cy), tuple(distortion), size)
    half = np.radians(table.number("field_degrees", 5, 168)) / 2
    trial = Lens(model, (1.0, 1.0, 0.0, 0.0), tuple(distortion), size)
    if half > trial.field:
        table.wrong("field_degrees", f"at most {np.degrees(2 * trial.field):.0f}, where its distortion folds",
                    table.value["field_degrees"])  # fmt: skip
    edge = float(trial.of_directions(np.array([[np.tan(half), 0.0]]))[0][0, 0])
    focal = width / 2 / edge
    return Lens(model, (focal, focal, width / 2, height / 2), tuple(distortion), size)


def _pose(table: Fields) -> F64:
    """camera_from_headset from where it stands, and looks (with a roll) or how it is turned."""
    position = np.array(_numbers(table, "position_mm", 3, -FARTHEST, FARTHEST)) / 1000
    if ("look_at_mm" in table) == ("rotation" in table):
        table.wrong("look_at_mm", "either look_at_mm or rotation", "both" if "rotation" in table else "neither",
                    "give one of them")  # fmt: skip
    if "rotation" in table:
        rows = table.value["rotation"]
        turn = np.array(rows, dtype=np.float64) if _is_matrix(rows) else np.zeros((3, 3))
        if np.abs(turn @ turn.T - np.eye(3)).max() > 1e-3 or np.linalg.det(turn) < 0:
            table.wrong("rotation", "three rows of three numbers, a rotation from headset to camera", rows)
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = turn, -turn @ position
        return pose
    goal = np.array(_numbers(table, "look_at_mm", 3, -FARTHEST, FARTHEST)) / 1000
    roll = np.radians(table.number("roll_degrees", -360, 360, 0))
    try:
        pose = look_at(position, goal)
    except ValueError as problem:
        table.wrong("look_at_mm", "a place beside the camera and not straight above or below it", str(problem))
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]]
    return np.asarray(turn @ pose)


def _leds(table: Fields, before: list[Led]) -> list[Led]:
    """The light of a table, and its mirror image."""
    position = np.array(_numbers(table, "position_mm", 3, -FARTHEST, FARTHEST)) / 1000
    goal = np.array(_numbers(table, "look_at_mm", 3, -FARTHEST, FARTHEST)) / 1000
    length = float(np.linalg.norm(goal - position))
    if length == 0:
        table.wrong("look_at_mm", "another place than position_mm", table.value["look_at_mm"])
    cameras = table.value.get("for", [])
    if not isinstance(cameras, list) or not all(isinstance(name, str) for name in cameras):
        table.wrong("for", "a list of camera names", cameras)
    led = Led(
        position=position,
        direction=(goal - position) / length,
        half_angle=float(np.radians(table.number("half_angle_degrees", 1, 89, 60))),
        intensity=table.number("intensity_mw_per_sr", 0, 10_000) / 1000,
        duty=table.number("duty", 0, 1, 0.1),
        shift=MOVES[_one_of(table, "moves", MOVES, "none")],
        cameras=tuple(cameras),
    )
    if not table.flag("mirror", False):
        return [led]
    flip = np.array([-1.0, 1.0, 1.0])
    names = tuple(name.replace("left", "?").replace("right", "left").replace("?", "right") for name in led.cameras)
    return [led, replace(led, position=led.position * flip, direction=led.direction * flip, shift=-led.shift,
                         cameras=names)]  # fmt: skip


def _parts(table: Fields, before: list[Part]) -> list[Part]:
    """The solid part of a table, and its mirror image."""
    if ("box_mm" in table) == ("cone_mm" in table):
        table.wrong(
            "box_mm", "either box_mm or cone_mm", "both" if "box_mm" in table else "neither", "give one of them"
        )
    key = "box_mm" if "box_mm" in table else "cone_mm"
    ends = table.value[key]
    if not isinstance(ends, list) or len(ends) != 2:
        table.wrong(key, "two places [x, y, z]", ends)
    start, end = (
        np.array(_numbers(Fields(table.path, table.place(key), {name: place}, (name,)), name, 3, -FARTHEST, FARTHEST))
        / 1000
        for name, place in zip(("first", "second"), ends, strict=True)
    )
    without = table.value.get("without", [])
    try:
        if key == "box_mm":
            solid = solids.box(start, end, without)
        else:
            radius, end_radius = np.array(_numbers(table, "radius_mm", 2, 0, FARTHEST, [20, 20])) / 1000
            solid = solids.cone(start, end, radius, end_radius)
    except ValueError as problem:
        table.wrong(key, "a body", str(problem))
    part = Part(table.text("name", NAME), _one_of(table, "kind", SOLID_KINDS),
                MOVES[_one_of(table, "moves", MOVES, "none")], solid)  # fmt: skip
    if "mirror" not in table:
        return [part]
    return [part, replace(part, name=table.text("mirror", NAME), shift=-part.shift, solid=solid.mirrored())]


def _one_of(table: Fields, key: str, among: Sequence[str] | dict[str, float], default: str | None = None) -> str:
    value = table.value.get(key, default)
    if value not in among:
        table.wrong(key, f"one of {', '.join(among)}", value)
    return str(value)


def _numbers(
    table: Fields, key: str, count: int, low: float, high: float, default: list[float] | None = None
) -> list[float]:
    values = table.value.get(key, default)
    good = isinstance(values, list) and len(values) == count
    for value in values if good else ():
        good = good and type(value) in (int, float) and low <= value <= high
    if not good:
        table.wrong(key, f"{count} numbers from {low:g} to {high:g}", values)
    return [float(value) for value in values]


def _is_matrix(rows: Any) -> bool:
    return isinstance(rows, list) and len(rows) == 3 and all(
        isinstance(row, list) and len(row) == 3 and all(type(item) in (int, float) for item in row) for row in rows
    )  # fmt: skip
