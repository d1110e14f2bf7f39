"""What gradient reversal does for people whose pictures come from another renderer:  python traced.py FOLDER [SEEDS]

Makes people with path-traced pictures in tracker.py's folder (an hour of one core; Mitsuba), trains on its synthetic
frames, writes traced.md and traced.png.
"""

from __future__ import annotations

from datetime import date

from compared import by_subject, draw, features, table, told_apart
from trained import BATCH, FOLDER, STEPS, People, Variant, all_trained, constants_told, given, prepare

PEAKS = (
    "neutral,eyes_closed,wink_left,eyes_wide,squint,brows_up,brows_down,nose_wrinkle,cheeks_puffed,upper_lip_up,"
    "smile_closed,corners_down,lips_pursed,lips_funnelled,lips_pressed,jaw_open,jaw_left,jaw_forward,mouth_right,grin,"
    "say_oo,surprise,disgust,laugh"
)
TRACED = People("traced", 6, 10, ("--misfit", "2", "--recordings", "peaks", "--expressions", PEAKS, "--pace", "0.2",
                                  "--rate", "3", "--seed", "31"))  # fmt: skip
"""Few moments of few people: each takes five seconds."""
ADAPTED = Variant("traced_adapted", (), people=TRACED)
PLAIN = Variant("traced_plain", ("--no-adaptation",), people=TRACED)


def main() -> None:
    """Trains, compares, draws, writes."""
    out, seeds = given()
    prepare(out, TRACED, made=("synth.zarr",))
    preds = all_trained(out, (ADAPTED, PLAIN), seeds)
    held = {how: by_subject(out, TRACED, preds[how.name]) for how in (ADAPTED, PLAIN)}
    spaces = {"with adaptation": features(out, ADAPTED, 0), "without": features(out, PLAIN, 0)}
    apart = {title: told_apart(space) for title, space in spaces.items()}
    draw(spaces, FOLDER / "traced.png")
    told, _ = constants_told(out, TRACED)
    page = f"""# Adaptation to another renderer's pictures

`make -C benchmarks traced SEEDS={seeds}`: trained on the labelled synthetic frames of tracker.md and on unlabelled
ones of {TRACED.train} people whose pictures are path-traced by Mitsuba (misfit 2), with gradient reversal and without;
{STEPS} steps of {BATCH}, {date.today()}. Tested on {TRACED.test} other people of their kind, by whom differences are
paired after the mean over seeds, with 95 % intervals over people (bootstrap).

| | with | without | difference (interval) |
| --- | --- | --- | --- |
{table(held[ADAPTED], held[PLAIN])}

Surface errors of constants on the same people: {told}.

A linear discriminant, fitted to the features of half of the people, tells path-traced from synthetic frames of the
others in {apart["with adaptation"]:.1%} of cases with adaptation and in {apart["without"]:.1%} without (50 % is
chance).

![First two principal components of the features, each dot a frame: with adaptation and without](traced.png)
"""
    (FOLDER / "traced.md").write_text(page)
    print(page)


if __name__ == "__main__":
    main()
