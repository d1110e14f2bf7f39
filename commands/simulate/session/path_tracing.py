"""Frames from an independent renderer: Mitsuba 3, path-traced, for small sets that share no shading with refa's own.

    views = PathTracedViews(views)                        # in place of Views
    pictures = views.pictures(surfaces, look, chosen)

Light goes on from surface to surface here, LEDs have a size, and reflection follows Disney's principled model. LEDs are
Lambertian discs, so that all have half angles of 60 degrees; eyes have a clear coat for a cornea; the lenses of glasses
are left out. Any camera lens is rendered in tiles, each a small pinhole camera, sampled along the rays of its pixels.
Mitsuba is an optional extra: `pip install 'refa-cli[mitsuba]'`. Source: Jakob et al., "Mitsuba 3 renderer", 2022.
"""

from __future__ import annotations

import importlib
import tempfile
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates, median_filter

from refa_cli.formats.errors import RefaError
from refa_cli.formats.spec import B1, F32, F64
from refa_cli.headset.lenses import Lens
from refa_cli.render.infrared import MATERIALS, Lights, Look, Picture, Surfaces
from refa_cli.render.views import Views

VARIANT: Final = "scalar_rgb"
"""Needs nothing of the system; the faster variants need LLVM or CUDA."""
DIRECT: Final = {"type": "direct", "emitter_samples": 16, "bsdf_samples": 1}
DIRECT_SAMPLES: Final = 12
"""Light that comes from an LED by one surface: rays to 16 places on LEDs for each of so many camera rays a pixel."""
ONE, PATH, PATH_SAMPLES = {"type": "direct"}, {"type": "path", "max_depth": 3}, 8
INDIRECT_BLUR: Final = 0.03
"""Light by two surfaces is what paths find beyond one; few are traced, and it is spread over this share of a picture's
width, since it changes slowly from place to place."""
BRIGHTER: Final = 6.0
"""A pixel that much brighter than the median of those around it found a light by chance: it gets that much."""
LED_RADIUS: Final = 0.0008
TILES: Final = 4
"""Along each side of a picture."""
EYES: Final = ("sclera", "iris", "pupil")


def require() -> Any:
    """The module `mitsuba`, ready to use. Raises RefaError where it is not installed."""
    try:
        mitsuba: Any = importlib.import_module("mitsuba")
        drjit: Any = importlib.import_module("drjit")
    except ImportError as error:
        raise RefaError("--misfit 2 needs Mitsuba; install it with `pip install 'refa-cli[mitsuba]'`.") from error
    mitsuba.set_variant(VARIANT)
    drjit.set_thread_count(1)  # several workers of one thread each, as everywhere
    return mitsuba


@dataclass(frozen=True)
class Tile:
    """A part of a picture as a pinhole camera: rows and columns of the picture; axes [3, 3]: rows right, down and ahead
    in the camera's frame; half: tangent of half its field; size: pixels along a side; at [2, h, w]: row and column in
    the tile of each pixel's ray, NaN where it has none."""

    window: tuple[slice, slice]
    axes: F64
    half: float
    size: int
    at: F64


@lru_cache(maxsize=32)
def tiles_of(lens: Lens, count: int = TILES) -> tuple[Tile, ...]:
    """The tiles that a lens's picture is put together from."""
    x, y = lens.ray_grids()
    out = []
    for rows in np.array_split(np.arange(lens.size[0]), count):
        for columns in np.array_split(np.arange(lens.size[1]), count):
            window = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
            rays = np.stack([x[window], y[window], np.ones_like(x[window])], -1)
            known = np.isfinite(rays[..., 0])
            if not known.any():
                continue
            rays = rays / np.linalg.norm(rays, axis=-1, keepdims=True)
            ahead = rays[known].mean(0)
            ahead /= np.linalg.norm(ahead)
            right = np.cross([0.0, 1.0, 0.0], ahead)
            right /= np.linalg.norm(right)
            axes = np.stack([right, np.cross(ahead, right), ahead])
            seen = rays @ axes.T
            flat = seen[..., :2] / seen[..., 2:]
            widest = float(np.nanmax(np.abs(flat)))
            steps = np.concatenate([np.abs(np.diff(flat[..., 0], axis=1)).ravel(),
                                    np.abs(np.diff(flat[..., 1], axis=0)).ravel()])  # fmt: skip
            size = int(np.clip(np.ceil(2 * widest / max(float(np.nanmedian(steps)), 1e-6)), 6, 2046)) + 2
            half = (
                widest * size / (size - 2)
            )  # the outermost rays lie half a pixel within the outermost pixels' centres
            at = (flat / half + 1) / 2 * size - 0.5
            out.append(Tile(window, axes, half, size, np.moveaxis(at[..., ::-1], -1, 0)))
    return tuple(out)


