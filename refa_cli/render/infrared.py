"""What an infrared camera of a headset sees: skin lit by LEDs a few centimetres away, shadows, glints and hair.

    surfaces = assemble(actor, headset, headset_from_head, weights, gaze)   # headset frame, see `scene`
    lights = lights_of(headset)
    light = radiance(surfaces, look, lights, lens, camera_from_headset, shadow_maps(surfaces, lights))

At 850 nm skin is bright and nearly even in tone, lips hardly differ from it, irises are grey whatever their colour and
pupils dark, since no light is on the camera's axis. Reflectances: Cooksey and Allen, "Reflectance measurements of human
skin from the ultraviolet to the shortwave infrared", 2013 (about 0.6 at 850 nm); the rest are refa's choices. Shading
is a diffuse part with a softened terminator, which stands in for scattering, and one rough specular lobe.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from refa_cli.face.mesh import vertex_normals
from refa_cli.formats.headset import Headset
from refa_cli.formats.spec import B1, F32, F64, I32, U8
from refa_cli.headset.lenses import Lens
from refa_cli.headset.poses import look_at
from refa_cli.render import infrared_kernels as kernels
from refa_cli.render import sheet_kernels, strand_kernels
from refa_cli.render.glasses import Sheet
from refa_cli.render.rasterize import NEAR, Canvas, Raster, canvas, see

MATERIALS: Final = (
    "skin", "lips", "sclera", "iris", "pupil", "teeth", "tongue", "gum", "hair", "housing", "frame", "mouth",
)  # fmt: skip
"""Those of `formats.face`, and what else stands before a camera."""
TABLE: Final = np.array([
    # albedo, reflectance at normal incidence, roughness, wrap, relief
    [0.60, 0.028, 0.42, 0.30, 1.0],
    [0.56, 0.032, 0.36, 0.30, 0.7],
    [0.62, 0.030, 0.30, 0.20, 0.0],
    [0.34, 0.020, 0.50, 0.00, 0.0],
    [0.015, 0.020, 0.50, 0.00, 0.0],
    [0.62, 0.050, 0.25, 0.10, 0.0],
    [0.50, 0.035, 0.35, 0.30, 0.0],
    [0.50, 0.035, 0.35, 0.30, 0.0],
    [0.16, 0.046, 0.50, 0.30, 0.0],
    [0.04, 0.040, 0.60, 0.00, 0.0],
    [0.05, 0.045, 0.35, 0.00, 0.0],
    [0.12, 0.030, 0.50, 0.20, 0.0],
])  # fmt: skip
WET: Final = np.isin(MATERIALS, ("sclera", "iris", "pupil"))
CORNEA_RADIUS, CORNEA_AHEAD, CORNEA_REFLECTANCE = 0.0078, 0.0047, 0.025
"""Radius of the cornea's sphere; its centre lies so far before the eyeball's for an eyeball of 12 mm, metres."""
SHADOW_SIZE: Final = 192
SHADOW_BIAS: Final = np.float32(0.0012)
"""Metres that a surface may lie behind what its light sees."""
SHADOW_HALF_ANGLE: Final = float(np.radians(80))
STEREOGRAPHIC: Final = (1 / 12, 1 / 120, 17 / 20160, 31 / 362880)
"""2 tan(a / 2) as Kannala and Brandt's polynomial: right to 0.02 % at SHADOW_HALF_ANGLE."""
BEAM: Final = 513
LEAST_SMEAR: Final = 0.7
"""Pixels; less motion during an exposure is not seen."""
BOX_MARGIN: Final = 8
"""Pixels by which the lens of a pair of glasses may bulge beyond its outline."""
AMBIENT: Final = 0.02
"""Share of the mean irradiance that comes back from everywhere, the inside of the headset included."""


@dataclass(frozen=True)
class Surfaces:
    """All that stands before the cameras, headset frame, metres.

    points [V, 3]; triangles [F, 3], of which the first `fixed` never move; material [F] of MATERIALS; uv [U, 2] and
    uv_triangles [F, 3] (-1: none); eyes [2, 3]: eyeball centres, gaze [2, 3]: unit vectors they look along, eye_radius:
    of the eyeballs; normals [V, 3] in place of those of the triangles; strands [S, J, 3]: joints of hairs, strand_width
    [S, J]; sheets: lenses of glasses.
    """

    points: F64
    triangles: I32
    material: U8
    uv: F32
    uv_triangles: I32
    eyes: F64
    gaze: F64
    eye_radius: float
    normals: F64 | None = None
    fixed: int = 0
    strands: F64 = field(default_factory=lambda: np.zeros((0, 2, 3)))
    strand_width: F64 = field(default_factory=lambda: np.zeros((0, 2)))
    sheets: tuple[Sheet, ...] = ()


