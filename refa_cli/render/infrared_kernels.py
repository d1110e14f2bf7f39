"""The compiled inner loop of `infrared`: what surfaces send to a camera from lights that stand beside it; one view."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from refa_cli.formats.spec import F32, F64, I32, U8

Array = NDArray[Any]

ALBEDO, REFLECTANCE, ROUGHNESS, WRAP, RELIEF = 0, 1, 2, 3, 4  # columns of the table of materials
SHADOW_BIAS = 0.0012  # metres that a surface may lie behind what its light sees
LEAST_COSINE = 1e-4


def _bilinear(picture: F32, u: float, v: float, channel: int) -> float:
    """A picture [T, S, C] at (u, v), v up; beyond the border the border's value."""
    height, width = picture.shape[0], picture.shape[1]
    x = min(max(u * width - 0.5, 0.0), width - 1.0)
    y = min(max((1.0 - v) * height - 0.5, 0.0), height - 1.0)
    left, top = min(int(x), max(width - 2, 0)), min(int(y), max(height - 2, 0))
    right, below = min(left + 1, width - 1), min(top + 1, height - 1)
    fx, fy = x - left, y - top
    above = picture[top, left, channel] * (1 - fx) + picture[top, right, channel] * fx
    under = picture[below, left, channel] * (1 - fx) + picture[below, right, channel] * fx
    return float(above * (1 - fy) + under * fy)


def _tiled(picture: F32, u: float, v: float, channel: int) -> float:
    """A tile [T, S, C] repeated over the plane, at (u, v), v up."""
    height, width = picture.shape[0], picture.shape[1]
    x, y = u * width - 0.5, -v * height - 0.5
    left, top = int(np.floor(x)), int(np.floor(y))
    fx, fy = x - left, y - top
    left, top = left % width, top % height
    right, below = (left + 1) % width, (top + 1) % height
    above = picture[top, left, channel] * (1 - fx) + picture[top, right, channel] * fx
    under = picture[below, left, channel] * (1 - fx) + picture[below, right, channel] * fx
    return float(above * (1 - fy) + under * fy)


def _lobe(cos_h: float, cos_l: float, cos_v: float, cos_d: float, roughness: float, reflectance: float) -> float:
    """Specular reflection, 1/sr: GGX distribution, Smith's visibility, Schlick's Fresnel (Walter et al., 2007)."""
    alpha = roughness * roughness
    square = alpha * alpha
    spread = cos_h * cos_h * (square - 1.0) + 1.0
    distribution = square / (np.pi * spread * spread)
    k = alpha / 2.0
    visibility = 0.25 / ((cos_l * (1 - k) + k) * (cos_v * (1 - k) + k))
    fresnel = reflectance + (1.0 - reflectance) * (1.0 - cos_d) ** 5
    return float(distribution * visibility * fresnel)


def _lit(shadows: F32, light: int, x: float, y: float, z: float, light_from_camera: F64, focal: float) -> float:
    """Share 0..1 of a light that reaches a place in the camera frame: four looks into its map of distances.

    shadows [L, S, S]: distance along the light's axis of what it sees, 0 for nothing; stereographic: a direction `a`
    radians off the axis lies focal * 2 tan(a / 2) pixels from the middle.
    """
    m = light_from_camera[light]
    px = m[0, 0] * x + m[0, 1] * y + m[0, 2] * z + m[0, 3]
    py = m[1, 0] * x + m[1, 1] * y + m[1, 2] * z + m[1, 3]
    pz = m[2, 0] * x + m[2, 1] * y + m[2, 2] * z + m[2, 3]
    if pz <= 0.0:
        return 0.0
    size = shadows.shape[1]
    scale = 2.0 * focal / (pz + np.sqrt(px * px + py * py + pz * pz))
    column, row = px * scale + size / 2 - 0.5, py * scale + size / 2 - 0.5
    if not (0.0 <= column < size - 1 and 0.0 <= row < size - 1):
        return 1.0
    left, top = int(column), int(row)
    fx, fy = column - left, row - top
    total = 0.0
    for i in range(2):
        for j in range(2):
            seen = shadows[light, top + i, left + j]
            if seen == 0.0 or pz < seen + SHADOW_BIAS:
                total += (fy if i else 1 - fy) * (fx if j else 1 - fx)
    return total


def _lit_each(shadows: F32, at: F64, light_from_world: F64, focal: float, out: F64) -> None:
    """Fills out [N, L]: `_lit` of every place [N, 3] by every light."""
    for i in range(at.shape[0]):
        for light in range(light_from_world.shape[0]):
            out[i, light] = lit(shadows, light, at[i, 0], at[i, 1], at[i, 2], light_from_world, focal)


