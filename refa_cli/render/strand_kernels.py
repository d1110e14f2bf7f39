"""The compiled loops that light strands of hair and draw them over a picture by how much of each pixel they cover."""

from __future__ import annotations

import numpy as np
from numba import njit

from refa_cli.formats.spec import F32, F64
from refa_cli.headset.lens_kernels import project_one
from refa_cli.render.light_kernels import beam, lit

SHINE, SHININESS = 0.035, 24.0  # strength and exponent of the reflection along a strand
IN_FRONT = 0.0015  # metres that a strand may lie behind the surface that its pixel sees: roots are in the skin
NEAR = 1e-3


def _light_strands(
    lines: F64, albedo: float, light_at: F64, light_way: F64, light_power: F64, beams: F64, light_from_camera: F64,
    shadows: F32, focal: float, ambient: float, out: F64,
) -> None:  # fmt: skip
    """Fills out [S, J] with the radiance of strands [S, J, 3] in the camera frame.

    A thin cylinder sends light by the sine between it and the light, and mirrors it into a cone around itself.
    Source: Kajiya and Kay, "Rendering fur with three dimensional textures", 1989.
    """
    joints = lines.shape[1]
    for strand in range(lines.shape[0]):
        for joint in range(joints):
            x, y, z = lines[strand, joint, 0], lines[strand, joint, 1], lines[strand, joint, 2]
            low, high = max(joint - 1, 0), min(joint + 1, joints - 1)
            tx = lines[strand, high, 0] - lines[strand, low, 0]
            ty = lines[strand, high, 1] - lines[strand, low, 1]
            tz = lines[strand, high, 2] - lines[strand, low, 2]
            size = max(np.sqrt(tx * tx + ty * ty + tz * tz), 1e-12)
            tx, ty, tz = tx / size, ty / size, tz / size
            far = max(np.sqrt(x * x + y * y + z * z), 1e-12)
            along_view = -(tx * x + ty * y + tz * z) / far
            across_view = np.sqrt(max(1.0 - along_view * along_view, 0.0))
            total = albedo / np.pi * ambient
            for light in range(light_at.shape[0]):
                lx, ly, lz = light_at[light, 0] - x, light_at[light, 1] - y, light_at[light, 2] - z
                square = lx * lx + ly * ly + lz * lz
                away = np.sqrt(square)
                lx, ly, lz = lx / away, ly / away, lz / away
                aim = -(lx * light_way[light, 0] + ly * light_way[light, 1] + lz * light_way[light, 2])
                if aim <= 0.0:
                    continue
                power = light_power[light] * beam(beams, light, aim) / square
                if shadows.shape[0] > 0:
                    power *= lit(shadows, light, x, y, z, light_from_camera, focal)
                along = tx * lx + ty * ly + tz * lz
                across = np.sqrt(max(1.0 - along * along, 0.0))
                cone = max(across * across_view - along * along_view, 0.0)
                total += power * (albedo / np.pi * across + SHINE * cone**SHININESS)
            out[strand, joint] = total


def _draw_strands(lines: F64, width: F64, light: F64, lens: F64, depth: F32, out: F32) -> None:
    """Draws strands [S, J, 3] of the camera frame, width [S, J] metres, radiance [S, J], over a picture [H, W].

    depth [H, W]: metres along z that surfaces lie before each pixel, 0 for none. A strand covers of a pixel what it
    covers of the row, or of the column where that is steeper to it, through the pixel's centre.
    """
    height, wide = out.shape
    joints = lines.shape[1]
    pixels = np.empty((joints, 3))  # column, row, half width
    for strand in range(lines.shape[0]):
        before = True
        for j in range(joints):
            z = lines[strand, j, 2]
            if z < NEAR:
                before = False
                break
            u, v, ux, uy, vx, vy = project_one(lens, lines[strand, j, 0] / z, lines[strand, j, 1] / z)
            pixels[j, 0], pixels[j, 1] = u, v
            pixels[j, 2] = 0.5 * width[strand, j] * np.sqrt(abs(ux * vy - uy * vx)) / z
        if not before:
            continue
        for j in range(joints - 1):
            ax, ay, bx, by = pixels[j, 0], pixels[j, 1], pixels[j + 1, 0], pixels[j + 1, 1]
            reach = 1.5 * max(pixels[j, 2], pixels[j + 1, 2]) + 1.0
            left, right = max(min(ax, bx) - reach, 0.0), min(max(ax, bx) + reach, wide - 1.0)
            top, bottom = max(min(ay, by) - reach, 0.0), min(max(ay, by) + reach, height - 1.0)
            dx, dy = bx - ax, by - ay
            length = np.sqrt(dx * dx + dy * dy)
            if not (left <= right and top <= bottom and 1e-6 < length < wide + height):
                continue
            steep = max(abs(dx), abs(dy))
            za, zb = lines[strand, j, 2], lines[strand, j + 1, 2]
            for row in range(int(top), int(bottom) + 1):
                for column in range(int(left), int(right) + 1):
                    px, py = column + 0.5 - ax, row + 0.5 - ay
                    t = (px * dx + py * dy) / (length * length)
                    if not 0.0 <= t < 1.0:
                        continue
                    aside = abs(px * dy - py * dx) / steep
                    half = (pixels[j, 2] + t * (pixels[j + 1, 2] - pixels[j, 2])) * length / steep
                    covers = min(aside + half, 0.5) - max(aside - half, -0.5)
                    if covers <= 0.0:
                        continue
                    seen = depth[row, column]
                    if seen > 0.0 and za + t * (zb - za) > seen + IN_FRONT:
                        continue
                    own = light[strand, j] + t * (light[strand, j + 1] - light[strand, j])
                    out[row, column] += min(covers, 1.0) * (own - out[row, column])


light_strands = njit(cache=True, nogil=True, error_model="numpy", fastmath=True)(_light_strands)
draw_strands = njit(cache=True, nogil=True, error_model="numpy")(_draw_strands)
