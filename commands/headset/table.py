"""What a headset's cameras are, as rows of a table."""

from __future__ import annotations

import numpy as np

from refa_cli.formats.headset import LENS_MODELS, ROLES, Headset
from refa_cli.headset.parts import camera_centers, lens_of


def rows(headset: Headset) -> list[dict[str, object]]:
    """One row a camera: millimetres in the headset frame, degrees that its picture spans sideways."""
    out: list[dict[str, object]] = []
    for i, center in enumerate(camera_centers(headset) * 1000):
        lens = lens_of(headset, i)
        height, width = lens.size
        sides = lens.directions(np.array([[0.0, height / 2], [float(width), height / 2]]))
        angles = np.degrees(np.arctan(np.hypot(*sides.T)))
        ahead = headset.camera_from_headset[i, 2, :3]
        out.append({
            "camera": headset.camera_names[i],
            "role": ROLES[int(headset.camera_role[i])],
            "embedded": bool(headset.camera_embedded[i]),
            "size": f"{height}x{width}",
            "lens": LENS_MODELS[int(headset.camera_lens[i])],
            "field, degrees": None if np.isnan(angles).any() else round(float(angles.sum()), 1),
            "position, mm": " ".join(f"{value:.1f}" for value in center + 0.0),
            "looks along": " ".join(f"{value:.2f}" for value in ahead),
        })  # fmt: skip
    return out
