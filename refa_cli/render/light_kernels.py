"""The compiled loops of light: beams, shadows, reflection, and what many pixels send on of one light at once.

`strip` [ROWS, N] holds what `infrared_kernels` gathered about N pixels. Loops over strips are in float32 and without
branches where that lets the compiler do several pixels at once: they are most of the time of a picture.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from refa_cli.formats.spec import F32, F64

LEAST_COSINE = 1e-4
AT, NORMAL, VIEW, COS_V, DIFFUSE, SOFT, ALPHA, MIRROR, ROWS = 0, 3, 6, 9, 10, 11, 12, 13, 14  # rows of a strip
ZERO, HALF, ONE, TWO = np.float32(0), np.float32(0.5), np.float32(1), np.float32(2)
QUARTER_PI = np.float32(0.25 / np.pi)


def _beam(beams: F64, light: int, aim: float) -> float:
    """Share of its axis's intensity that a light sends where the cosine to its axis is aim, 0..1: from a table [L, B]
    over that cosine, since powers are slow."""
    place = min(aim, 1.0) * (beams.shape[1] - 1)
    low = min(int(place), beams.shape[1] - 2)
    return float(beams[light, low] + (place - low) * (beams[light, low + 1] - beams[light, low]))


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
    """Share 0..1 of a light that reaches a place in the camera frame: four looks into its map.

    shadows [L, S, S]: how far along the light's axis it reaches; stereographic: a direction `a` radians off the axis
    lies focal * 2 tan(a / 2) pixels from the middle.
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
            if pz < shadows[light, top + i, left + j]:
                total += (fy if i else 1 - fy) * (fx if j else 1 - fx)
    return total


def _lit_each(shadows: F32, at: F64, light_from_world: F64, focal: float, out: F64) -> None:
    """Fills out [N, L]: `_lit` of every place [N, 3] by every light."""
    for i in range(at.shape[0]):
        for light in range(light_from_world.shape[0]):
            out[i, light] = lit(shadows, light, at[i, 0], at[i, 1], at[i, 2], light_from_world, focal)


def _aim(strip: F32, count: int, light_at: F32, light_way: F32, power: np.float32, frame: F32, focal: np.float32,
         half: np.float32, aimed: F32) -> None:  # fmt: skip
    """Fills aimed [5, N] for one light: cosine to its axis; what would arrive of it, its beam and shadows aside, 0
    where nothing can; column, row and depth in its shadow map. All in float32 and without branches, as `_send`.

    light_at, light_way [3]; power: W/sr on the axis; frame [4, 4]: light_from_camera; half: half the map's side,
    pixels.
    """
    x, y, z = strip[AT], strip[AT + 1], strip[AT + 2]
    nx, ny, nz, wrap = strip[NORMAL], strip[NORMAL + 1], strip[NORMAL + 2], strip[SOFT]
    cosine, arriving, column, row, depth = aimed[0], aimed[1], aimed[2], aimed[3], aimed[4]
    lx, ly, lz = light_at[0], light_at[1], light_at[2]
    wx, wy, wz = light_way[0], light_way[1], light_way[2]
    xx, xy, xz, xo = frame[0, 0], frame[0, 1], frame[0, 2], frame[0, 3]
    yx, yy, yz, yo = frame[1, 0], frame[1, 1], frame[1, 2], frame[1, 3]
    zx, zy, zz, zo = frame[2, 0], frame[2, 1], frame[2, 2], frame[2, 3]
    for n in range(count):
        dx, dy, dz = lx - x[n], ly - y[n], lz - z[n]
        square = dx * dx + dy * dy + dz * dz
        away = np.sqrt(square)
        ahead = -(dx * wx + dy * wy + dz * wz)
        facing = nx[n] * dx + ny[n] * dy + nz[n] * dz + wrap[n] * away
        cosine[n] = ahead / away
        arriving[n] = power / square if min(ahead, facing) > ZERO else ZERO
        px = xx * x[n] + xy * y[n] + xz * z[n] + xo
        py = yx * x[n] + yy * y[n] + yz * z[n] + yo
        pz = zx * x[n] + zy * y[n] + zz * z[n] + zo
        scale = TWO * focal / (pz + away)
        column[n] = px * scale + half - HALF
        row[n] = py * scale + half - HALF
        depth[n] = pz


