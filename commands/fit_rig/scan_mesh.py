"""A fused mesh as a scan: read, brought to metres, its face found, and cut down to what lies around the face."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refa_cli.commands.fit_rig.similarity import apply, scale_of
from refa_cli.commands.fit_rig.units import EYES_LEAST, EYES_MOST, centimetres
from refa_cli.face.mesh import submesh, triangle_vectors, weld
from refa_cli.formats.errors import DataError
from refa_cli.formats.face import KEYPOINT_COUNT
from refa_cli.formats.json_text import in_short

Float = NDArray[np.float64]
Int = NDArray[np.integer[Any]]

KEYPOINT_SIGMA = 0.002
REACH = 3.2
"""Surface farther from the middle of the keypoints than so many times their median distance from it is left out."""
SMALLEST = 0.01
"""Meshes smaller than this are looked at enlarged: renders see nothing nearer than a millimetre."""
LARGEST_FILE = 1 << 30


def read_scan_mesh(
    path: Path, unit: float, mirrored: bool, auto_scale: bool = False
) -> tuple[Float, Int, Float, Float, Float | None]:
    """Vertices [V, 3] (units of the file times `unit`), triangles [F, 3], keypoints [100, 3], sigma [100], colours.

    Raises DataError for a file that is no mesh, is broken, holds no face, or, unless auto_scale, is far from metres.
    """
    from refa_cli.face.keypoints import GROUPS
    from refa_cli.landmarks.frame import find_face_frame
    from refa_cli.landmarks.looking import Mesh, keypoints_in_space

    vertices, triangles, colors = load(path)
    vertices = np.asarray(vertices * unit, dtype=np.float64)
    if mirrored:
        vertices = vertices * [-1, 1, 1]
        triangles = triangles[:, ::-1]
    shade = None if colors is None else colors / 255
    extent = float(np.ptp(vertices, axis=0).max())
    larger = 1 / extent if 0 < extent < SMALLEST else 1.0
    try:
        found = find_face_frame(vertices * larger, triangles, vertex_colors=shade)
    except DataError as problem:
        raise DataError(path, problem.field, problem.expected, problem.got, problem.advice) from None
    except ValueError as problem:
        raise DataError(path, "", "the mesh of a head", str(problem), "export it again") from None
    distance = found.eye_distance / larger
    if not (auto_scale or EYES_LEAST <= distance <= EYES_MOST):
        raise DataError(path, "scale", f"eyes {centimetres(EYES_LEAST)} to {centimetres(EYES_MOST)} apart",
                        centimetres(distance),
                        f"correct mesh_unit, now {unit:g} metres per unit, or use --scale auto")  # fmt: skip
    enlarge = np.diag([larger, larger, larger, 1.0])
    frame: Float = np.asarray(found.metric() @ enlarge, dtype=np.float64)
    anywhere = np.ones((KEYPOINT_COUNT, len(triangles)), np.bool_)
    upright = apply(frame, np.asarray(vertices, dtype=np.float64))
    if _inside_out(upright, triangles):
        triangles = triangles[:, ::-1]
    seen = keypoints_in_space(Mesh(upright, triangles, vertex_colors=shade), anywhere)
    keypoints = apply(np.asarray(np.linalg.inv(frame), dtype=np.float64), seen.points)
    keypoints[GROUPS["iris"]] = np.nan  # a scan has no eyeballs that could be told from lids
    size = scale_of(frame)
    sigma = np.maximum(KEYPOINT_SIGMA, np.nan_to_num(seen.spread, nan=1.0)) / size
    if not np.isfinite(keypoints).any():
        raise DataError(path, "face", "keypoints of a face on it", "none", "scan the whole face")
    middle = np.nanmedian(keypoints, axis=0)
    extent = float(np.nanmedian(np.linalg.norm(keypoints - middle, axis=1)))
    near = np.linalg.norm(vertices - middle, axis=1) < REACH * extent
    kept, faces = submesh(triangles, near)
    return vertices[kept], faces, keypoints, sigma, None if colors is None else colors[kept]


def _inside_out(vertices: Float, triangles: Int) -> bool:
    """Whether the triangles of the face are clockwise seen from before it; vertices in the head frame, metres."""
    x, y, z = vertices[triangles].mean(axis=1).T
    face = (np.abs(x) < 0.05) & (y > -0.09) & (y < 0.03) & (z > 0)
    return float(triangle_vectors(vertices, triangles)[face, 2].sum()) < 0


def load(path: Path) -> tuple[Float, Int, Float | None]:
    """Vertices, triangles and colours (0..255 or None) of a .ply, .obj or .glb file; welded. Raises DataError."""
    import trimesh

    if path.stat().st_size > LARGEST_FILE:
        raise DataError(path, "", "a mesh of at most 1 GB", f"{path.stat().st_size / 2**30:.1f} GB", "simplify it")
    try:
        mesh: Any = trimesh.load(path, force="mesh", process=False)
        vertices, triangles = np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int64)
    except Exception as problem:  # trimesh raises whatever its parsers raise
        got = in_short(problem).rstrip(".!") or "something else"
        raise DataError(path, "", "a readable mesh", got, "export it again") from None
    if len(triangles) and not 0 <= triangles.min() <= triangles.max() < len(vertices):
        raise DataError(path, "faces", f"corners of its {len(vertices)} vertices",
                        f"{triangles.min()} to {triangles.max()}", "export it again")  # fmt: skip
    few = DataError(path, "faces", "at least 100 triangles that have an area", "fewer", "export it with faces")
    if len(vertices) < 100 or len(triangles) < 100:
        raise few
    if not np.isfinite(vertices).all():
        bad = int(np.flatnonzero(~np.isfinite(vertices).all(1))[0])
        raise DataError(path, f"vertex {bad}", "finite coordinates", str(vertices[bad].tolist()), "repair the mesh")
    colors = _colors(mesh)
    first, merged = weld(vertices, 1e-9 * float(np.ptp(vertices, axis=0).max()))
    faces = merged[triangles]
    proper = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    if proper.sum() < 100:
        raise few
    return vertices[first], faces[proper], None if colors is None else colors[first]


def _colors(mesh: Any) -> Float | None:
    visual: Any = getattr(mesh, "visual", None)
    kind = getattr(visual, "kind", None)
    try:
        if kind == "vertex":
            return np.asarray(visual.vertex_colors, dtype=np.float64)[:, :3]
        if kind == "texture" and _picture(visual.material) is not None:
            return np.asarray(visual.to_color().vertex_colors, dtype=np.float64)[:, :3]
    except Exception:  # a texture that cannot be read costs the colour, not the scan
        return None
    return None


def _picture(material: Any) -> Any:
    """The picture of a plain or of a physically based material; trimesh's placeholder of 2x2 pixels is none."""
    plain = getattr(material, "image", None)
    picture = getattr(material, "baseColorTexture", None) if plain is None else plain
    return picture if picture is not None and min(picture.size) > 2 else None
