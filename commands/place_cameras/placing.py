"""From candidates to a headset: measured, ranked, listed, written and drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from refa_cli import console
from refa_cli.commands.place_cameras.candidates import Candidate, listed, sought
from refa_cli.commands.place_cameras.choose import Ranked, rank
from refa_cli.commands.place_cameras.lights import place_lights
from refa_cli.commands.place_cameras.lights import sought as sought_lights
from refa_cli.commands.place_cameras.measure import Trials, measure
from refa_cli.face.default import load_face
from refa_cli.face.prompts import PROMPTS
from refa_cli.formats.headset import LENS_MODELS, ROLES, SHUTTERS, Headset
from refa_cli.headset.default import load_headset
from refa_cli.headset.description import Camera, mirrored
from refa_cli.outputs import Output, Recipe


@dataclass(frozen=True)
class Plan:
    """What is asked for, read and checked."""

    trials: Trials
    candidates: list[Candidate]
    options: dict[str, Any]
    leds: int
    mounts: Path | None

    def output(self, path: Path | None, overwrite: bool) -> Output | None:
        """The place of the headset, claimed before any work."""
        return None if path is None else Output(path, self.recipe, overwrite=overwrite)

    @property
    def recipe(self) -> Recipe:
        """All that decides the result."""
        trials = self.trials
        inputs = {"face": trials.face.digest, "headset": trials.headset.digest}
        return Recipe(command="place-cameras", options=self.options, seed=trials.seed, inputs=inputs)


def plan_of(
    headset: Path | None, candidates: Path | None, mounts: Path | None, search: int, face: Path | None,
    identities: int, expressions: int, donnings: int, leds: int, seed: int,
) -> Plan:  # fmt: skip
    """Read what is needed. Raises DataError."""
    base, model = load_headset(headset), load_face(face)
    found = sought(search, base, seed, mounts) if candidates is None else listed(candidates, base)
    spread = np.linspace(0, len(PROMPTS) - 2, expressions).round().astype(int)
    names = tuple(PROMPTS[1 + i].id for i in spread)
    given = [[*map(float, c.camera.camera_from_headset.reshape(-1)), *map(float, c.camera.lens.parameters[:13]),
              c.camera.name] for c in found]  # fmt: skip
    options = {"identities": identities, "expressions": expressions, "donnings": donnings, "candidates": given,
               "leds": leds, "lights": light_places(base, seed, mounts) if leds else []}  # fmt: skip
    return Plan(Trials(model, base, identities, names, donnings, seed), found, options, leds, mounts)


def light_places(headset: Headset, seed: int, mounts: Path | None) -> list[float]:
    """What candidate lights depend on beside options that the recipe holds anyway. Raises DataError."""
    position, direction, half_angle = sought_lights(headset, seed, mounts)
    return [*map(float, position.reshape(-1)), *map(float, direction.reshape(-1)), half_angle]


def place(
    plan: Plan, writing: Output | None, figure: Path | None, *, every: bool, workers: int, scheduler: str | None
) -> None:
    """Measure, choose, write, draw and list."""
    ranked = rank(plan.candidates, measure(plan.trials, plan.candidates, workers, scheduler))
    placed = with_cameras(plan.trials.headset, [row.candidate.camera for row in ranked if row.chosen])
    if plan.leds:
        lit = place_lights(plan.trials, placed, plan.leds, plan.mounts)
        if np.isfinite(lit.former):
            times = np.exp(lit.merit - lit.former)
            console.note(f"the darkest region gets {times:.2f} times its light (geometric mean, same total intensity).")
        placed = lit.headset
    if writing is not None:
        with writing as out:
            replace(placed, recipe=plan.recipe.as_dict()).write(out.partial)
    if figure is not None:
        from refa_cli.commands.place_cameras.figure import draw_figure
        from refa_cli.formats.pictures import write_picture

        write_picture(figure, draw_figure(placed, plan.trials, ranked))
    for row in ranked:
        if row.candidate.violates:
            console.note(f"{row.candidate.camera.name} touches {', '.join(row.candidate.violates)}.")
    console.table([as_row(row) for row in ranked if every or row.front or row.chosen])


def as_row(row: Ranked) -> dict[str, Any]:
    """A line of the table, in the shape of the paper's Fig. 1."""
    score, center = row.score, row.candidate.center * 1000
    regions = {name: round(float(value), 3) for name, value in zip(score.regions, score.seen.mean(0), strict=True)}
    return {
        "role": row.candidate.camera.role,
        "camera": row.candidate.camera.name,
        "position, mm": " ".join(f"{value:.0f}" for value in center + 0.0),
        "visibility (Eq. 1)": round(float(score.axis.mean()), 3),
        "by ray": round(float(score.ray.mean()), 3),
        "seen": round(score.visibility, 3),
        "outside": round(float(score.outside.mean()), 3),
        "motion (Eq. 2), px": round(score.range_of_motion, 1),
        "keypoints lost": round(float(score.lost.mean()), 3),
        "seen by region": " ".join(f"{name} {value:.2f}" for name, value in regions.items()),
        "touches": " ".join(row.candidate.violates),
        "merit": round(row.merit, 3),
        "chosen": row.chosen,
    }


