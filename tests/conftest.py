"""What all tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from refa_cli import console

# Machines differ and share their cores: a slow example is not a failure.
settings.register_profile("refa", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("refa")


@pytest.fixture(autouse=True)
def fresh_console() -> Iterator[None]:
    """--json and its like of one test do not reach the next."""
    console.reset()
    yield
    console.reset()
