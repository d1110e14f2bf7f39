"""All cameras of a headset at one moment; what does not change from moment to moment is drawn once.

views = Views.of(headset, cameras_with(headset, embedded=True))
lights = views.radiance(surfaces, actor.look)              # a picture [H, W] for each camera
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from refa_cli.formats.headset import Headset
from refa_cli.formats.spec import B1, F64
from refa_cli.headset.lenses import Lens
from refa_cli.headset.parts import lens_of
from refa_cli.render.infrared import (
    Lights,
    Look,
    Picture,
    Surfaces,
    lights_of,
    picture,
    shadow_canvases,
    shadow_maps,
)
from refa_cli.render.rasterize import Canvas, canvas
from refa_cli.render.scene import headset_alone


@dataclass(frozen=True)
class Views:
    """cameras [C]: their indices in the headset; lenses; poses [C, 4, 4]: camera_from_headset; lights: all LEDs;
    on [L, C]: which of them are on while a camera exposes; still: what cameras and lights see of the headset itself."""

    cameras: tuple[int, ...]
    lenses: tuple[Lens, ...]
    poses: F64
    lights: Lights
    on: B1
    still: tuple[tuple[Canvas, ...], tuple[Canvas, ...]]

    @classmethod
    def of(cls, headset: Headset, cameras: list[int]) -> Views:
        """Of these cameras of a headset."""
        lenses = tuple(lens_of(headset, i) for i in cameras)
        poses = headset.camera_from_headset[cameras].astype(np.float64).reshape(-1, 4, 4)
        lights = lights_of(headset)
        parts = headset_alone(headset)
        seen = (
            canvas(parts.points @ pose[:3, :3].T + pose[:3, 3], parts.triangles, lens)
            for pose, lens in zip(poses, lenses, strict=True)
        )
        return cls(tuple(cameras), lenses, poses, lights, headset.led_lights[:, cameras],
                   (tuple(seen), tuple(shadow_canvases(parts, lights))))  # fmt: skip

    def pictures(
        self, surfaces: Surfaces, look: Look, chosen: list[int] | None = None, *, moved: Surfaces | None = None,
        lights: Lights | None = None,
    ) -> list[Picture]:  # fmt: skip
        """What each camera, or each of those chosen, sees.

        moved: the same surfaces at the end of the exposure; lights: the same LEDs with other power or beams.
        """
        lit = self.lights if lights is None else lights
        shadows = shadow_maps(surfaces, self.lights, still=self.still[1])
        return [
            picture(
                surfaces, look, lit.only(self.on[:, i]), self.lenses[i], self.poses[i], shadows[self.on[:, i]],
                moved=None if moved is None else moved.points, still=self.still[0][i],
            )
            for i in (range(len(self.lenses)) if chosen is None else chosen)
        ]  # fmt: skip
