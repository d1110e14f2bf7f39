"""The compiled inner loop of `infrared`: what surfaces send to a camera from lights that stand beside it; one view."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from refa_cli.formats.spec import F32, F64, I32, U8
from refa_cli.render.light_kernels import (
    ALPHA,
    AT,
    COS_V,
    DIFFUSE,
    LEAST_COSINE,
    MIRROR,
    NORMAL,
    ROWS,
    SOFT,
    VIEW,
    aim,
    arrive,
    lobe,
    send,
)  # fmt: skip

Array = NDArray[Any]

ALBEDO, REFLECTANCE, ROUGHNESS, WRAP, RELIEF = 0, 1, 2, 3, 4  # columns of the table of materials
GLINT_ROUGHNESS = 0.16
STRIP = 16  # rows of a picture that are shaded together


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


def _gather(
    first: int, last: int, ids: I32, barycentric: Array, depth: Array, rays_x: F64, rays_y: F64, points: F64,
    normals: F32, triangles: I32, material: U8, materials: F64, uv: F32, uv_triangles: I32, tone: F32, slope: F32,
    repeats: float, cornea_at: F64, cornea_radius: float, wet: NDArray[np.bool_], strip: F32, place: I32, glints: F32,
) -> tuple[int, int]:  # fmt: skip
    """Fills the columns of strip [ROWS, N] with what is seen in rows first to last of a picture; place [N]: which pixel
    each is, counted along rows; glints [7, N]: pixel, place on the cornea and normal there.

    Returns how many columns of both are filled.
    """
    width = ids.shape[1]
    count, shining = 0, 0
    for row in range(first, last):
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
            albedo = materials[kind, ALBEDO]
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
            if cos_v < 0.0:  # thin parts and insides are seen from behind
                nx, ny, nz, cos_v = -nx, -ny, -nz, -cos_v
            roughness = materials[kind, ROUGHNESS]
            strip[AT, count], strip[AT + 1, count], strip[AT + 2, count] = x, y, z
            strip[NORMAL, count], strip[NORMAL + 1, count], strip[NORMAL + 2, count] = nx, ny, nz
            strip[VIEW, count], strip[VIEW + 1, count], strip[VIEW + 2, count] = vx, vy, vz
            strip[COS_V, count] = max(cos_v, LEAST_COSINE)
            strip[DIFFUSE, count] = albedo / np.pi
            strip[SOFT, count] = materials[kind, WRAP]
            strip[ALPHA, count] = roughness * roughness
            strip[MIRROR, count] = materials[kind, REFLECTANCE]
            place[count] = row * width + column
            if wet[kind]:  # where the ray meets a cornea before what lies behind it
                for eye in range(2):
                    ox, oy, oz = cornea_at[eye, 0], cornea_at[eye, 1], cornea_at[eye, 2]
                    along = -(vx * ox + vy * oy + vz * oz)
                    square = ox * ox + oy * oy + oz * oz - along * along
                    if square < cornea_radius * cornea_radius:
                        t = along - np.sqrt(cornea_radius * cornea_radius - square)
                        if 0.0 < t < far + 0.004 and t > far - 0.006:
                            gx, gy, gz = -vx * t, -vy * t, -vz * t
                            glints[0, shining] = count
                            glints[1, shining], glints[2, shining], glints[3, shining] = gx, gy, gz
                            glints[4, shining] = (gx - ox) / cornea_radius
                            glints[5, shining] = (gy - oy) / cornea_radius
                            glints[6, shining] = (gz - oz) / cornea_radius
                            shining += 1
                            break
            count += 1
    return count, shining


def _shine(glints: F32, shining: int, arriving: F32, strip: F32, lx: float, ly: float, lz: float, reflectance: float,
           out: F32) -> None:  # fmt: skip
    """Adds to out [N] the image of a light at a place in the corneas before some pixels."""
    for g in range(shining):
        n = int(glints[0, g])
        if arriving[n] <= 0.0:
            continue
        mx, my, mz = glints[4, g], glints[5, g], glints[6, g]
        gx, gy, gz = lx - glints[1, g], ly - glints[2, g], lz - glints[3, g]
        size = np.sqrt(gx * gx + gy * gy + gz * gz)
        gx, gy, gz = gx / size, gy / size, gz / size
        facing = mx * gx + my * gy + mz * gz
        if facing <= 0.0:
            continue
        vx, vy, vz = strip[VIEW, n], strip[VIEW + 1, n], strip[VIEW + 2, n]
        hx, hy, hz = gx + vx, gy + vy, gz + vz
        size = np.sqrt(hx * hx + hy * hy + hz * hz)
        cos_h = max((mx * hx + my * hy + mz * hz) / size, 0.0)
        cos_d = (gx * hx + gy * hy + gz * hz) / size
        seen = max(mx * vx + my * vy + mz * vz, LEAST_COSINE)
        out[n] += arriving[n] * facing * lobe(cos_h, facing, seen, cos_d, GLINT_ROUGHNESS, reflectance)


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

    A strip of rows at a time, so that what is gathered about its pixels stays near; then light by light.
    """
    height, width = ids.shape
    room = STRIP * width
    strip, place, glints = np.empty((ROWS, room), np.float32), np.empty(room, np.int32), np.empty((7, room), np.float32)
    arriving, total = np.empty(room, np.float32), np.empty(room, np.float32)
    aimed, none = np.empty((5, room), np.float32), np.empty((0, 0), np.float32)
    at, way, frames = light_at.astype(np.float32), light_way.astype(np.float32), light_from_camera.astype(np.float32)
    shares = beams.astype(np.float32)
    flat = out.reshape(-1)
    for first in range(0, height, STRIP):
        count, shining = gather(
            first, min(first + STRIP, height), ids, barycentric, depth, rays_x, rays_y, points, normals, triangles,
            material, materials, uv, uv_triangles, tone, slope, repeats, cornea_at, cornea_radius, wet, strip, place,
            glints,
        )  # fmt: skip
        for n in range(count):
            total[n] = strip[DIFFUSE, n] * ambient
        for light in range(light_at.shape[0]):
            aim(strip, count, at[light], way[light], np.float32(light_power[light]), frames[light], np.float32(focal),
                np.float32(shadows.shape[1] / 2), aimed)  # fmt: skip
            arrive(aimed, count, shares[light], shadows[light] if shadows.shape[0] > 0 else none, arriving)
            lx, ly, lz = light_at[light, 0], light_at[light, 1], light_at[light, 2]
            send(strip, arriving, count, np.float32(lx), np.float32(ly), np.float32(lz), total)
            shine(glints, shining, arriving, strip, lx, ly, lz, cornea_reflectance, total)
        for n in range(count):
            flat[place[n]] = total[n]


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
gather = njit(cache=True, nogil=True, error_model="numpy", fastmath=True)(_gather)
shine = njit(cache=True, nogil=True, error_model="numpy", fastmath=True)(_shine)
shade = njit(cache=True, nogil=True, error_model="numpy", fastmath=True)(_shade)
smear = njit(cache=True, nogil=True)(_smear)
