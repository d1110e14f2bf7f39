"""What `refa metrics` prints and when it fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import isfinite, nan
from typing import Any

from refa_cli.commands.metrics.measuring import Measured
from refa_cli.formats.errors import UsageError
from refa_cli.scores.paired import Difference
from refa_cli.scores.scoring import GAMING, SCORES, Score, levels

DIGITS = 4
NOT = "n/a"
Rows = dict[tuple[str, ...], Mapping[str, Score]]
"""{names: {score: value}}."""


def table(measured: Measured, level: str) -> list[dict[str, Any]]:
    """Rows of one level."""
    subjects, dataset = levels(measured.rows)
    if level == "dataset":
        return [{"subjects": len(subjects), **_shown(dataset)}]
    if level == "subject":
        return [{"subject": name, **_shown(row)} for name, row in subjects.items()]
    return [{"subject": name, "recording": recording, **_shown(row)}
            for name, rows in measured.rows.items() for recording, row in rows.items()]  # fmt: skip


def worst(measured: Measured, count: int) -> dict[str, list[dict[str, Any]]]:
    """The subjects and the recordings with the least of each of the five scores."""
    subjects, _ = levels(measured.rows)
    recordings: Rows = {
        (name, recording): row for name, held in measured.rows.items() for recording, row in held.items()
    }
    return {
        "worst_subjects": _least({(name,): row for name, row in subjects.items()}, ("subject",), count),
        "worst_recordings": _least(recordings, ("subject", "recording"), count),
    }


def _least(rows: Rows, titles: Sequence[str], count: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for score in SCORES:
        held = sorted((value, names) for names, row in rows.items() if (value := row.get(score)) is not None)
        found += [{"score": score, **dict(zip(titles, names, strict=True)), "value": round(value, DIGITS)}
                  for value, names in held[:count]]  # fmt: skip
    return found


def compared(found: Mapping[str, Difference | None]) -> list[dict[str, Any]]:
    """A row a score: difference and interval."""
    return [
        {"score": name, **({key: value if key == "subjects" else round(value, DIGITS)
                            for key, value in asdict(gap).items()} if gap else {"mean": NOT})}
        for name, gap in found.items()
    ]  # fmt: skip


def gates(texts: Sequence[str]) -> dict[str, float]:
    """{score: least value} of texts such as "semantic_accuracy=0.6". Raises UsageError."""
    out = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            out[name] = float(value)
        except ValueError:
            out[name] = nan
        if not isfinite(out[name]):
            raise UsageError(f"--fail-under takes SCORE=NUMBER, such as semantic_accuracy=0.6, got {text!r}.")
        if name not in SCORES:
            raise UsageError(f"--fail-under: scores are {', '.join(SCORES)}, got {name!r}.")
    return out


def failed(dataset: Mapping[str, Score], least: Mapping[str, float]) -> list[str]:
    """A sentence for each gate that is not met; one that does not apply is not met."""
    out = []
    for name, value in least.items():
        got = dataset.get(name)
        if got is None or got < value:
            out.append(f"{name} is {NOT if got is None else f'{got:.4f}'}, under {value:g}.")
    return out


def _shown(row: Mapping[str, Score]) -> dict[str, Any]:
    names = [*SCORES, *GAMING, *(name for name in row if name not in SCORES and name not in GAMING)]
    return {name: NOT if (value := row.get(name)) is None else round(value, DIGITS) for name in names}
