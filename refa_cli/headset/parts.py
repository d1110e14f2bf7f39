"""A headset's cameras and parts as what they are: lenses, poses, solid bodies, at any interpupillary distance."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, cast

import numpy as np

from refa_cli.formats.headset import LENS_MODELS, ROLES, SOLID_KINDS, Headset
from refa_cli.formats.recorded import RecordedCameras
from refa_cli.formats.spec import F64, I32, U8
from refa_cli.headset.lenses import Lens, Model


def lens_of(headset: Headset | RecordedCameras, camera: int) -> Lens:
    """The lens of one camera of a headset, or of a recording."""
    model = cast(Model, LENS_MODELS[int(headset.camera_lens[camera])])
    fx, fy, cx, cy = map(float, headset.camera_intrinsics[camera])
    count = int(headset.camera_coefficients[camera])
    height, width = map(int, headset.camera_size[camera])
    return Lens(model, (fx, fy, cx, cy), tuple(map(float, headset.camera_distortion[camera, :count])), (height, width))


def cameras_with(headset: Headset, *, role: str | None = None, embedded: bool | None = None) -> list[int]:
    """The indices of cameras with a role, or that are embedded or not. Raises ValueError for an unknown role."""
    if role is not None and role not in ROLES:
        raise ValueError(f"roles are {', '.join(ROLES)}, got {role}")
    return [
        i
        for i in range(len(headset.camera_names))
        if (role is None or ROLES[int(headset.camera_role[i])] == role)
        and (embedded is None or bool(headset.camera_embedded[i]) == embedded)
    ]


IPD_RANGE: Final = (0.058, 0.072)
"""Metres between the lenses, as far as those of usual headsets move."""


def at_ipd(headset: Headset, ipd: float) -> Headset:
    """The headset with its lenses at another distance (metres), and all that moves with them.

    Raises DataError beyond 40 to 90 mm.
    """
    half = (ipd - float(headset.ipd)) / 2
    way = np.array([half, 0.0, 0.0])
    cameras = headset.camera_from_headset.astype(np.float64).copy()
    for i, share in enumerate(headset.camera_shift):
        cameras[i, :3, 3] -= cameras[i, :3, :3] @ (float(share) * way)
    solids = headset.solid_vertices.astype(np.float64).copy()
    moves = np.zeros(len(solids))
    moves[headset.solid_triangles] = headset.solid_shift[headset.solid_of_triangle][:, None]
    return replace(
        headset, ipd=np.asarray(ipd, np.float32), camera_from_headset=cameras.astype(np.float32),
        solid_vertices=(solids + moves[:, None] * way).astype(np.float32),
        led_position=(headset.led_position + headset.led_shift[:, None] * way).astype(np.float32),
    )  # fmt: skip


def resized(headset: Headset, longest: int) -> Headset:
    """The headset with pictures whose longer side has so many pixels at most; they show the same.

    Raises ValueError for fewer than 16.
    """
    if longest < 16:
        raise ValueError(f"pictures have at least 16 pixels along a side, got {longest}")
    size = headset.camera_size.astype(np.float64)
    factor = np.minimum(longest / size.max(1), 1.0)
    small = np.maximum(np.rint(size * factor[:, None]), 1).astype(np.int32)
    scale = (small / size)[:, ::-1]  # along x, y
    intrinsics = headset.camera_intrinsics.astype(np.float64) * np.concatenate([scale, scale], 1)
    valid = np.zeros((len(small), *small.max(0, initial=0)), bool)
    for i, (height, width) in enumerate(small):
        rows = ((np.arange(height) + 0.5) / scale[i, 1]).astype(int)
        columns = ((np.arange(width) + 0.5) / scale[i, 0]).astype(int)
        valid[i, :height, :width] = headset.camera_valid[i][np.ix_(rows, columns)]
    return replace(headset, camera_size=small, camera_intrinsics=intrinsics, camera_valid=valid)


def recorded(headset: Headset, cameras: list[int]) -> dict[str, Any]:
    """The fields of `formats.recorded.RecordedCameras` for these cameras of a headset, at its IPD; digest aside."""
    fields = ("role", "size", "lens", "intrinsics", "distortion", "coefficients", "from_headset")
    found: dict[str, Any] = {f"camera_{name}": getattr(headset, f"camera_{name}")[cameras] for name in fields}
    return found | {
        "ipd": np.array([headset.ipd], np.float32), "camera_names": tuple(headset.camera_names[i] for i in cameras),
    }  # fmt: skip


def camera_centers(headset: Headset) -> F64:
    """Where cameras stand [C, 3] in the headset frame."""
    poses = headset.camera_from_headset.astype(np.float64)
    centers: F64 = -np.einsum("cji,cj->ci", poses[:, :3, :3], poses[:, :3, 3])
    return centers


def triangles_of(headset: Headset, *kinds: str) -> tuple[I32, U8]:
    """The triangles [T, 3] of all solid parts of these kinds, and which part each is of [T].

    Raises ValueError for an unknown kind.
    """
    unknown = sorted(set(kinds) - set(SOLID_KINDS))
    if unknown:
        raise ValueError(f"kinds of solid parts are {', '.join(SOLID_KINDS)}, got {unknown[0]}")
    wanted = np.isin(headset.solid_kind, [SOLID_KINDS.index(kind) for kind in kinds])
    chosen = wanted[headset.solid_of_triangle]
    return headset.solid_triangles[chosen], headset.solid_of_triangle[chosen]
