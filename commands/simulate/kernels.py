"""The compiled per-pixel loops of a simulated frame: what is seen, its light, and blurring. One thread, no GIL."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from refa_cli.formats.spec import F32, F64, I32, U8


def _look(
    ids: I32,  # [H, W], -1: the wall
    barycentric: F32,  # [H, W, 3]
    triangles: I32,  # [G, 3]
    triangle_stuff: U8,  # [G]
    vertex_normals: F64,  # [N, 3] camera frame
    camera: F64,  # fx, fy, cx, cy
    stuff: U8,  # [H, W] to fill; keeps what it holds where there is the wall
    normals: F32,  # [H, W, 3] to fill: unit, towards the camera
    cosine: F32,  # [H, W] to fill: of the angle between normal and line of sight
) -> None:
    for row in range(ids.shape[0]):
        for column in range(ids.shape[1]):
            f = ids[row, column]
            if f < 0:
                continue
            x, y, z = 0.0, 0.0, 0.0
            for k in range(3):
                w, v = barycentric[row, column, k], triangles[f, k]
                x += w * vertex_normals[v, 0]
                y += w * vertex_normals[v, 1]
                z += w * vertex_normals[v, 2]
            rx, ry = (column + 0.5 - camera[2]) / camera[0], (row + 0.5 - camera[3]) / camera[1]
            away = x * rx + y * ry + z
            length = max(np.sqrt(x * x + y * y + z * z), 1e-9)
            if away > 0.0:
                length = -length
            normals[row, column, 0] = x / length
            normals[row, column, 1] = y / length
            normals[row, column, 2] = z / length
            cosine[row, column] = -away / (length * np.sqrt(rx * rx + ry * ry + 1.0))
            stuff[row, column] = triangle_stuff[f]


def _light(
    stuff: U8,  # [H, W]
    plain: F32,  # [stuff, 3] linear colours; stuff beyond it is the wall
    skin: F32,  # [R, C, 3] linear colours of skin and lips, unrolled
    places: F32,  # [H, W, 3] on the mean head, metres
    bounds: F64,  # lowest y, highest y, z of the axis of that map
    painted: int,  # stuff below this takes its colour from the map
    wall: F32,  # [W, 3]
    normals: F32,  # [H, W, 3]
    shade: F32,  # [H, W] part of the light that gets there
    camera: F64,  # fx, fy, cx, cy
    directions: F32,  # [L, 3] unit, towards the lamps
    lamps: F32,  # [L, 3]
    around: F32,  # [2, 3] light from above and from below
    gloss: F32,  # [stuff, 2] strength and sharpness
    wrap: float,
    out: F32,  # [H, W, 3] linear, to fill
) -> None:
    sent = np.zeros(3)
    for row in range(stuff.shape[0]):
        for column in range(stuff.shape[1]):
            s = stuff[row, column]
            if s >= plain.shape[0]:
                for c in range(3):
                    out[row, column, c] = wall[column, c]
                continue
            nx, ny, nz = normals[row, column, 0], normals[row, column, 1], normals[row, column, 2]
            rx, ry = (column + 0.5 - camera[2]) / camera[0], (row + 0.5 - camera[3]) / camera[1]
            far = np.sqrt(rx * rx + ry * ry + 1.0)
            for c in range(3):
                sent[c] = around[1, c] + (around[0, c] - around[1, c]) * (0.5 - 0.5 * ny)
            shine = 0.0
            for k in range(directions.shape[0]):
                dx, dy, dz = directions[k, 0], directions[k, 1], directions[k, 2]
                facing = nx * dx + ny * dy + nz * dz
                bright = max((facing + wrap) / (1.0 + wrap), 0.0)
                for c in range(3):
                    sent[c] += bright * lamps[k, c]
                if facing > 0.0 and gloss[s, 0] > 0.0:
                    hx, hy, hz = dx - rx / far, dy - ry / far, dz - 1.0 / far
                    half = (nx * hx + ny * hy + nz * hz) / np.sqrt(hx * hx + hy * hy + hz * hz)
                    if half > 0.7:  # beyond, nothing is left of the softest gloss
                        mean = (lamps[k, 0] + lamps[k, 1] + lamps[k, 2]) / 3.0
                        shine += gloss[s, 0] * half ** gloss[s, 1] * mean
            if s < painted:
                x, y, z = places[row, column, 0], places[row, column, 1], places[row, column, 2]
                u = int((np.arctan2(x, z - bounds[2]) / (2.0 * np.pi) + 0.5) * skin.shape[1])
                v = int((bounds[1] - y) / (bounds[1] - bounds[0]) * skin.shape[0])
                u, v = min(max(u, 0), skin.shape[1] - 1), min(max(v, 0), skin.shape[0] - 1)
                for c in range(3):
                    out[row, column, c] = shade[row, column] * (skin[v, u, c] * sent[c] + shine)
            else:
                for c in range(3):
                    out[row, column, c] = shade[row, column] * (plain[s, c] * sent[c] + shine)


def _blur(picture: F32, taps: F32, channels: int, out: F32) -> None:
    """Convolves picture [H, W * channels] with taps [2r + 1] along both axes into out; the border is repeated."""
    height, width = picture.shape
    radius = taps.shape[0] // 2
    left, right = radius * channels, max(width - radius * channels, radius * channels)
    for row in range(height):
        line = np.zeros(width, np.float32)
        for k in range(-radius, radius + 1):
            weight, source = taps[k + radius], picture[min(max(row + k, 0), height - 1)]
            for i in range(width):
                line[i] += weight * source[i]
        done = out[row]
        done[:] = 0.0
        middle = done[left:right]  # slices, since plain indices from 0 are what becomes vector code
        for k in range(-radius, radius + 1):
            weight, moved = taps[k + radius], line[left + k * channels : right + k * channels]
            for i in range(right - left):
                middle[i] += weight * moved[i]
        for i in range(width):
            if i < left or i >= right:
                for k in range(-radius, radius + 1):
                    channel = i % channels
                    source_column = min(max(i // channels + k, 0), width // channels - 1)
                    done[i] += taps[k + radius] * line[source_column * channels + channel]


def _develop(picture: F32, exposure: float, table: F32, grain: F32, out: U8) -> None:
    """Linear picture [H, W, 3] times exposure, through table [levels] of 0..1, plus grain [H, W], to bytes."""
    highest = table.shape[0] - 1
    for row in range(picture.shape[0]):
        for column in range(picture.shape[1]):
            for c in range(3):
                level = int(min(max(picture[row, column, c] * exposure, 0.0), 1.0) * highest)
                value = table[level] + grain[row, column] + 0.5
                out[row, column, c] = np.uint8(min(max(value, 0.0), 255.0))


look = njit(cache=True, nogil=True)(_look)
light = njit(cache=True, nogil=True)(_light)
develop = njit(cache=True, nogil=True)(_develop)
_blur_kernel = njit(cache=True, nogil=True)(_blur)


def blurred(picture: NDArray[np.float32], radius: float) -> F32:
    """picture [H, W] or [H, W, C] under a Gaussian of that radius (standard deviation, pixels), cut at 3 radii."""
    reach = max(1, round(3.0 * radius))
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / radius) ** 2)
    flat = np.ascontiguousarray(picture).reshape(len(picture), -1)
    out = np.empty_like(flat)
    _blur_kernel(flat, (taps / taps.sum()).astype(np.float32), flat.shape[1] // picture.shape[1], out)
    return out.reshape(picture.shape)
