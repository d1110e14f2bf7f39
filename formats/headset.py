"""The headset: its cameras, lights, lenses and solid parts, and where it sits on a head.

Headset frame: origin midway between the two lens centres at the stated IPD, axes parallel to the head frame of a
straight donning (+X to the subject's left, +Y up, +Z out of the face), metres. Parts that move with the IPD do so along
X, by `*_shift` times half of its change.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, pi
from typing import ClassVar

import numpy as np

from refa_cli.formats.npz import NpzArtifact
from refa_cli.formats.spec import B1, F32, I32, U8, array, names, text

ROLES = ("eye_left", "eye_right", "mouth_left", "mouth_right", "mouth_center", "glabella", "other")
LENS_MODELS = ("pinhole", "brown_conrady", "kannala_brandt")
DISTORTION_COUNT = {"pinhole": (0,), "brown_conrady": (4, 5, 8), "kannala_brandt": (4,)}
SHUTTERS = ("global", "rolling")
SOLID_KINDS = ("housing", "lens", "keep_out")
LARGEST_SIDE = 8192


@dataclass(frozen=True, kw_only=True, eq=False)
class Headset(NpzArtifact):
    """C cameras, L lights and K solid parts."""

    SCHEMA: ClassVar[str] = "refa.headset/1"

    name: str = text(doc="what the headset is called")
    ipd: F32 = array("", unit="m", within=(0.04, 0.09), doc="distance of the lens centres that positions are given for")
    headset_from_head: F32 = array(
        "4 4", unit="m", frame="target: headset", pose="rigid", doc="a straight donning on a middling head"
    )

    camera_names: tuple[str, ...] = names("C", doc="what each camera is called")
    camera_role: U8 = array("C", dtype="uint8", index_into=len(ROLES), doc=f"one of {', '.join(ROLES)}")
    camera_embedded: B1 = array("C", dtype="bool", doc="part of the product; else it is there for ground truth only")
    camera_size: I32 = array("C 2", dtype="int32", unit="px", within=(1, LARGEST_SIDE), doc="height, width")
    camera_bits: U8 = array("C", dtype="uint8", within=(8, 16), doc="bits of a pixel")
    camera_rate: F32 = array("C", unit="1/s", within=(0, 1000), doc="frames a second")
    camera_shutter: U8 = array("C", dtype="uint8", index_into=len(SHUTTERS), doc=f"one of {', '.join(SHUTTERS)}")
    camera_lens: U8 = array("C", dtype="uint8", index_into=len(LENS_MODELS), doc=f"one of {', '.join(LENS_MODELS)}")
    camera_intrinsics: F32 = array("C 4", unit="px", doc="fx, fy, cx, cy; pixel centres at +0.5")
    camera_distortion: F32 = array("C 8", doc="the lens model's coefficients in OpenCV's order, then zeros")
    camera_coefficients: U8 = array("C", dtype="uint8", within=(0, 8), doc="how many of these there are")
    camera_from_headset: F32 = array("C 4 4", unit="m", frame="target: camera (OpenCV)", pose="rigid", doc="its pose")
    camera_shift: F32 = array("C", within=(-1, 1), doc="how it moves with the IPD: 1 with the left lens, -1 the right")
    camera_valid: B1 = array("C H W", dtype="bool", doc="pixels that show something; beyond camera_size false")

    led_position: F32 = array("L 3", unit="m", frame="headset", within=(-1, 1), doc="where each light is")
    led_direction: F32 = array("L 3", frame="headset", within=(-1, 1), doc="unit vector of its beam's axis")
    led_half_angle: F32 = array("L", unit="rad", within=(0.01, pi / 2), doc="where the intensity is half of the axis's")
    led_intensity: F32 = array("L", unit="W/sr", within=(0, inf), doc="radiant intensity on the axis, while it is on")
    led_duty: F32 = array("L", within=(0, 1), doc="share of the time that it is on")
    led_shift: F32 = array("L", within=(-1, 1), doc="how it moves with the IPD, as camera_shift")
    led_lights: B1 = array("L C", dtype="bool", doc="it is on while this camera exposes")

    lens_radius: F32 = array("", unit="m", within=(0, 0.1), doc="of the two lenses; 0: none")
    solid_names: tuple[str, ...] = names("K", doc="what each solid part is called")
    solid_kind: U8 = array("K", dtype="uint8", index_into=len(SOLID_KINDS), doc=f"one of {', '.join(SOLID_KINDS)}")
    solid_shift: F32 = array("K", within=(-1, 1), doc="how it moves with the IPD, as camera_shift")
    solid_vertices: F32 = array("S 3", unit="m", frame="headset", within=(-1, 1), doc="corners of all solid parts")
    solid_triangles: I32 = array("T 3", dtype="int32", index_into="S", doc="counter-clockwise seen from outside")
    solid_of_triangle: U8 = array("T", dtype="uint8", index_into="K", doc="which part each triangle is of")

    def check(self) -> None:
        """Focal lengths are positive, lights point somewhere, and pictures fit their masks."""
        if (self.camera_intrinsics[:, :2] <= 0).any():
            self.refuse("camera_intrinsics", "positive fx and fy", str(float(self.camera_intrinsics[:, :2].min())))
        for lens, count in zip(self.camera_lens, self.camera_coefficients, strict=True):
            model = LENS_MODELS[int(lens)]
            if int(count) not in DISTORTION_COUNT[model]:
                wanted = " or ".join(map(str, DISTORTION_COUNT[model]))
                self.refuse("camera_coefficients", f"{wanted} for a {model} lens", str(int(count)))
        length = np.linalg.norm(self.led_direction, axis=1)
        if (np.abs(length - 1) > 1e-3).any():
            self.refuse(
                "led_direction", "unit vectors", f"one of length {float(length[np.abs(length - 1).argmax()]):.4g}"
            )
        for i, (height, width) in enumerate(self.camera_size):
            if height > self.dims["H"] or width > self.dims["W"]:
                got = f"{height}x{width} for {self.camera_names[i]}"
                self.refuse("camera_size", f"at most {self.dims['H']}x{self.dims['W']}, the mask's size", got)
            beyond = self.camera_valid[i, height:].any() or self.camera_valid[i, :, width:].any()
            if beyond:
                self.refuse("camera_valid", "nothing valid beyond the picture", f"some for {self.camera_names[i]}")
