"""Writing a made head as the tools do: GLB with morph targets, or a folder of OBJ files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pygltflib
from numpy.typing import NDArray

from tests.face.heads import Head

Float = NDArray[np.float64]
FLOAT, UINT = 5126, 5125


def write_obj_folder(
    folder: Path, head: Head, matrix: Float, offset: Float, rename: Callable[[str], str] = str, neutral: str = "Neutral"
) -> None:
    """neutral.obj and one file per shape, every vertex at matrix @ v + offset."""
    folder.mkdir()
    faces = []
    for part in np.unique(head.part):
        faces.append(f"usemtl {part}")
        faces += ["f " + " ".join(f"{i + 1}/{i + 1}" for i in quad) for quad in head.quads[head.part == part]]
    uv = [f"vt {u:.6f} {v:.6f}" for u, v in head.uv]
    for name, moved in ({neutral: np.zeros(head.vertices.shape)} | head.shapes).items():
        placed = (head.vertices + moved) @ matrix.T + offset
        lines = [f"v {x:.9g} {y:.9g} {z:.9g}" for x, y, z in placed]
        file = name if name == neutral else rename(name)
        (folder / f"{file}.obj").write_text("\n".join([*lines, *uv, *faces]) + "\n")


class GlbWriter:
    """Collects accessors; sparse ones for shapes if asked."""

    def __init__(self) -> None:
        self.gltf = pygltflib.GLTF2(scene=0, scenes=[pygltflib.Scene(nodes=[0])], asset=pygltflib.Asset())
        self.data = b""

    def view(self, array: NDArray[np.generic]) -> int:
        raw = np.ascontiguousarray(array).tobytes()
        self.data += b"\0" * (-len(self.data) % 4)
        self.gltf.bufferViews.append(pygltflib.BufferView(buffer=0, byteOffset=len(self.data), byteLength=len(raw)))
        self.data += raw
        return len(self.gltf.bufferViews) - 1

    def accessor(self, array: NDArray[np.generic], kind: str, component: int) -> int:
        self.gltf.accessors.append(
            pygltflib.Accessor(bufferView=self.view(array), componentType=component, count=len(array), type=kind)
        )
        return len(self.gltf.accessors) - 1

    def sparse(self, array: NDArray[np.float32]) -> int:
        rows = np.flatnonzero(array.any(axis=1)).astype(np.uint32)
        if len(rows) == 0:
            rows = np.zeros(1, np.uint32)
        self.gltf.accessors.append(
            pygltflib.Accessor(
                componentType=FLOAT,
                count=len(array),
                type="VEC3",
                sparse=pygltflib.Sparse(
                    count=len(rows),
                    indices=pygltflib.AccessorSparseIndices(bufferView=self.view(rows), componentType=UINT),
                    values=pygltflib.AccessorSparseValues(bufferView=self.view(array[rows])),
                ),
            )
        )
        return len(self.gltf.accessors) - 1

    def save(self, path: Path) -> None:
        self.gltf.buffers = [pygltflib.Buffer(byteLength=len(self.data))]
        self.gltf.set_binary_blob(self.data)
        self.gltf.save_binary(str(path))


def write_glb(
    path: Path,
    head: Head,
    matrix: Float,
    offset: Float,
    rename: Callable[[str], str] = str,
    node_matrix: Float | None = None,
) -> None:
    """Every vertex at matrix @ v + offset in the scene; the skin in two halves, so that seam vertices are doubled.

    node_matrix: what part of `matrix` stands in the node rather than in the numbers.
    """
    writer = GlbWriter()
    inner = np.eye(3) if node_matrix is None else node_matrix
    data = np.linalg.inv(inner)
    names = list(head.shapes)
    mesh = pygltflib.Mesh(name="head", primitives=[], extras={"targetNames": [rename(name) for name in names]})
    left = head.vertices[head.quads].mean(axis=1)[:, 0] > 0
    groups = [(part, head.part == part) for part in np.unique(head.part) if part != "skin"]
    groups += [("skin", (head.part == "skin") & half) for half in (left, ~left)]
    for part, chosen in groups:
        quads = head.quads[chosen]
        used, local = np.unique(quads, return_inverse=True)
        local = local.reshape(quads.shape)
        triangles = np.concatenate([local[:, [0, 1, 2]], local[:, [0, 2, 3]]]).astype(np.uint32)
        at_rest = ((head.vertices[used] @ matrix.T + offset) @ data.T).astype(np.float32)
        targets = []
        for name in names:
            moved = (head.shapes[name][used] @ matrix.T @ data.T).astype(np.float32)
            accessor = writer.sparse(moved) if part == "skin" else writer.accessor(moved, "VEC3", FLOAT)
            targets.append({"POSITION": accessor})
        uv = np.column_stack([head.uv[used, 0], 1 - head.uv[used, 1]]).astype(np.float32)
        writer.gltf.materials.append(pygltflib.Material(name=str(part)))
        mesh.primitives.append(
            pygltflib.Primitive(
                attributes=pygltflib.Attributes(
                    POSITION=writer.accessor(at_rest, "VEC3", FLOAT), TEXCOORD_0=writer.accessor(uv, "VEC2", FLOAT)
                ),
                indices=writer.accessor(triangles.reshape(-1), "SCALAR", UINT),
                material=len(writer.gltf.materials) - 1,
                targets=targets,
            )
        )
    writer.gltf.meshes.append(mesh)
    placed = np.eye(4)
    placed[:3, :3] = inner
    writer.gltf.nodes.append(pygltflib.Node(name="root", children=[1]))
    writer.gltf.nodes.append(pygltflib.Node(name="head", mesh=0, matrix=placed.T.reshape(-1).tolist()))
    writer.save(path)
