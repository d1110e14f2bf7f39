"""Keypoints of a head mesh in space, from landmarks detected on renders of it from several sides.

Every side is rendered under two lights that mirror each other; the second light's pictures go to the detector as
mirror images, so that neither light nor detector prefers a side of the face. Each landmark is lifted to what stands at
its pixel, restricted to plausible triangles; of the points from views that see it best a robust middle is taken.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from refa_cli.face.keypoints import DETECTOR_INDEX, GROUPS, KEYPOINTS, MIRROR
from refa_cli.formats.spec import B1, F64, U8
from refa_cli.landmarks.detector import detect
from refa_cli.landmarks.lifting import Lifted, Surface
from refa_cli.render.cameras import View, around
from refa_cli.render.preview import Lights, Texture, preview

# Degrees of yaw and pitch. Closed under mirroring, as the two lights are.
SIDES = ((0, 0), (17, 0), (-17, 0), (35, 0), (-35, 0), (0, 15), (0, -15), (20, 12), (-20, 12))
FEW_SIDES = ((0, 0), (20, 0), (-20, 0))
LIGHTS = (Lights(), Lights(key_direction=(0.5, -0.7, -1.0), fill_direction=(-0.9, 0.1, -0.7)))
SIZE = 480
WIDTH = 0.26  # metres across a picture
MIN_FACING = 0.4  # cosine: landmarks on surfaces that turn further away slide along the outline
REACH = 8  # pixels, about 4 mm: how far a landmark may miss its material
OUTLIER = 0.010  # metres
IRISES = GROUPS["iris"]
# The jaw's keypoints lie on its outline: what stands behind it is the neck.
DEPTH_RANGE = np.array(
    [0.02 if GROUPS["jaw"].start <= k < GROUPS["jaw"].stop else np.inf for k in range(len(KEYPOINTS))]
)


class Mesh(NamedTuple):
    """A mesh and how to paint it; of the colours given, texture wins over vertex over triangle colours."""

    vertices: F64  # [V, 3]
    triangles: NDArray[Any]  # [F, 3]
    triangle_colors: NDArray[Any] | None = None  # [F, 3] sRGB 0..1
    vertex_colors: NDArray[Any] | None = None  # [V, 3] sRGB 0..1
    texture: Texture | None = None

    def picture(self, view: View, lights: Lights | None = None) -> U8:
        """The render [H, W, 3] of a view."""
        return preview(
            self.vertices,
            self.triangles,
            view,
            triangle_colors=self.triangle_colors,
            vertex_colors=self.vertex_colors,
            texture=self.texture,
            lights=lights,
        )


class InSpace(NamedTuple):
    """Keypoints of a mesh in its frame."""

    points: F64  # [100, 3] metres, NaN where no view sees a plausible surface
    spread: F64  # [100] metres: median distance of the single views' points from it
    found: int  # pictures in which a face was found
    shown: int  # of so many


def keypoints_in_space(
    mesh: Mesh,  # head frame, metres
    allowed: B1,  # [100, F] triangles that each keypoint may lie on
    sides: tuple[tuple[float, float], ...] = SIDES,
    *,
    two_sided: bool = False,  # triangles may have either winding
) -> InSpace:
    """The robust middle of what the views show of each keypoint."""
    points, facing = [], []
    for yaw, pitch in sides:
        view = around(np.radians(yaw), np.radians(pitch), width=WIDTH, size=(SIZE, SIZE))
        seen = _Seen(mesh, view, allowed, two_sided)
        for mirror, lights in enumerate(LIGHTS):
            pixels = _find(mesh.picture(view, lights), mirror=bool(mirror))
            if pixels is not None:
                lifted = seen.lift(pixels)
                points.append(lifted.points)
                facing.append(np.where(_on_far_side(yaw), 0, lifted.facing))
    middle, spread = np.full((len(KEYPOINTS), 3), np.nan), np.full(len(KEYPOINTS), np.nan)
    for k in range(len(KEYPOINTS) if points else 0):
        good = _best_views(np.array([f[k] for f in facing]))
        if good.any():
            middle[k], spread[k] = _middle(np.stack([p[k] for p in points])[good])
    return InSpace(middle, spread, len(points), len(sides) * len(LIGHTS))


def _find(picture: U8, mirror: bool) -> F64 | None:
    """Pixels [100, 2] of the keypoints in a picture of an upright face, or None; `mirror`: looked at in a mirror."""
    found = detect(np.ascontiguousarray(picture[:, ::-1]) if mirror else picture, turned=False)
    if found is None:
        return None
    pixels = found.points[DETECTOR_INDEX, :2].astype(np.float64)
    if mirror:
        pixels[:, 0] = picture.shape[1] - pixels[:, 0]
        pixels = pixels[MIRROR]
    return pixels


class _Seen:
    """What one view sees; the irises on the eyeballs as if there were no lids."""

    def __init__(self, mesh: Mesh, view: View, allowed: B1, two_sided: bool) -> None:
        self.surface, self.allowed = Surface(mesh.vertices, mesh.triangles, view, two_sided=two_sided), allowed
        eyeballs = np.asarray(mesh.triangles)[allowed[IRISES.start]]
        self.bare = Surface(mesh.vertices, eyeballs, view) if len(eyeballs) < len(mesh.triangles) else None

    def lift(self, pixels: F64) -> Lifted:
        """The keypoints [100] at pixels [100, 2]."""
        lifted = self.surface.lift(pixels, self.allowed, REACH, DEPTH_RANGE)
        if self.bare is not None:
            every = np.ones((IRISES.stop - IRISES.start, len(self.allowed[0])), dtype=np.bool_)
            iris = self.bare.lift(pixels[IRISES], every, REACH)
            lifted.points[IRISES], lifted.facing[IRISES] = iris
        return lifted


def _on_far_side(yaw: float) -> B1:
    """[100]: keypoints of the side that a camera at that yaw (degrees) sees less of; none from straight ahead."""
    far = "_r" if yaw > 0 else "_l"
    return np.array([yaw != 0 and name.endswith(far) for name in KEYPOINTS])


def _best_views(facing: F64) -> B1:
    """[D]: the views that see a keypoint head-on, or, of one that none does, the better half of those that see it."""
    seen = facing > 0
    return seen & (facing >= min(MIN_FACING, float(np.median(facing[seen])))) if seen.any() else seen


def _middle(points: F64) -> tuple[F64, float]:
    """The geometric median [3] of those of points [N, 3] that agree best, and the median distance of all from it.

    Jaw keypoints lie on the outline and may miss to the neck: points farther than OUTLIER from the one with the most
    agreement are left out. Source of the median: Weiszfeld's iteration.
    """
    apart = np.minimum(np.linalg.norm(points[:, None] - points[None], axis=2), OUTLIER)
    agreeing = points[apart[apart.sum(axis=1).argmin()] < OUTLIER]
    middle = np.asarray(np.median(agreeing, axis=0))
    for _ in range(30):
        weights = 1 / np.maximum(np.linalg.norm(agreeing - middle, axis=1), 1e-6)
        middle = weights @ agreeing / weights.sum()
    return middle, float(np.median(np.linalg.norm(points - middle, axis=1)))
