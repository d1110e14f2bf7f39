"""Who is rendered: rigs, or people drawn from the face model, with an appearance that changes every few frames."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np

from refa_cli.commands.synth.plan import Plan
from refa_cli.face.default import load_face
from refa_cli.face.evaluate import Geometry
from refa_cli.formats.headset import Headset
from refa_cli.formats.rig import Rig
from refa_cli.formats.spec import B1
from refa_cli.headset.parts import IPD_RANGE, at_ipd, cameras_with
from refa_cli.render.appearance import draw_appearance
from refa_cli.render.glasses import draw_glasses
from refa_cli.render.scene import Actor
from refa_cli.render.views import Views
from refa_cli.workers import seed_of

KEPT: Final = 5
"""Frames that one appearance is kept for."""
IDENTITY_LIMIT: Final = 2.0


@dataclass(frozen=True)
class Cast:
    """One person in the headset set to their eyes; lacks [53]: shapes that the head cannot do."""

    geometry: Geometry
    headset: Headset
    views: Views
    lacks: B1


@lru_cache(maxsize=2)
def cast(plan: Plan, subject: str) -> Cast:
    """A worker that renders several blocks of a person makes the person once."""
    face, path = load_face(plan.face), plan.rig_of(subject)
    if path is not None:
        geometry = Geometry.of_rig(Rig.read(path), face)
    else:
        rng = np.random.default_rng(seed_of(plan.seed, subject, "identity"))
        drawn = np.clip(rng.standard_normal(len(face.identity_basis)), -IDENTITY_LIMIT, IDENTITY_LIMIT)
        geometry = Geometry.of_face(face, drawn)
    apart = float(np.linalg.norm(geometry.eye_centers[0] - geometry.eye_centers[1]))
    headset = at_ipd(plan.headset(), float(np.clip(apart, *IPD_RANGE)))
    still = np.asarray(~geometry.expressions.any(axis=(1, 2)), np.bool_)
    return Cast(geometry, headset, Views.of(headset, cameras_with(headset, embedded=True)), still)


@lru_cache(maxsize=2)
def actor(plan: Plan, subject: str, row: int) -> Actor:
    """The person as dressed and lit in a frame; call it with the first row of those that it is kept for."""
    rng = np.random.default_rng(seed_of(plan.seed, subject, "appearance", row))
    face, geometry = load_face(plan.face), cast(plan, subject).geometry
    appearance = draw_appearance(face, rng, plan.spread)
    held = Actor.of(face, geometry, appearance.hair, appearance.look)
    if rng.random() < plan.glasses:
        held = replace(held, glasses=draw_glasses(geometry, held.eye_radius, rng))
    return held
