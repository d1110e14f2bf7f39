"""Where the phone stands before the head in every frame."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from refa_cli.commands.simulate import constants
from refa_cli.commands.simulate.fields import F64
from refa_cli.commands.simulate.person import Person
from refa_cli.render.cameras import around


def phone_poses(person: Person, expression: str, frames: int) -> F64:
    """camera_from_head [frames, 4, 4]: a slow turn from side to side, with the head moving a little besides."""
    rng = person.rng("poses", expression)
    sweep = np.linspace(-1.0, 1.0, frames) if frames > 1 else np.zeros(1)
    if rng.random() < 0.5:
        sweep = -sweep
    nod = rng.uniform(0.0, 2.0 * np.pi)
    poses = np.empty((frames, 4, 4))
    for i in range(frames):
        view = around(
            yaw=constants.VIEW_YAW * sweep[i],
            pitch=constants.VIEW_PITCH * np.sin(nod + 1.9 * i),
            distance=rng.uniform(*constants.VIEW_DISTANCE),
            target=constants.FACE_CENTER,
        )
        moved = np.eye(4)
        moved[:3, :3] = Rotation.from_rotvec(rng.normal(0.0, constants.HEAD_TURN, 3)).as_matrix()
        moved[:3, 3] = rng.normal(0.0, constants.HEAD_SHIFT, 3)
        poses[i] = view.camera_from_head @ moved
    return poses
