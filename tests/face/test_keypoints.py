"""The list of keypoints: distinct, grouped, mirrored."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

from refa_cli.face.keypoints import DETECTOR_INDEX, GROUPS, INDEX, KEYPOINTS, MIRROR, group_of, mirrored


def test_a_hundred_distinct_keypoints() -> None:
    assert len(KEYPOINTS) == len(set(KEYPOINTS)) == 100
    assert len(set(DETECTOR_INDEX.tolist())) == 100
    assert DETECTOR_INDEX.min() >= 0 and DETECTOR_INDEX.max() < 478
    assert [INDEX[name] for name in KEYPOINTS] == list(range(100))


def test_groups_cover_all_in_order() -> None:
    covered = [i for part in GROUPS.values() for i in range(part.start, part.stop)]
    assert covered == list(range(100))
    assert group_of("lid_upper_3_l") == "lid" and group_of("chin") == "jaw"


def test_mirror_swaps_sides_and_undoes_itself() -> None:
    assert (MIRROR[MIRROR] == np.arange(100)).all()
    for i, name in enumerate(KEYPOINTS):
        assert KEYPOINTS[MIRROR[i]] == mirrored(name)
        assert (MIRROR[i] == i) == (name[-2:] not in ("_l", "_r"))
        assert group_of(name) == group_of(mirrored(name))


def test_the_page_is_up_to_date() -> None:
    docs = Path(__file__).resolve().parents[2] / "docs"
    spec = importlib.util.spec_from_file_location("keypoints_page", docs / "keypoints_page.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (docs / "keypoints.md").read_text() == module.page()
    assert (docs / "keypoints.png").stat().st_size < 300_000
