"""Example-based facial rigging: a person's own shapes and the weights of their scans, each solved with the other fixed.

After Li, Weise and Pauly, "Example-Based Facial Rigging", SIGGRAPH 2010. Shapes are sought as gradients of
displacement per triangle (step A: ridge regression towards the transferred shapes, strongest where a shape should not
move), weights per scan by bounded least squares (step B, towards the expected activations). Both priors give way over
the rounds. Gradients know folds, but their errors add up from the ears to the lips; in the end the places of vertices
correct what is smooth in them. Both look at what moves across the skin and along it apart, since scans show the first
far better.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refa_cli.face.deformation import Gradients
from refa_cli.face.mesh import triangle_vectors, vertex_normals

Float = NDArray[np.float64]
Int = NDArray[np.integer[Any]]

ROUNDS = 6
SHAPE_PRIOR = (0.2, 0.1)
"""Weight of the transferred shape in step A, first and last round (the paper's beta)."""
WEIGHT_PRIOR = (0.15, 0.07)
"""Standard deviation of a weight from the expected one in step B, first and last round."""
STILL, STILL_POWER = 0.015, 2.0
"""Gradient at which the prior's pull on a triangle is moderate, and its exponent (the paper's kappa and theta)."""
MOST = 1.3
"""Largest weight within the solve: what 1.0 means is settled after it."""
STATIC = 5e-5
"""Skin that no shape moves by more than so many metres anchors the shapes."""
POSITION_SIGMA = 0.0008
"""Standard deviation of a refined vertex, metres."""
SLIDE = 20.0
"""How many times heavier the prior of a shape weighs along the skin: how skin slides is hardly seen."""
PLACE_ROUNDS, PLACE_SIGMA, PLACE_SHARE, PLACE_STILL = 4, 0.0004, 0.3, 0.0001
"""Rounds by the places of vertices; standard deviation of a place, metres; and of a shape there: a share of how far the
prior moves a vertex, and metres."""
PLACE_HOLD = 0.3
"""How firmly measured vertices are held at these places, against the gradients that carry the rest along."""
SPARE = 25.0
"""Neighbouring vertices err alike: this many of them count as one."""


@dataclass(frozen=True)
class Examples:
    """What was seen: displacement [E, V, 3] of refined scans from the neutral, sure [E, V] 0..1, expected [E, K]."""

    displacement: Float
    sure: Float
    expected: Float


@dataclass(frozen=True)
class Shapes:
    """shapes [K, V, 3] at 1.0; weights [E, K] of the scans, 0..MOST; resolution [K] 0..1: how far data set each."""

    shapes: Float
    weights: Float
    resolution: Float


def solve(
    neutral: Float, triangles: Int, prior: Float, examples: Examples, skin: NDArray[np.bool_],
    moving: NDArray[np.bool_],
) -> Shapes:  # fmt: skip
    """Personal shapes and weights.

    neutral [V, 3]; triangles [F, 3]; prior [K, V, 3]: transferred shapes; skin [V]: the connected surface that is
    solved (elsewhere, as on teeth, the prior stands, times the shape's gain); moving [V]: the part that scans inform.
    """
    faces = np.flatnonzero(skin[triangles].all(1))
    still = np.linalg.norm(prior, axis=2).max(0) < STATIC
    gradients = Gradients(neutral, triangles[faces], anchors=skin & still)
    turn = frames(triangle_vectors(neutral, triangles[faces]))
    wanted = np.stack([turn @ gradients.of(d) for d in examples.displacement])  # [E, F, 3, 3]
    guess = np.stack([turn @ gradients.of(s) for s in prior])  # [K, F, 3, 3]
    sure = examples.sure[:, triangles[faces]].min(-1) ** 2  # [E, F]
    pull = ((1 + _size(guess)) / (STILL + _size(guess))) ** STILL_POWER  # [K, F]
    pull /= np.median(pull.min(0))
    shapes, weights = prior.copy(), examples.expected.copy()
    for r in range(ROUNDS):
        blend = r / (ROUNDS - 1)
        beta = SHAPE_PRIOR[0] ** (1 - blend) * SHAPE_PRIOR[1] ** blend
        gamma = WEIGHT_PRIOR[0] ** (1 - blend) * WEIGHT_PRIOR[1] ** blend
        weights = solve_weights(shapes, examples, moving, gamma)
        found = solve_gradients(weights, wanted, sure, guess, beta * pull)
        folds = turn.transpose(0, 2, 1) @ found
        shapes = gradients.field(folds, prior)
        shapes[:, ~skin] = gains(shapes, prior, moving)[:, None, None] * prior[:, ~skin]
    held = Gradients(neutral, triangles[faces], np.maximum(skin & still, PLACE_HOLD * examples.sure.mean(0)))
    around = frames(vertex_normals(neutral, triangles)[skin])
    for _ in range(PLACE_ROUNDS):
        weights = solve_weights(shapes, examples, moving, WEIGHT_PRIOR[1])
        shapes[:, skin] += solve_places(weights, shapes[:, skin], prior[:, skin], examples, skin, around)
        shapes = held.field(folds, shapes)
        shapes[:, ~skin] = gains(shapes, prior, moving)[:, None, None] * prior[:, ~skin]
    weights = solve_weights(shapes, examples, moving, WEIGHT_PRIOR[1])
    return Shapes(shapes, weights, resolution(weights, sure, guess, SHAPE_PRIOR[1] * pull))


def solve_gradients(weights: Float, wanted: Float, sure: Float, guess: Float, pull: Float) -> Float:
    """Step A for every triangle: [K, F, 3, 3], rows across the skin and twice along it.

    weights [E, K]; wanted [E, F, 3, 3] with confidence sure [E, F]; guess [K, F, 3, 3] with weight pull [K, F].
    """
    return guess + ridge(weights, wanted - np.tensordot(weights, guess, 1), sure, pull)


def solve_places(
    weights: Float, shapes: Float, prior: Float, examples: Examples, skin: NDArray[np.bool_], turn: Float
) -> Float:
    """What shapes [K, S, 3] of skin [V] still lack to bring its S vertices where scans have them: [K, S, 3].

    The less the prior [K, S, 3] moves a vertex, the more it is bound; turn [S, 3, 3]: frames of the vertices.
    """
    lack = examples.displacement[:, skin] - np.tensordot(weights, shapes, 1)
    freedom = PLACE_SHARE * np.linalg.norm(prior, axis=2) + PLACE_STILL  # [K, S]
    found = ridge(weights, turn @ lack[..., None], examples.sure[:, skin] ** 2, (PLACE_SIGMA / freedom) ** 2)
    return np.asarray((turn.transpose(0, 2, 1) @ found)[..., 0])


def ridge(weights: Float, wanted: Float, sure: Float, pull: Float) -> Float:
    """x [K, S, 3, C] of the least  sure |weights x - wanted|^2 + pull |x|^2  at every place, SLIDE pull along the skin.

    weights [E, K]; wanted [E, S, 3, C], in frames of the places; sure [E, S]; pull [K, S].
    """
    normal, index = _normal(weights, sure), np.arange(weights.shape[1])
    seen = np.einsum("ek,esx->skx", weights, (sure[..., None, None] * wanted).reshape(*sure.shape, -1), optimize=True)
    right = seen.reshape(*seen.shape[:2], *wanted.shape[2:])  # [S, K, 3, C]
    found = np.empty_like(right)
    for rows, share in ((slice(0, 1), 1.0), (slice(1, 3), SLIDE)):
        bound = normal.copy()
        bound[:, index, index] += share * pull.T
        part = right[:, :, rows]
        found[:, :, rows] = np.linalg.solve(bound, part.reshape(*part.shape[:2], -1)).reshape(part.shape)
    out: Float = found.transpose(1, 0, 2, 3)
    return out


def frames(normals: NDArray[np.floating[Any]]) -> Float:
    """[S, 3, 3]: rows across and twice along the skin, from normals [S, 3] of any length."""
    across: Float = normals.astype(np.float64) / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-15)
    aside = np.where(np.abs(across[:, :1]) < 0.9, [[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]])
    along = np.cross(across, aside)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    return np.stack([across, along, np.cross(across, along)], 1)


