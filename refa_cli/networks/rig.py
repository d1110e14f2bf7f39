"""Rig evaluation in torch: the same as `refa_cli.face.evaluate`, differentiable in all of its inputs.

    rig = TorchRig(Geometry.of_face(face), face.identity_basis, face.eye_centers_basis)
    vertices = rig(weights, gaze, pose=(rotation_from_axis_angle(r), t), identity=k)

Metres, radians and the head frame throughout.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from refa_cli.face.evaluate import CLOSED, Geometry
from refa_cli.face.gaze import FULL_PITCH, FULL_YAW
from refa_cli.face.shapes import EXPRESSIONS, INDEX


def rotation_from_axis_angle(vector: Tensor) -> Tensor:
    """vector [..., 3], its length the angle in radians -> rotation [..., 3, 3] (Rodrigues), smooth at zero."""
    square = (vector * vector).sum(-1)[..., None, None]
    small = square < 1e-8
    angle = torch.where(small, torch.ones_like(square), square).sqrt()
    sine = torch.where(small, 1 - square / 6, torch.sin(angle) / angle)
    versine = torch.where(small, 0.5 - square / 24, (1 - torch.cos(angle)) / angle**2)
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*vector.shape[:-1], 3, 3)
    return torch.eye(3, dtype=vector.dtype, device=vector.device) + sine * cross + versine * (cross @ cross)


def rotation_from_6d(columns: Tensor) -> Tensor:
    """columns [..., 6], two vectors of any length, not parallel -> rotation [..., 3, 3] with them as first columns.

    Source: Zhou et al., On the Continuity of Rotation Representations in Neural Networks, CVPR 2019.
    """
    a, b = columns[..., :3], columns[..., 3:]
    first = a / a.norm(dim=-1, keepdim=True)
    rest = b - (first * b).sum(-1, keepdim=True) * first
    second = rest / rest.norm(dim=-1, keepdim=True)
    return torch.stack([first, second, torch.linalg.cross(first, second)], -1)


def rotation_from_gaze(gaze: Tensor) -> Tensor:
    """gaze [..., 2] (yaw, pitch) -> rotation [..., 3, 3], as in `refa_cli.face.gaze`."""
    yaw, pitch = gaze.unbind(-1)
    sy, cy, sp, cp = yaw.sin(), yaw.cos(), pitch.sin(), pitch.cos()
    rows = [cy, -sy * sp, sy * cp, torch.zeros_like(sy), cp, sp, -sy, -cy * sp, cy * cp]
    return torch.stack(rows, -1).reshape(*gaze.shape[:-1], 3, 3)


def effective_weights(weights: Tensor) -> Tensor:
    """weights [..., 53] with LipsToward held to at most JawDrop."""
    lips, jaw = INDEX["LipsToward"], INDEX["JawDrop"]
    held = torch.minimum(weights[..., lips], weights[..., jaw])
    return torch.cat([weights[..., :lips], held[..., None], weights[..., lips + 1 :]], -1)


def eye_follow_weights(gaze: Tensor, closed: Tensor) -> Tensor:
    """gaze [..., 2, 2], closed [..., 2] -> [..., 8], as in `refa_cli.face.gaze`."""
    left, up = gaze[..., 0] / FULL_YAW, gaze[..., 1] / FULL_PITCH
    follow = torch.stack([-up, left, -left, up], -2).clamp(0, 1) * (1 - closed.clamp(0, 1))[..., None, :]
    return follow.flatten(-2)


class TorchRig(torch.nn.Module):
    """One head, or a face model with its identity basis; the arrays are buffers of one dtype, not parameters.

    identity_basis [N, V, 3] and eye_centers_basis [N, 2, 3] are needed only to pass `identity`.
    """

    neutral: Tensor
    expressions: Tensor
    eye_follow: Tensor
    eye_centers: Tensor
    identity_basis: Tensor
    eye_centers_basis: Tensor
    ball: Tensor

    def __init__(
        self,
        geometry: Geometry,
        identity_basis: ArrayLike | None = None,
        eye_centers_basis: ArrayLike | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        vertices = len(geometry.neutral)
        arrays: dict[str, ArrayLike] = {
            "neutral": geometry.neutral,
            "expressions": geometry.expressions,
            "eye_follow": geometry.eye_follow,
            "eye_centers": geometry.eye_centers,
            "identity_basis": np.zeros((0, vertices, 3)) if identity_basis is None else identity_basis,
            "eye_centers_basis": np.zeros((0, 2, 3)) if eye_centers_basis is None else eye_centers_basis,
        }
        for name, value in arrays.items():
            self.register_buffer(name, torch.tensor(np.asarray(value), dtype=dtype))
        self.register_buffer("ball", torch.tensor(geometry.eyeball.astype(np.int64)))

    def forward(
        self,
        weights: Tensor | None = None,
        gaze: Tensor | None = None,
        pose: tuple[Tensor, Tensor] | None = None,
        identity: Tensor | None = None,
        neutral: Tensor | None = None,
    ) -> Tensor:
        """Vertices [..., V, 3] in metres; leading dimensions are broadcast.

        weights [..., 53]; gaze [..., 2, 2] radians; pose: (rotation [..., 3, 3], translation [..., 3]) of
        target_from_head; identity [..., N] standard deviations; neutral [..., V, 3] in place of the stored one.
        """
        w = effective_weights(self.neutral.new_zeros(len(EXPRESSIONS)) if weights is None else weights)
        g = self.neutral.new_zeros(2, 2) if gaze is None else gaze
        rest = self.neutral if neutral is None else neutral
        centers = self.eye_centers
        if identity is not None:
            rest = rest + torch.tensordot(identity, self.identity_basis, 1)
            centers = centers + torch.tensordot(identity, self.eye_centers_basis, 1)
        follow = eye_follow_weights(g, torch.stack([w[..., CLOSED[0]], w[..., CLOSED[1]]], -1))
        moved: Tensor = rest + torch.tensordot(w, self.expressions, 1) + torch.tensordot(follow, self.eye_follow, 1)
        for side in (0, 1):
            center = centers[..., side, None, :]
            turned = (rest - center) @ rotation_from_gaze(g[..., side, :]).transpose(-1, -2) + center
            moved = torch.where((self.ball == side + 1)[:, None], turned, moved)
        if pose is not None:
            rotation, translation = pose
            moved = moved @ rotation.transpose(-1, -2) + translation[..., None, :]
        return moved
