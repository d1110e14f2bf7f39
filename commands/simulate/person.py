"""Virtual people: heads and ways of moving that a face model can nearly, but never exactly, represent.

    person = make_person(face, "S0001", seed=0)
    vertices = person.geometry.evaluate(weights, gaze)

Nothing here knows of phones or headsets. All vertices are metres in the head frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from refa_cli.commands.simulate import constants
from refa_cli.commands.simulate.fields import F64, calm, rms, smooth_field
from refa_cli.face.closing import Closer, clear_eyeballs
from refa_cli.face.evaluate import Geometry
from refa_cli.face.shapes import ALL, INDEX, mirrored
from refa_cli.formats.face import EXPRESSION_COUNT, REGIONS, FaceModel
from refa_cli.workers import seed_of

Generator = np.random.Generator


@dataclass(frozen=True, eq=False)
class Person:
    """One virtual person on a face model's topology.

    geometry: the head with all shapes at 0, and the person's own shapes at the most that this person does (1.0);
    identity [N]: coefficients of the model's basis; outside [V, 3]: what was added to them; gain [61]: strength of
    each shape against the model's; rest [53]: the weights of the relaxed face.
    """

    subject: str
    seed: int
    face: FaceModel
    geometry: Geometry
    identity: F64
    outside: F64
    gain: F64
    rest: F64

    @property
    def neutral(self) -> NDArray[np.float32]:
        """The relaxed face [V, 3]."""
        return self.geometry.evaluate(self.rest)

    def rng(self, *parts: str | int) -> Generator:
        """Random numbers for one part of what this person does, independent of every other part."""
        return np.random.default_rng(seed_of(self.seed, self.subject, *parts))


def make_person(face: FaceModel, subject: str, seed: int, *, exact: bool = False) -> Person:
    """The person of that name: the same for the same face model, name and seed.

    exact: a head of the model's own basis, moving just as the model does (for tests).
    """

    def rng(part: str) -> Generator:
        return np.random.default_rng(seed_of(seed, subject, part))

    limit = constants.IDENTITY_LIMIT
    identity = np.clip(rng("identity").normal(size=len(face.identity_basis)), -limit, limit)
    if exact:
        geometry = Geometry.of_face(face, identity)
        none = np.zeros_like(face.mean, dtype=np.float64)
        return Person(
            subject,
            seed,
            face,
            geometry,
            identity,
            none,
            np.asarray(1.0 - face.lacks, np.float64),
            rest_weights(face, rng("rest")),
        )
    outside = non_model_shape(face, rng("non-model"))
    zero = face.mean + np.einsum("n,nvk->vk", identity, face.identity_basis) + outside
    centers = face.eye_centers + np.einsum("n,nek->ek", identity, face.eye_centers_basis)
    gain = gains(face, rng("gain"))
    shapes = [own_shape(face, i, gain[i], rng(f"shape {name}")) for i, name in enumerate(ALL)]
    shapes = close_lids(face, zero, centers, shapes)
    shapes[INDEX["LipsToward"]] = close_lips(face, zero, shapes[INDEX["JawDrop"]], shapes[INDEX["LipsToward"]])
    moving = np.stack(shapes).astype(np.float32)
    geometry = Geometry(
        zero.astype(np.float32),
        moving[:EXPRESSION_COUNT],
        moving[EXPRESSION_COUNT:],
        centers.astype(np.float32),
        face.eyeball,
        face.triangles,
    )
    return Person(subject, seed, face, geometry, identity, outside, gain, rest_weights(face, rng("rest")))


def non_model_shape(face: FaceModel, rng: Generator) -> F64:
    """Displacement [V, 3] of NON_MODEL_RMS over the face that the model's basis does not hold."""
    field = smooth_field(face.mean, constants.NON_MODEL_LENGTHS, 3, rng) * calm(face)[:, None]
    return np.asarray(field * (constants.NON_MODEL_RMS / rms(field, face.regions[REGIONS.index("face")])))


def gains(face: FaceModel, rng: Generator) -> F64:
    """Strength [61] of each shape against the model's; sides differ, lids close fully, lips close as the jaw drops."""
    common: dict[str, float] = {}
    result = np.ones(len(ALL))
    for i, name in enumerate(ALL):
        strength = common.setdefault(action(name), float(rng.normal(0.0, constants.GAIN_SPREAD)))
        result[i] = np.exp(strength + rng.normal(0.0, constants.SIDE_SPREAD))
    result = np.clip(result, *constants.GAIN_RANGE)
    result[[INDEX["EyesClosedL"], INDEX["EyesClosedR"]]] = 1.0
    result[INDEX["LipsToward"]] = result[INDEX["JawDrop"]]
    result[face.lacks] = 0.0
    return result


