"""How a headset's LEDs light a face, and whether they are safe to look at for long.

Irradiance counts each light's beam, distance, the skin's slope and shadows of face and headset, while all lights are
on. Eyes: IEC 62471 limits what falls on the cornea between 780 and 3000 nm, longer than 1000 s, to 100 W/m^2. It is the
mean over time that counts, so each light by its duty; the eye is taken to face every light, and to come nearer than it
should by SLACK.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from refa_cli.face.mesh import vertex_normals
from refa_cli.formats.face import MATERIALS, REGIONS, FaceModel
from refa_cli.formats.headset import Headset
from refa_cli.formats.spec import F64
from refa_cli.headset.parts import triangles_of
from refa_cli.render.infrared import lights_of
from refa_cli.render.lighting import irradiance, reaching
from refa_cli.render.rasterize import camera_points

SHOWN: Final = (
    "eye_left",
    "eye_right",
    "brow_left",
    "brow_right",
    "glabella",
    "cheek_left",
    "cheek_right",
    "mouth",
    "jaw",
)
CORNEAL_LIMIT: Final = 100.0
"""W/m^2, IEC 62471:2006, 4.3.7, exposures longer than 1000 s."""
SLACK: Final = 0.005
"""Metres by which an eye may be nearer to a light than on the mean head."""


def lighting_rows(headset: Headset, face: FaceModel) -> list[dict[str, object]]:
    """Rows of a table: each region's mean, least (5th percentile) and uniformity, then both corneas."""
    lights = lights_of(headset)
    head = camera_points(face.mean, headset.headset_from_head)
    parts, _ = triangles_of(headset, "housing", "lens")
    triangles = np.concatenate([face.triangles, parts + len(head)]).astype(np.int32)
    points = np.concatenate([head, headset.solid_vertices.astype(np.float64)])
    normals = np.asarray(vertex_normals(head, face.triangles), np.float64)
    skin = np.zeros(len(head), bool)
    skin[face.triangles[np.isin(face.material, [MATERIALS.index("skin"), MATERIALS.index("lips")])]] = True
    rows: list[dict[str, object]] = []
    each = irradiance(lights, head, normals) * reaching(lights, points, triangles, head + 0.0005 * normals)
    for name in SHOWN:
        inside = skin & face.regions[REGIONS.index(name)] & (face.eyeball == 0)
        if inside.any():
            rows.append(_row(name, each[inside].sum(1)))
    duty = headset.led_duty.astype(np.float64)
    for side, center in zip(("left", "right"), camera_points(face.eye_centers, headset.headset_from_head), strict=True):
        apex = head[face.eyeball == ("left", "right").index(side) + 1]
        cornea = apex[apex[:, 2].argmax()] if len(apex) else center
        worst = max(float((irradiance(lights, (cornea + shift)[None]) * duty).sum()) for shift in _shifts())
        rows.append({"place": f"cornea {side}, over time", "mean, W/m2": round(worst, 2), "least, W/m2": None,
                     "uniformity": None, "limit, W/m2": CORNEAL_LIMIT, "safe": worst <= CORNEAL_LIMIT})  # fmt: skip
    return rows


def _row(place: str, values: F64) -> dict[str, object]:
    least, mean = float(np.percentile(values, 5)), float(values.mean())
    return {"place": place, "mean, W/m2": round(mean, 2), "least, W/m2": round(least, 2),
            "uniformity": round(least / max(mean, 1e-12), 3), "limit, W/m2": None, "safe": None}  # fmt: skip


def _shifts() -> Sequence[F64]:
    """Where else an eye may be: SLACK towards each side."""
    return [np.zeros(3), *(SLACK * sign * axis for axis in np.eye(3) for sign in (1.0, -1.0))]