class PathTracedViews:
    """Stands in for `Views` where only light is asked for."""

    def __init__(self, views: Views) -> None:
        self.views = views
        self.lenses = views.lenses

    @cached_property
    def _mitsuba(self) -> Any:
        return require()

    def pictures(
        self, surfaces: Surfaces, look: Look, chosen: list[int] | None = None, *, moved: Surfaces | None = None,
        lights: Lights | None = None,
    ) -> list[Picture]:  # fmt: skip
        """What each camera, or each of those chosen, sees; depth is not told. Nothing is smeared."""
        mi = self._mitsuba
        views, lit = self.views, self.views.lights if lights is None else lights
        cameras = list(range(len(views.lenses))) if chosen is None else chosen
        out = []
        with tempfile.TemporaryDirectory() as folder:
            shapes = _shapes(mi, surfaces, look, Path(folder))
            for camera in cameras:
                held = {**shapes, **_emitters(mi, lit.only(views.on[:, camera]))}
                lens, pose = views.lenses[camera], views.poses[camera]
                direct, one, path = (
                    _rendered(mi, mi.load_dict({"type": "scene", "integrator": how, **held}), lens, pose, samples)
                    for how, samples in ((DIRECT, DIRECT_SAMPLES), (ONE, PATH_SAMPLES), (PATH, PATH_SAMPLES))
                )
                light = direct + _spread(path - one, direct > 0)
                out.append(Picture(light, np.zeros_like(light)))
        return out


def _spread(light: F32, where: B1) -> F32:
    """A noisy picture [H, W] made smooth over the pixels `where` [H, W] something is lit, nowhere less than nothing."""
    sigma = INDIRECT_BLUR * light.shape[1]
    total = gaussian_filter(light * where, sigma) / np.maximum(gaussian_filter(where.astype(np.float32), sigma), 1e-6)
    return np.asarray(np.maximum(total, 0) * where, np.float32)


def _rendered(mi: Any, scene: Any, lens: Lens, camera_from_headset: F64, samples: int) -> F32:
    """Radiance [H, W] of a scene through a lens."""
    turn = camera_from_headset[:3, :3]
    center = -turn.T @ camera_from_headset[:3, 3]
    out = np.zeros(lens.size, np.float32)
    for number, tile in enumerate(tiles_of(lens)):
        _, down, ahead = tile.axes @ turn
        look_at = mi.ScalarTransform4f().look_at(origin=list(center), target=list(center + ahead), up=list(-down))
        film = {"type": "hdrfilm", "width": tile.size, "height": tile.size, "rfilter": {"type": "box"}}
        sensor = mi.load_dict({
            "type": "perspective", "fov": float(2 * np.degrees(np.arctan(tile.half))), "fov_axis": "x",
            "near_clip": 0.001, "far_clip": 2.0, "to_world": look_at, "film": film,
            "sampler": {"type": "independent", "sample_count": samples},
        })  # fmt: skip
        light = np.array(mi.render(scene, sensor=sensor, seed=number, spp=samples))[..., 0]
        light = np.minimum(light, BRIGHTER * median_filter(light, 3) + 1e-3)
        held = map_coordinates(light, np.nan_to_num(tile.at, nan=-9.0), order=1, mode="constant")
        out[tile.window] = np.where(np.isfinite(tile.at[0]), held, 0)
    return out


