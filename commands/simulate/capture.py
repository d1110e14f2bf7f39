"""One person before one phone: every expression's frames, and the truth about them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from refa_cli.commands.simulate import constants
from refa_cli.commands.simulate.depth import Sensor, make_sensor, read_depth
from refa_cli.commands.simulate.fields import F64
from refa_cli.commands.simulate.paint import Paint, paint_person
from refa_cli.commands.simulate.performance import Performance, perform
from refa_cli.commands.simulate.person import Person, make_person
from refa_cli.commands.simulate.photo import Light, photograph, room_light
from refa_cli.commands.simulate.poses import phone_poses
from refa_cli.commands.simulate.props import Dress, dress
from refa_cli.commands.simulate.sight import Sight, mouth_shade, see, seen_vertices
from refa_cli.face.prompts import by_id
from refa_cli.formats.face import FaceModel
from refa_cli.formats.scan_truth import ScanTruth
from refa_cli.formats.spec import F32, U8


@dataclass(frozen=True, eq=False)
class Session:
    """A person, a phone, a room."""

    person: Person
    sensor: Sensor
    paint: Paint
    light: Light
    dress: Dress
    shade: F64
    bias: F32
    wall: float


def open_session(
    face: FaceModel, subject: str, seed: int, width: int, height: int, noise: float, exact: bool = False
) -> Session:
    """The session of that subject: the same for the same arguments; exact: as in `make_person`."""
    person = make_person(face, subject, seed, exact=exact)
    sensor = make_sensor(width, height, noise, person.rng("phone"))
    hairline_shift = float(person.rng("hairline").normal(0.0, 0.004))
    dressed = dress(person, hairline_shift, person.rng("dress"))
    return Session(
        person=person,
        sensor=sensor,
        paint=paint_person(face, hairline_shift, person.rng("paint")),
        light=room_light(person.rng("room")),
        dress=dressed,
        shade=mouth_shade(face, dressed),
        bias=sensor.bias_field(),
        wall=float(person.rng("wall").uniform(*constants.BACKGROUND)),
    )


def held_heads(person: Person, performance: Performance) -> F32:
    """The head [T, V, 3] in every frame, head frame."""
    moved = person.geometry.evaluate(performance.weights, performance.gaze)
    return np.asarray(moved + performance.residual, np.float32)


def sights(session: Session, expression: str, frames: int) -> Iterator[Sight]:
    """What the phone truly sees, frame by frame."""
    person = session.person
    heads = held_heads(person, perform(person, by_id(expression), frames))
    for head, pose in zip(heads, phone_poses(person, expression, frames), strict=True):
        yield see(head, session.dress, session.shade, session.sensor.true, pose, session.wall, person.face.triangles)


def shoot(session: Session, expression: str, frames: int) -> Iterator[tuple[U8, F32]]:
    """(colour [H, W, 3], depth [H, W] metres) of every frame."""
    for i, sight in enumerate(sights(session, expression, frames)):
        rng = session.person.rng("frame", expression, i)
        color = photograph(sight, session.paint, session.light, rng, session.sensor.noise)
        yield color, read_depth(session.sensor, sight, session.bias, rng)


def truth_of(session: Session, expressions: tuple[str, ...], frames: int, recipe: dict[str, Any]) -> ScanTruth:
    """The truth about the frames of these expressions."""
    person, sensor = session.person, session.sensor
    face, geometry = person.face, person.geometry
    held = [perform(person, by_id(expression), frames) for expression in expressions]
    weights = np.stack([performance.mean_weights for performance in held])
    gaze = np.stack([performance.mean_gaze for performance in held])
    vertices = np.stack(
        [geometry.evaluate(w, g) + p.residual for w, g, p in zip(weights, gaze, held, strict=True)]
    ).astype(np.float32)
    poses = np.stack([phone_poses(person, expression, frames) for expression in expressions])
    seen = np.zeros(vertices.shape[:2], bool)
    for e, performance in enumerate(held):
        for head, pose in zip(held_heads(person, performance), poses[e], strict=True):
            seen[e] |= seen_vertices(head, session.dress, sensor.true, pose, face.triangles)
    corners = vertices[:, face.triangles[face.keypoint_triangles]]  # [E, K, 3, 3]
    camera = sensor.true
    return ScanTruth(
        subject=person.subject,
        face_digest=face.digest,
        triangles=face.triangles,
        material=face.material,
        zero=geometry.neutral,
        neutral=person.neutral,
        shapes=geometry.expressions,
        eye_follow=geometry.eye_follow,
        eye_centers=geometry.eye_centers,
        expression_ids=expressions,
        weights=weights.astype(np.float32),
        gaze=gaze.astype(np.float32),
        vertices=vertices,
        keypoints=np.einsum("ekcd,kc->ekd", corners, face.keypoint_barycentric),
        seen=seen,
        camera_from_head=poses.astype(np.float32),
        intrinsics=np.array([camera.fx, camera.fy, camera.cx, camera.cy], np.float32),
        depth_scale=np.array([sensor.scale], np.float32),
        depth_bias=sensor.bias.astype(np.float32),
        recipe=recipe,
    )
