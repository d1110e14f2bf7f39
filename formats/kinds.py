"""Every kind of artifact by its schema, and telling what a path holds."""

from __future__ import annotations

import os
from pathlib import Path

from refa_cli.formats import dataset, npz, scans
from refa_cli.formats.captures import Captures
from refa_cli.formats.errors import DataError
from refa_cli.formats.face import FaceModel
from refa_cli.formats.headset import Headset
from refa_cli.formats.labels import Labels
from refa_cli.formats.model import KeypointModel, Model
from refa_cli.formats.rig import Rig
from refa_cli.formats.scan_truth import ScanTruth
from refa_cli.formats.session_truth import SessionTruth
from refa_cli.formats.spec import Checked
from refa_cli.formats.synth import Synth

FILES: dict[str, type[npz.NpzArtifact]] = {
    kind.SCHEMA: kind for kind in (FaceModel, Headset, Rig, ScanTruth, SessionTruth, Model, KeypointModel)
}
"""The kinds that are one .npz file."""

DATASETS: dict[str, type[Checked]] = {kind.SCHEMA: kind for kind in (Labels, Captures, Synth)}
"""The kinds that are recordings of datasets."""


def schema_of(path: str | os.PathLike[str]) -> str:
    """The schema of what stands at path, one of FILES, DATASETS or that of scans. Raises DataError."""
    found = Path(path)
    if found.name == scans.FILE:
        found = found.parent
    if found.is_dir():
        if (found / scans.FILE).exists():
            return scans.SCHEMA
        head, known = dataset.manifest(found), sorted(DATASETS)
    else:
        head, known = npz.read_head(found), sorted(FILES)
    schema = head.get("schema") if isinstance(head, dict) else None
    if schema not in known:
        got = repr(schema)[:80]
        raise DataError(found, "schema", " or ".join(known), got, "use the version of refa that made it")
    return str(schema)
