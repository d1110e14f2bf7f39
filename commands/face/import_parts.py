"""What the parts of a source are made of, told from the names of its objects, meshes and materials."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from refa_cli.commands.face.import_source import Source
from refa_cli.formats.face import MATERIALS

LEFT_OUT = 255
_RULES: tuple[tuple[str, str], ...] = (  # the first that matches; "" is left out
    (r"lash|hair|brows?mesh|eyebrow|beard|mustache|moustache|occlu|lacrimal|tear|fluid|blend|caruncle|cornea"
     r"|glass(es)?|\bhat\b|cloth|shirt", ""),
    (r"tongue", "tongue"),
    (r"teeth|tooth|dent", "teeth"),
    (r"gum|gingiva|palate|(mouth|oral)[ _.-]*(bag|socket|cavity|inner|inside|interior)|inner[ _.-]*mouth", "gum"),
    (r"pupil", "pupil"),
    (r"iris", "iris"),
    (r"sclera|eye[ _.-]*(ball|white)|\b(left|right|l|r)?[ _.-]*eyes?([ _.-]*(left|right|l|r|[0-9]+))?\b", "sclera"),
    (r"skin|face|head", "skin"),
    (r"\blips?\b", "lips"),
)  # fmt: skip


def material_of(name: str) -> str | None:
    """The material that a part's name speaks of; "" for what refa leaves out, None if it says nothing."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower().replace("_", " ")
    # The last word that is known decides: names run from the object to the material.
    found: tuple[int, str] | None = None
    for pattern, material in _RULES:
        for match in re.finditer(pattern, words):
            if found is None or match.start() > found[0]:
                found = (match.start(), material)
    return found[1] if found else None


def materials(source: Source) -> NDArray[np.uint8]:
    """[F]: index into MATERIALS, or LEFT_OUT. Unnamed parts are skin."""
    table = np.zeros(len(source.part_names), np.uint8)
    for i, name in enumerate(source.part_names):
        material = material_of(name)
        table[i] = LEFT_OUT if material == "" else MATERIALS.index(material or "skin")
    if len(table) and (table == LEFT_OUT).all():
        table[:] = MATERIALS.index("skin")
    left_out = [name for name, material in zip(source.part_names, table, strict=True) if material == LEFT_OUT]
    if left_out:
        source.notes.append(f"left out, of no material of a face model: {', '.join(left_out)}")
    return table[source.part]
