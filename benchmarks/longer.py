"""What more synthetic people and a longer training bring:  python longer.py FOLDER [SEEDS]

Uses the people of tracker.py's folder; averages the models of all seeds too; writes longer.md.
"""

from __future__ import annotations

from datetime import date

import numpy as np
from trained import (
    BATCH,
    FOLDER,
    PEOPLE,
    PIXELS,
    Variant,
    all_trained,
    constants_told,
    given,
    made_told,
    measured,
    predict,
    prepare,
    table,
)  # fmt: skip

LONG = Variant("long", ("--labels",), "many.zarr", 4500)


def main() -> None:
    """Trains, averages, writes the page."""
    out, seeds = given()
    prepare(out, made=("many.zarr",))
    preds = all_trained(out, [LONG], seeds)[LONG.name]
    together = out / f"preds_long_{LONG.steps}_mean_of_{seeds}.zarr"
    predict(out, PEOPLE, together, *(LONG.model(out, seed) for seed in range(seeds)))
    each, mean = [measured(out, store) for store in preds], measured(out, together)
    rows = {"labels and synth": each, **{f"... seed {seed}": [row] for seed, row in enumerate(each)},
            "... the mean of these models": [mean]}  # fmt: skip
    told, best = constants_told(out)
    surfaces = [row["surface_mm"] for row in each]
    by_seed = ", ".join(f"{1 - value / best:.1%}" for value in surfaces)
    page = f"""# What more people and a longer training bring

`make -C benchmarks longer SEEDS={seeds}`: the people of [tracker.md](tracker.md), {PEOPLE.train} to train on and
{PEOPLE.test} to test on, labels are the truth. Synthetic frames: {made_told("many.zarr")};
{LONG.steps} steps of {BATCH}, {PIXELS}x{PIXELS} pixels, {date.today()}. Columns are those of tracker.md; the first row
is the mean of all seeds ± their standard deviation.

{table(rows)}

Of constants on the same people: {told}. One model is {1 - np.mean(surfaces) / best:.1%} below
the best of them (by seed {by_seed}), the mean of the models {1 - mean["surface_mm"] / best:.1%}.
"""
    (FOLDER / "longer.md").write_text(page)
    print(page)


if __name__ == "__main__":
    main()
