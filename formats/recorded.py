"""What captures and synthetic frames share: which cameras they are of, as calibrated, and what was asked for when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from refa_cli.formats.headset import DISTORTION_COUNT, LARGEST_SIDE, LENS_MODELS, ROLES
from refa_cli.formats.spec import F32, I32, U8, Checked, array, names, text


def padded(pictures: Sequence[U8], shape: tuple[int, ...]) -> U8:
    """Pictures of several sizes in one array [C, H, W], each in the upper left corner, black beside it."""
    out = np.zeros(shape, np.uint8)
    for i, picture in enumerate(pictures):
        out[i, : picture.shape[0], : picture.shape[1]] = picture
    return out


@dataclass(frozen=True, kw_only=True, eq=False)
class RecordedCameras(Checked):
    """C cameras as their calibration tells, at the distance of the lenses that the recording was made with."""

    headset_digest: str = text(doc="digest of the headset that they are of", pattern=r"[0-9a-f]{64}")
    ipd: F32 = array("1", unit="m", within=(0.04, 0.09), doc="distance of the lens centres")
    camera_names: tuple[str, ...] = names("C", doc="what each camera is called")
    camera_role: U8 = array("C", dtype="uint8", index_into=len(ROLES), doc=f"one of {', '.join(ROLES)}")
    camera_size: I32 = array("C 2", dtype="int32", unit="px", within=(1, LARGEST_SIDE), doc="height, width")
    camera_lens: U8 = array("C", dtype="uint8", index_into=len(LENS_MODELS), doc=f"one of {', '.join(LENS_MODELS)}")
    camera_intrinsics: F32 = array("C 4", unit="px", doc="fx, fy, cx, cy; pixel centres at +0.5")
    camera_distortion: F32 = array("C 8", doc="the lens model's coefficients in OpenCV's order, then zeros")
    camera_coefficients: U8 = array("C", dtype="uint8", within=(0, 8), doc="how many of these there are")
    camera_from_headset: F32 = array("C 4 4", unit="m", frame="target: camera (OpenCV)", pose="rigid", doc="its pose")

    def check(self) -> None:
        """Lenses have the coefficients of their model."""
        for lens, count in zip(self.camera_lens, self.camera_coefficients, strict=True):
            model = LENS_MODELS[int(lens)]
            if int(count) not in DISTORTION_COUNT[model]:
                wanted = " or ".join(map(str, DISTORTION_COUNT[model]))
                self.refuse("camera_coefficients", f"{wanted} for a {model} lens", str(int(count)))
        if (self.camera_intrinsics[:, :2] <= 0).any():
            self.refuse("camera_intrinsics", "positive fx and fy", str(float(self.camera_intrinsics[:, :2].min())))
