"""What gradient reversal does to features and to errors, and the eyes' own branch:  python adaptation.py FOLDER [SEEDS]

Uses the folder of tracker.py and trains what is missing there; writes adaptation.md and adaptation.png.
"""

from __future__ import annotations

from datetime import date

from compared import by_subject, draw, features, table, told_apart
from tracker import ADAPTED, EVERYTHING, LABELS, PLAIN
from trained import FOLDER, PEOPLE, STEPS, all_trained, given, prepare

THIN = 9
"""Every so many frames of people's recordings are looked at for the picture."""


def main() -> None:
    """Compares, draws, writes."""
    out, seeds = given()
    prepare(out, made=("synth.zarr",))
    variants = (ADAPTED, PLAIN, LABELS, EVERYTHING)
    preds = all_trained(out, variants, seeds)
    held = {how: by_subject(out, PEOPLE, preds[how.name]) for how in variants}
    spaces = {"with adaptation": features(out, ADAPTED, 0, THIN), "without": features(out, PLAIN, 0, THIN)}
    apart = {title: told_apart(space) for title, space in spaces.items()}
    draw(spaces, FOLDER / "adaptation.png")
    page = f"""# Adaptation, and the eyes' own branch

`make -C benchmarks adaptation SEEDS={seeds}`: the people, frames and trainings of tracker.md ({STEPS} steps),
{date.today()}. Differences are paired by the {PEOPLE.test} people that nobody trained on, after the mean over seeds,
with 95 % intervals over people (bootstrap).

Trained on labelled synthetic frames and unlabelled real ones, with gradient reversal and without; people whose pictures
come from another renderer: [traced.md](traced.md).

| | with | without | difference (interval) |
| --- | --- | --- | --- |
{table(held[ADAPTED], held[PLAIN])}

A linear discriminant, fitted to the features of half of the people, tells real from synthetic frames of the others in
{apart["with adaptation"]:.1%} of cases with adaptation and in {apart["without"]:.1%} without (50 % is chance).

![First two principal components of the features, each dot a frame: with adaptation and without](adaptation.png)

Trained on labels and synthetic frames, each eye's shapes from its own camera alone, and all shapes from all cameras;
winks: error of both EyesClosed weights while one eye is truly shut and the other is open:

| | own branch | all from all | difference (interval) |
| --- | --- | --- | --- |
{table(held[LABELS], held[EVERYTHING])}
"""
    (FOLDER / "adaptation.md").write_text(page)
    print(page)


if __name__ == "__main__":
    main()
