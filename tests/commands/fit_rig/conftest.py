"""Scans that the tests of the fit-rig command share: made once, copied to be damaged."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.commands.fit_rig import scans_made
from tests.commands.fit_rig.scans_made import NEUTRAL, edit


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scans that nobody changes."""
    return scans_made.write_frames(tmp_path_factory.mktemp("made") / "S0001")


@pytest.fixture(scope="session")
def meshes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fused meshes in millimetres, which scans.json says, that nobody changes."""
    return scans_made.write_meshes(tmp_path_factory.mktemp("meshes") / "S0001", unit=0.001)


@pytest.fixture
def scans(made: Path, tmp_path: Path) -> Path:
    """Scans of one's own to damage; the neutral expression alone, which fits fastest."""
    shutil.copytree(made, tmp_path / "scans")
    edit(tmp_path / "scans", lambda value: value.update(expressions=NEUTRAL))
    return tmp_path / "scans"


@pytest.fixture
def fused(meshes: Path, tmp_path: Path) -> Path:
    """Meshes of one's own to damage."""
    shutil.copytree(meshes, tmp_path / "fused")
    return tmp_path / "fused"
