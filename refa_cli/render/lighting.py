"""How much of a headset's light arrives where: beams, distance, the skin's slope, and what stands in the way."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from refa_cli.formats.spec import F64
from refa_cli.render.infrared import Lights, Surfaces, shadow_focal, shadow_maps
from refa_cli.render.light_kernels import lit_each


def irradiance(lights: Lights, points: F64, normals: F64 | None = None) -> F64:
    """W/m^2 [N] at points [N, 3] of the headset frame, on skin with these normals [N, 3], or facing every light."""
    gap = lights.position - points[:, None]  # [N, L, 3]
    distance = np.linalg.norm(gap, axis=2)
    towards = gap / np.maximum(distance, 1e-9)[..., None]
    aim = np.maximum(-(towards * lights.direction).sum(-1), 0)
    slope = 1.0 if normals is None else np.maximum((towards * normals[:, None]).sum(-1), 0)
    each: F64 = lights.intensity * aim**lights.exponent / np.maximum(distance, 1e-9) ** 2 * slope
    return each


def reaching(lights: Lights, points: F64, triangles: NDArray[Any], at: F64) -> F64:
    """Share 0..1 [N, L] of each light that reaches places [N, 3] past triangles [F, 3] of points [V, 3]."""
    none = np.full((len(triangles), 3), -1, np.int32)
    nowhere = np.full((2, 3), 9.0)
    scene = Surfaces(points, np.ascontiguousarray(triangles, np.int32), np.zeros(len(triangles), np.uint8),
                     np.zeros((1, 2), np.float32), none, nowhere, nowhere, 0.012)  # fmt: skip
    maps = shadow_maps(scene, lights)
    out = np.empty((len(at), len(lights.position)))
    lit_each(maps, np.ascontiguousarray(at), lights.frames(), shadow_focal(maps.shape[1]), out)
    return out
