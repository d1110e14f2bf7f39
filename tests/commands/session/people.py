"""Shared by the tests of sessions: plans and people of little cost."""

from __future__ import annotations

from typing import Any

from refa_cli.commands.simulate.person import Person, make_person
from refa_cli.commands.simulate.session.plan import Plan, plan_of
from refa_cli.face.default import default_face

CHOICES: dict[str, Any] = {
    "seed": 5, "misfit": 1, "recordings": ("peaks",), "expressions": ("neutral", "jaw_open", "wink_left", "look_up"),
    "pace": 1.0, "seconds": 12.0, "rate": 30.0, "pixels": 32, "all_cameras": False,
}  # fmt: skip


def plan(**changes: Any) -> Plan:
    """A plan of small pictures."""
    return plan_of(None, None, changes.pop("takes", None), **{**CHOICES, **changes})


def person(name: str = "S0001", seed: int = 5) -> Person:
    """A person on refa's own face model."""
    return make_person(default_face(), name, seed)
