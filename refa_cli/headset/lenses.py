"""Lenses: where a point before a camera lands in its picture, with derivatives, and which way each pixel looks.

    lens = Lens("kannala_brandt", (190.0, 190.0, 200.0, 200.0), (-0.01, 0.003, 0.0, 0.0), (400, 400))
    pixels = lens.project(points)                       # [N, 2]
    rays = lens.rays()                                  # [H, W, 2]

Points are in the camera frame (OpenCV: x right, y down, z forward), metres; pixel centres lie at +0.5. A lens has a
field: with distortion, up to 85 degrees from its axis and no farther than its picture keeps growing outwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from refa_cli.headset import lens_kernels as kernels

F64 = NDArray[np.float64]
Model = Literal["pinhole", "brown_conrady", "kannala_brandt"]

COEFFICIENTS: Final[dict[str, tuple[int, ...]]] = {
    "pinhole": (0,), "brown_conrady": (4, 5, 8), "kannala_brandt": (4,),
}  # fmt: skip
"""How many distortion coefficients each model has. Brown-Conrady, in OpenCV's order: k1 k2 p1 p2 [k3 [k4 k5 k6]]."""
WIDEST: Final = float(np.radians(85.0))
"""Half of the largest field: farther from its axis a camera sees nothing here."""
FIELD_STEPS: Final = 400
DIRECTIONS: Final = 16
BULGE_STEP: Final = 1e-4
BULGE_FIELD: Final = 3.0
"""Beyond this n, where pixels shrink, lines are bent less."""
BULGE_SPARE: Final = 1.5
LEAST_GROWTH: Final = 0.05
"""A picture grows outwards where a radian is worth at least this share of the focal length."""