def _arrive(aimed: F32, count: int, beam: F32, shadow: F32, out: F32) -> None:
    """Fills out [N] with what arrives of a light, facing it, W/m^2; beam [B]: its row of beams; shadow [S, S]: its map,
    or [0, 0]."""
    size = shadow.shape[0]
    steps = np.float32(beam.shape[0] - 1)
    last = np.float32(size - 1)
    for n in range(count):
        power = aimed[1, n]
        if power > ZERO:
            at = min(aimed[0, n], ONE) * steps
            low = min(int(at), beam.shape[0] - 2)
            power *= beam[low] + (at - np.float32(low)) * (beam[low + 1] - beam[low])
            column, row, depth = aimed[2, n], aimed[3, n], aimed[4, n]
            if size > 0 and column >= ZERO and column < last and row >= ZERO and row < last:
                left, top = int(column), int(row)
                fx, fy = column - np.float32(left), row - np.float32(top)
                above = (ONE - fx if depth < shadow[top, left] else ZERO) + (
                    fx if depth < shadow[top, left + 1] else ZERO
                )
                below = (ONE - fx if depth < shadow[top + 1, left] else ZERO) + (
                    fx if depth < shadow[top + 1, left + 1] else ZERO
                )
                power *= above * (ONE - fy) + below * fy
        out[n] = power


def _send(strip: F32, arriving: F32, count: int, lx: np.float32, ly: np.float32, lz: np.float32, out: F32) -> None:
    """Adds to out [N] what a light at a place sends on towards the camera. All in float32 and without branches, so that
    it is done for many pixels at once; see `lobe` for the reflection."""
    x, y, z = strip[AT], strip[AT + 1], strip[AT + 2]
    nx, ny, nz = strip[NORMAL], strip[NORMAL + 1], strip[NORMAL + 2]
    vx, vy, vz, cos_v = strip[VIEW], strip[VIEW + 1], strip[VIEW + 2], strip[COS_V]
    diffuse, wrap, rough, mirror = strip[DIFFUSE], strip[SOFT], strip[ALPHA], strip[MIRROR]
    for n in range(count):
        dx, dy, dz = lx - x[n], ly - y[n], lz - z[n]
        scale = ONE / np.sqrt(dx * dx + dy * dy + dz * dz)
        dx, dy, dz = dx * scale, dy * scale, dz * scale
        cos_l = nx[n] * dx + ny[n] * dy + nz[n] * dz
        soft = max((cos_l + wrap[n]) / (ONE + wrap[n]), ZERO)
        hx, hy, hz = dx + vx[n], dy + vy[n], dz + vz[n]
        scale = ONE / np.sqrt(hx * hx + hy * hy + hz * hz)
        cos_h = max((nx[n] * hx + ny[n] * hy + nz[n] * hz) * scale, ZERO)
        cos_d = (dx * hx + dy * hy + dz * hz) * scale
        square = rough[n] * rough[n]
        spread = cos_h * cos_h * (square - ONE) + ONE
        k = HALF * rough[n]
        falls = max(cos_l, ZERO)
        grazing = ONE - cos_d
        twice = grazing * grazing
        fresnel = mirror[n] + (ONE - mirror[n]) * twice * twice * grazing
        shade = (falls * (ONE - k) + k) * (cos_v[n] * (ONE - k) + k)
        out[n] += arriving[n] * (diffuse[n] * soft + falls * QUARTER_PI * square * fresnel / (spread * spread * shade))


lobe = njit(cache=True, nogil=True, error_model="numpy", fastmath=True)(_lobe)
lit = njit(cache=True, nogil=True, error_model="numpy", fastmath=True)(_lit)
lit_each = njit(cache=True, nogil=True)(_lit_each)
beam = njit(cache=True, nogil=True)(_beam)
aim = njit(cache=True, nogil=True, error_model="numpy", fastmath=True)(_aim)
arrive = njit(cache=True, nogil=True, error_model="numpy", fastmath=True)(_arrive)
send = njit(cache=True, nogil=True, error_model="numpy", fastmath=True)(_send)
