"""A headset's cameras and parts as what they are: lenses, poses, solid bodies, at any interpupillary distance."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np

from refa_cli.formats.headset import LENS_MODELS, ROLES, SOLID_KINDS, Headset
from refa_cli.formats.spec import F64, I32, U8
from refa_cli.headset.lenses import Lens, Model


def lens_of(headset: Headset, camera: int) -> Lens:
    """The lens of one camera."""
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
