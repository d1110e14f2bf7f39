"""One synthetic moment: pictures of all cameras, and where each keypoint is in them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from refa_cli.commands.synth.cast import KEPT, actor, cast
from refa_cli.commands.synth.motion import moment
from refa_cli.commands.synth.plan import Plan
from refa_cli.formats.headset import Headset
from refa_cli.formats.recorded import padded
from refa_cli.formats.spec import B1, F32, F64, U8
from refa_cli.headset.donning import pushed, random_slip
from refa_cli.headset.parts import lens_of
from refa_cli.render.infrared import Lights, Picture, Surfaces
from refa_cli.render.rasterize import NEAR, in_sight
from refa_cli.render.scene import Actor, assemble
from refa_cli.render.sensor import Sensor, gain_for
from refa_cli.workers import seed_of

DONNING: Final = 1.3
"""Spread of donnings, in units of the usual one."""
LED_POWER, EXPOSURE = 0.2, 0.25
"""Standard deviations of the logarithm of each light's power and of each camera's exposure."""
BLUR, READ_NOISE = (0.3, 0.68), (6.0, 22.0)
FARTHEST: Final = 9e4


@dataclass(frozen=True)
class Rendered:
    """pictures: one [H, W] a camera; keypoints [C, 100, 2] pixels, seen [C, 100]; the other fields as in Synth."""

    pictures: list[U8]
    keypoints: F32
    seen: B1
    expressions: F64
    gaze: F64
    headset_from_head: F64
    glasses: int
    take: int
    take_row: int


def render(plan: Plan, subject: str, row: int) -> Rendered:
    """That frame of a subject: the same for the same plan."""
    rng = np.random.default_rng(seed_of(plan.seed, subject, "frame", row))
    person, shown = cast(plan, subject), moment(plan, subject, row)
    dressed = actor(plan, subject, row - row % KEPT)
    weights = shown.weights * ~person.lacks
    straight = pushed(rng.uniform(0.5, 1.5) * weights).applied(person.headset.headset_from_head)
    donned = random_slip(rng, DONNING * plan.spread).applied(straight)
    surfaces = assemble(dressed, person.headset, donned, weights, shown.gaze)
    lights = dimmed(person.views.lights, rng, plan.spread)
    seen = person.views.pictures(surfaces, dressed.look, lights=lights)
    pictures = []
    for lens, picture in zip(person.views.lenses, seen, strict=True):
        gain = gain_for(picture.light) * float(np.exp(EXPOSURE * plan.spread * rng.standard_normal()))
        sensor = Sensor(gain=gain, blur=float(rng.uniform(*BLUR)), read_noise=float(rng.uniform(*READ_NOISE)))
        pictures.append(sensor.expose(picture.light, lens, rng))
    keypoints, visible = keypoints_seen(_points(dressed, surfaces), person.headset, person.views.cameras, seen)
    return Rendered(pictures, keypoints, visible, weights, shown.gaze, donned, int(dressed.glasses is not None),
                    shown.take, shown.row)  # fmt: skip


def dimmed(lights: Lights, rng: np.random.Generator, spread: float) -> Lights:
    """The same lights, some stronger and some weaker."""
    return replace(
        lights, intensity=lights.intensity * np.exp(LED_POWER * spread * rng.standard_normal(len(lights.intensity)))
    )


def _points(dressed: Actor, surfaces: Surfaces) -> F64:
    """The keypoints [K, 3] of a head that `assemble` has placed, headset frame."""
    face = dressed.face
    corners = surfaces.triangles[surfaces.fixed + face.keypoint_triangles]
    points: F64 = np.einsum("kci,kc->ki", surfaces.points[corners], face.keypoint_barycentric.astype(np.float64))
    return points


def keypoints_seen(points: F64, headset: Headset, cameras: tuple[int, ...], pictures: list[Picture]) -> tuple[F32, B1]:
    """Where keypoints [K, 3] of the headset frame lie in each camera's picture [C, K, 2], and which are seen [C, K]:
    inside its valid pixels and not behind what is there. One behind the camera lies far outside."""
    at = np.full((len(cameras), len(points), 2), -FARTHEST)
    seen = np.zeros((len(cameras), len(points)), bool)
    for i, (camera, picture) in enumerate(zip(cameras, pictures, strict=True)):
        pose = headset.camera_from_headset[camera].astype(np.float64)
        placed = points @ pose[:3, :3].T + pose[:3, 3]
        ahead = np.flatnonzero(placed[:, 2] > NEAR)
        pixels = lens_of(headset, camera).project(placed[ahead])
        at[i, ahead] = np.clip(pixels, -FARTHEST, FARTHEST)
        height, width = picture.depth.shape
        seen[i, ahead] = in_sight(
            pixels, placed[ahead, 2], picture.depth, headset.camera_valid[camera, :height, :width]
        )
    return at.astype(np.float32), seen


def stacked(rendered: list[Rendered], shape: tuple[int, ...]) -> dict[str, Any]:
    """The rows of a block; shape [C, H, W] of its frames."""
    return {
        "frames": np.stack([padded(one.pictures, shape) for one in rendered]),
        "expressions": np.stack([one.expressions for one in rendered]).astype(np.float32),
        "gaze": np.stack([one.gaze for one in rendered]).astype(np.float32),
        "headset_from_head": np.stack([one.headset_from_head for one in rendered]).astype(np.float32),
        "keypoints": np.stack([one.keypoints for one in rendered]),
        "keypoint_seen": np.stack([one.seen for one in rendered]),
        "glasses": np.array([one.glasses for one in rendered], np.uint8),
        "take": np.array([one.take for one in rendered], np.int32),
        "take_row": np.array([one.take_row for one in rendered], np.int32),
    }
