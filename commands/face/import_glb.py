"""Reading glTF and GLB files with morph targets, also sparse and quantised ones.

All primitives of the scene are joined, each placed by its node; corners that were doubled for normals or texture
seams are welded again, but only where they move alike in every shape, so that lips which touch stay apart.
Layout and meaning of every field: Khronos glTF 2.0 specification. Sizes and offsets in the file are checked
against its bytes before use.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refa_cli.commands.face.import_gltf_buffers import Buffers
from refa_cli.commands.face.import_source import Source
from refa_cli.formats.errors import DataError

Float = NDArray[np.floating[Any]]
TRIANGLES, STRIP, FAN = 4, 5, 6
_MAX_DEPTH = 64


def read_glb(path: Path) -> Source:
    """The meshes of the default scene (or all, if there is none). Raises DataError naming what is wrong."""
    import pygltflib

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it warns of is refused below, or does not matter here
            gltf = pygltflib.GLTF2().load(str(path))
        if gltf is None:
            raise ValueError("not a glTF file")
    except Exception as problem:  # the reader raises whatever its JSON and struct parsing meet
        why = f"{type(problem).__name__}: {problem}"
        raise DataError(path, "", "a glTF 2.0 file", why, "export it as GLB again") from problem
    try:
        return _read(path, gltf)
    except (IndexError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as problem:
        why = f"{type(problem).__name__}: {problem}"
        raise DataError(path, "", "a consistent glTF file", why, "export it as GLB again") from problem


def _read(path: Path, gltf: Any) -> Source:
    buffers = Buffers(path, gltf)
    pieces: list[_Piece] = []
    for node, placed in _placed_nodes(path, gltf):
        if node.mesh is not None:
            mesh = _item(path, gltf.meshes, node.mesh, "mesh")
            label = f"{node.name or ''} {mesh.name or ''}"
            for primitive in mesh.primitives:
                piece = _Piece.read(path, gltf, buffers, mesh, primitive, label, placed)
                if piece is not None:
                    pieces.append(piece)
    if not pieces:
        raise DataError(path, "meshes", "a triangle mesh", "none", "export the head as triangles")
    names = list(dict.fromkeys(name for piece in pieces for name in piece.shapes))
    vertices = np.concatenate([piece.vertices for piece in pieces])
    shapes = {}
    for name in names:
        shapes[name] = np.concatenate(
            [piece.shapes.get(name, np.zeros(piece.vertices.shape, np.float32)) for piece in pieces]
        )
    starts = np.cumsum([0, *(len(piece.vertices) for piece in pieces)])
    corners = np.concatenate([piece.triangles + start for piece, start in zip(pieces, starts, strict=False)])
    has_uv = np.repeat([piece.uv is not None for piece in pieces], [len(piece.triangles) for piece in pieces])
    uv = np.concatenate([np.zeros((len(p.vertices), 2)) if p.uv is None else p.uv for p in pieces])
    first, merged = _same_corners(vertices, shapes)
    part_names = tuple(dict.fromkeys(piece.label for piece in pieces))
    triangles = merged[corners]
    source = Source(
        path=path,
        name=path.stem,
        origin=f"imported from {path.name}",
        vertices=vertices[first],
        triangles=triangles,
        uv=np.column_stack([uv[:, 0], 1.0 - uv[:, 1]]),  # glTF's v runs down
        uv_triangles=np.where(has_uv[:, None], corners, -1),
        part=np.concatenate([np.full(len(p.triangles), part_names.index(p.label)) for p in pieces]),
        part_names=part_names,
        shapes={name: moved[first] for name, moved in shapes.items()},
    )
    a, b, c = triangles.T
    source.keep((a != b) & (b != c) & (c != a))
    return source


class _Piece:
    """One primitive, in the scene's frame."""

    def __init__(self, label: str, vertices: Float, triangles: NDArray[np.int64], uv: Float | None) -> None:
        self.label, self.vertices, self.triangles, self.uv = label, vertices, triangles, uv
        self.shapes: dict[str, Float] = {}

    @staticmethod
    def read(
        path: Path, gltf: Any, buffers: Buffers, mesh: Any, primitive: Any, label: str, placed: Float
    ) -> _Piece | None:
        """None for points, lines and empty primitives."""
        mode = TRIANGLES if primitive.mode is None else primitive.mode
        if mode not in (TRIANGLES, STRIP, FAN) or primitive.attributes.POSITION is None:
            return None
        if "KHR_draco_mesh_compression" in (primitive.extensions or {}):
            raise DataError(path, label, "an uncompressed mesh", "Draco compression", "export it without compression")
        at_rest = buffers.vectors(primitive.attributes.POSITION, 3)
        if primitive.indices is None:
            indices = np.arange(len(at_rest))
        else:
            indices = buffers.scalars(primitive.indices).astype(np.int64)
        if len(indices) < 3 or indices.max() >= len(at_rest):
            got = f"{len(indices)} indices up to {indices.max() if len(indices) else 0}"
            raise DataError(path, label, f"triangles of {len(at_rest)} vertices", got, "export it again")
        uv_accessor = primitive.attributes.TEXCOORD_0
        uv = None if uv_accessor is None else buffers.vectors(uv_accessor, 2)
        if uv is not None and len(uv) != len(at_rest):
            raise DataError(path, label, f"{len(at_rest)} texture coordinates", str(len(uv)), "export it again")
        if primitive.material is not None:
            label = f"{label} {_item(path, gltf.materials, primitive.material, 'material').name or ''}"
        piece = _Piece(label.strip(), at_rest @ placed[:3, :3].T + placed[:3, 3], _triangles(indices, mode), uv)
        targets = primitive.targets or []
        names = (mesh.extras or {}).get("targetNames") or (primitive.extras or {}).get("targetNames") or []
        for i, target in enumerate(targets):
            accessor = target.get("POSITION") if isinstance(target, dict) else target.POSITION
            if accessor is not None:
                moved = buffers.vectors(accessor, 3)
                if moved.shape != at_rest.shape:
                    raise DataError(
                        path, f"{label} target {i}", f"{len(at_rest)} rows", str(len(moved)), "export it again"
                    )
                name = str(names[i]) if i < len(names) else f"target_{i}"
                piece.shapes[name] = (moved @ placed[:3, :3].T).astype(np.float32)
        return piece