def _normal(weights: Float, sure: Float) -> Float:
    """Sum over scans of sure * w w^T, per triangle or vertex [F, K, K]."""
    products = (weights[:, :, None] * weights[:, None, :]).reshape(len(weights), -1)
    return (sure.T @ products).reshape(sure.shape[1], weights.shape[1], -1)


def solve_weights(shapes: Float, examples: Examples, moving: NDArray[np.bool_], gamma: float) -> Float:
    """Step B: the weights [E, K] within 0..MOST of every scan; gamma: standard deviation allowed from the expected."""
    basis = shapes[:, moving].reshape(len(shapes), -1)
    out = np.empty_like(examples.expected)
    for e, expected in enumerate(examples.expected):
        sure = np.repeat(examples.sure[e, moving] ** 2, 3) / POSITION_SIGMA**2 / SPARE
        weighted = basis * sure
        normal = weighted @ basis.T + np.eye(len(basis)) / gamma**2
        right = weighted @ examples.displacement[e][moving].reshape(-1) + expected / gamma**2
        out[e] = bounded(normal, right, 0.0, MOST, expected)
    return out


def bounded(normal: Float, right: Float, lower: float, upper: float, start: Float) -> Float:
    """Minimise x^T normal x / 2 - right^T x within bounds, by coordinate descent (normal positive definite)."""
    x = np.clip(start, lower, upper).astype(np.float64)
    diagonal = normal.diagonal()
    slope = normal @ x - right
    for _ in range(500):
        largest = 0.0
        for k in range(len(x)):
            new = min(max(x[k] - slope[k] / diagonal[k], lower), upper)
            step = new - x[k]
            if step != 0.0:
                slope += normal[:, k] * step
                x[k] = new
                largest = max(largest, abs(step))
        if largest < 1e-6:
            break
    return x


def resolution(weights: Float, sure: Float, guess: Float, pull: Float) -> Float:
    """How far the scans and not the prior determine each shape, 0..1: the diagonal of the resolution matrix.

    Averaged over the triangles where the prior shape moves, by how much it does.
    """
    normal = _normal(weights, sure)
    regular = normal.copy()
    index = np.arange(weights.shape[1])
    regular[:, index, index] += pull.T
    share = np.einsum("fkj,fjk->fk", np.linalg.inv(regular), normal)
    size = _size(guess).T ** 2  # [F, K]
    return np.asarray((share * size).sum(0) / np.maximum(size.sum(0), 1e-12))


def gains(shapes: Float, prior: Float, moving: NDArray[np.bool_]) -> Float:
    """Strength of each shape along its prior [K], never negative."""
    a, b = shapes[:, moving].reshape(len(shapes), -1), prior[:, moving].reshape(len(prior), -1)
    return np.asarray(np.maximum((a * b).sum(1) / np.maximum((b * b).sum(1), 1e-15), 0))


def _size(gradients: Float) -> Float:
    return np.asarray(np.sqrt((gradients**2).sum((-1, -2))))