@dataclass(frozen=True)
class Lens:
    """model; intrinsics fx, fy, cx, cy in pixels; its distortion coefficients; size (height, width) of the picture.

    Raises ValueError for another number of coefficients, and for numbers that are not finite or not positive.
    """

    model: Model
    intrinsics: tuple[float, float, float, float]
    distortion: tuple[float, ...]
    size: tuple[int, int]

    def __post_init__(self) -> None:
        allowed = COEFFICIENTS.get(self.model)
        if allowed is None:
            raise ValueError(f"the lens model must be one of {', '.join(COEFFICIENTS)}, got {self.model}")
        if len(self.distortion) not in allowed:
            wanted = " or ".join(map(str, allowed))
            raise ValueError(f"a {self.model} lens has {wanted} coefficients, got {len(self.distortion)}")
        numbers = np.array([*self.intrinsics, *self.distortion])
        if len(self.intrinsics) != 4 or not np.isfinite(numbers).all() or min(self.intrinsics[:2]) <= 0:
            raise ValueError(f"fx, fy, cx, cy must be finite and fx, fy positive, got {self.intrinsics}")
        if min(self.size) < 1:
            raise ValueError(f"a picture is at least 1x1 pixels, got {self.size}")

    @cached_property
    def parameters(self) -> F64:
        """The numbers that `lens_kernels` needs."""
        out = np.zeros(kernels.LENGTH)
        out[0] = list(COEFFICIENTS).index(self.model)
        out[1:5] = self.intrinsics
        k = self.distortion
        if self.model == "brown_conrady":
            k1, k2, p1, p2, *rest = k
            out[5:13] = [k1, k2, *[*rest, 0, 0, 0, 0][:4], p1, p2]
        else:
            out[5 : 5 + len(k)] = k
        out[kernels.LIMIT] = np.inf
        if self.model != "pinhole":
            out[kernels.LIMIT], out[kernels.SLOPE] = _limit(out)
            out[kernels.BULGE] = _bulge(out)
        return out

    @property
    def field(self) -> float:
        """Half the angle, radians, that the lens can see."""
        return float(np.arctan(self.parameters[kernels.LIMIT]))

    def scaled(self, factor: int) -> Lens:
        """The same with `factor` times as many pixels along each side."""
        fx, fy, cx, cy = (factor * number for number in self.intrinsics)
        return Lens(self.model, (fx, fy, cx, cy), self.distortion, (factor * self.size[0], factor * self.size[1]))

    def project(self, points: ArrayLike) -> F64:
        """Pixels [..., 2] of points [..., 3], which must lie before the camera (z > 0). Raises ValueError."""
        return self.project_with_jacobian(points)[0]

    def project_with_jacobian(self, points: ArrayLike) -> tuple[F64, F64]:
        """The same, and the derivative [..., 2, 3] of pixels by points, pixels a metre."""
        at = np.asarray(points, dtype=np.float64)
        if at.shape[-1:] != (3,) or not (at[..., 2] > 0).all():
            raise ValueError(f"points [..., 3] before the camera are needed, got shape {at.shape}")
        z = at[..., 2:]
        flat = at[..., :2] / z
        pixels, turn = self.of_directions(flat)
        by_point = np.concatenate([np.broadcast_to(np.eye(2), (*z.shape[:-1], 2, 2)), -flat[..., None]], -1)
        return pixels, turn @ (by_point / z[..., None])

    def of_directions(self, flat: F64) -> tuple[F64, F64]:
        """Pixels [..., 2] of n = (x / z, y / z) [..., 2], and their derivative [..., 2, 2]."""
        rows = np.ascontiguousarray(flat, dtype=np.float64).reshape(-1, 2)
        pixels, jacobian = np.empty((len(rows), 2)), np.empty((len(rows), 2, 2))
        kernels.project(self.parameters, rows, pixels, jacobian)
        return pixels.reshape(flat.shape), jacobian.reshape(*flat.shape, 2)

    def directions(self, pixels: ArrayLike) -> F64:
        """n = (x / z, y / z) [..., 2] of what lands on pixels [..., 2]; NaN outside the field."""
        at = np.asarray(pixels, dtype=np.float64)
        flat = np.empty((at.size // 2, 2))
        kernels.unproject(self.parameters, np.ascontiguousarray(at.reshape(-1, 2)), flat)
        return flat.reshape(at.shape)

    def rays(self) -> F64:
        """n [H, W, 2] of every pixel's centre; NaN outside the field."""
        return np.stack(self.ray_grids(), -1)

    def ray_grids(self) -> tuple[F64, F64]:
        """The same as two read-only arrays [H, W], made once; of a pinhole they are one row and one column, spread."""
        return self._grids

    @cached_property
    def reach(self) -> float:
        """The largest |n| that a pixel sees."""
        x, y = self._grids
        if self.model != "pinhole":
            return float(np.sqrt(np.nanmax(x**2 + y**2)))
        return float(np.hypot(np.abs(x[0, [0, -1]]).max(), np.abs(y[[0, -1], 0]).max()))

    @cached_property
    def _grids(self) -> tuple[F64, F64]:
        column, row = np.arange(self.size[1]) + 0.5, (np.arange(self.size[0]) + 0.5)[:, None]
        if self.model == "pinhole":
            fx, fy, cx, cy = self.intrinsics
            x, y = np.broadcast_to((column - cx) / fx, self.size), np.broadcast_to((row - cy) / fy, self.size)
            return x, y
        rays = self.directions(np.stack(np.broadcast_arrays(column, row), -1))
        grids = np.ascontiguousarray(rays[..., 0]), np.ascontiguousarray(rays[..., 1])
        for grid in grids:
            grid.setflags(write=False)
        return grids


def _limit(parameters: F64) -> tuple[float, float]:
    """The largest r = tan(angle), at most that of WIDEST, up to which the picture grows outwards all around, and the
    mean slope of the picture there."""
    reach = np.tan(np.linspace(0, WIDEST, FIELD_STEPS))
    parameters = parameters.copy()
    parameters[kernels.LIMIT] = np.inf
    outwards = np.empty((DIRECTIONS, FIELD_STEPS))
    for row, turn in enumerate(np.linspace(0, 2 * np.pi, DIRECTIONS, endpoint=False)):
        way = np.array([np.cos(turn), np.sin(turn)])
        pixels, jacobian = np.empty((FIELD_STEPS, 2)), np.empty((FIELD_STEPS, 2, 2))
        kernels.project(parameters, reach[:, None] * way, pixels, jacobian)
        outwards[row] = ((jacobian @ way) / parameters[1:3] * way).sum(-1)
    # Fisheyes flatten in tan(angle), so that growth is told by the angle.
    grows = (outwards * (1 + reach**2) > LEAST_GROWTH).all(0)
    last = FIELD_STEPS - 1 if grows.all() else max(int(np.argmin(grows)) - 1, 1)
    return float(reach[last]), float(outwards[:, last].mean())


def _bulge(parameters: F64) -> float:
    """How far a straight line bends in the picture, pixels per square of its length in n, at most, in the field."""
    reach = np.linspace(0, 1.1, FIELD_STEPS // 4) * min(parameters[kernels.LIMIT], BULGE_FIELD)
    most = 0.0
    for turn in np.linspace(0, 2 * np.pi, DIRECTIONS, endpoint=False):
        flat = reach[:, None] * [np.cos(turn), np.sin(turn)]
        for way in ([BULGE_STEP, 0.0], [0.0, BULGE_STEP]):
            ahead, behind = (_jacobian(parameters, flat + sign * np.array(way)) for sign in (1, -1))
            second = np.linalg.norm(ahead - behind, axis=(1, 2)) / (2 * BULGE_STEP)
            most = max(most, float(second.max()))
    return most * BULGE_SPARE / 8


def _jacobian(parameters: F64, flat: F64) -> F64:
    pixels, jacobian = np.empty((len(flat), 2)), np.empty((len(flat), 2, 2))
    kernels.project(parameters, flat, pixels, jacobian)
    return jacobian