def _triangles(indices: NDArray[np.int64], mode: int) -> NDArray[np.int64]:
    if mode == TRIANGLES:
        return indices[: len(indices) // 3 * 3].reshape(-1, 3)
    if mode == FAN:
        return np.column_stack([np.full(len(indices) - 2, indices[0]), indices[1:-1], indices[2:]])
    strip = np.column_stack([indices[:-2], indices[1:-1], indices[2:]])
    strip[1::2] = strip[1::2, ::-1]
    return strip


def _placed_nodes(path: Path, gltf: Any) -> list[tuple[Any, Float]]:
    """Every node that the scene shows, with its scene_from_node transform [4, 4]."""
    if gltf.scenes:
        roots = _item(path, gltf.scenes, gltf.scene or 0, "scene").nodes or []
    else:
        children = {child for node in gltf.nodes for child in node.children or []}
        roots = [i for i in range(len(gltf.nodes)) if i not in children]
    found: list[tuple[Any, Float]] = []
    waiting: list[tuple[int, Float, int]] = [(root, np.eye(4), 0) for root in roots]
    while waiting:
        index, parent, depth = waiting.pop(0)
        if depth > _MAX_DEPTH or len(found) > len(gltf.nodes):
            raise DataError(path, "nodes", "a tree of nodes", "a cycle", "export it again")
        node = _item(path, gltf.nodes, index, "node")
        placed = parent @ _local(node)
        if not np.isfinite(placed).all():
            raise DataError(path, f"node {index}", "a finite transform", "NaN or infinity", "export it again")
        found.append((node, placed))
        waiting += [(child, placed, depth + 1) for child in node.children or []]
    return found


def _local(node: Any) -> Float:
    """parent_from_node [4, 4]."""
    if node.matrix is not None and len(node.matrix) == 16:
        return np.array(node.matrix, dtype=np.float64).reshape(4, 4).T
    local = np.eye(4)
    if node.rotation is not None:
        x, y, z, w = np.array(node.rotation, dtype=np.float64) / max(float(np.linalg.norm(node.rotation)), 1e-12)
        local[:3, :3] = [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    if node.scale is not None:
        local[:3, :3] *= np.array(node.scale, dtype=np.float64)
    if node.translation is not None:
        local[:3, 3] = node.translation
    return local


def _item(path: Path, items: Any, index: Any, kind: str) -> Any:
    if not isinstance(index, int) or not 0 <= index < len(items):
        raise DataError(path, kind, f"an index below {len(items)}", str(index), "export it again")
    return items[index]


def _same_corners(vertices: Float, shapes: dict[str, Float]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(first [K]: a corner of each distinct vertex; merged [V]: the vertex of each corner), order kept.

    Corners are one vertex if they lie at one place, to a millionth of the size, in the neutral and in every shape; the
    shapes are compared by a few fixed random sums of them.
    """
    size = float(np.ptp(vertices, axis=0).max()) or 1.0
    mixes = np.random.default_rng(0).normal(size=(len(shapes), 2))
    sums = [
        sum((m * shape for m, shape in zip(mix, shapes.values(), strict=True)), np.zeros(vertices.shape))
        for mix in mixes.T
    ]
    keys = np.round(np.column_stack([vertices, *sums]) / (size * 1e-6)).astype(np.int64)
    _, first, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return first[order], rank[inverse.reshape(-1)]
