"""Whether a rig reproduces combinations of shapes that it was not built from, on people of its own topology.

A fifth of the scans is taken away, in each of five parts, but only scans whose shapes others still show; the rig is
solved from the rest and asked for what was taken away. Beside it stand the model's shapes merely transferred to the
person, and the true rig.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from rig_errors import MOVES

from refa_cli.commands.fit_rig.finish import finished
from refa_cli.commands.fit_rig.rigging import bounded
from refa_cli.commands.fit_rig.subject import Study, solved
from refa_cli.face.mesh import vertex_normals
from refa_cli.face.shapes import EXPRESSIONS, INDEX
from refa_cli.formats.face import REGIONS, FaceModel
from refa_cli.formats.scan_truth import ScanTruth

Float = NDArray[np.float64]
PARTS = 5
KEY, STILL_SHOWN = 0.5, 0.8
"""Shapes of at least KEY in a scan that is taken away must be shown to STILL_SHOWN of that by one that is kept."""
RIDGE = 1e-3
"""Prior on weights that are solved for, against a mean square of the shapes' displacements."""


def taken_away(truth: ScanTruth, names: list[str], part: int, seed: int) -> list[str]:
    """The expressions that part 0 ... PARTS - 1 is without."""
    order = [names[i] for i in np.random.default_rng(seed).permutation(len(names))]
    rows = {name: truth.weights[truth.expression_ids.index(name)] for name in names}
    gone: list[str] = []
    for name in order[part::PARTS]:
        kept = np.max([rows[n] for n in names if n != name and n not in gone], axis=0)
        key = rows[name] >= KEY
        if (kept[key] >= STILL_SHOWN * rows[name][key]).all():
            gone.append(name)
    return gone


def reproduction(study: Study, face: FaceModel, truth: ScanTruth, truth_from_rig: Float, seed: int) -> dict[str, float]:
    """Mean distances (mm) on the skin that truly moves, and how much of the gap from transferred shapes to the true rig
    is closed: with the true weights, with each rig's own best weights, and across the skin only with these."""
    turn = truth_from_rig[:3, :3].T
    skin = face.regions[REGIONS.index("face")] & (face.eyeball == 0)
    transferred = study.person.shapes[: len(EXPRESSIONS), skin] @ turn
    normals = vertex_normals(truth.neutral.astype(np.float64), face.triangles)[skin]
    sums = np.zeros((3, 3))  # weights given, solved, across the skin; transferred, fitted, true
    places = scans = 0
    for part in range(PARTS):
        gone = taken_away(truth, [e.name for e in study.found], part, seed)
        kept = replace(study, found=[e for e in study.found if e.name not in gone])
        shapes = finished(face, study.person, solved(face, kept), study.parts.moving)[0][:, skin] @ turn
        kept_rows = [truth.expression_ids.index(e.name) for e in kept.found]
        most = np.maximum(truth.weights[kept_rows].max(0), 1e-6).astype(np.float64)
        most[INDEX["LipsToward"]] = most[INDEX["JawDrop"]]  # a rig's LipsToward is measured by the jaw it shuts
        true, ones = truth.shapes[:, skin].astype(np.float64), np.ones(len(most))
        rigs = [(transferred, ones), (shapes, most), (true, ones)]
        for name in gone:
            index = truth.expression_ids.index(name)
            wanted = (truth.vertices[index] - truth.zero)[skin].astype(np.float64)
            moves = np.linalg.norm((truth.vertices[index] - truth.neutral)[skin], axis=1) > MOVES
            given = truth.weights[index].astype(np.float64)
            for r, (basis, unit) in enumerate(rigs):
                given_error, error = (wanted - np.tensordot(weights, basis, 1)
                                      for weights in (given / unit, solved_weights(basis, wanted)))  # fmt: skip
                distances = [np.linalg.norm(given_error, axis=1), np.linalg.norm(error, axis=1),
                             np.abs((error * normals).sum(1))]  # fmt: skip
                sums[:, r] += [distance[moves].sum() * 1000 for distance in distances]
            places, scans = places + int(moves.sum()), scans + 1
    means = sums / places
    closed = (means[:, 0] - means[:, 1]) / (means[:, 0] - means[:, 2])
    return {
        "scans held out": scans,
        "transferred": float(means[0, 0]), "rig": float(means[0, 1]), "true rig": float(means[0, 2]),
        "gap closed": float(closed[0]),
        "transferred, own weights": float(means[1, 0]), "rig, own weights": float(means[1, 1]),
        "true rig, own weights": float(means[1, 2]), "gap closed, own weights": float(closed[1]),
        "transferred, across": float(means[2, 0]), "rig, across": float(means[2, 1]),
        "true rig, across": float(means[2, 2]), "gap closed, across": float(closed[2]),
    }  # fmt: skip


def solved_weights(basis: Float, wanted: Float) -> Float:
    """Weights in 0..1.3 of shapes [K, S, 3] that come nearest to a displacement [S, 3]."""
    flat = basis.reshape(len(basis), -1)
    normal = flat @ flat.T
    ridge = RIDGE * float(np.trace(normal)) / len(normal)
    return bounded(normal + ridge * np.eye(len(normal)), flat @ wanted.reshape(-1), 0.0, 1.3, np.zeros(len(flat)))
