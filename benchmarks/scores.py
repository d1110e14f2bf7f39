"""What each score can and cannot tell apart:  python scores.py

Writes scores.md: scores of simple predictors on the truth of simulated people, who show some prompts weakly, wrongly or
not at all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np

from refa_cli.commands.simulate.session.filming import open_film, open_subject
from refa_cli.commands.simulate.session.plan import plan_of
from refa_cli.commands.simulate.session.script import RECORDINGS
from refa_cli.commands.simulate.session.truth import labels
from refa_cli.face.prompts import PROMPTS
from refa_cli.formats.labels import Labels
from refa_cli.scores.curves import Curves
from refa_cli.scores.errors import gaze_error, surface_errors
from refa_cli.scores.scoring import GAMING, SCORES, levels, score_recording

PEOPLE, SEED, LAG = 12, 7, 0.1
FOLDER = Path(__file__).parent


def truths() -> dict[str, dict[str, Labels]]:
    """{subject: {recording: truth}}."""
    plan = plan_of(None, None, None, seed=SEED, misfit=1, recordings=RECORDINGS, pace=1.0, seconds=15.0, rate=None,
                   expressions=tuple(p.id for p in PROMPTS), pixels=16, all_cameras=False)  # fmt: skip
    people = [f"S{i + 1:04d}" for i in range(PEOPLE)]
    held = {name: {recording: labels(open_film(plan, name, recording)) for recording in RECORDINGS} for name in people}
    GEOMETRY.update({name: open_subject(plan, name).person.geometry for name in people})
    return held


GEOMETRY: dict = {}


def lagged(truth: Labels) -> Labels:
    """What was true LAG seconds ago."""
    at = np.maximum(truth.time_ns - round(LAG * 1e9), truth.time_ns[0])
    rows = np.searchsorted(truth.time_ns, at)
    return replace(truth, expressions=truth.expressions[rows], gaze=truth.gaze[rows])


def main() -> None:
    """Scores all, writes the page."""
    held = truths()
    rng = np.random.default_rng(SEED)
    mean = np.mean([truth.expressions.mean(0) for rows in held.values() for truth in rows.values()], axis=0)

    def constant(row: np.ndarray) -> Callable[[Labels], Labels]:
        return lambda truth: replace(truth, expressions=np.tile(row, (len(truth.time_ns), 1)), gaze=0 * truth.gaze)

    def noisy(truth: Labels) -> Labels:
        noise = 0.03 * rng.standard_normal(truth.expressions.shape)
        return replace(truth, expressions=np.clip(truth.expressions + noise, 0, 1).astype(np.float32))

    predictors: dict[str, Callable[[Labels], Labels]] = {
        "all zero": constant(np.zeros(53, np.float32)),
        "all one": constant(np.ones(53, np.float32)),
        "the mean of all": constant(mean.astype(np.float32)),
        "the truth": lambda truth: truth,
        "the truth, half as strong": lambda truth: replace(truth, expressions=truth.expressions * np.float32(0.5)),
        "the truth with noise of 0.03": noisy,
        "the truth 100 ms late": lagged,
    }
    rows = []
    for name, predict in predictors.items():
        scores, errors = {}, []
        for subject, recordings in held.items():
            scores[subject] = {}
            for recording, truth in recordings.items():
                found = predict(truth)
                scores[subject][recording] = score_recording(found)
                a, b = Curves.of(found), Curves.of(truth)
                surface = surface_errors(a, b, GEOMETRY[subject])
                errors.append((surface[0] if surface else np.nan, surface[1] if surface else np.nan, gaze_error(a, b)))
        _, dataset = levels(scores)
        surface_mm, unmoved_mm, gaze = np.nanmean(np.array(errors, float), axis=0)
        cells = " | ".join(f"{dataset[score]:.3f}" for score in (*SCORES, *GAMING))
        rows.append(f"| {name} | {cells} | {surface_mm:.2f} | {gaze:.1f} |")
    heads = " | ".join(score.replace("_", " ") for score in (*SCORES, *GAMING))
    page = f"""# What the scores tell apart

`make -C benchmarks scores`: {PEOPLE} simulated people (misfit 1, seed {SEED}; one in seven prompts is shown weakly,
wrongly or not at all), {date.today()}. Scores: higher is better; from over-activation on, lower is better. *Surface*:
mm from the true face on vertices that truly move by more than 1 mm (unmoved: {unmoved_mm:.2f}); *gaze*: degrees.

| predictor | {heads} | surface | gaze |
| {" | ".join("---" for _ in range(3 + len(SCORES) + len(GAMING)))} |
{chr(10).join(rows)}

- Semantic Accuracy and Eye Closure are perfect for who shows everything: over-activation and cross-talk give such a
  predictor away, and false closure one that shuts eyes.
- Neutralness, Smoothness and Mouth Closure are best for who shows nothing.
- No score sees a delay: only errors against the truth do.
- The truth does not reach 1.0 in Semantic Accuracy, since people do not always do what they are asked.
"""
    (FOLDER / "scores.md").write_text(page)
    print(page)


if __name__ == "__main__":
    main()
