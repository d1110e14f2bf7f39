"""Trained networks: the tracker, and the one that finds keypoints; what both hold stands in `network`."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import ClassVar

from refa_cli.formats.face import EXPRESSION_COUNT
from refa_cli.formats.network import Network
from refa_cli.formats.spec import F32, array, names

FEATURES = 512
STD_FLOOR = 0.3
"""Pictures go in as roots of counts without their mean, over their standard deviation and this: a black one must not
become noise."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Model(Network):
    """A tracker of C cameras with P numbers in L tensors, trained on S subjects."""

    SCHEMA: ClassVar[str] = "refa.model/1"

    shapes: tuple[str, ...] = names(str(EXPRESSION_COUNT), doc="names of the expressions it tells, in order")
    feature_mean: F32 = array(f"C {FEATURES}", doc="of each camera's features over the training frames")
    feature_scale: F32 = array(f"C {FEATURES}", within=(0, inf), doc="their standard deviations")
    feature_distance: F32 = array(
        "C 3", within=(0, inf), doc="50th, 95th and 99th percentile of frames' distance from these: to detect failures"
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class KeypointModel(Network):
    """Finds the 100 keypoints in pictures of C cameras."""

    SCHEMA: ClassVar[str] = "refa.keypoints/1"
