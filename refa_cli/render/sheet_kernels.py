"""The compiled loop of the lenses of glasses: what they mirror of the lights and what they let through."""

from __future__ import annotations

import numpy as np
from numba import njit

from refa_cli.formats.spec import F32, F64
from refa_cli.render.light_kernels import beam, lobe

ROUGHNESS = 0.14  # spreads the image of a point light over the size of a diode


def _glaze(
    sheet: F64, reflectance: float, rays_x: F64, rays_y: F64, depth: F32, light_at: F64, light_way: F64,
    light_power: F64, beams: F64, box: tuple[int, int, int, int], out: F32,
) -> None:  # fmt: skip
    """Changes out [H, W] inside a box (top, bottom, left, right) where the ray meets a lens before what depth tells.

    sheet [19]: `glasses.Sheet.numbers` in the camera frame.
    """
    cx, cy, cz = sheet[0], sheet[1], sheet[2]
    wide, high, exponent, radius = sheet[15], sheet[16], sheet[17], sheet[18]
    for row in range(box[0], box[1]):
        for column in range(box[2], box[3]):
            x, y = rays_x[row, column], rays_y[row, column]
            square = x * x + y * y + 1.0
            half = x * cx + y * cy + cz
            rest = half * half - square * (cx * cx + cy * cy + cz * cz - radius * radius)
            if not rest > 0.0:  # also where the ray is NaN
                continue
            root = np.sqrt(rest)
            for sign in (-1.0, 1.0):
                z = (half + sign * root) / square
                if z <= 0.0 or (depth[row, column] > 0.0 and z > depth[row, column]):
                    continue
                px, py, pz = x * z, y * z, z
                gx, gy, gz = px - cx, py - cy, pz - cz
                u = (gx * sheet[3] + gy * sheet[4] + gz * sheet[5]) / wide
                v = (gx * sheet[6] + gy * sheet[7] + gz * sheet[8]) / high
                if gx * sheet[9] + gy * sheet[10] + gz * sheet[11] <= 0.0:
                    continue
                if abs(u) ** exponent + abs(v) ** exponent > 1.0:
                    continue
                nx, ny, nz = gx / radius, gy / radius, gz / radius
                far = z * np.sqrt(square)
                vx, vy, vz = -px / far, -py / far, -pz / far
                cos_v = nx * vx + ny * vy + nz * vz
                if cos_v < 0.0:
                    nx, ny, nz, cos_v = -nx, -ny, -nz, -cos_v
                cos_v = max(cos_v, 1e-3)
                mirrored = reflectance + (1.0 - reflectance) * (1.0 - cos_v) ** 5
                total = out[row, column] * (1.0 - mirrored)
                for light in range(light_at.shape[0]):
                    lx, ly, lz = light_at[light, 0] - px, light_at[light, 1] - py, light_at[light, 2] - pz
                    gap = np.sqrt(lx * lx + ly * ly + lz * lz)
                    lx, ly, lz = lx / gap, ly / gap, lz / gap
                    cos_l = nx * lx + ny * ly + nz * lz
                    aim = -(lx * light_way[light, 0] + ly * light_way[light, 1] + lz * light_way[light, 2])
                    if cos_l <= 0.0 or aim <= 0.0:
                        continue
                    hx, hy, hz = lx + vx, ly + vy, lz + vz
                    size = np.sqrt(hx * hx + hy * hy + hz * hz)
                    cos_h = (nx * hx + ny * hy + nz * hz) / size
                    cos_d = (lx * hx + ly * hy + lz * hz) / size
                    power = light_power[light] * beam(beams, light, aim) / (gap * gap)
                    total += power * cos_l * lobe(cos_h, cos_l, cos_v, cos_d, ROUGHNESS, reflectance)
                out[row, column] = total
                break


glaze = njit(cache=True, nogil=True, error_model="numpy")(_glaze)
