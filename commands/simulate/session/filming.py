"""Frames: one person, one device, one recording, row by row.

film = open_film(plan, "S0001", "peaks")
for row in range(len(film.time)):
    pictures = film.pictures(row)                 # one a camera, embedded ones first
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from refa_cli.commands.simulate.person import Person, make_person
from refa_cli.commands.simulate.session.device import EXPOSURE_SECONDS, Device, device_of
from refa_cli.commands.simulate.session.faults import BLINDED, Fault, blocked, draw_faults
from refa_cli.commands.simulate.session.motion import Motion, perform_script, perform_take
from refa_cli.commands.simulate.session.path_tracing import PathTracedViews
from refa_cli.commands.simulate.session.plan import Plan
from refa_cli.commands.simulate.session.script import Part, Script, script_of
from refa_cli.commands.simulate.session.wearing import Wearing, wear
from refa_cli.face.default import load_face
from refa_cli.formats.dataset import Dataset
from refa_cli.formats.labels import Labels
from refa_cli.formats.spec import B1, F64
from refa_cli.headset.parts import cameras_with
from refa_cli.render.appearance import draw_appearance
from refa_cli.render.glasses import draw_glasses
from refa_cli.render.infrared import Surfaces
from refa_cli.render.scene import Actor, assemble
from refa_cli.render.sensor import Sensor, gain_for
from refa_cli.render.views import Views

SPREAD: Final = 1.25
"""How far simulated people's appearance ranges, against 1.0 of what `refa synth` draws."""
GLASSES: Final = 0.2
"""Share of people who wear glasses in the headset."""
BLUR, BLUR_SPREAD = 0.5, (0.4, 0.65)
EXPOSURE_WANDERS: Final = 0.04


@dataclass(frozen=True)
class Subject:
    """One person in one device; gains [C]: exposure of each camera; cameras: order of the frames, embedded first."""

    person: Person
    actor: Actor
    device: Device
    views: Views | PathTracedViews
    cameras: tuple[int, ...]
    embedded: int
    gains: F64
    blur: float


@dataclass(frozen=True)
class Film:
    """One recording, ready to be rendered: what is asked and shown, how the headset sits, what goes wrong."""

    plan: Plan
    subject: Subject
    script: Script
    motion: Motion
    wearing: Wearing
    faults: tuple[Fault, ...]

    @property
    def time(self) -> F64:
        """Times [T], seconds."""
        return self.motion.time

    def present(self) -> B1:
        """Whether each camera delivers a frame [T, C]."""
        out = np.ones((len(self.time), len(self.subject.cameras)), bool)
        for fault in self.faults:
            if fault.kind == "missing":
                out[self._during(fault), fault.camera] = False
        return out

    def pictures(self, row: int) -> list[NDArray[np.uint8]]:
        """The frame of every camera at a row; black where none is delivered."""
        shown = self._rows_shown(row)
        frames: dict[int, NDArray[np.uint8]] = {}
        for moment in sorted(set(shown) - {-1}):
            chosen = [camera for camera, at in enumerate(shown) if at == moment]
            frames |= dict(zip(chosen, self._seen(moment, chosen), strict=True))
        sizes = [lens.size for lens in self.subject.views.lenses]
        return [frames.get(camera, np.zeros(size, np.uint8)) for camera, size in enumerate(sizes)]

    def _rows_shown(self, row: int) -> list[int]:
        """Which row's picture each camera delivers: an earlier one if frozen, -1 if missing."""
        shown = [row] * len(self.subject.cameras)
        for fault in self.faults:
            if fault.kind in ("frozen", "missing") and fault.start <= self.time[row] < fault.end:
                first = int(np.searchsorted(self.time, fault.start))
                shown[fault.camera] = -1 if fault.kind == "missing" else min(first, row)
        return shown

    def _seen(self, row: int, cameras: list[int]) -> list[NDArray[np.uint8]]:
        """What cameras record at a row."""
        subject = self.subject
        seen = subject.views.pictures(self._surfaces(row), subject.actor.look, cameras, moved=self._moved(row))
        out = []
        for camera, (light, _) in zip(cameras, seen, strict=True):
            rng = subject.person.rng("noise", self.script.name, row, camera)
            gain = float(subject.gains[camera])
            if self.plan.misfit:
                light = subject.device.windows[subject.cameras[camera]].through(light)
                gain *= 1 + EXPOSURE_WANDERS * np.sin(0.4 * self.time[row] + camera)
            for fault in self.faults:
                if fault.camera == camera and fault.start <= self.time[row] < fault.end:
                    if fault.kind == "blocked":
                        light = blocked(light, subject.person.rng("blocked", self.script.name, int(1000 * fault.start)))
                    elif fault.kind == "saturated":
                        gain *= BLINDED
            sensor = Sensor(gain=gain, blur=subject.blur)
            out.append(sensor.expose(light, subject.views.lenses[camera], rng))
        return out

    def _surfaces(self, row: int, weights: F64 | None = None, pose: F64 | None = None) -> Surfaces:
        return assemble(
            self.subject.actor, self.subject.device.true, self.wearing.pose[row] if pose is None else pose,
            self.motion.weights[row] if weights is None else weights, self.motion.gaze[row],
        )  # fmt: skip

    def _moved(self, row: int) -> Surfaces | None:
        """The same at the end of the exposure, if anything moves then."""
        if not self.plan.misfit or row + 1 >= len(self.time):
            return None
        share = EXPOSURE_SECONDS / (self.time[row + 1] - self.time[row])
        faster = share * (self.motion.weights[row + 1] - self.motion.weights[row])
        turned = share * (self.wearing.pose[row + 1] - self.wearing.pose[row])
        if np.abs(faster).max() < 0.01 and np.abs(turned).max() < 1e-4:
            return None
        return self._surfaces(row, self.motion.weights[row] + faster, self.wearing.pose[row] + turned)

    def _during(self, fault: Fault) -> B1:
        return np.asarray((self.time >= fault.start) & (self.time < fault.end))