def _emitters(mi: Any, lights: Lights) -> dict[str, Any]:
    """LEDs as glowing discs: a disc of radiance L sends L times its area along its axis."""
    out = {}
    area = np.pi * LED_RADIUS**2
    for i, (at, way, power) in enumerate(zip(lights.position, lights.direction, lights.intensity, strict=True)):
        up = [0.0, 1.0, 0.0] if abs(way[1]) < 0.95 else [0.0, 0.0, 1.0]
        place = mi.ScalarTransform4f().look_at(origin=list(at), target=list(at + way), up=up)
        out[f"led{i}"] = {
            "type": "disk", "to_world": place @ mi.ScalarTransform4f().scale(LED_RADIUS),
            "emitter": {"type": "area", "radiance": {"type": "rgb", "value": float(power / area)}},
        }  # fmt: skip
    return out


def _shapes(mi: Any, surfaces: Surfaces, look: Look, folder: Path) -> dict[str, Any]:
    """Meshes by material, and hair."""
    out: dict[str, Any] = {}
    for kind in np.unique(surfaces.material):
        path = folder / f"{MATERIALS[kind]}.ply"
        _write_ply(path, surfaces, np.flatnonzero(surfaces.material == kind))
        out[MATERIALS[kind]] = mi.load_dict(
            {"type": "ply", "filename": str(path), "bsdf": _bsdf(mi, look, int(kind))}
        )  # fmt: skip
    if len(surfaces.strands):
        path = folder / "hair.txt"
        rows = np.concatenate([surfaces.strands, surfaces.strand_width[..., None] / 2], -1)
        path.write_text(
            "\n\n".join("\n".join(" ".join(f"{v:.7g}" for v in joint) for joint in strand) for strand in rows)
        )
        albedo = float(look.table[MATERIALS.index("hair"), 0])
        out["hair"] = mi.load_dict(
            {"type": "linearcurve", "filename": str(path), "bsdf": _principled(albedo, 0.05, 0.4)}
        )
    return out


def _bsdf(mi: Any, look: Look, kind: int) -> dict[str, Any]:
    """Disney's principled reflection of a material, both sides."""
    albedo, reflectance, roughness = (float(value) for value in look.table[kind, :3])
    base: Any = albedo
    if MATERIALS[kind] in ("skin", "lips") and look.tone.size > 1:
        tone = np.repeat(np.clip(albedo * look.tone, 0, 1), 3, 2).astype(np.float32)
        base = {"type": "bitmap", "bitmap": mi.Bitmap(tone), "raw": True}
    coat = {"clearcoat": 1.0, "clearcoat_gloss": 0.97} if MATERIALS[kind] in EYES else {}
    return {"type": "twosided", "bsdf": _principled(base, reflectance, roughness) | coat}


def _principled(base: Any, reflectance: float, roughness: float) -> dict[str, Any]:
    color = base if isinstance(base, dict) else {"type": "rgb", "value": base}
    return {"type": "principled", "base_color": color, "roughness": roughness, "specular": min(reflectance / 0.08, 1.0)}


def _write_ply(path: Path, surfaces: Surfaces, faces: NDArray[np.intp]) -> None:
    """Triangles with a vertex for each corner, so that seams of uv need no care."""
    corners = surfaces.triangles[faces].reshape(-1)
    uv_corners = surfaces.uv_triangles[faces].reshape(-1)
    uv = np.where(uv_corners[:, None] >= 0, surfaces.uv[np.maximum(uv_corners, 0)], 0.0)
    normals = np.zeros((len(surfaces.points), 3)) if surfaces.normals is None else surfaces.normals
    rows = np.concatenate([surfaces.points[corners], normals[corners], uv], 1).astype("<f4")
    triangles = np.empty(len(faces), dtype=[("count", "u1"), ("corners", "<i4", 3)])
    triangles["count"], triangles["corners"] = 3, np.arange(3 * len(faces)).reshape(-1, 3)
    names = "".join(f"property float {name}\n" for name in ("x", "y", "z", "nx", "ny", "nz", "u", "v"))
    head = f"ply\nformat binary_little_endian 1.0\nelement vertex {len(rows)}\n{names}element face {len(faces)}\n"
    head += "property list uchar int vertex_indices\nend_header\n"
    path.write_bytes(head.encode("ascii") + rows.tobytes() + triangles.tobytes())