def _beam(beams: F64, light: int, aim: float) -> float:
    """Share of its axis's intensity that a light sends where the cosine to its axis is aim, 0..1: from a table [L, B]
    over that cosine, since powers are slow."""
    place = min(aim, 1.0) * (beams.shape[1] - 1)
    low = min(int(place), beams.shape[1] - 2)
    return float(beams[light, low] + (place - low) * (beams[light, low + 1] - beams[light, low]))


def _shade(
    ids: I32, barycentric: Array, depth: Array, rays_x: F64, rays_y: F64,
    points: F64, normals: F32, triangles: I32, material: U8, materials: F64,
    uv: F32, uv_triangles: I32, tone: F32, slope: F32, repeats: float,
    light_at: F64, light_way: F64, light_power: F64, beams: F64, light_from_camera: F64, shadows: F32,
    focal: float, cornea_at: F64, cornea_radius: float, cornea_reflectance: float, wet: NDArray[np.bool_],
    ambient: float, out: F32,
) -> None:  # fmt: skip
    """Fills out [H, W] with radiance, W/(m^2 sr), 0 where nothing is seen.

    points [V, 3] and normals [V, 3] in the camera frame; material [F] into materials [M, 5] (see above); tone
    [T, T, 1]: factor on the albedo, slope [T, T, 2]: of the relief along u and v, a tile; lights: places, axes, W/sr,
    beams [L, B] (see `beam`), [L, 4, 4] frames and shadow maps (none if empty); cornea_at [2, 3]: centres of both
    corneas; wet [M]: materials behind a cornea; ambient: irradiance from everywhere, W/m^2.
    """
    height, width = ids.shape
    lights = light_at.shape[0]
    for row in range(height):
        for column in range(width):
            f = ids[row, column]
            if f < 0:
                continue
            i, j, k = triangles[f, 0], triangles[f, 1], triangles[f, 2]
            wa, wb, wc = barycentric[row, column, 0], barycentric[row, column, 1], barycentric[row, column, 2]
            z = float(depth[row, column])
            x, y = rays_x[row, column] * z, rays_y[row, column] * z
            nx = wa * normals[i, 0] + wb * normals[j, 0] + wc * normals[k, 0]
            ny = wa * normals[i, 1] + wb * normals[j, 1] + wc * normals[k, 1]
            nz = wa * normals[i, 2] + wb * normals[j, 2] + wc * normals[k, 2]
            kind = material[f]
            albedo, wrap = materials[kind, ALBEDO], materials[kind, WRAP]
            if uv_triangles[f, 0] >= 0:
                a, b, c = uv_triangles[f, 0], uv_triangles[f, 1], uv_triangles[f, 2]
                u = wa * uv[a, 0] + wb * uv[b, 0] + wc * uv[c, 0]
                v = wa * uv[a, 1] + wb * uv[b, 1] + wc * uv[c, 1]
                albedo *= bilinear(tone, u, v, 0)
                relief = materials[kind, RELIEF]
                if relief > 0.0:
                    # Along u and v on the surface: the edges of the triangle, solved for how uv changes along them.
                    u1, v1, u2, v2 = uv[b, 0] - uv[a, 0], uv[b, 1] - uv[a, 1], uv[c, 0] - uv[a, 0], uv[c, 1] - uv[a, 1]
                    area = u1 * v2 - u2 * v1
                    if area != 0.0:
                        su = relief * tiled(slope, u * repeats, v * repeats, 0)
                        sv = relief * tiled(slope, u * repeats, v * repeats, 1)
                        e1, e2 = (su * v2 - sv * u2) / area, (sv * u1 - su * v1) / area
                        tx = e1 * (points[j, 0] - points[i, 0]) + e2 * (points[k, 0] - points[i, 0])
                        ty = e1 * (points[j, 1] - points[i, 1]) + e2 * (points[k, 1] - points[i, 1])
                        tz = e1 * (points[j, 2] - points[i, 2]) + e2 * (points[k, 2] - points[i, 2])
                        length = np.sqrt(tx * tx + ty * ty + tz * tz)
                        steep = np.sqrt(su * su + sv * sv)
                        if length > 0.0:
                            nx, ny, nz = nx - tx / length * steep, ny - ty / length * steep, nz - tz / length * steep
            length = np.sqrt(nx * nx + ny * ny + nz * nz)
            if length == 0.0:
                continue
            nx, ny, nz = nx / length, ny / length, nz / length
            far = np.sqrt(x * x + y * y + z * z)
            vx, vy, vz = -x / far, -y / far, -z / far
            cos_v = nx * vx + ny * vy + nz * vz
            if cos_v < 0.0:  # hair, thin parts and insides are seen from behind
                nx, ny, nz, cos_v = -nx, -ny, -nz, -cos_v
            cos_v = max(cos_v, LEAST_COSINE)
            # Where the ray meets a cornea before what lies behind it.
            glint_x, glint_y, glint_z, mx, my, mz, shines = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, False
            if wet[kind]:
                for eye in range(2):
                    ox, oy, oz = cornea_at[eye, 0], cornea_at[eye, 1], cornea_at[eye, 2]
                    along = -(vx * ox + vy * oy + vz * oz)
                    square = ox * ox + oy * oy + oz * oz - along * along
                    if square < cornea_radius * cornea_radius:
                        t = along - np.sqrt(cornea_radius * cornea_radius - square)
                        if 0.0 < t < far + 0.004 and t > far - 0.006:
                            glint_x, glint_y, glint_z = -vx * t, -vy * t, -vz * t
                            mx, my, mz = (
                                (glint_x - ox) / cornea_radius,
                                (glint_y - oy) / cornea_radius,
                                (glint_z - oz) / cornea_radius,
                            )
                            shines = True
            total = albedo / np.pi * ambient
            for light in range(lights):
                lx, ly, lz = light_at[light, 0] - x, light_at[light, 1] - y, light_at[light, 2] - z
                square = lx * lx + ly * ly + lz * lz
                away = np.sqrt(square)
                lx, ly, lz = lx / away, ly / away, lz / away
                aim = -(lx * light_way[light, 0] + ly * light_way[light, 1] + lz * light_way[light, 2])
                if aim <= 0.0:
                    continue
                cos_l = nx * lx + ny * ly + nz * lz
                soft = (cos_l + wrap) / (1.0 + wrap)
                if soft <= 0.0 and not shines:
                    continue
                power = light_power[light] * beam(beams, light, aim) / square
                if shadows.shape[0] > 0:
                    power *= lit(shadows, light, x, y, z, light_from_camera, focal)
                if power <= 0.0:
                    continue
                sent = albedo / np.pi * max(soft, 0.0)
                if cos_l > 0.0:
                    hx, hy, hz = lx + vx, ly + vy, lz + vz
                    size = np.sqrt(hx * hx + hy * hy + hz * hz)
                    cos_h = max((nx * hx + ny * hy + nz * hz) / size, 0.0)
                    cos_d = (lx * hx + ly * hy + lz * hz) / size
                    sent += cos_l * lobe(cos_h, max(cos_l, LEAST_COSINE), cos_v, cos_d, materials[kind, ROUGHNESS],
                                         materials[kind, REFLECTANCE])  # fmt: skip
                if shines:
                    gx, gy, gz = (
                        light_at[light, 0] - glint_x,
                        light_at[light, 1] - glint_y,
                        light_at[light, 2] - glint_z,
                    )
                    size = np.sqrt(gx * gx + gy * gy + gz * gz)
                    gx, gy, gz = gx / size, gy / size, gz / size
                    facing = mx * gx + my * gy + mz * gz
                    if facing > 0.0:
                        hx, hy, hz = gx + vx, gy + vy, gz + vz
                        size = np.sqrt(hx * hx + hy * hy + hz * hz)
                        cos_h = max((mx * hx + my * hy + mz * hz) / size, 0.0)
                        cos_d = (gx * hx + gy * hy + gz * hz) / size
                        seen = max(mx * vx + my * vy + mz * vz, LEAST_COSINE)
                        sent += facing * lobe(cos_h, facing, seen, cos_d, 0.16, cornea_reflectance)
                total += power * sent
            out[row, column] = total


