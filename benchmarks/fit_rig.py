"""How near `refa fit-rig` comes to the truth of simulated people, and to a real scan; writes benchmarks/fit_rig.md.

    python benchmarks/fit_rig.py ict FOLDER SUBJECT --face ict.npz    a person on another topology
    python benchmarks/fit_rig.py own FOLDER SUBJECT                   a person on refa's own topology
    python benchmarks/fit_rig.py real FOLDER HEAD.obj [COLOR.jpg]     a real head, in unknown units
    python benchmarks/fit_rig.py page RESULTS...                      the page, from result files

FOLDER is what `refa simulate --scans` wrote; results go to FOLDER/results/SUBJECT.json, a real head's to
FOLDER/result.json. Every fifth keypoint is kept from the fit, to be judged by.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from combinations import reproduction
from numpy.typing import NDArray
from rig_errors import Judge, expression_errors, inverted, keypoints, neutral_errors, shape_agreement

from refa_cli.commands.fit_rig.measure import Measurement
from refa_cli.commands.fit_rig.similarity import apply
from refa_cli.commands.fit_rig.steps import Steps
from refa_cli.commands.fit_rig.subject import Row, Study, expected_weights, measure_all, rig_of, study_person
from refa_cli.face.default import load_face
from refa_cli.face.shapes import EXPRESSIONS, INDEX
from refa_cli.formats.face import FaceModel
from refa_cli.formats.rig import Rig
from refa_cli.formats.scan_truth import ScanTruth
from refa_cli.formats.scans import Scans

HELD_OUT = list(range(2, 100, 5))
SHOWN = 0.8
"""A shape counts as exercised when some scan shows at least so much of it."""
HERE = Path(__file__).parent


class Fit:
    """A rig fitted to scans with some keypoints kept back; seconds it took, gigabytes it took at most."""

    def __init__(self, folder: Path, face: FaceModel, auto_scale: bool) -> None:
        start = time.perf_counter()
        scans, steps = Scans.read(folder), Steps(None)
        self.left_out = list(scans.left_out)
        self.measured = measure_all(scans, self.left_out, auto_scale=auto_scale, strict=False, steps=steps)
        self.kept_back = self.measured["neutral"].target.keypoints[HELD_OUT].copy()
        for measurement in self.measured.values():
            measurement.target.keypoints[HELD_OUT] = np.nan
            for shot in measurement.shots:
                shot.pixels[HELD_OUT] = np.nan
        measuring = time.perf_counter()
        self.study: Study = study_person(scans, face, self.measured, expected_weights(scans), self.left_out,
                                         auto_scale=auto_scale, strict=False, steps=steps)  # fmt: skip
        fitting = time.perf_counter()
        self.rig: Rig
        self.rows: list[Row]
        self.rig, self.rows = rig_of(scans.subject, face, self.study, self.measured, {}, steps)
        end = time.perf_counter()
        self.cost = {"measuring s": measuring - start, "fitting s": fitting - measuring, "rigging s": end - fitting,
                     "peak GB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20}  # fmt: skip


def simulated(kind: str, folder: Path, subject: str, face_path: Path | None) -> dict[str, Any]:
    """The result of one simulated person: a row for each table."""
    own, person_face = load_face(), load_face(face_path)
    truth = ScanTruth.read(folder / "truth" / f"{subject}.npz")
    fit = Fit(folder / "scans" / subject, own, auto_scale=False)
    judge = Judge.of(fit.rig, own, truth, person_face)
    result: dict[str, Any] = {
        "kind": kind, "person": subject, "left out": [str(problem) for problem in fit.left_out],
        "surface": neutral_errors(judge, HELD_OUT) | expression_errors(judge), "cost": fit.cost,
    }  # fmt: skip
    if kind == "ict":
        result["differ"] = difference(fit)
    if kind == "own":
        cosine, gain, most = shape_agreement(judge)
        exercised = most >= SHOWN
        good = (gain >= 0.85) & (gain <= 1.15)
        odd = [k for k in np.flatnonzero(exercised) if not good[k] or cosine[k] < 0.9]
        result["shapes"] = {
            "exercised": int(exercised.sum()),
            "cosine least": float(cosine[exercised].min()), "cosine median": float(np.median(cosine[exercised])),
            "cosine >= 0.9": int((cosine[exercised] >= 0.9).sum()),
            "gain least": float(gain[exercised].min()), "gain median": float(np.median(gain[exercised])),
            "gain most": float(gain[exercised].max()), "gain 0.85-1.15": int(good[exercised].sum()),
        }  # fmt: skip
        result["odd"] = ", ".join(f"{EXPRESSIONS[k]} {cosine[k]:.2f} / {gain[k]:.2f}" for k in odd)
        result["combinations"] = reproduction(fit.study, own, truth, judge.truth_from_rig, seed=0)
    return result


def difference(fit: Fit) -> dict[str, float]:
    """How far shapes that scans showed are from the transferred ones, as a share of their size and after the best
    gain: quartiles."""
    moving, shown = fit.study.parts.moving, fit.rig.evidence > 0
    a, b = (s[: len(EXPRESSIONS), moving][shown].reshape(int(shown.sum()), -1).astype(np.float64)
            for s in (fit.rig.expressions, fit.study.person.shapes))  # fmt: skip
    cosine = (a * b).sum(1) / np.maximum(np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1), 1e-12)
    least, middle, most = np.percentile(np.sqrt(1 / np.clip(cosine, 1e-3, 1) ** 2 - 1), [25, 50, 75])
    return {"shapes": int(shown.sum()), "first quartile": least, "median": middle, "third quartile": most}


def real(scans: Path, mesh: Path, color: Path | None = None) -> dict[str, Any]:
    """The result of a real scan of one expression: there is no truth but the scan itself."""
    face = load_face()
    scans.mkdir(parents=True, exist_ok=True)
    painted = ""
    if color is not None:
        shutil.copy(color, scans / color.name)
        (scans / "skin.mtl").write_text(f"newmtl skin\nmap_Kd {color.name}\n", "utf-8")
        painted = "mtllib skin.mtl\nusemtl skin\n"
    (scans / mesh.name).write_text(painted + mesh.read_text("utf-8"), "utf-8")
    told = {"schema": "refa.scans/1", "subject": mesh.stem, "expressions": {"neutral": mesh.name}}
    (scans / "scans.json").write_text(json.dumps(told), "utf-8")
    fit = Fit(scans, face, auto_scale=True)
    row = fit.rows[0]
    neutral = fit.measured["neutral"]
    model = keypoints(fit.study.person.scanned, face)[HELD_OUT]
    apart = np.linalg.norm(apply(fit.study.person.head_from_scan, fit.kept_back) - model, axis=1) * 1000
    known = np.isfinite(apart)
    return {"kind": "real", "person": fit.rig.subject, "cost": fit.cost, "surface": {
        "median": row.median_mm, "mean": row.mean_mm, "p95": row.p95_mm,
        "held-out keypoints median": float(np.median(apart[known])), "keypoints known": int(known.sum()),
        "lid gap at EyesClosed": lid_gap(fit.rig, face), "inverted": inverted(face, fit.rig.neutral.astype(np.float64)),
        "measured vertices": vertices_of(neutral),
    }}  # fmt: skip


def vertices_of(measurement: Measurement) -> int:
    return len(measurement.surface.vertices)


def lid_gap(rig: Rig, face: FaceModel) -> float:
    """The largest opening (mm) between the lids of either eye when it is closed."""
    gaps: list[NDArray[np.float64]] = []
    for side, name in enumerate(("EyesClosedL", "EyesClosedR")):
        closed = rig.neutral + rig.expressions[INDEX[name]]
        upper, lower = face.lid_pairs[side].T
        gaps.append(np.linalg.norm(closed[upper] - closed[lower], axis=1))
    return float(max(gap.max() for gap in gaps) * 1000)


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown; with more than one row, a last one of medians."""
    names = list(rows[0])
    if len(rows) > 1:
        middle = {n: float(np.median([row[n] for row in rows])) for n in names if n != "person"}
        rows = [*rows, {"person": "median", **middle}]
    lines = ["| " + " | ".join(names) + " |", "|" + " --- |" * len(names)]
    for row in rows:
        cells = [f"{v:.2f}" if isinstance(v, float) else str(v) for v in (row[name] for name in names)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


TITLES = (
    ("ict", "surface", "People made from ICT-FaceKit identities"),
    ("ict", "differ", "How far their shapes are from the model's"),
    ("own", "surface", "People on refa's own topology"),
    ("own", "shapes", "Their shapes"),
    ("own", "combinations", "Combinations that the rig was not built from"),
    ("real", "surface", "A real head scan, `--scale auto`"),
    ("all", "cost", "What one subject costs"),
)


def page(results: list[Path]) -> str:
    """The page of result files."""
    found = [json.loads(path.read_text("utf-8")) for path in results]
    parts = [(HERE / "fit_rig.head.md").read_text("utf-8").strip()]
    for kind, part, title in TITLES:
        rows = [{"person": f"{r['kind']} {r['person']}", **r[part]}
                for r in found if part in r and (kind in ("all", r["kind"]))]  # fmt: skip
        if rows:
            parts += [f"## {title}", table(rows)]
        if part == "shapes":
            odd = [f"{r['person']}: {r['odd'] or 'none'}" for r in found if "odd" in r]
            parts.append("Cosine / gain of shapes outside 0.9 or 0.85–1.15: " + "; ".join(odd) + ".")
    return "\n\n".join(parts) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["ict", "own", "real", "page"])
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--face", type=Path)
    given = parser.parse_args()
    if given.what == "page":
        (HERE / "fit_rig.md").write_text(page(given.paths), "utf-8")
        return 0
    if given.what == "real":
        result, output = real(*given.paths), given.paths[0] / "result.json"
    else:
        folder, subject = given.paths[0], str(given.paths[1])
        result, output = simulated(given.what, folder, subject, given.face), folder / "results" / f"{subject}.json"
    output.parent.mkdir(exist_ok=True)
    output.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(json.dumps(result, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
