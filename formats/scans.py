"""Phone scans of one subject: a folder with `scans.json`, which people may write by hand.

    {"schema": "refa.scans/1", "subject": "S0001", "mirrored": false,
     "camera": {"width": 640, "height": 480, "fx": 590.0, "fy": 590.0, "cx": 320.0, "cy": 240.0},
     "depth_unit": 0.001, "mesh_unit": 1.0,
     "expressions": {"neutral": "neutral", "jaw_drop": ["jaw_drop.ply", "jaw_drop_2"]}}

A take is a fused mesh (.ply, .obj, .glb; `mesh_unit` metres per unit) or a folder of frames that share their stem:

    color/STEM.jpg or .png    8-bit picture
    depth/STEM.png            16-bit, `depth_unit` metres per count, 0 is no reading
    mask/STEM.png             optional; bright where the subject's face is
    landmarks.json            optional; {"schema": "refa.landmarks/1", "frames": {STEM: [[x, y] or null, ...]}}, the 100
                              keypoints in pixels of the colour picture
    frames.json               optional; {"schema": "refa.frames/1", "frames": {STEM: camera}}, where it differs from
                              the camera of scans.json

Depth is aligned with colour unless scans.json has a `depth_camera` of its own (as `camera`), then with
`color_from_depth`, a rigid 4x4 in metres. `activations` ({expression: {shape: weight}}) tells where a scan shows
other than what its prompt asks for; shape and expression names are only checked for their form here.

`mirrored`: the pictures are flipped left to right, as selfie cameras do, and the numbers above fit the flipped
pictures. Everything that this module returns is unflipped: pixels, landmarks, intrinsics, transforms. Meshes are not
read here; whoever reads one negates x and turns its triangles round when `mirrored`.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any, Literal, Self

import numpy as np

from refa_cli.formats import json_text
from refa_cli.formats.checks import SUBJECT
from refa_cli.formats.errors import DataError
from refa_cli.formats.frames import Camera, Frame, list_frames, read_camera
from refa_cli.formats.json_fields import Fields
from refa_cli.formats.payload import check_schema
from refa_cli.formats.spec import F64

SCHEMA = "refa.scans/1"
FILE = "scans.json"
EXPRESSION = r"[a-z][a-z0-9_]{0,63}"
SHAPE = r"[A-Z][A-Za-z]{0,63}"
MESHES = {".ply": "ply", ".obj": "obj", ".glb": "glb"}
TakeKind = Literal["frames", "ply", "obj", "glb"]


@dataclass(frozen=True)
class Take:
    """One scan of one expression. name: as scans.json writes it; frames: empty for a mesh."""

    expression: str
    name: str
    kind: TakeKind
    path: Path
    frames: tuple[Frame, ...] = ()


@dataclass(frozen=True)
class Scans:
    """What a folder of scans holds. Frames are listed, their pictures not read.

    camera: None if only meshes were scanned; mesh_unit: metres per unit; activations: expression -> shape -> 0..1;
    expressions: name -> takes, in the order of scans.json; left_out: why each unusable frame, take and
    expression is not among them.
    """

    root: Path
    subject: str
    mirrored: bool
    camera: Camera | None
    depth_camera: Camera | None
    color_from_depth: F64 | None
    depth_unit: float
    mesh_unit: float
    activations: Mapping[str, Mapping[str, float]]
    expressions: Mapping[str, tuple[Take, ...]]
    left_out: tuple[DataError, ...] = ()

    @classmethod
    def read(cls, root: str | os.PathLike[str], strict: bool = False) -> Self:
        """The scans in folder root (or whose scans.json is named).

        Raises DataError where scans.json itself is wrong; for an unusable frame or take only if strict.
        """
        folder = Path(root)
        folder = folder.parent if folder.name == FILE and not folder.is_dir() else folder
        file = folder / FILE
        if folder.exists() and not file.exists():
            raise DataError(folder, "", f"a folder with {FILE}", "none", "name a folder of scans, or write that file")
        value = json_text.read(file)
        check_schema(file, value.get("schema") if isinstance(value, dict) else None, SCHEMA)
        optional = ("mirrored", "camera", "depth_unit", "depth_camera", "color_from_depth", "mesh_unit", "activations")
        fields = Fields(file, "", value, ("schema", "subject", "expressions"), optional)
        mirrored = fields.flag("mirrored", False)
        camera = read_camera(file, "camera", value["camera"], mirrored) if "camera" in fields else None
        depth_camera = color_from_depth = None
        if "depth_camera" in fields:
            depth_camera = read_camera(file, "depth_camera", value["depth_camera"], mirrored)
            color_from_depth = fields.pose("color_from_depth") if "color_from_depth" in fields else np.eye(4)
            if mirrored:
                flip = np.diag([-1.0, 1.0, 1.0, 1.0])
                color_from_depth = flip @ color_from_depth @ flip
        elif "color_from_depth" in fields:
            fields.wrong("color_from_depth", "a depth_camera beside it", "none", "add depth_camera or remove it")
        scans = cls(
            root=folder,
            subject=fields.text("subject", SUBJECT),
            mirrored=mirrored,
            camera=camera,
            depth_camera=depth_camera,
            color_from_depth=color_from_depth,
            depth_unit=fields.number("depth_unit", 1e-6, 0.1, 0.001),
            mesh_unit=fields.number("mesh_unit", 1e-6, 1000.0, 1.0),
            activations=_activations(fields),
            expressions={},
        )
        problems: list[DataError] = []
        expressions = scans._list(_take_names(fields), problems)
        if strict and problems:
            raise problems[0]
        object.__setattr__(scans, "expressions", MappingProxyType(expressions))
        object.__setattr__(scans, "left_out", tuple(problems))
        return scans

    def _list(self, names: Mapping[str, tuple[str, ...]], problems: list[DataError]) -> dict[str, tuple[Take, ...]]:
        expressions: dict[str, tuple[Take, ...]] = {}
        for expression, takes in names.items():
            usable = []
            for name in takes:
                try:
                    usable.append(self._take(expression, name, problems))
                except DataError as problem:
                    problems.append(problem)
            if usable:
                expressions[expression] = tuple(usable)
        return expressions

    def _take(self, expression: str, name: str, problems: list[DataError]) -> Take:
        path = self.root / name
        field = f"expressions.{expression}"
        if not os.path.realpath(path).startswith(os.path.join(os.path.realpath(self.root), "")):
            raise DataError(self.root / FILE, field, "a take inside this folder", repr(name), "move it into the folder")
        try:
            mode = os.stat(path).st_mode
        except OSError:
            raise DataError(self.root / FILE, field, f"a take at {path}", "nothing there", "correct the path") from None
        if stat.S_ISDIR(mode):
            if self.camera is None:
                raise DataError(self.root / FILE, "camera", "a camera, for takes of frames", "none", "add it")
            frames = list_frames(
                path, self.camera, self.depth_camera, self.color_from_depth, self.depth_unit, self.mirrored, problems
            )
            return Take(expression, name, "frames", path, frames)
        kind = MESHES.get(path.suffix.lower())
        if kind is None or not stat.S_ISREG(mode):
            expected = "a folder of frames or a .ply, .obj or .glb file"
            raise DataError(self.root / FILE, field, expected, repr(name), "convert it or correct the path")
        return Take(expression, name, kind, path)  # type: ignore[arg-type]

    @cached_property
    def digest(self) -> str:
        """64 hexadecimal digits that stand for the contents of scans.json and of every file it names.

        Scans are made by hand, so no digest was recorded; the files are read once (a second per gigabyte).
        """
        files = [self.root / FILE]
        for take in (take for takes in self.expressions.values() for take in takes):
            if take.kind == "frames":
                files += [path for path in (take.path / "frames.json", take.path / "landmarks.json") if path.exists()]
                files += [path for frame in take.frames for path in (frame.color, frame.depth, frame.mask) if path]
            else:
                files.append(take.path)
        total = hashlib.sha256()
        for path in files:
            try:
                with open(path, "rb") as file:
                    content = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError as error:
                raise json_text.unreadable(path, error) from None
            total.update(json_text.canonical([path.relative_to(self.root).as_posix(), content]))
        return total.hexdigest()


def _activations(fields: Fields) -> Mapping[str, Mapping[str, float]]:
    given = fields.object("activations", EXPRESSION)
    outer = Fields(fields.path, "activations", given, (), tuple(given))
    result = {}
    for expression in given:
        if expression not in fields.object("expressions", EXPRESSION):
            fields.wrong("activations", "names that stand under expressions", expression)
        weights = outer.object(expression, SHAPE)
        inner = Fields(fields.path, f"activations.{expression}", weights, (), tuple(weights))
        result[expression] = MappingProxyType({name: inner.number(name, 0, 1) for name in weights})
    return MappingProxyType(result)


def _take_names(fields: Fields) -> dict[str, tuple[str, ...]]:
    """expression -> the relative paths of its takes, none twice, none leading out of the folder."""
    result: dict[str, tuple[str, ...]] = {}
    seen: dict[str, str] = {}
    for expression, value in fields.object("expressions", EXPRESSION).items():
        takes: list[Any] = value if isinstance(value, list) else [value]
        key = f"expressions.{expression}"
        if not takes:
            fields.wrong(key, "at least one take", value)
        for take in takes:
            if not isinstance(take, str) or not take or len(take) > 1000 or not take.isprintable():
                fields.wrong(key, "a path, or a list of paths", value)
            path = PurePosixPath(take)
            if path.is_absolute() or ".." in path.parts or "\\" in take or ":" in take or not path.parts:
                fields.wrong(key, "a path inside this folder, parted by /", take)
            if str(path) in seen:
                fields.wrong(key, "takes that stand once", take, f"remove it here or in expressions.{seen[str(path)]}")
            seen[str(path)] = expression
        result[expression] = tuple(takes)
    if not result:
        fields.wrong("expressions", "at least one expression", {})
    return result