def _smear(light: F32, ids: I32, barycentric: Array, triangles: I32, way: F64, out: F32) -> None:
    """Fills out [H, W] with the mean of light [H, W] along how far what a pixel shows moves: way [V, 2], pixels."""
    height, width = light.shape
    for row in range(height):
        for column in range(width):
            out[row, column] = light[row, column]
            f = ids[row, column]
            if f < 0:
                continue
            dx, dy = 0.0, 0.0
            for corner in range(3):
                weight = barycentric[row, column, corner]
                dx += weight * way[triangles[f, corner], 0]
                dy += weight * way[triangles[f, corner], 1]
            steps = int(np.ceil(max(abs(dx), abs(dy))))
            if steps < 1:
                continue
            total = 0.0
            for step in range(-steps, steps + 1):
                x = min(max(int(np.rint(column + dx * step / (2 * steps))), 0), width - 1)
                y = min(max(int(np.rint(row + dy * step / (2 * steps))), 0), height - 1)
                total += light[y, x]
            out[row, column] = total / (2 * steps + 1)


bilinear = njit(cache=True, nogil=True, error_model="numpy", fastmath=True)(_bilinear)
tiled = njit(cache=True, nogil=True, error_model="numpy", fastmath=True)(_tiled)
lobe = njit(cache=True, nogil=True, error_model="numpy", fastmath=True)(_lobe)
lit = njit(cache=True, nogil=True, error_model="numpy", fastmath=True)(_lit)
lit_each = njit(cache=True, nogil=True)(_lit_each)
beam = njit(cache=True, nogil=True)(_beam)
shade = njit(cache=True, nogil=True, error_model="numpy", fastmath=True)(_shade)
smear = njit(cache=True, nogil=True)(_smear)
