"""Where `refa fit-rig` spends its time on one subject:  python profile_fit.py SCANS

Prints a Markdown table. Steps are whole functions without the others of the list; the profiler slows them alike.
"""

from __future__ import annotations

import cProfile
import pstats
import resource
import sys
import time
from pathlib import Path

from refa_cli.commands.fit_rig.steps import Steps
from refa_cli.commands.fit_rig.subject import fit_subject
from refa_cli.face.default import load_face
from refa_cli.formats.scans import Scans

STEPS = {
    "reading pictures": [("pictures.py", "read_color"), ("pictures.py", "read_depth")],
    "finding keypoints": [("detector.py", "detect")],
    "masks, points and normals": [("frames.py", "read_cloud")],
    "registering frames": [("register.py", "register")],
    "merging points": [("fuse.py", "merge")],
    "Poisson surfaces": [("poisson.py", "reconstruct")],
    "fitting weights and poses": [("linear.py", "fit"), ("stabilize.py", "stabilized")],
    "Laplacian refinement": [("refine.py", "refine")],
    "drawing fitted heads": [("preview.py", "preview")],
    "following skin": [("skin.py", "drawn"), ("skin.py", "follow")],
    "example-based rigging": [("rigging.py", "solve")],
    "finishing shapes": [("finish.py", "finished")],
    "residual table": [("subject.py", "_row")],
}
INSIDE = {"masks, points and normals": ("reading pictures", "finding keypoints")}
"""Steps that are called by another one, whose time is taken off that."""


def main(folder: Path) -> None:
    scans, face = Scans.read(folder), load_face()
    profile = cProfile.Profile()
    start = time.perf_counter()
    profile.runcall(fit_subject, scans, face, auto_scale=False, strict=False, steps=Steps(None), recipe={})
    total = time.perf_counter() - start
    stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    spent = {
        step: sum(row[3] for (file, _, name), row in stats.items() if (Path(file).name, name) in functions)
        for step, functions in STEPS.items()
    }
    for step, inner in INSIDE.items():
        spent[step] -= sum(spent[name] for name in inner)
    spent["all else"] = total - sum(spent.values())
    print("| step | seconds | share |\n| --- | --- | --- |")
    for step, seconds in spent.items():
        print(f"| {step} | {seconds:.1f} | {seconds / total:.0%} |")
    print(f"| together, under the profiler | {total:.1f} | 100% |")
    print(f"\nPeak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GB.")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
