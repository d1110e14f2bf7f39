"""What all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator

# Before numpy is imported: the linear algebra here is small, and threads that spin for it slow the tests down.
for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import pytest  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402

from refa_cli import console  # noqa: E402

# Machines differ and share their cores: a slow example is not a failure.
settings.register_profile("refa", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("refa")


@pytest.fixture(autouse=True)
def fresh_console() -> Iterator[None]:
    """--json and its like of one test do not reach the next."""
    console.reset()
    yield
    console.reset()
