"""Writing a folder of phone scans, for simulated and imported ones."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from refa_cli.formats import json_text
from refa_cli.formats.checks import SUBJECT
from refa_cli.formats.errors import DataError
from refa_cli.formats.face import KEYPOINT_COUNT
from refa_cli.formats.frames import FRAMES_SCHEMA, LANDMARKS_SCHEMA, STEM, Camera
from refa_cli.formats.pictures import write_picture
from refa_cli.formats.scans import EXPRESSION, FILE, MESHES, SCHEMA
from refa_cli.formats.spec import U8

ADVICE = "correct the step that made it"


class ScansWriter:
    """Writes frames and meshes into folder root as they come; `finish` writes the JSON files, scans.json last.

    camera: of the colour pictures; depth_camera with color_from_depth [4, 4] m: if depth is not aligned with them;
    depth_unit: metres per count; mesh_unit: metres per unit; color_suffix: .png keeps every bit, .jpg is smaller.
    Files of an unfinished earlier run are written over.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        subject: str,
        camera: Camera | None = None,
        *,
        depth_camera: Camera | None = None,
        color_from_depth: ArrayLike | None = None,
        depth_unit: float = 0.0001,
        mesh_unit: float = 1.0,
        mirrored: bool = False,
        color_suffix: Literal[".jpg", ".png"] = ".jpg",
    ) -> None:
        self.root, self.camera, self.depth_camera = Path(root), camera, depth_camera
        self.depth_unit, self.color_suffix = depth_unit, color_suffix
        self.head: dict[str, Any] = {"schema": SCHEMA, "subject": subject, "mirrored": mirrored}
        if camera is not None:
            self.head["camera"] = camera.as_dict()
        if depth_camera is not None:
            self.head["depth_camera"] = depth_camera.as_dict()
            pose = np.eye(4) if color_from_depth is None else np.asarray(color_from_depth, dtype=np.float64)
            self.head["color_from_depth"] = pose.tolist()
        self.head |= {"depth_unit": depth_unit, "mesh_unit": mesh_unit}
        self.expressions: dict[str, list[str]] = {}
        self.activations: dict[str, dict[str, float]] = {}
        self.cameras: dict[str, dict[str, Any]] = {}
        self.landmarks: dict[str, dict[str, Any]] = {}
        if re.fullmatch(SUBJECT, subject) is None:
            raise DataError(self.root, "subject", f"text of the form {SUBJECT}", repr(subject[:80]), ADVICE)
        self.root.mkdir(parents=True, exist_ok=True)
        (self.root / FILE).unlink(missing_ok=True)

    def frame(
        self,
        expression: str,
        take: str,
        stem: str,
        color: U8,
        depth: ArrayLike,
        *,
        mask: ArrayLike | None = None,
        landmarks: ArrayLike | None = None,
        camera: Camera | None = None,
    ) -> None:
        """Adds one frame. color: [H, W, 3] uint8; depth: [H, W] m, 0 or NaN for none; mask: [H, W] bool;
        landmarks: [100, 2] pixels, NaN where not seen; camera: where it differs from the writer's.
        """
        own = camera or self.camera
        if own is None:
            raise DataError(self.root, "camera", "a camera, for takes of frames", "none", ADVICE)
        for name, text, form in (("take", take, STEM), ("stem", stem, STEM)):
            if re.fullmatch(form, text) is None:
                raise DataError(self.root, name, f"text of the form {form}", repr(text[:80]), ADVICE)
        folder = self.root / take
        self._size(folder, "color", color, own)
        metres = np.nan_to_num(np.asarray(depth, dtype=np.float64), nan=0.0, posinf=0.0, neginf=0.0)
        self._size(folder, "depth", metres, self.depth_camera or own)
        counts = np.rint(metres / self.depth_unit)
        if counts.min() < 0 or counts.max() > 65535:
            got = f"{metres.min():.4g} to {metres.max():.4g} m"
            raise DataError(folder, "depth", f"0 to {65535 * self.depth_unit:.4g} m", got, "choose another depth_unit")
        for part in ("color", "depth", *(("mask",) if mask is not None else ())):
            (folder / part).mkdir(parents=True, exist_ok=True)
        write_picture(folder / "color" / f"{stem}{self.color_suffix}", color)
        write_picture(folder / "depth" / f"{stem}.png", counts.astype(np.uint16))
        if mask is not None:
            bright = np.asarray(mask, dtype=bool).astype(np.uint8) * 255
            self._size(folder, "mask", bright, own)
            write_picture(folder / "mask" / f"{stem}.png", bright)
        if landmarks is not None:
            points = np.asarray(landmarks, dtype=np.float64)
            if points.shape != (KEYPOINT_COUNT, 2):
                raise DataError(folder, "landmarks", f"[{KEYPOINT_COUNT}, 2]", str(points.shape), ADVICE)
            rows = [None if np.isnan(p).any() else [round(float(v), 3) for v in p] for p in points]
            self.landmarks.setdefault(take, {})[stem] = rows
        if camera is not None:
            self.cameras.setdefault(take, {})[stem] = camera.as_dict()
        self._enter(expression, take)

    def mesh(self, expression: str, name: str, source: str | os.PathLike[str]) -> None:
        """Copies a .ply, .obj or .glb file to root/name."""
        if Path(name).suffix not in MESHES or re.fullmatch(STEM, name) is None:
            raise DataError(self.root, "name", "the name of a .ply, .obj or .glb file", repr(name[:80]), ADVICE)
        try:
            shutil.copyfile(source, self.root / name)
        except OSError as error:
            raise json_text.unreadable(source, error) from None
        self._enter(expression, name)

    def activate(self, expression: str, weights: Mapping[str, float]) -> None:
        """Says what an expression shows where it is not what its prompt asks for: shape name -> 0..1."""
        self.activations[expression] = {name: float(weight) for name, weight in weights.items()}

    def finish(self) -> None:
        """Writes the JSON files."""
        for file, schema, takes in (
            ("frames.json", FRAMES_SCHEMA, self.cameras),
            ("landmarks.json", LANDMARKS_SCHEMA, self.landmarks),
        ):
            for take, frames in takes.items():
                (self.root / take / file).write_bytes(json_text.canonical({"schema": schema, "frames": frames}) + b"\n")
        expressions = {name: takes[0] if len(takes) == 1 else takes for name, takes in self.expressions.items()}
        optional = {"activations": self.activations} if self.activations else {}
        (self.root / FILE).write_bytes(json_text.pretty({**self.head, **optional, "expressions": expressions}))

    def _enter(self, expression: str, take: str) -> None:
        if re.fullmatch(EXPRESSION, expression) is None:
            raise DataError(self.root, "expression", f"text of the form {EXPRESSION}", repr(expression[:80]), ADVICE)
        takes = self.expressions.setdefault(expression, [])
        if take not in takes:
            takes.append(take)

    def _size(self, folder: Path, name: str, picture: NDArray[Any], camera: Camera) -> None:
        if picture.shape[:2] != (camera.height, camera.width):
            expected = f"{camera.width}x{camera.height} pixels as its camera has"
            got = "x".join(str(side) for side in picture.shape[1::-1])
            raise DataError(folder, name, expected, got, ADVICE)
