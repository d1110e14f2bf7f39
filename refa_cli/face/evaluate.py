"""Evaluating a rig: expression weights, gaze and pose in, vertices out.

    geometry = Geometry.of_face(face, identity)            # or Geometry.of_rig(rig, face)
    vertices = geometry.evaluate(weights, gaze, headset_from_head)

All vertices are metres in the head frame, or in the target frame of the pose. What every stage keeps is kept here:
LipsToward counts no more than JawDrop; eyeballs turn rigidly about their centres with gaze and nothing else moves
them; the lids follow gaze and let go as the eyes close. Weights are not clipped to 0..1 otherwise.
`refa_cli.networks.rig` is the same in torch; tests compare the two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from refa_cli.face.gaze import eye_follow_weights, rotation_from_gaze
from refa_cli.face.shapes import EXPRESSIONS, INDEX
from refa_cli.formats.face import FaceModel
from refa_cli.formats.rig import Rig

F32 = NDArray[np.float32]
CLOSED = (INDEX["EyesClosedL"], INDEX["EyesClosedR"])


def effective_weights(weights: ArrayLike) -> F32:
    """weights [..., 53] with LipsToward held to at most JawDrop."""
    held = np.array(weights, dtype=np.float32)
    lips, jaw = INDEX["LipsToward"], INDEX["JawDrop"]
    held[..., lips] = np.minimum(held[..., lips], held[..., jaw])
    return held


@dataclass(frozen=True)
class Geometry:
    """One person's head, ready to be moved.

    neutral [V, 3], expressions [53, V, 3], eye_follow [8, V, 3] and eye_centers [2, 3] in metres, head frame;
    eyeball [V]: 0 none, 1 of the left eye, 2 of the right; triangles [F, 3].
    """

    neutral: F32
    expressions: F32
    eye_follow: F32
    eye_centers: F32
    eyeball: NDArray[np.uint8]
    triangles: NDArray[np.int32]

    @staticmethod
    def of_face(face: FaceModel, identity: ArrayLike | None = None) -> Geometry:
        """A face model's mean, or the person with these coefficients [N] in standard deviations."""
        neutral, centers = face.mean, face.eye_centers
        if identity is not None:
            k = np.asarray(identity, dtype=np.float32)
            neutral = neutral + np.tensordot(k, face.identity_basis, 1)
            centers = centers + np.tensordot(k, face.eye_centers_basis, 1)
        return Geometry(neutral, face.expression_basis, face.eye_follow_basis, centers, face.eyeball, face.triangles)

    @staticmethod
    def of_rig(rig: Rig, face: FaceModel) -> Geometry:
        """A subject's rig, on the topology of the face model it was fitted with."""
        if len(rig.neutral) != len(face.mean):
            raise ValueError(f"a rig of {len(rig.neutral)} vertices does not fit a face of {len(face.mean)}")
        return Geometry(rig.neutral, rig.expressions, rig.eye_follow, rig.eye_centers, face.eyeball, face.triangles)

    def evaluate(
        self, weights: ArrayLike | None = None, gaze: ArrayLike | None = None, pose: ArrayLike | None = None
    ) -> F32:
        """Vertices [..., V, 3]; the leading dimensions of the arguments are broadcast.

        weights [..., 53]; gaze [..., 2, 2] (left, right) by (yaw, pitch), radians, by default straight ahead;
        pose [..., 4, 4]: target_from_head (headset_from_head, camera_from_head ...), by default none.
        Raises ValueError for other shapes.
        """
        w = effective_weights(np.zeros(len(EXPRESSIONS)) if weights is None else weights)
        g = np.zeros((2, 2)) if gaze is None else np.asarray(gaze, dtype=np.float64)
        if w.shape[-1:] != (len(EXPRESSIONS),) or g.shape[-2:] != (2, 2):
            raise ValueError(f"weights [..., 53] and gaze [..., 2, 2] are needed, got {w.shape} and {g.shape}")
        p = np.eye(4, dtype=np.float32) if pose is None else np.asarray(pose, dtype=np.float32)
        batch = np.broadcast_shapes(w.shape[:-1], g.shape[:-2], p.shape[:-2])
        follow = eye_follow_weights(g, w[..., CLOSED])
        moved = np.broadcast_to(
            self.neutral + _blend(w, self.expressions) + _blend(follow, self.eye_follow), (*batch, *self.neutral.shape)
        ).copy()
        for side in (0, 1):
            ball = np.flatnonzero(self.eyeball == side + 1)
            center = self.eye_centers[side]
            turn = rotation_from_gaze(g[..., side, :]).astype(np.float32)
            moved[..., ball, :] = (self.neutral[ball] - center) @ np.swapaxes(turn, -1, -2) + center
        if pose is not None:
            moved = moved @ np.swapaxes(p[..., :3, :3], -1, -2) + p[..., None, :3, 3]
        return moved


def _blend(weights: NDArray[np.floating], basis: F32) -> F32:
    """weights [..., K], basis [K, V, 3] -> displacement [..., V, 3]; shapes at rest in the whole batch cost nothing."""
    flat = weights.reshape(-1, weights.shape[-1]).astype(np.float32)
    active = np.flatnonzero(flat.any(axis=0))
    if len(active) == 0:
        return np.zeros((*weights.shape[:-1], *basis.shape[1:]), np.float32)
    moved: F32 = flat[:, active] @ basis[active].reshape(len(active), -1)
    return moved.reshape(*weights.shape[:-1], *basis.shape[1:])
