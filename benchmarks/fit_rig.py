"""How near `refa fit-rig` comes to the truth of simulated people; writes benchmarks/fit_rig.md.

    python benchmarks/fit_rig.py ict FOLDER --face ict.npz     people on another topology: FOLDER/scans, FOLDER/truth
    python benchmarks/fit_rig.py own FOLDER                    people on refa's own topology
    python benchmarks/fit_rig.py page RESULTS...               the page from result files

FOLDER is what `refa simulate --scans` wrote and FOLDER/rigs what `refa fit-rig` made of it (see the Makefile here).
Each result file is FOLDER/result.json.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from rig_errors import expression_errors, head_offset, neutral_error, shape_agreement

from refa_cli.face.default import load_face
from refa_cli.face.shapes import EXPRESSIONS
from refa_cli.formats.rig import Rig
from refa_cli.formats.scan_truth import ScanTruth

SHOWN = 0.8
"""A shape counts as exercised when some scan shows at least so much of it."""
PAGE = Path(__file__).with_name("fit_rig.md")


def measure(folder: Path, face_path: Path | None) -> list[dict[str, object]]:
    """One row per person."""
    own = load_face()
    person_face = load_face(face_path)
    rows = []
    for path in sorted((folder / "rigs").glob("*.npz")):
        rig, truth = Rig.read(path), ScanTruth.read(folder / "truth" / path.name)
        offset = head_offset(rig, own, truth, person_face)
        neutral = neutral_error(rig, own, truth, person_face, offset, list(range(100)))
        errors = expression_errors(rig, own, truth, person_face, offset)
        moving = np.array([e.moving for e in errors])
        row: dict[str, object] = {
            "person": truth.subject,
            "neutral median": neutral.median,
            "neutral p95": neutral.p95,
            "keypoints": neutral.keypoints_all,
            "inverted": neutral.inverted,
            "expressions median": float(np.median([e.median for e in errors])),
            "expressions p95": float(np.median([e.p95 for e in errors])),
            "neutral alone": float(np.median([e.nothing for e in errors])),
            "share of neutral alone": float((np.array([e.median for e in errors]) * moving).sum()
                                            / (np.array([e.nothing for e in errors]) * moving).sum()),
        }  # fmt: skip
        if len(person_face.mean) == len(own.mean):
            cosine, gain, most = shape_agreement(rig, own, truth)
            exercised = most >= SHOWN
            gain = gain / np.maximum(most, 1e-6)
            good = (gain >= 0.85) & (gain <= 1.15)
            row |= {
                "shapes": int(exercised.sum()),
                "cosine least": float(cosine[exercised].min()),
                "cosine >= 0.9": int((cosine[exercised] >= 0.9).sum()),
                "gain median": float(np.median(gain[exercised])),
                "gain 0.85-1.15": int(good[exercised].sum()),
                "outside": ", ".join(f"{EXPRESSIONS[k]} {gain[k]:.2f}" for k in np.flatnonzero(exercised & ~good)),
            }
        rows.append(row)
    return rows


def table(rows: list[dict[str, object]]) -> str:
    """Markdown."""
    names = [name for name in rows[0] if name != "outside"]
    lines = ["| " + " | ".join(names) + " |", "|" + " --- |" * len(names)]
    for row in rows:
        cells = [f"{v:.2f}" if isinstance(v, float) else str(v) for v in (row[name] for name in names)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def page(results: list[Path]) -> str:
    """The page of several result files."""
    parts = [(PAGE.with_suffix(".head.md")).read_text("utf-8").strip()]
    for path in results:
        result = json.loads(path.read_text("utf-8"))
        parts += [f"## {result['title']}", table(result["rows"])]
        outside = [f"{row['person']}: {row['outside']}" for row in result["rows"] if row.get("outside")]
        if outside:
            parts.append("Gains outside 0.85–1.15: " + "; ".join(outside) + ".")
    return "\n\n".join(parts) + "\n"


TITLES = {"ict": "People made from ICT-FaceKit identities", "own": "People on refa's own topology"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["ict", "own", "page"])
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--face", type=Path)
    given = parser.parse_args()
    if given.what == "page":
        PAGE.write_text(page(given.paths), "utf-8")
        return 0
    rows = measure(given.paths[0], given.face)
    result = {"title": TITLES[given.what], "rows": rows}
    (given.paths[0] / "result.json").write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
