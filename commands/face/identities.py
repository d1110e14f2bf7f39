"""Adults of all kinds, sampled from MakeHuman's macro and local targets."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from refa_cli.commands.face.makehuman import Targets, macro_weights

Float = NDArray[np.float64]

LOCAL_FOLDERS = ("head", "forehead", "eyebrows", "eyes", "nose", "mouth", "ears", "chin", "cheek", "neck")
LOCAL_SPREAD = 0.16
"""Standard deviation of a local shape's weight; twice as much already gives caricatures."""
LOCAL_LIMIT = 0.38
CRANIUM_SHARE = 0.6
"""The cranium's shapes ("head", "forehead") vary by this share of LOCAL_SPREAD: they move the most surface."""
SIDE_SPREAD = 0.05
"""Standard deviation of the difference between a person's two sides."""
ASYMMETRY_SPREAD = 0.12

# Opposite ends of one local shape, in MakeHuman's own words.
_ENDS = (("decr", "incr"), ("down", "up"), ("in", "out"), ("backward", "forward"), ("concave", "convex"),
         ("compress", "uncompress"))  # fmt: skip
# Shapes that people do not have, or that are poses rather than build.
_LEFT_OUT = re.compile(
    r"pointed|square$|triangle$|epicanthus-out|head-age|trans-in|trans-out|chin-jaw-drop|neck-trans"
    r"|head-trans|ear-shape|mouth-trans-forward|mouth-trans-backward|laugh-lines|neck-height|neck-circ"
)


@dataclass(frozen=True)
class LocalShape:
    """One axis of local variation: targets at its negative and positive end, per side of the face."""

    ends: tuple[tuple[str | None, str | None], ...]  # one pair for a midline shape, (left, right) pairs otherwise
    spread: float


def local_shapes(targets: Targets) -> list[LocalShape]:
    """All local axes of the head, in a fixed order."""
    names = {n for f in LOCAL_FOLDERS for n in targets.names(f) if not _LEFT_OUT.search(n)}
    axes: dict[str, tuple[str | None, str | None]] = {}
    for name in sorted(names):
        for low, high in _ENDS:
            if name.endswith("-" + low) and name[: -len(low)] + high in names:
                axes[name[: -len(low)]] = (name, name[: -len(low)] + high)
                break
            if name.endswith("-" + high) and name[: -len(high)] + low in names:
                break
        else:
            axes[name] = (None, name)
    out = []
    for stem, pair in axes.items():
        folder, leaf = stem.split("/")
        spread = LOCAL_SPREAD * (CRANIUM_SHARE if folder in ("head", "forehead") else 1.0)
        if leaf.startswith("l-"):
            out.append(LocalShape((pair, axes[f"{folder}/r-{leaf[2:]}"]), spread))
        elif not leaf.startswith("r-"):
            out.append(LocalShape((pair,), spread))
    return out


def sample_person(rng: np.random.Generator, targets: Targets, shapes: list[LocalShape]) -> Float:
    """The displacement [V, 3] in metres of one random adult from the base mesh."""
    male = float(np.clip(rng.choice([0.12, 0.88]) + 0.1 * rng.standard_normal(), 0, 1))
    race = dict(zip(("african", "asian", "caucasian"), rng.dirichlet([0.45, 0.45, 0.45]).tolist(), strict=True))
    age = float(np.clip(rng.beta(1.0, 2.2), 0, 0.75))
    muscle = float(np.clip(0.5 + 0.15 * rng.standard_normal(), 0.1, 0.9))
    weight = float(np.clip(0.5 + 0.17 * rng.standard_normal(), 0.12, 0.92))
    total = np.zeros_like(targets["arkit/jawOpen"])
    for name, value in macro_weights(male, age, muscle, weight, race):
        total += value * targets[name]
    for shape in shapes:
        value = shape.spread * rng.standard_normal()
        for low, high in shape.ends:
            side = float(np.clip(value + SIDE_SPREAD * rng.standard_normal(), -LOCAL_LIMIT, LOCAL_LIMIT))
            end = high if side > 0 else low
            if end is not None:
                total += abs(side) * targets[end]
    for name in targets.names("asym"):
        if "asymm-" not in name:
            total += abs(ASYMMETRY_SPREAD * rng.standard_normal()) * targets[name]
    return total