def action(name: str) -> str:
    """What both sides, or all four parts, of a shape have in common."""
    for part in ("LB", "LT", "RB", "RT"):
        if name.endswith(part) and name[:-2] + "LB" in INDEX:
            return name[:-2]
    return min(name, mirrored(name))


def own_shape(face: FaceModel, shape: int, gain: float, rng: Generator) -> F64:
    """The person's displacement [V, 3] at 1.0: the model's, stronger or weaker from place to place and a little aside.

    It is zero where the model's is.
    """
    basis: F64 = np.concatenate([face.expression_basis, face.eye_follow_basis])[shape].astype(np.float64)
    moved = np.flatnonzero(basis.any(axis=1))
    result: F64 = np.zeros_like(basis)
    if len(moved) == 0:
        return result
    model = basis[moved]
    fields = smooth_field(face.mean[moved], constants.SHAPE_LENGTHS, 4, rng)
    aside = model * fields[:, :1] + np.linalg.norm(model, axis=1, keepdims=True) * fields[:, 1:] / np.sqrt(3.0)
    aside -= model * ((aside * model).sum() / (model**2).sum())  # what is merely stronger or weaker is the gain's
    aside *= constants.SHAPE_VARIATION * np.linalg.norm(model) / max(float(np.linalg.norm(aside)), 1e-12)
    result[moved] = gain * (model + aside)
    return result


def close_lids(face: FaceModel, zero: F64, centers: F64, shapes: list[F64]) -> list[F64]:
    """The shapes, with EyesClosed closing this person's eyes as the model's closes its own."""
    result = list(shapes)
    for side, name in enumerate(("EyesClosedL", "EyesClosedR")):
        shape, pairs, i = shapes[INDEX[name]], face.lid_pairs[side], INDEX[name]
        if not shape.any() or not pairs.size:
            continue
        closer = Closer(zero, face.triangles, pairs, face.eyeball)
        wanted = _gap(face.mean + face.expression_basis[i], pairs)
        shape = shape + closer.correction(wanted - _gap(zero + shape, pairs))
        ball = zero[face.eyeball == side + 1]
        if len(ball):
            # Lids of another shape and place slide over the ball, not through it.
            radius = np.median(np.linalg.norm(ball - centers[side], axis=1))
            lids = np.flatnonzero((np.linalg.norm(face.expression_basis[i], axis=1) > 0.001) & (face.eyeball == 0))
            lids = lids[(zero + shape)[lids, 2] > centers[side, 2] + 0.5 * radius]
            shape = shape + clear_eyeballs(zero + shape, centers[side : side + 1], np.array([radius]), lids)
        result[i] = shape
    return result


def close_lips(face: FaceModel, zero: F64, jaw_drop: F64, lips_toward: F64) -> F64:
    """LipsToward [V, 3] that brings the lips back together when it is as strong as JawDrop."""
    if not face.lip_pairs.size or not jaw_drop.any() or not lips_toward.any():
        return lips_toward
    closer = Closer(zero, face.triangles, face.lip_pairs, face.eyeball)
    together = _gap(zero, face.lip_pairs)
    return lips_toward + closer.correction(together - _gap(zero + jaw_drop + lips_toward, face.lip_pairs))


def _gap(vertices: NDArray[np.floating], pairs: NDArray[np.int32]) -> F64:
    """Upper minus lower [P, 3] of pairs [P, 2]."""
    gap: F64 = np.asarray(vertices[pairs[:, 0]], dtype=np.float64) - vertices[pairs[:, 1]]
    return gap


def rest_weights(face: FaceModel, rng: Generator) -> F64:
    """What this person's relaxed face shows [53]: a few shapes, a little."""
    names = [name for name in constants.REST_SHAPES if not face.lacks[INDEX[name]]]
    rest = np.zeros(EXPRESSION_COUNT)
    for name in rng.permutation(names)[: constants.REST_COUNT]:
        rest[INDEX[str(name)]] = rng.uniform(0.02, constants.REST_LIMIT)
    return rest
