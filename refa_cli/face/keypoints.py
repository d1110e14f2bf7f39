"""refa's 100 keypoints: a named subset of the 478 points that the face landmark network finds.

Left and right are the subject's, as everywhere in refa: names end in `_l` and `_r`, points on the midline in neither.
In a picture from the front the subject's left is on the right. Of the detector's points, 33, 133, 159, 468 lie on the
subject's right eye and 263, 362, 386, 473 on the left one. (MediaPipe's lists of connections say so too; the
comments of its `tensors_to_face_landmarks_graph.cc`, which call them left, mean the left of the picture.)

Numbers run from the temple to the nose on brows and lids, from the corner of the mouth to its middle on lips, from the
ear to the chin on the jaw and downwards on the bridge of the nose.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from refa_cli.formats.face import KEYPOINT_COUNT
from refa_cli.formats.spec import I32

# group -> rows of (name, detector's index on the subject's right, on the left) or (name, index) on the midline.
_TABLE: Final[dict[str, tuple[tuple[str, int] | tuple[str, int, int], ...]]] = {
    "brow": (
        ("brow_upper_1", 70, 300),
        ("brow_upper_2", 63, 293),
        ("brow_upper_3", 105, 334),
        ("brow_upper_4", 66, 296),
        ("brow_upper_5", 107, 336),
        ("brow_lower_1", 53, 283),
        ("brow_lower_2", 52, 282),
        ("brow_lower_3", 65, 295),
    ),
    "lid": (
        ("eye_outer", 33, 263),
        ("eye_inner", 133, 362),
        ("lid_upper_1", 161, 388),
        ("lid_upper_2", 160, 387),
        ("lid_upper_3", 159, 386),
        ("lid_upper_4", 158, 385),
        ("lid_upper_5", 157, 384),
        ("lid_lower_1", 163, 390),
        ("lid_lower_2", 144, 373),
        ("lid_lower_3", 145, 374),
        ("lid_lower_4", 153, 380),
        ("lid_lower_5", 154, 381),
    ),
    "iris": (
        ("iris_center", 468, 473),
        ("iris_temple", 471, 474),
        ("iris_nasal", 469, 476),
        ("iris_top", 470, 475),
        ("iris_bottom", 472, 477),
    ),
    "nose": (
        ("nose_bridge_1", 168),
        ("nose_bridge_2", 6),
        ("nose_bridge_3", 197),
        ("nose_bridge_4", 195),
        ("nose_tip", 4),
        ("nose_base", 2),
        ("ala_side", 129, 358),
        ("ala_bottom", 98, 327),
    ),
    "lips_outer": (
        ("mouth_corner", 61, 291),
        ("lip_upper_outer_1", 40, 270),
        ("lip_upper_outer_2", 39, 269),
        ("lip_upper_outer_3", 37, 267),
        ("lip_upper_outer_middle", 0),
        ("lip_lower_outer_1", 91, 321),
        ("lip_lower_outer_2", 181, 405),
        ("lip_lower_outer_3", 84, 314),
        ("lip_lower_outer_middle", 17),
    ),
    "lips_inner": (
        ("mouth_corner_inner", 78, 308),
        ("lip_upper_inner_1", 80, 310),
        ("lip_upper_inner_2", 82, 312),
        ("lip_upper_inner_middle", 13),
        ("lip_lower_inner_1", 88, 318),
        ("lip_lower_inner_2", 87, 317),
        ("lip_lower_inner_middle", 14),
    ),
    "jaw": (
        ("jaw_1", 58, 288),
        ("jaw_2", 172, 397),
        ("jaw_3", 150, 379),
        ("jaw_4", 176, 400),
        ("chin", 152),
    ),
    "cheek": (("cheek", 205, 425),),
    "forehead": (("forehead", 151),),
}


def _rows() -> list[tuple[str, str, int]]:
    """(group, name, detector's index) of every keypoint: per group those of the left, of the right, of the middle."""
    rows = []
    for group, entries in _TABLE.items():
        paired = [entry for entry in entries if len(entry) == 3]
        rows += [(group, f"{entry[0]}_l", entry[2]) for entry in paired]
        rows += [(group, f"{entry[0]}_r", entry[1]) for entry in paired]
        rows += [(group, entry[0], entry[1]) for entry in entries if len(entry) == 2]
    return rows


KEYPOINTS: Final[tuple[str, ...]] = tuple(name for _, name, _ in _rows())
INDEX: Final[dict[str, int]] = {name: i for i, name in enumerate(KEYPOINTS)}
GROUP_NAMES: Final[tuple[str, ...]] = tuple(_TABLE)

# Of each keypoint: its point among the detector's 478.
DETECTOR_INDEX: Final[I32] = np.array([index for _, _, index in _rows()], dtype=np.int32)  # [100]

# Of each group: its keypoints, contiguous.
GROUPS: Final[dict[str, slice]] = {}
for _group in GROUP_NAMES:
    _members = [i for i, row in enumerate(_rows()) if row[0] == _group]
    GROUPS[_group] = slice(_members[0], _members[-1] + 1)

if len(KEYPOINTS) != KEYPOINT_COUNT:
    raise AssertionError(f"{len(KEYPOINTS)} keypoints instead of {KEYPOINT_COUNT}")


def mirrored(name: str) -> str:
    """The keypoint on the other side: `_l` for `_r` and the reverse; a midline point is its own."""
    if name.endswith("_l"):
        return name[:-2] + "_r"
    if name.endswith("_r"):
        return name[:-2] + "_l"
    return name


MIRROR: Final[I32] = np.array([INDEX[mirrored(name)] for name in KEYPOINTS], dtype=np.int32)  # [100], undoes itself


def group_of(name: str) -> str:
    """The group that a keypoint belongs to."""
    i = INDEX[name]
    return next(group for group, part in GROUPS.items() if part.start <= i < part.stop)
