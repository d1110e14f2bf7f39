"""Bad fused meshes: `refa fit-rig` refuses each in one sentence that names it, and places nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refa_cli.landmarks import frame
from refa_cli.landmarks.frame import FaceFrame
from tests.commands.fit_rig.refusals import refused
from tests.commands.fit_rig.scans_made import cut, edit

Captured = pytest.CaptureFixture[str]


def remade(fused: Path, change: Callable[[Any], None]) -> None:
    """Change the neutral mesh."""
    import trimesh

    mesh: Any = trimesh.load(fused / "neutral.ply", process=False)
    change(mesh)
    mesh.export(fused / "neutral.ply")


def nan_vertices(fused: Path) -> None:
    def change(mesh: Any) -> None:
        mesh.vertices[7, 1] = np.nan

    remade(fused, change)


def infinite_vertices(fused: Path) -> None:
    def change(mesh: Any) -> None:
        mesh.vertices[7, 1] = np.inf

    remade(fused, change)


def no_face_on_it(fused: Path) -> None:
    import trimesh

    trimesh.creation.icosphere(subdivisions=4, radius=100).export(fused / "neutral.ply")


def flat(fused: Path) -> None:
    def change(mesh: Any) -> None:
        mesh.vertices[:] = 0

    remade(fused, change)


def unreadable(fused: Path) -> None:
    (fused / "neutral.ply").write_bytes(b"ply\nformat ascii 1.0\nelement vertex many\nend_header\n")


def mesh_cut_short(fused: Path) -> None:
    cut(fused / "neutral.ply", 30_000)


def points_only(fused: Path) -> None:
    import trimesh

    points: Any = trimesh.PointCloud(np.random.default_rng(1).random((500, 3)))  # type: ignore[no-untyped-call]
    points.export(fused / "neutral.ply")


def wrong_corners(fused: Path) -> None:
    """An .obj whose triangles name vertices that it has not."""
    lines = [f"v {i % 20} {i // 20} 0" for i in range(400)] + [f"f {i + 1} {i + 2} {i + 9000}" for i in range(300)]
    (fused / "neutral.obj").write_text("\n".join(lines))
    edit(fused, lambda value: value["expressions"].update(neutral="neutral.obj"))


def empty_glb(fused: Path) -> None:
    (fused / "neutral.glb").write_bytes(b"")
    edit(fused, lambda value: value["expressions"].update(neutral="neutral.glb"))


def millimetres_called_metres(fused: Path) -> None:
    edit(fused, lambda value: value.update(mesh_unit=1.0))


BAD_MESHES: dict[Callable[[Path], None], tuple[str, ...]] = {
    nan_vertices: ("neutral.ply", "vertex 7", "finite"),
    infinite_vertices: ("neutral.ply", "vertex 7", "finite"),
    no_face_on_it: ("neutral.ply", "a face to be found"),
    flat: ("neutral.ply",),
    unreadable: ("neutral.ply", "a readable mesh"),
    mesh_cut_short: ("neutral.ply",),
    points_only: ("neutral.ply",),
    wrong_corners: ("neutral.obj",),
    empty_glb: ("neutral.glb", "a readable mesh"),
    millimetres_called_metres: ("neutral.ply", "scale", "correct mesh_unit, now 1 metres per unit", "--scale auto"),
}


@pytest.mark.parametrize("damage", BAD_MESHES, ids=lambda damage: damage.__name__)
def test_bad_meshes(fused: Path, capsys: Captured, damage: Callable[[Path], None]) -> None:
    damage(fused)
    sentence = refused(capsys, fused)
    for words in (str(fused), *BAD_MESHES[damage]):
        assert words in sentence


def test_metres_called_millimetres(fused: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """Renders cannot come so near to so small a head: it is looked at enlarged, and told as it is."""
    extents = []

    def stands_in(vertices: np.ndarray[Any, Any], *_: object, **__: object) -> FaceFrame:
        extents.append(np.ptp(vertices, axis=0).max())
        return FaceFrame(np.eye(4), 0.25 * extents[-1], 1.0)

    monkeypatch.setattr(frame, "find_face_frame", stands_in)
    edit(fused, lambda value: value.update(mesh_unit=0.000001))
    sentence = refused(capsys, fused)
    assert 0.5 < extents[0] < 2
    for words in ("neutral.ply: scale", "got 0.00", "correct mesh_unit, now 1e-06 metres per unit", "--scale auto"):
        assert words in sentence
