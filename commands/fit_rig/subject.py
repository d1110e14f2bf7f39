"""One subject from scans to rig: every step of the paper's section 6.1.2 in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from refa_cli.commands.fit_rig.expressions import Expression, fit_expression
from refa_cli.commands.fit_rig.finish import finished
from refa_cli.commands.fit_rig.measure import Measurement, measure
from refa_cli.commands.fit_rig.person import Parts, Person, fit_person
from refa_cli.commands.fit_rig.rigging import Examples, Shapes, solve
from refa_cli.commands.fit_rig.steps import Steps
from refa_cli.commands.fit_rig.target import residuals
from refa_cli.commands.fit_rig.texture import bake_texture
from refa_cli.face.prompts import PROMPTS, by_id
from refa_cli.face.shapes import EXPRESSIONS, INDEX
from refa_cli.formats.errors import DataError
from refa_cli.formats.face import FaceModel
from refa_cli.formats.rig import Rig
from refa_cli.formats.scans import Scans

Float = NDArray[np.float64]
NEUTRAL = "neutral"
LEAST_OVERLAP, WORST_FIT = 200, 0.003
"""Fewer measured points on the face, or a larger median distance from it (metres), leave an expression out."""


@dataclass(frozen=True)
class Row:
    """One line of the residual table; millimetres."""

    expression: str
    frames: int
    agreement_mm: float
    coverage: float
    mean_mm: float
    median_mm: float
    p95_mm: float


@dataclass(frozen=True)
class Fitted:
    """A rig, its residual table, and what was left out and why."""

    rig: Rig
    rows: list[Row]
    left_out: list[DataError] = field(default_factory=list)


@dataclass(frozen=True)
class Study:
    """What is known of a subject before the rig is solved: the person, and every expression on the person's head."""

    parts: Parts
    person: Person
    found: list[Expression]


