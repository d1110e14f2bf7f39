"""Small phone scans and fused meshes of one person, made in code, for the tests of the fit-rig command.

Pictures are plain renders of the default face; depth is what the rasteriser measures, without noise.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refa_cli.face.default import default_face
from refa_cli.face.mesh import submesh
from refa_cli.formats.face import MATERIALS, REGIONS
from refa_cli.formats.frames import Camera
from refa_cli.formats.pictures import read_depth
from refa_cli.formats.scans_writer import ScansWriter
from refa_cli.render.cameras import View, around
from refa_cli.render.preview import MATERIAL_COLORS, preview
from refa_cli.render.rasterize import rasterize
from tests.commands.fit_rig.heads import Head, keypoints_of

Float = NDArray[np.float64]

WIDE, HIGH = 320, 240
DISTANCE = 0.4
PICTURE_WIDTH = 0.36
"""What a picture spans at the face, metres."""
YAWS = (-14.0, 0.0, 14.0)
"""Degrees; one frame each."""
NEUTRAL = {"neutral": "neutral"}
"""The expressions of scans.json that fit fastest."""
BLACK = np.zeros((HIGH, WIDE, 3), np.uint8)
SHOWN: Mapping[str, Mapping[str, float]] = {
    "neutral": {},
    "jaw_open": {"JawDrop": 1.0},
    "smile_left": {"LipCornerPullerL": 1.0},
}


def view_at(yaw: float) -> View:
    return around(np.radians(yaw), distance=DISTANCE, width=PICTURE_WIDTH, size=(HIGH, WIDE))


def camera() -> Camera:
    return Camera(WIDE, HIGH, *view_at(0.0).intrinsics)


def write_frames(root: Path, subject: str = "S0001", seed: int = 3, mirrored: bool = False) -> Path:
    """A folder of scans: SHOWN, a frame from each of YAWS, take names as the expressions'. Depth in 0.1 mm."""
    face, head = default_face(), Head.random(seed)
    colors = MATERIAL_COLORS[face.material]
    writer = ScansWriter(root, subject, camera(), mirrored=mirrored)
    for name, weights in SHOWN.items():
        vertices = head.vertices(**weights)
        for index, yaw in enumerate(YAWS):
            view = view_at(yaw)
            color = preview(vertices, face.triangles, view, triangle_colors=colors)
            depth = rasterize(
                vertices, face.triangles, view.intrinsics, view.size, camera_from_world=view.camera_from_head
            ).depth
            if mirrored:
                color, depth = np.ascontiguousarray(color[:, ::-1]), np.ascontiguousarray(depth[:, ::-1])
            writer.frame(name, name, f"f{index}", color, depth)
    writer.finish()
    return root


def true_landmarks(seed: int = 3, name: str = "neutral") -> dict[str, list[list[float]]]:
    """The "frames" of a landmarks.json for the frames of an expression."""
    points = keypoints_of(Head.random(seed).vertices(**SHOWN[name]))
    return {f"f{index}": view_at(yaw).project(points).tolist() for index, yaw in enumerate(YAWS)}


def head_mesh(seed: int = 3, **weights: float) -> tuple[Float, NDArray[np.integer[Any]], NDArray[np.uint8]]:
    """A fused mesh of the front of a head, metres: vertices, triangles, vertex colours [V, 3]."""
    face, vertices = default_face(), Head.random(seed).vertices(**weights)
    colors = np.zeros((len(vertices), 3), np.uint8)
    colors[face.triangles] = (MATERIAL_COLORS[face.material] * 255).astype(np.uint8)[:, None]
    shown = ~np.isin(face.material, [MATERIALS.index(m) for m in ("teeth", "tongue", "gum")])
    used = np.zeros(len(vertices), bool)
    used[face.triangles[shown]] = True
    kept, faces = submesh(face.triangles[shown], used & (face.regions[REGIONS.index("face")] | (face.eyeball > 0)))
    return vertices[kept], faces, colors[kept]


def write_mesh(path: Path, unit: float, weights: Mapping[str, float], seed: int = 3) -> Path:
    """head_mesh in a .ply, .obj or .glb file; unit: metres per unit of the file."""
    import trimesh

    vertices, triangles, colors = head_mesh(seed, **weights)
    mesh = trimesh.Trimesh(vertices / unit, triangles, vertex_colors=colors, process=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    mesh.export(path)
    return path


def write_meshes(root: Path, suffix: str = ".ply", unit: float = 1.0, told: float | None = None) -> Path:
    """A folder of fused meshes of neutral and jaw_open; told: mesh_unit of scans.json, the true one by default."""
    for name in ("neutral", "jaw_open"):
        write_mesh(root / (name + suffix), unit, SHOWN[name])
    scans = {"schema": "refa.scans/1", "subject": "S0001", "mesh_unit": unit if told is None else told,
             "expressions": {name: name + suffix for name in ("neutral", "jaw_open")}}  # fmt: skip
    (root / "scans.json").write_text(json.dumps(scans))
    return root


def edit(root: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change scans.json by hand."""
    file = root / "scans.json"
    value = json.loads(file.read_text())
    change(value)
    file.write_text(json.dumps(value))


def read_counts(path: Path) -> NDArray[np.uint16]:
    """The counts [H, W] of a depth picture of write_frames."""
    return read_depth(path, WIDE, HIGH)


def cut(file: Path, size: int) -> None:
    """Leave the first bytes of a file."""
    file.write_bytes(file.read_bytes()[:size])
