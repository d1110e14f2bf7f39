"""The cameras that a model sees: whose pictures come in mirrored, and which share an encoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from refa_cli.formats.dataset import Recording
from refa_cli.formats.errors import DataError
from refa_cli.formats.headset import ROLES
from refa_cli.formats.spec import U8


@dataclass(frozen=True)
class Cameras:
    """Cameras by name, with their roles, one of `formats.headset.ROLES` each."""

    names: tuple[str, ...]
    roles: tuple[str, ...]

    @classmethod
    def of(cls, names: tuple[str, ...], roles: U8) -> Cameras:
        """roles: their numbers, as files hold them."""
        return cls(names, tuple(ROLES[int(role)] for role in roles))

    def __len__(self) -> int:
        return len(self.names)

    @property
    def role_numbers(self) -> U8:
        """Roles as files hold them."""
        return np.array([ROLES.index(role) for role in self.roles], np.uint8)

    @property
    def mirrored(self) -> tuple[bool, ...]:
        """Whose pictures come in flipped sideways: those of the right side, so that both sides look alike."""
        return tuple(role.endswith("_right") for role in self.roles)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Cameras of a kind share an encoder: left and right ones; an "other" one has its own."""
        return tuple(
            f"other_{name}" if role == "other" else role.removesuffix("_left").removesuffix("_right")
            for name, role in zip(self.names, self.roles, strict=True)
        )

    @property
    def eyes(self) -> tuple[int, int] | None:
        """The cameras of the left eye and the right one, if both are there."""
        if "eye_left" in self.roles and "eye_right" in self.roles:
            return self.roles.index("eye_left"), self.roles.index("eye_right")
        return None

    def order_in(self, recording: Recording[Any]) -> list[int]:
        """Which of a recording's embedded cameras is which of these: by name and role, else by a role that one
        camera of either has. Raises DataError where one is missing."""
        held = embedded(recording)
        out = []
        for name, role in zip(self.names, self.roles, strict=True):
            if name in held.names and held.roles[held.names.index(name)] == role:
                out.append(held.names.index(name))
            elif role != "other" and held.roles.count(role) == self.roles.count(role) == 1:
                out.append(held.roles.index(role))
            else:
                raise DataError(recording.path, "camera_names", f"a camera {name} with role {role}",
                                ", ".join(held.names), "use one headset throughout")  # fmt: skip
        return out


def embedded(recording: Recording[Any]) -> Cameras:
    """The cameras whose frames a recording holds; those of its headset without frames come after them."""
    count = recording.shapes["frames"][1]
    return Cameras.of(tuple(recording.texts["camera_names"][:count]), recording.rows("camera_role")[:count])
