"""Real data that some tests use and the project does not hold; those tests skip where it is absent."""

from __future__ import annotations

import os
from pathlib import Path

from tests.tree import ROOT

DATA = Path(os.environ.get("REFA_TEST_DATA", ROOT.parent / "shared" / "data"))
TAKES = DATA / "livelinkface"
ICT = DATA / "ict_facekit" / "FaceXModel.tar.xz"
