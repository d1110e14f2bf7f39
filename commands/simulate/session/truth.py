"""What is told of a session: its captures' own data, and apart from them the truth."""

from __future__ import annotations

from typing import Any

import numpy as np

from refa_cli.commands.simulate.session.filming import Film, Subject
from refa_cli.commands.simulate.session.script import Part
from refa_cli.face.evaluate import effective_weights
from refa_cli.face.shapes import EXPRESSIONS
from refa_cli.formats.face import EXPRESSION_COUNT
from refa_cli.formats.labels import PERFORMED, SEGMENT_KINDS, SIDES, STATES, Labels
from refa_cli.formats.rig import Rig
from refa_cli.formats.session_truth import FAULTS, SessionTruth
from refa_cli.formats.spec import I64
from refa_cli.headset.parts import recorded


def stamps(film: Film) -> I64:
    """Time stamps [T] of a recording, nanoseconds."""
    out: I64 = np.rint(film.time * 1e9).astype(np.int64)
    return out


def told(film: Film) -> dict[str, Any]:
    """What captures tell besides frames: cameras as calibrated, time, and what was asked for."""
    subject, asked = film.subject, segments(film.script.parts)
    del asked["segment_performed"]
    return {
        **recorded(subject.device.nominal, list(subject.cameras)), **asked, "time_ns": stamps(film),
        "present": film.present(), "headset_digest": dict(film.plan.digests)["headset"],
    }  # fmt: skip


def segments(parts: tuple[Part, ...]) -> dict[str, Any]:
    """The segments of parts, as Labels has them."""
    ids = tuple(dict.fromkeys(part.expression for part in parts if part.expression is not None))
    seconds = np.array([[part.start, part.hold, part.end] for part in parts]).reshape(-1, 3)
    return {
        "expression_ids": ids,
        "segment_ns": np.rint(seconds * 1e9).astype(np.int64),
        "segment_kind": np.array([SEGMENT_KINDS.index(part.kind) for part in parts], np.uint8),
        "segment_side": np.array([SIDES.index(part.side) for part in parts], np.uint8),
        "segment_expression": np.array(
            [ids.index(part.expression) if part.expression else -1 for part in parts], np.int32
        ),
        "segment_performed": np.array([PERFORMED.index(part.performed) for part in parts], np.uint8),
    }


def labels(film: Film) -> Labels:
    """What the face truly does in a recording."""
    worn, count = film.wearing.worn, len(film.time)
    state = np.where(worn, STATES.index("tracked"), STATES.index("not_worn")).astype(np.uint8)
    return Labels(
        shapes=EXPRESSIONS, time_ns=stamps(film), expressions=effective_weights(film.motion.weights),
        gaze=film.motion.gaze.astype(np.float32), headset_from_head=film.wearing.pose.astype(np.float32),
        confidence=np.ones((count, 3), np.float32), valid=worn, state=state, **segments(film.script.parts),
    )  # fmt: skip


def rig(subject: Subject, recipe: dict[str, Any]) -> Rig:
    """The person's true rig: the head with all shapes at 0, and what each does at most."""
    person = subject.person
    lacks = person.face.lacks[:EXPRESSION_COUNT]
    return Rig(
        subject=person.subject, face_digest=person.face.digest, neutral=person.geometry.neutral,
        expressions=person.geometry.expressions, eye_follow=person.geometry.eye_follow,
        eye_centers=person.geometry.eye_centers, gain=np.where(lacks, 0, person.gain[:EXPRESSION_COUNT]),
        evidence=(~lacks).astype(np.float32), expression_ids=(), weights=np.zeros((0, EXPRESSION_COUNT), np.float32),
        residual_mm=np.zeros((0, 3), np.float32), scan_from_head=np.zeros((0, 4, 4), np.float32),
        texture=np.zeros((0, 0, 3), np.uint8), recipe=recipe,
    )  # fmt: skip


def session(subject: Subject, films: list[Film], recipe: dict[str, Any]) -> SessionTruth:
    """The device as it was, and all faults."""
    plan, person = films[0].plan, subject.person
    cameras = list(subject.cameras)
    true = subject.device.true
    rows = [(r, fault) for r, film in enumerate(films) for fault in film.faults]
    ends = np.array([[fault.start, min(fault.end, films[r].script.seconds)] for r, fault in rows]).reshape(-1, 2)
    return SessionTruth(
        subject=person.subject, headset_digest=dict(plan.digests)["headset"], face_digest=person.face.digest,
        misfit=str(plan.misfit), identity=person.identity.astype(np.float32),
        camera_names=tuple(true.camera_names[i] for i in cameras), camera_intrinsics=true.camera_intrinsics[cameras],
        camera_distortion=true.camera_distortion[cameras], camera_from_headset=true.camera_from_headset[cameras],
        led_intensity=true.led_intensity, led_direction=true.led_direction,
        recording_names=tuple(film.script.name for film in films),
        fault_recording=np.array([r for r, _ in rows], np.int32),
        fault_camera=np.array([fault.camera for _, fault in rows], np.int32),
        fault_kind=np.array([FAULTS.index(fault.kind) for _, fault in rows], np.uint8),
        fault_ns=np.rint(ends * 1e9).astype(np.int64), recipe=recipe,
    )  # fmt: skip
