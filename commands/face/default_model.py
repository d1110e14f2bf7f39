"""The finished default face model: a baked head with its keypoints placed and its regions told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refa_cli.commands.face.bake import LICENCE, ORIGIN, Baked, Track, bake, rigid_vertices
from refa_cli.face.anchors import anchors_of_keypoints
from refa_cli.face.keypoints import KEYPOINTS
from refa_cli.face.regions import derive_regions
from refa_cli.face.shapes import ALL, EXPRESSIONS
from refa_cli.formats.face import FaceModel
from refa_cli.landmarks.placing import keypoint_positions, place_keypoints

PEOPLE, VARIANCE = 800, 0.98


def default_model(seed: int, recipe: Mapping[str, Any], track: Track) -> tuple[FaceModel, Baked]:
    """Bake the model that refa ships. Raises DataError when MakeHuman's assets are not installed."""
    baked = bake(PEOPLE, VARIANCE, seed, track)
    return assembled(baked, recipe), baked


def assembled(baked: Baked, recipe: Mapping[str, Any]) -> FaceModel:
    """The artifact of a baked head."""
    head = baked.head
    placed = place_keypoints(baked.mean, head.triangles, head.material, baked.lid_pairs, baked.lip_pairs)
    points = dict(zip(KEYPOINTS, keypoint_positions(baked.mean, head.triangles, placed), strict=True))
    spacing = float(np.linalg.norm(baked.eye_centers[0] - baked.eye_centers[1]))
    regions = derive_regions(baked.mean, head.triangles, head.material, head.eyeball, baked.eye_centers,
                             anchors_of_keypoints(points, spacing))  # fmt: skip
    count = len(EXPRESSIONS)
    return FaceModel(
        name="refa default head", origin=ORIGIN, licence=LICENCE, recipe=recipe,
        mean=_f32(baked.mean), triangles=_i32(head.triangles), uv=_f32(head.uv), uv_triangles=_i32(head.uv_triangles),
        material=head.material, identity_basis=_f32(baked.identity_basis), expression_basis=_f32(baked.shapes[:count]),
        eye_follow_basis=_f32(baked.shapes[count:]), lacks=np.zeros(len(ALL), np.bool_), eyeball=head.eyeball,
        eye_centers=_f32(baked.eye_centers), eye_centers_basis=_f32(baked.eye_centers_basis),
        rigid=rigid_vertices(baked.mean, baked.shapes, head.eyeball), regions=regions,
        lid_pairs=_i32(baked.lid_pairs), lip_pairs=_i32(baked.lip_pairs), keypoint_triangles=placed.triangles,
        keypoint_barycentric=placed.barycentric, mirror=_i32(head.mirror),
    )  # fmt: skip


def _f32(values: NDArray[Any]) -> NDArray[np.float32]:
    return np.ascontiguousarray(values, dtype=np.float32)


def _i32(values: NDArray[Any]) -> NDArray[np.int32]:
    return np.ascontiguousarray(values, dtype=np.int32)