@dataclass(frozen=True)
class Look:
    """How surfaces reflect: table [M, 5] as TABLE; tone [T, T, 1]: factor on the albedo over the face's uv; slope
    [T, T, 2]: of the skin's relief along u and v, a tile repeated so many times from uv 0 to 1."""

    table: F64 = field(default_factory=lambda: TABLE.copy())
    tone: F32 = field(default_factory=lambda: np.ones((1, 1, 1), np.float32))
    slope: F32 = field(default_factory=lambda: np.zeros((1, 1, 2), np.float32))
    repeats: float = 1.0


@dataclass(frozen=True)
class Lights:
    """LEDs: position [L, 3] and direction [L, 3] in the headset frame, intensity [L] W/sr on the axis while they are
    on, and the exponent [L] of the cosine that their beams fall with."""

    position: F64
    direction: F64
    intensity: F64
    exponent: F64

    def only(self, on: B1) -> Lights:
        """Those of them that are on [L]."""
        return Lights(self.position[on], self.direction[on], self.intensity[on], self.exponent[on])

    def beams(self) -> F64:
        """Shares [L, BEAM] of the intensity on the axis, over the cosine to it from 0 to 1."""
        table: F64 = np.linspace(0, 1, BEAM)[None] ** self.exponent[:, None]
        return table

    def frames(self) -> F64:
        """light_from_headset [L, 4, 4]: z along the beam."""
        out = np.empty((len(self.position), 4, 4))
        for i, (at, way) in enumerate(zip(self.position, self.direction, strict=True)):
            up = (0.0, 1.0, 0.0) if abs(way[1]) < 0.95 else (0.0, 0.0, 1.0)
            out[i] = look_at(at, at + way, up)
        return out


def lights_of(headset: Headset, camera: int | None = None) -> Lights:
    """The headset's LEDs, of one camera only those that are on while it exposes."""
    on = np.ones(len(headset.led_position), bool) if camera is None else headset.led_lights[:, camera]
    exponent = np.log(0.5) / np.log(np.cos(headset.led_half_angle[on].astype(np.float64)))
    position, direction, intensity = (
        np.asarray(values[on], np.float64)
        for values in (headset.led_position, headset.led_direction, headset.led_intensity)
    )
    return Lights(position, direction, intensity, exponent)


def shadow_focal(size: int) -> float:
    """Pixels a radian on the axis of a shadow map [size, size]."""
    return float(size / (4 * np.tan(SHADOW_HALF_ANGLE / 2)))


@cache
def _shadow_lens(size: int) -> Lens:
    focal = shadow_focal(size)
    return Lens("kannala_brandt", (focal, focal, size / 2, size / 2), STEREOGRAPHIC, (size, size))


def shadow_canvases(surfaces: Surfaces, lights: Lights, size: int = SHADOW_SIZE) -> list[Canvas]:
    """What each light sees of the triangles that never move, for `shadow_maps`."""
    lens, fixed = _shadow_lens(size), surfaces.triangles[: surfaces.fixed]
    return [canvas(surfaces.points @ frame[:3, :3].T + frame[:3, 3], fixed, lens) for frame in lights.frames()]


def shadow_maps(
    surfaces: Surfaces, lights: Lights, size: int = SHADOW_SIZE, still: Sequence[Canvas] | None = None
) -> F32:
    """How far each light reaches [L, size, size], metres along its axis, SHADOW_BIAS beyond what it sees, infinitely
    where that is nothing; stereographic around the axis. still: from `shadow_canvases`, to save time."""
    lens = _shadow_lens(size)
    out = np.empty((len(lights.position), size, size), np.float32)
    for i, frame in enumerate(lights.frames()):
        onto = None if still is None else (still[i], surfaces.fixed)
        seen = see(surfaces.points @ frame[:3, :3].T + frame[:3, 3], surfaces.triangles, lens, onto=onto)
        out[i] = np.where(seen.depth > 0, seen.depth + SHADOW_BIAS, np.inf)
    return out


class Picture(NamedTuple):
    """What a camera sees: radiance [H, W], W/(m^2 sr), and how far away [H, W], metres along its axis; 0 for nothing.
    Hair and the lenses of glasses have no distance."""

    light: F32
    depth: F32


def radiance(
    surfaces: Surfaces, look: Look, lights: Lights, lens: Lens, camera_from_headset: NDArray[Any],
    shadows: F32 | None = None,
) -> F32:  # fmt: skip
    """The light of `picture`; shadows: from shadow_maps, none by default."""
    return picture(surfaces, look, lights, lens, camera_from_headset, shadows).light


