"""How good a tracker gets on people it has never seen:  python tracker.py FOLDER [SEEDS]

Makes people and synthetic frames in FOLDER (kept, and used again), trains each variant for each seed, two at a time,
and writes tracker.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr
from trained import (
    BATCH,
    FOLDER,
    PEOPLE,
    PIXELS,
    STEPS,
    Variant,
    all_trained,
    constants_told,
    given,
    made_told,
    measured,
    prepare,
    table,
)

from refa_cli.face.branches import CONFIDENCE_REGIONS, REGION_MEANS
from refa_cli.formats.dataset import Dataset
from refa_cli.formats.labels import Labels

LABELS, EVERYTHING = Variant("labels", ("--labels",)), Variant("everything", ("--labels", "--no-eye-branch"))
ADAPTED, PLAIN = Variant("adapted", ()), Variant("plain", ("--no-adaptation",))
VARIANTS = {
    "labels and synth": LABELS,
    "labels and synth, all shapes from all cameras": EVERYTHING,
    "synth, real frames without labels": ADAPTED,
    "synth, real frames without labels, no adaptation": PLAIN,
}


def doubts_of(out: Path, stores: Sequence[Path]) -> list[str]:
    """A line for each confidence region: rank correlation of doubt and error, and error by fifths of confidence, over
    all moments of the people to test on and all stores."""
    true = Dataset.read(out / "people/truth/truth.zarr", Labels)
    told, errors = [], []
    for store in stores:
        for name, subject in Dataset.read(store, Labels).subjects.items():
            for recording, found in subject.recordings.items():
                a, b = found.load(), true.subjects[name].recordings[recording].load()
                rows = a.valid & b.valid
                off = np.abs(a.expressions - b.expressions)[rows]
                told.append(a.confidence[rows])
                errors.append(off @ REGION_MEANS)
    confidence, error = np.concatenate(told), np.concatenate(errors)
    lines = []
    for i, region in enumerate(CONFIDENCE_REGIONS):
        fifths = np.array_split(error[np.argsort(confidence[:, i]), i], 5)
        rho = spearmanr(-confidence[:, i], error[:, i]).statistic
        lines.append(f"| {region} | {rho:.2f} | " + " | ".join(f"{part.mean():.3f}" for part in fifths) + " |")
    return lines


def main() -> None:
    """Trains all, writes the page."""
    out, seeds = given()
    prepare(out, made=("synth.zarr",))
    preds = all_trained(out, list(VARIANTS.values()), seeds)
    rows = {what: [measured(out, store) for store in preds[how.name]] for what, how in VARIANTS.items()}
    told, best = constants_told(out)
    first = next(iter(VARIANTS))
    below = 1 - np.mean([row["surface_mm"] for row in rows[first]]) / best
    page = f"""# How good a tracker gets on people it has never seen

`make -C benchmarks tracker SEEDS={seeds}`: {PEOPLE.train} simulated people to train on, {PEOPLE.test} to test on
(misfit 1, seed 21), {PIXELS}x{PIXELS} pixels, mean ± standard deviation over the seeds, {date.today()}. Labels are the
truth. Synthetic frames: {made_told("synth.zarr")}; {STEPS} steps of {BATCH}. Averages are over
recordings, then over people.

{table(rows)}

Surface: distance from the true face on vertices that truly move by more than 1 mm. Of constants on the same people:
{told}. The first row is {below:.0%} below the best of them; what more people
and a longer training bring: [longer.md](longer.md).

The scores of the paper (its Table 1) are of other people and another reading of the scores: they do not stand beside
these.

Winks: error of both EyesClosed weights while one eye is truly shut and the other is open.

What the tracker thinks of itself (first row): rank correlation of its doubt about a part of the face with the true
error of that part's weights, and that error in five equal groups of moments, from least to most confident.

| part | rank correlation | least confident | | | | most confident |
| --- | --- | --- | --- | --- | --- | --- |
{chr(10).join(doubts_of(out, preds[LABELS.name]))}
"""
    (FOLDER / "tracker.md").write_text(page)
    print(page)


if __name__ == "__main__":
    main()
