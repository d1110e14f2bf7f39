"""The compiled inner loops of `lenses`: one point through one lens, with derivatives, and back.

A lens is an array of numbers: [model, fx, fy, cx, cy, k1 ... k6, p1, p2, limit, slope, bulge], and a point is
n = (x / z, y / z). bulge: no straight line of length l in n is bent by more than bulge l^2 pixels.

Brown-Conrady (OpenCV's rational model):
    n' = n (1 + k1 r^2 + k2 r^4 + k3 r^6) / (1 + k4 r^2 + k5 r^4 + k6 r^6) + tangential terms p1, p2
Kannala-Brandt (OpenCV's fisheye):
    n' = n / r * a (1 + k1 a^2 + k2 a^4 + k3 a^6 + k4 a^8),  a = atan(r)
pixel = (fx n'_x + cx, fy n'_y + cy). Beyond r = limit, where the formula would turn back or was never calibrated, the
picture goes on outwards by a constant slope, so that nothing outside the field ever lands inside.

Sources: Brown, "Close-range camera calibration", 1971; Kannala and Brandt, "A generic camera model and calibration
method for conventional, wide-angle, and fish-eye lenses", PAMI 2006; OpenCV's documentation of both.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

F64 = NDArray[np.float64]

PINHOLE, BROWN_CONRADY, KANNALA_BRANDT = 0, 1, 2
LENGTH = 16
LIMIT, SLOPE, BULGE = 13, 14, 15
NEWTON_STEPS, CONVERGED = 30, 1e-12


def _bend(lens: F64, x: float, y: float) -> tuple[float, float, float, float, float, float]:
    """n' and its derivatives: x', y', dx'/dx, dx'/dy, dy'/dx, dy'/dy. Inside the limit."""
    if lens[0] == 0:
        return x, y, 1.0, 0.0, 0.0, 1.0
    square = x * x + y * y
    if lens[0] == 1:
        k1, k2, k3, k4, k5, k6, p1, p2 = (
            lens[5], lens[6], lens[7], lens[8], lens[9], lens[10], lens[11], lens[12],
        )  # fmt: skip
        above = 1 + square * (k1 + square * (k2 + square * k3))
        below = 1 + square * (k4 + square * (k5 + square * k6))
        slope_above = k1 + square * (2 * k2 + square * 3 * k3)
        slope_below = k4 + square * (2 * k5 + square * 3 * k6)
        scale = above / below
        slope = 2 * (slope_above - scale * slope_below) / below  # d scale / d (r^2), times 2
        bent_x = x * scale + 2 * p1 * x * y + p2 * (square + 2 * x * x)
        bent_y = y * scale + p1 * (square + 2 * y * y) + 2 * p2 * x * y
        cross = x * y * slope + 2 * p1 * x + 2 * p2 * y
        return (bent_x, bent_y, scale + x * x * slope + 2 * p1 * y + 6 * p2 * x, cross, cross,
                scale + y * y * slope + 6 * p1 * y + 2 * p2 * x)  # fmt: skip
    r = np.sqrt(square)
    if r < 1e-8:
        return x, y, 1.0, 0.0, 0.0, 1.0
    a = np.arctan(r)
    s = a * a
    k1, k2, k3, k4 = lens[5], lens[6], lens[7], lens[8]
    bent = a * (1 + s * (k1 + s * (k2 + s * (k3 + s * k4))))
    slope = (1 + s * (3 * k1 + s * (5 * k2 + s * (7 * k3 + s * 9 * k4)))) / (1 + square)
    scale = bent / r
    change = (slope - scale) / square
    return x * scale, y * scale, scale + x * x * change, x * y * change, x * y * change, scale + y * y * change


def _project_one(lens: F64, x: float, y: float) -> tuple[float, float, float, float, float, float]:
    """The pixel (u, v) of n = (x, y), and du/dx, du/dy, dv/dx, dv/dy."""
    r = np.sqrt(x * x + y * y)
    limit = lens[LIMIT]
    if r <= limit:
        u, v, ux, uy, vx, vy = bend(lens, x, y)
    else:
        # n' = bend(limit e) + (r - limit) slope e, with e = n / r; its derivative along e and, by t, across it
        ex, ey = x / r, y / r
        tx, ty = -ey, ex
        slope, near, far = lens[SLOPE], limit / r, (r - limit) / r
        u, v, ux, uy, vx, vy = bend(lens, ex * limit, ey * limit)
        u += (r - limit) * slope * ex
        v += (r - limit) * slope * ey
        across_u = near * (ux * tx + uy * ty) + far * slope * tx
        across_v = near * (vx * tx + vy * ty) + far * slope * ty
        ux, uy = slope * ex * ex + across_u * tx, slope * ex * ey + across_u * ty
        vx, vy = slope * ey * ex + across_v * tx, slope * ey * ey + across_v * ty
    return (lens[1] * u + lens[3], lens[2] * v + lens[4], lens[1] * ux, lens[1] * uy, lens[2] * vx, lens[2] * vy)


def _project(lens: F64, flat: F64, pixels: F64, jacobian: F64) -> None:
    """Fills pixels [N, 2] and jacobian [N, 2, 2] of points n [N, 2]."""
    for i in range(flat.shape[0]):
        u, v, ux, uy, vx, vy = project_one(lens, flat[i, 0], flat[i, 1])
        pixels[i, 0], pixels[i, 1] = u, v
        jacobian[i, 0, 0], jacobian[i, 0, 1], jacobian[i, 1, 0], jacobian[i, 1, 1] = ux, uy, vx, vy


def _unproject(lens: F64, pixels: F64, flat: F64) -> None:
    """Fills the points n [N, 2] that land on pixels [N, 2]: Newton's method with halved steps; NaN beyond the limit."""
    for i in range(pixels.shape[0]):
        u, v = pixels[i, 0], pixels[i, 1]
        x, y = 0.0, 0.0
        pu, pv, ux, uy, vx, vy = project_one(lens, x, y)
        error = (pu - u) ** 2 + (pv - v) ** 2
        for _ in range(NEWTON_STEPS):
            if error < CONVERGED:
                break
            det = ux * vy - uy * vx
            if det == 0.0:
                break
            step_x, step_y = (vy * (u - pu) - uy * (v - pv)) / det, (ux * (v - pv) - vx * (u - pu)) / det
            share = 1.0
            while share > 1e-4:
                pu, pv, ux, uy, vx, vy = project_one(lens, x + share * step_x, y + share * step_y)
                new = (pu - u) ** 2 + (pv - v) ** 2
                if new < error:
                    break
                share *= 0.5
            x, y, error = x + share * step_x, y + share * step_y, new
        if error > 1e-8 or x * x + y * y > lens[LIMIT] ** 2:
            x, y = np.nan, np.nan
        flat[i, 0], flat[i, 1] = x, y


bend = njit(cache=True, nogil=True)(_bend)
project_one = njit(cache=True, nogil=True)(_project_one)
project = njit(cache=True, nogil=True)(_project)
unproject = njit(cache=True, nogil=True)(_unproject)