def picture(
    surfaces: Surfaces, look: Look, lights: Lights, lens: Lens, camera_from_headset: NDArray[Any],
    shadows: F32 | None = None, *, moved: F64 | None = None, still: Canvas | None = None,
) -> Picture:  # fmt: skip
    """What a camera sees.

    moved [V, 3]: where the points are at the end of the exposure, so that what moves by a pixel or more is smeared;
    still: what the camera sees of triangles that never move, to save time.
    """
    pose = np.asarray(camera_from_headset, dtype=np.float64)
    turn, shift = pose[:3, :3], pose[:3, 3]
    points = surfaces.points @ turn.T + shift
    raster = see(points, surfaces.triangles, lens, onto=None if still is None else (still, surfaces.fixed))
    given = surfaces.normals
    normals = vertex_normals(points, surfaces.triangles) if given is None else given @ turn.T
    at, way = lights.position @ turn.T + shift, lights.direction @ turn.T
    cornea = (surfaces.eyes + CORNEA_AHEAD * surfaces.eye_radius / 0.012 * surfaces.gaze) @ turn.T + shift
    maps = np.zeros((0, 1, 1), np.float32) if shadows is None else shadows
    from_camera = lights.frames() @ np.linalg.inv(pose)
    out = np.zeros(lens.size, np.float32)
    x, y = lens.ray_grids()
    kernels.shade(
        raster.ids, raster.barycentric, raster.depth, x, y, points, np.asarray(normals, np.float32),
        surfaces.triangles, surfaces.material, look.table, surfaces.uv, surfaces.uv_triangles, look.tone, look.slope,
        look.repeats,
        at, way, lights.intensity, lights.beams(), from_camera, maps, shadow_focal(maps.shape[1]), cornea,
        CORNEA_RADIUS * surfaces.eye_radius / 0.012, CORNEA_REFLECTANCE, WET, ambient_of(surfaces, lights), out,
    )  # fmt: skip
    beams = lights.beams()
    if len(surfaces.strands):
        lines = np.ascontiguousarray(surfaces.strands @ turn.T + shift)
        bright = np.empty(lines.shape[:2])
        hair = float(look.table[MATERIALS.index("hair"), 0])
        strand_kernels.light_strands(lines, hair, at, way, lights.intensity, beams, from_camera, maps,
                                     shadow_focal(maps.shape[1]), ambient_of(surfaces, lights), bright)  # fmt: skip
        strand_kernels.draw_strands(lines, surfaces.strand_width, bright, lens.parameters, raster.depth, out)
    for sheet in surfaces.sheets:
        placed = sheet.moved(turn, shift)
        box = _box(placed.outline(), lens)
        if box is not None:
            sheet_kernels.glaze(placed.numbers(), placed.reflectance, x, y, raster.depth, at, way, lights.intensity,
                                beams, box, out)  # fmt: skip
    if moved is not None:
        out = smeared(out, raster, surfaces.triangles, points, moved @ turn.T + shift, lens)
    return Picture(out, raster.depth)


def smeared(light: F32, raster: Raster, triangles: I32, before: F64, after: F64, lens: Lens) -> F32:
    """A picture [H, W] spread along the way that what it shows goes during the exposure.

    before, after [V, 3]: the points in the camera frame at its start and end.
    """
    ahead = (before[:, 2] > NEAR) & (after[:, 2] > NEAR)
    way = np.zeros((len(before), 2))
    if ahead.any():
        way[ahead] = lens.project(after[ahead]) - lens.project(before[ahead])
    if np.abs(way).max(initial=0) < LEAST_SMEAR:
        return light
    out = np.empty_like(light)
    kernels.smear(light, raster.ids, raster.barycentric, triangles, way, out)
    return out


def _box(points: F64, lens: Lens) -> tuple[int, int, int, int] | None:
    """Top, bottom, left and right of the pixels that points [N, 3] lie in, camera frame; the whole picture if some lie
    behind, None if nothing is to be seen."""
    height, width = lens.size
    ahead = points[:, 2] > NEAR
    if not ahead.any():
        return None
    if not ahead.all():
        return 0, height, 0, width
    at = lens.project(points)
    left, top = np.clip(np.floor(at.min(0)) - BOX_MARGIN, 0, [width, height]).astype(int)
    right, bottom = np.clip(np.ceil(at.max(0)) + BOX_MARGIN, 0, [width, height]).astype(int)
    return (int(top), int(bottom), int(left), int(right)) if right > left and bottom > top else None


def ambient_of(surfaces: Surfaces, lights: Lights) -> float:
    """Irradiance from everywhere, W/m^2: a share of what the lights give at 40 mm together."""
    return float(AMBIENT * lights.intensity.sum() / 0.04**2)