@lru_cache(maxsize=2)
def open_subject(plan: Plan, subject: str) -> Subject:
    """A worker that films several pieces of a person makes the person once."""
    face = load_face(plan.face)
    person = make_person(face, subject, plan.seed, exact=plan.misfit == 0)
    device = device_of(plan.headset(), person, plan.misfit)
    spread = SPREAD if plan.misfit else 1.0
    appearance = draw_appearance(face, person.rng("appearance"), spread)
    actor = Actor.of(face, person.geometry, appearance.hair, appearance.look)
    if person.rng("glasses?").random() < GLASSES:
        actor = replace(actor, glasses=draw_glasses(person.geometry, actor.eye_radius, person.rng("glasses")))
    embedded = cameras_with(device.true, embedded=True)
    others = cameras_with(device.true, embedded=False) if plan.all_cameras else []
    own = Views.of(device.true, embedded + others)
    views: Views | PathTracedViews = PathTracedViews(own) if plan.misfit == 2 else own
    surfaces = assemble(actor, device.true, device.true.headset_from_head, person.rest, np.zeros((2, 2)))
    gains = np.array([gain_for(seen.light) for seen in views.pictures(surfaces, actor.look)])
    rng = person.rng("exposure")
    if plan.misfit:
        gains *= np.exp(0.15 * rng.standard_normal(len(gains)))
    blur = float(rng.uniform(*BLUR_SPREAD)) if plan.misfit else BLUR
    return Subject(person, actor, device, views, tuple(embedded + others), len(embedded), gains, blur)


@lru_cache(maxsize=4)
def open_film(plan: Plan, subject: str, recording: str) -> Film:
    """One recording of one person."""
    held = open_subject(plan, subject)
    person, rate = held.person, plan.rate
    if recording.startswith("take_"):
        script, motion = _take(plan, person, recording)
    else:
        script = script_of(recording, person, plan.pace, plan.seconds, plan.expressions, plan.misfit)
        motion = perform_script(person, script, np.arange(int(np.ceil(script.seconds * rate))) / rate)
    faults = draw_faults(person, recording, script.seconds, len(held.cameras), plan.misfit)
    off = next(((fault.start, fault.end) for fault in faults if fault.kind == "not_worn"), None)
    wearing = wear(person, held.device.true, recording, motion.time, motion.weights, plan.misfit, off)
    return Film(plan, held, script, motion, wearing, tuple(faults))


def _take(plan: Plan, person: Person, recording: str) -> tuple[Script, Motion]:
    """A piece of a take, as long as other motion without script."""
    name = recording.removeprefix("take_")
    take = _read_take(plan, name)
    length = float(take.time_ns[-1] - take.time_ns[0]) / 1e9
    seconds = min(plan.seconds, length)
    start = float(person.rng("take", name).uniform(0, length - seconds))
    time = np.arange(max(int(seconds * plan.rate), 2)) / plan.rate
    script = Script(recording, seconds, (Part(0.0, 0.0, seconds, "free"),))
    return script, perform_take(person, take, start, time)


@lru_cache(maxsize=4)
def _read_take(plan: Plan, name: str) -> Labels:
    assert plan.takes is not None
    subject, _, recording = name.partition(".")
    held: Any = Dataset.read(plan.takes, Labels).subjects[subject].recordings[recording].load()
    return held  # type: ignore[no-any-return]
