"""Decoding the short-range face detector (BlazeFace): anchors, boxes, weighted non-maximum suppression.

The numbers are those of MediaPipe's graph (mediapipe/tasks/cc/vision/face_detector/face_detector_graph.cc): input
128x128 in -1..1, four layers of strides 8, 16, 16, 16 with two anchors each, of fixed size 1; outputs in units of 128.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from refa_cli.formats.spec import F32, F64

INPUT_SIZE = 128
MIN_SCORE = 0.5
SUPPRESS_ABOVE = 0.3  # intersection over union
RIGHT_EYE, LEFT_EYE = 0, 1  # keypoints; the subject's


class Face(NamedTuple):
    """One found face, in coordinates of the network's window (0..1)."""

    score: float
    box: F64  # [4] left, top, right, bottom
    keypoints: F64  # [6, 2] right eye, left eye, nose tip, mouth, right ear, left ear (the subject's)


@lru_cache(maxsize=1)
def anchors() -> F32:
    """Anchor centres [896, 2] (x, y in 0..1), in the order of the network's outputs: row by row, 2 or 6 per cell."""
    layers = []
    for stride, per_cell in ((8, 2), (16, 6)):  # the three layers of stride 16 are interleaved
        count = INPUT_SIZE // stride
        y, x = np.meshgrid(np.arange(count), np.arange(count), indexing="ij")
        cells = (np.stack([x, y], axis=-1).reshape(-1, 2) + 0.5) / count
        layers.append(np.repeat(cells, per_cell, axis=0))
    return np.concatenate(layers).astype(np.float32)


def decode(regressors: F32, logits: F32, min_score: float = MIN_SCORE) -> list[Face]:
    """Faces, best first, from the network's outputs [896, 16] (x, y, w, h and 6 keypoints) and [896]."""
    scores = 1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -100, 100)))
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] >= min_score]
    values = regressors[order].astype(np.float64) / INPUT_SIZE
    center = values[:, :2] + anchors()[order]
    boxes = np.concatenate([center - values[:, 2:4] / 2, center + values[:, 2:4] / 2], axis=1)
    keypoints = values[:, 4:].reshape(-1, 6, 2) + anchors()[order][:, None]
    return _merged(scores[order], boxes, keypoints)


def _merged(scores: F64, boxes: F64, keypoints: F64) -> list[Face]:
    """Weighted suppression: a face is the mean, by score, of all boxes and keypoints that overlap its best box."""
    faces = []
    left = np.arange(len(scores))
    while len(left):
        same = overlap(boxes[left[0]], boxes[left]) > SUPPRESS_ABOVE
        same[0] = True  # also where the box is empty
        group = left[same]
        weights = scores[group] / scores[group].sum()
        faces.append(
            Face(float(scores[left[0]]), weights @ boxes[group], np.tensordot(weights, keypoints[group], axes=1))
        )
        left = left[~same]
    return faces


def overlap(box: F64, boxes: F64) -> F64:
    """Intersection over union [N] of one box [4] with boxes [N, 4]."""
    size = np.clip(np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2]), 0, None)
    shared = size[:, 0] * size[:, 1]
    areas = np.prod(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None), axis=1)
    area = np.prod(np.clip(box[2:] - box[:2], 0, None))
    return np.asarray(shared / np.maximum(areas + area - shared, 1e-12))