def with_cameras(headset: Headset, chosen: list[Camera]) -> Headset:
    """The headset with these embedded cameras, and their mirror images, in place of those of their roles."""
    cameras: list[Camera] = []
    roles = {camera.role for camera in chosen}
    for camera in chosen:
        other = mirrored(camera, camera.role)
        cameras.append(replace(camera, name=camera.role))
        if other.role != camera.role and other.role not in roles:
            cameras.append(replace(other, name=other.role))
    gone = {camera.role for camera in cameras}
    names = {camera.name for camera in cameras}
    kept = [i for i in range(len(headset.camera_names))
            if not (headset.camera_embedded[i] and ROLES[int(headset.camera_role[i])] in gone)
            and headset.camera_names[i] not in names]  # fmt: skip
    height = max([headset.dims["H"], *(camera.lens.size[0] for camera in cameras)])
    width = max([headset.dims["W"], *(camera.lens.size[1] for camera in cameras)])
    valid = np.zeros((len(cameras) + len(kept), height, width), bool)
    distortion = np.zeros((len(cameras), 8), np.float32)
    for i, camera in enumerate(cameras):
        valid[i, : camera.lens.size[0], : camera.lens.size[1]] = np.isfinite(camera.lens.ray_grids()[0])
        distortion[i, : len(camera.lens.distortion)] = camera.lens.distortion
    for i, old in enumerate(kept):
        valid[len(cameras) + i, : headset.dims["H"], : headset.dims["W"]] = headset.camera_valid[old]

    def joined(name: str, new: list[Any]) -> np.ndarray:
        old = getattr(headset, name)
        first = np.array(new, old.dtype).reshape(len(cameras), *old.shape[1:])
        return np.concatenate([first, old[kept]])

    return replace(
        headset,
        camera_names=(*(camera.name for camera in cameras), *(headset.camera_names[i] for i in kept)),
        camera_role=joined("camera_role", [ROLES.index(camera.role) for camera in cameras]),
        camera_embedded=joined("camera_embedded", [True] * len(cameras)),
        camera_size=joined("camera_size", [camera.lens.size for camera in cameras]),
        camera_bits=joined("camera_bits", [camera.bits for camera in cameras]),
        camera_rate=joined("camera_rate", [camera.rate for camera in cameras]),
        camera_shutter=joined("camera_shutter", [SHUTTERS.index(camera.shutter) for camera in cameras]),
        camera_lens=joined("camera_lens", [LENS_MODELS.index(camera.lens.model) for camera in cameras]),
        camera_intrinsics=joined("camera_intrinsics", [camera.lens.intrinsics for camera in cameras]),
        camera_distortion=joined("camera_distortion", list(distortion)),
        camera_coefficients=joined("camera_coefficients", [len(camera.lens.distortion) for camera in cameras]),
        camera_from_headset=joined("camera_from_headset", [camera.camera_from_headset for camera in cameras]),
        camera_shift=joined("camera_shift", [camera.shift for camera in cameras]),
        camera_valid=valid,
        led_lights=np.concatenate([np.ones((len(headset.led_position), len(cameras)), bool),
                                   headset.led_lights[:, kept]], 1),
    )  # fmt: skip
