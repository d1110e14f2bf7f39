"""How long `refa place-cameras` takes, and whether its order of candidates can be trusted:  python place_cameras.py

Writes place_cameras.md. Candidates are the default search's; what is resampled are the people, with replacement.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import date
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from refa_cli.commands.place_cameras.candidates import Candidate, sought
from refa_cli.commands.place_cameras.faces import MAP_SIZE, shown, sites_of
from refa_cli.commands.place_cameras.measure import Score, Trials, measure, person_of
from refa_cli.commands.place_cameras.measure_kernels import hidden
from refa_cli.face.default import load_face
from refa_cli.face.prompts import PROMPTS, by_id
from refa_cli.headset.default import default_headset
from refa_cli.headset.description import mirrored
from refa_cli.render.rasterize import see

CANDIDATES, IDENTITIES, EXPRESSIONS, DONNINGS, RESAMPLED = 40, 40, 30, 20, 200
WORKERS = 2


def merits(scores: list[Score], people: np.ndarray) -> np.ndarray:
    """Visibility times kept motion of every candidate [C], over some people."""
    return np.array([s.seen[people].mean() * (s.motion * (1 - s.lost))[people].mean() for s in scores])


def order_kept(scores: list[Score], rng: np.random.Generator) -> tuple[float, float]:
    """Rank correlation of the better half's merits with those over resampled people: mean, and 5th percentile."""
    everyone = np.arange(IDENTITIES)
    whole = merits(scores, everyone)
    top = np.argsort(-whole)[: len(scores) // 2]
    found = [float(spearmanr(whole[top], merits(scores, rng.choice(everyone, IDENTITIES))[top]).statistic)
             for _ in range(RESAMPLED)]  # fmt: skip
    return float(np.mean(found)), float(np.percentile(found, 5))


def agreement(trials: Trials, candidates: list[Candidate]) -> float:
    """Share of region points that the maps around them and a picture of full resolution agree to be hidden or not."""
    face, same, total = trials.face, 0, 0
    for person in range(3):
        geometry, sites = person_of(face, trials.seed, person), sites_of(face, ("mouth", "lips", "jaw", "nose"))
        weights = by_id("jaw_open").weights
        here = shown(geometry, face, sites, weights)
        head = geometry.evaluate(weights).astype(np.float64)
        for candidate in candidates:
            pose = candidate.camera.camera_from_headset @ trials.headset.headset_from_head
            raster = see(head @ pose[:3, :3].T + pose[:3, 3], face.triangles, candidate.camera.lens)
            center = -pose[:3, :3].T @ pose[:3, 3]
            at = here.points.astype(np.float64) @ pose[:3, :3].T + pose[:3, 3]
            for p in np.flatnonzero(at[:, 2] > 0.005):
                way = center - here.points[p]
                distance = float(np.linalg.norm(way))
                if here.normals[p] @ way / distance < 0.1:
                    continue
                column, row = np.floor(candidate.camera.lens.project(at[p])).astype(int)
                if not (0 <= column < 400 and 0 <= row < 400):
                    continue
                truly = 0 < raster.depth[row, column] < at[p, 2] - 0.0015
                same += truly == hidden(here.maps[p], here.axes[p], here.focal, *(way / distance), distance)
                total += 1
    return same / total


def main() -> None:
    face, headset, rng = load_face(), default_headset(), np.random.default_rng(0)
    names = tuple(PROMPTS[1 + i].id for i in np.linspace(0, len(PROMPTS) - 2, EXPRESSIONS).round().astype(int))
    trials = Trials(face, headset, IDENTITIES, names, DONNINGS, 0)
    candidates = sought(CANDIDATES, headset, 0)
    start = time.perf_counter()
    scores = measure(trials, candidates, WORKERS)
    seconds = time.perf_counter() - start
    few = Trials(face, headset, 10, names[::3], 10, 0)
    lines = []
    for role in ("eye_left", "mouth_left", "glabella"):
        chosen = [i for i, c in enumerate(candidates) if c.camera.role == role]
        mean, low = order_kept([scores[i] for i in chosen], rng)
        best = max(chosen, key=lambda i: merits([scores[i]], np.arange(IDENTITIES))[0])
        camera = candidates[best].camera
        pair = measure(few, [Candidate(camera, ()), Candidate(mirrored(camera, "mirror"), ())], WORKERS)
        sides = [f"{s.visibility:.3f} / {s.range_of_motion:.2f}" for s in pair]
        lines.append(f"| {role} | {len(chosen)} | {mean:.3f} | {low:.3f} | {sides[0]} | {sides[1]} |")
    mouths = [c for c in candidates if c.camera.role == "mouth_left"][:20]
    page = f"""# How `refa place-cameras` does

`make -C benchmarks place-cameras`: 3 roles of {CANDIDATES} candidates (the default search), {IDENTITIES} identities,
{EXPRESSIONS} expressions, {DONNINGS} donnings, with what face and headset hide; seed 0.
{os.cpu_count()} cores, {WORKERS} workers, {date.today()}.

It took **{seconds:.0f} s** for {len(candidates) * IDENTITIES * EXPRESSIONS * DONNINGS:,} views.

*Order kept*: Spearman's correlation of the better half's merits with those over people drawn again ({RESAMPLED} times,
with replacement): mean and 5th percentile. *As it is* and *mirrored*: visibility / motion of the best candidate
and of its mirror image on the other side, over 10 people, 10 expressions (some of them one-sided), 10 donnings.

| role | candidates | order kept | 5th percentile | as it is | mirrored |
| --- | --- | --- | --- | --- | --- |
{chr(10).join(lines)}

What hides a point is looked up in a map around it, {MAP_SIZE}x{MAP_SIZE} pixels. Against pictures of 400x400 pixels
from 20 mouth cameras, three people with open mouths: the two agree on {agreement(trials, mouths):.1%} of points.
"""
    (Path(__file__).parent / "place_cameras.md").write_text(page)
    sys.stdout.write(page)


if __name__ == "__main__":
    main()