def fit_subject(
    scans: Scans, face: FaceModel, *, auto_scale: bool, strict: bool, steps: Steps, recipe: dict[str, object],
    say: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> Fitted:  # fmt: skip
    """Fit the rig of one subject. say(stage, done, total): progress.

    Raises DataError without a usable neutral, for an unknown expression, and in strict mode for anything left out.
    """
    expected = expected_weights(scans)
    left_out = list(scans.left_out)
    measured = measure_all(scans, left_out, auto_scale=auto_scale, strict=strict, steps=steps, say=say)
    study = study_person(scans, face, measured, expected, left_out, auto_scale=auto_scale, strict=strict, steps=steps,
                         say=say)  # fmt: skip
    rig, rows = rig_of(scans.subject, face, study, measured, recipe, steps)
    return Fitted(rig, rows, left_out)


def study_person(
    scans: Scans, face: FaceModel, measured: dict[str, Measurement], expected: dict[str, Float],
    left_out: list[DataError], *, auto_scale: bool, strict: bool, steps: Steps,
    say: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> Study:  # fmt: skip
    """Fit the neutral, then every other expression; those that do not fit are added to left_out. Raises DataError."""
    parts = Parts.of(face)
    person = fit_person(face, parts, measured[NEUTRAL].target, auto_scale, measured[NEUTRAL].views)
    check_scale(scans, face, person, auto_scale)
    steps.person(face, person)
    others = [name for name in measured if name != NEUTRAL]
    found: list[Expression] = []
    for done, name in enumerate(others):
        say("fitting expressions", done, len(others))
        fitted = fit_expression(face, parts, person, name, measured[name].target, expected[name],
                                asked_gaze(name), measured[name].views, measured[name].shots)  # fmt: skip
        problem = misfit(scans, face, parts, fitted, measured[name])
        if problem is None:
            found.append(fitted)
            steps.expression(face, fitted)
        elif strict:
            raise problem
        else:
            left_out.append(problem)
    return Study(parts, person, found)


def rig_of(
    subject: str, face: FaceModel, study: Study, measured: dict[str, Measurement], recipe: dict[str, object],
    steps: Steps,
) -> tuple[Rig, list[Row]]:  # fmt: skip
    """Solve the rig of a studied person; how far it is from every scan."""
    person, found, parts = study.person, study.found, study.parts
    final, weights, gain, evidence = finished(face, person, solved(face, study), parts.moving)
    steps.rig(face, person, final, gain, evidence)
    ids = [NEUTRAL, *(expression.name for expression in found)]
    all_weights = np.concatenate([person.rest[None], weights])
    poses = [person.head_from_scan, *(e.head_from_scan for e in found)]
    bases = [person.neutral, *(e.base for e in found)]
    rows = [
        _row(measured[name], face, parts, base + np.tensordot(w, final, 1), pose)
        for name, base, w, pose in zip(ids, bases, all_weights, poses, strict=True)
    ]
    texture = bake_texture(face, person.scanned, measured[NEUTRAL].target.moved(person.head_from_scan))
    rig = Rig(
        subject=subject, face_digest=face.digest, neutral=_f32(person.neutral), expressions=_f32(final),
        eye_follow=_f32(person.shapes[len(EXPRESSIONS):]), eye_centers=_f32(person.eye_centers), gain=_f32(gain),
        evidence=_f32(evidence), expression_ids=tuple(ids), weights=_f32(np.clip(all_weights, 0, 1)),
        residual_mm=_f32(np.array([[r.mean_mm, r.median_mm, r.p95_mm] for r in rows])),
        scan_from_head=_f32(np.stack([np.linalg.inv(p) for p in poses])), texture=texture, recipe=recipe,
    )  # fmt: skip
    return rig, rows


def expected_weights(scans: Scans) -> dict[str, Float]:
    """Expected activations [53] of every expression in scans.json: its own, or its prompt's. Raises DataError."""
    from difflib import get_close_matches

    out = {}
    known = [p.id for p in PROMPTS]
    for name in scans.expressions:
        if name in scans.activations:
            row = np.zeros(len(EXPRESSIONS))
            for shape, value in scans.activations[name].items():
                if shape not in EXPRESSIONS:
                    near = get_close_matches(shape, EXPRESSIONS, 1)
                    raise DataError(scans.root / "scans.json", f"activations.{name}", "shapes of refa's list", shape,
                                    f"did you mean {near[0]}" if near else "correct the name")  # fmt: skip
                row[INDEX[shape]] = value
            out[name] = row
        elif name in known:
            out[name] = by_id(name).weights.astype(np.float64)
        else:
            near = get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}? else " if near else ""
            raise DataError(scans.root / "scans.json", f"expressions.{name}", "a prompt of refa's list", name,
                            f"{hint}give its weights under activations")  # fmt: skip
    return out


def asked_gaze(name: str) -> tuple[float, float]:
    """Where an expression's prompt asks to look: (yaw, pitch), radians; straight ahead if it is no prompt."""
    return next((prompt.gaze for prompt in PROMPTS if prompt.id == name), (0.0, 0.0))


def measure_all(
    scans: Scans, left_out: list[DataError], *, auto_scale: bool, strict: bool, steps: Steps,
    say: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> dict[str, Measurement]:  # fmt: skip
    """All usable expressions, neutral first. Raises DataError without a neutral."""
    if NEUTRAL not in scans.expressions:
        raise DataError(scans.root / "scans.json", "expressions", "a scan of 'neutral'",
                        ", ".join(list(scans.expressions)[:5]) or "none",
                        "scan the relaxed face and name it neutral")  # fmt: skip
    measured: dict[str, Measurement] = {}
    for done, name in enumerate(sorted(scans.expressions, key=lambda n: (n != NEUTRAL, n))):
        say("measuring scans", done, len(scans.expressions))
        try:
            measured[name] = measure(scans, name, left_out, auto_scale)
        except DataError as problem:
            if name == NEUTRAL or strict:
                raise
            left_out.append(problem)
            continue
        if strict and left_out:
            raise left_out[0]
        steps.measurement(measured[name])
    return measured


def check_scale(scans: Scans, face: FaceModel, person: Person, auto_scale: bool) -> None:
    """Refuse a head whose identity the model had to stretch, which is what wrong units look like."""
    if auto_scale:
        return
    distance = float(np.linalg.norm(person.eye_centers[0] - person.eye_centers[1]))
    miss = float(np.sqrt(np.mean(person.identity**2)))
    if not 0.048 <= distance <= 0.080 or miss > 2.5:
        raise DataError(scans.root, "scale", "eyes 48 to 80 mm apart on a human head",
                        f"{distance * 1000:.0f} mm, {miss:.1f} standard deviations from the mean face",
                        "correct depth_unit or mesh_unit, or use --scale auto")  # fmt: skip


def solved(face: FaceModel, study: Study) -> Shapes:
    """Example-based rigging of the expressions of a study."""
    person, found, count = study.person, study.found, len(EXPRESSIONS)
    if not found:
        return Shapes(person.shapes[:count], np.zeros((0, count)), np.zeros(count))
    examples = Examples(
        displacement=np.stack([e.refined - e.base for e in found]),
        sure=np.stack([e.sure * study.parts.moving for e in found]),
        expected=np.stack([e.expected for e in found]),
    )
    return solve(person.neutral, face.triangles, person.shapes[:count], examples, study.parts.skin, study.parts.moving)


def misfit(
    scans: Scans, face: FaceModel, parts: Parts, fitted: Expression, measurement: Measurement
) -> DataError | None:
    """Why a fitted expression is not used: another person, another thing or a broken scan; None for a good one."""
    target = measurement.target.moved(fitted.head_from_scan)
    distance = residuals(fitted.refined, face.triangles, parts.candidates, target)
    if len(distance) >= LEAST_OVERLAP and float(np.median(distance)) <= WORST_FIT:
        return None
    got = f"{np.median(distance) * 1000:.1f} mm" if len(distance) >= LEAST_OVERLAP else "almost no overlap"
    return DataError(scans.root / "scans.json", f"expressions.{fitted.name}",
                     f"a scan that the person's face fits within {WORST_FIT * 1000:.0f} mm", got,
                     "scan this expression again")  # fmt: skip


def _row(measurement: Measurement, face: FaceModel, parts: Parts, vertices: Float, head_from_scan: Float) -> Row:
    target = measurement.target.moved(head_from_scan)
    distance = residuals(vertices, face.triangles, parts.candidates, target) * 1000
    near = cKDTree(target.vertices).query(vertices[parts.candidates])[0] < 0.003
    return Row(
        measurement.expression, measurement.frames, measurement.agreement * 1000, float(near.mean()),
        float(distance.mean()), float(np.median(distance)), float(np.percentile(distance, 95)),
    )  # fmt: skip


def _f32(values: Float) -> NDArray[np.float32]:
    return np.ascontiguousarray(values, dtype=np.float32)
