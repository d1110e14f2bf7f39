"""Cameras from calibration files: OpenCV's FileStorage (YAML or JSON) and Kalibr's camchain YAML.

Both count a pixel's centre as a whole number; refa puts it at +0.5, so that half a pixel is added to cx and cy.
Kalibr's T_cn_cnm1 is the transform from the camera before to this one, metres.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import numpy as np

from refa_cli.formats.errors import DataError
from refa_cli.formats.headset import DISTORTION_COUNT, LARGEST_SIDE
from refa_cli.formats.spec import F64
from refa_cli.headset.lenses import Lens, Model

LARGEST_FILE: Final = 1 << 20
KALIBR_LENSES: Final = {"radtan": "brown_conrady", "equidistant": "kannala_brandt", "none": "pinhole"}
OPENCV_KEYS: Final = {
    "matrix": ("camera_matrix", "cameraMatrix", "K"),
    "distortion": ("distortion_coefficients", "distCoeffs", "dist_coeffs", "D"),
    "width": ("image_width", "imageWidth", "width"),
    "height": ("image_height", "imageHeight", "height"),
    "model": ("distortion_model", "camera_model"),
}
FISHEYE: Final = ("fisheye", "equidistant", "kannala_brandt")


@dataclass(frozen=True)
class Calibrated:
    """One camera of a file. from_first [4, 4]: camera_from_(first camera), or None where the file does not tell."""

    name: str
    lens: Lens
    from_first: F64 | None


def read_calibration(path: Path) -> list[Calibrated]:
    """All cameras of a calibration file. Raises DataError for anything else."""
    tables = _read_yaml(path)
    chain = sorted(key for key in tables if str(key).startswith("cam") and str(key)[3:].isdigit())
    if chain:
        return _kalibr(path, tables, sorted(chain, key=lambda key: int(key[3:])))
    if _find(tables, "matrix") is not None:
        return [_opencv(path, tables)]
    raise DataError(path, "", "cam0, cam1 ... of Kalibr, or camera_matrix of OpenCV",
                    ", ".join(map(str, list(tables)[:5])) or "nothing", "give a calibration file")  # fmt: skip


def _read_yaml(path: Path) -> dict[str, Any]:
    import yaml

    class Loader(yaml.SafeLoader):
        """Safe, and knows OpenCV's matrices."""

    def matrix(loader: Any, node: Any) -> Any:
        return loader.construct_mapping(node, deep=True)

    Loader.add_constructor("tag:yaml.org,2002:opencv-matrix", matrix)
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise DataError(
                path, "", f"at most {LARGEST_FILE >> 20} MB", f"{path.stat().st_size >> 20} MB", "give a calibration"
            )
        text = path.read_text(encoding="utf-8")
        # OpenCV writes a directive that no YAML parser knows.
        body = text.split("\n", 1)[1] if text.startswith("%YAML:") else text
        tables = yaml.load(body, Loader)  # a SafeLoader
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as problem:
        reason = " ".join(str(problem).split())[:120]
        raise DataError(
            path, "", "a calibration in YAML or JSON", reason, "give the file that the tool wrote"
        ) from problem
    if not isinstance(tables, dict):
        raise DataError(
            path, "", "a calibration in YAML or JSON", type(tables).__name__, "give the file that the tool wrote"
        )
    return tables


def _kalibr(path: Path, tables: dict[str, Any], chain: list[str]) -> list[Calibrated]:
    out, from_first = [], np.eye(4)
    for number, name in enumerate(chain):
        table = tables[name]
        if not isinstance(table, dict):
            raise DataError(path, name, "a camera's table", type(table).__name__, "give the file that Kalibr wrote")
        if table.get("camera_model", "pinhole") != "pinhole":
            raise DataError(path, f"{name}.camera_model", "pinhole", str(table["camera_model"]),
                            "calibrate with pinhole-radtan or pinhole-equi")  # fmt: skip
        model = KALIBR_LENSES.get(str(table.get("distortion_model", "none")))
        if model is None:
            raise DataError(path, f"{name}.distortion_model", ", ".join(KALIBR_LENSES), str(table["distortion_model"]),
                            "calibrate with pinhole-radtan or pinhole-equi")  # fmt: skip
        intrinsics = _numbers(path, f"{name}.intrinsics", table.get("intrinsics"), (4,))
        coefficients = table.get("distortion_coeffs", []) if model != "pinhole" else []
        distortion = _numbers(path, f"{name}.distortion_coeffs", coefficients, DISTORTION_COUNT[model])
        width, height = _numbers(path, f"{name}.resolution", table.get("resolution"), (2,))
        known = number == 0 or "T_cn_cnm1" in table
        if number and known:
            rows = table["T_cn_cnm1"]
            flat = (
                [x for row in rows for x in row]
                if isinstance(rows, list) and all(isinstance(r, list) for r in rows)
                else rows
            )
            step = np.array(_numbers(path, f"{name}.T_cn_cnm1", flat, (16,))).reshape(4, 4)
            from_first = _rigid(path, f"{name}.T_cn_cnm1", step) @ from_first
        lens = _lens(path, name, model, intrinsics, distortion, (height, width))
        out.append(Calibrated(name, lens, from_first.copy() if known else None))
    return out


def _opencv(path: Path, tables: dict[str, Any]) -> Calibrated:
    matrix = _numbers(path, "camera_matrix", _data(_find(tables, "matrix")), (9,))
    fx, skew, cx, zero, fy, cy, *last = matrix
    if max(abs(skew), abs(zero)) > 1e-6 or last != [0.0, 0.0, 1.0]:
        raise DataError(path, "camera_matrix", "fx 0 cx, 0 fy cy, 0 0 1", str(matrix), "give an unskewed camera")
    model = "kannala_brandt" if str(_find(tables, "model")) in FISHEYE else "brown_conrady"
    distortion = _numbers(path, "distortion_coefficients", _data(_find(tables, "distortion")) or [0.0] * 4,
                          DISTORTION_COUNT[model])  # fmt: skip
    sides = [_find(tables, "height"), _find(tables, "width")]
    size = _numbers(path, "image_width, image_height", sides, (2,))
    lens = _lens(path, "", model, [fx, fy, cx, cy], distortion, (size[0], size[1]))
    return Calibrated("cam0", lens, np.eye(4))


def _find(tables: dict[str, Any], what: str) -> Any:
    return next((tables[key] for key in OPENCV_KEYS[what] if key in tables), None)


def _data(value: Any) -> Any:
    """The numbers of OpenCV's matrix, or of plain nested lists."""
    value = value.get("data") if isinstance(value, dict) else value
    if isinstance(value, list) and value and all(isinstance(row, list) for row in value):
        return [item for row in value for item in row]
    return value


def _numbers(path: Path, field: str, values: Any, counts: tuple[int, ...]) -> list[float]:
    good = isinstance(values, list) and len(values) in counts
    for value in values if good else ():
        good = good and type(value) in (int, float) and bool(np.isfinite(value)) and abs(value) < 1e9
    if not good:
        wanted = " or ".join(map(str, counts))
        raise DataError(path, field, f"{wanted} numbers", str(values)[:80], "give the file that the tool wrote")
    return [float(value) for value in values]


def _rigid(path: Path, field: str, matrix: F64) -> F64:
    turn = matrix[:3, :3]
    if np.abs(turn @ turn.T - np.eye(3)).max() > 1e-3 or np.linalg.det(turn) < 0 or (matrix[3] != [0, 0, 0, 1]).any():
        raise DataError(path, field, "a rigid transform", "another matrix", "give the file that the tool wrote")
    return matrix


def _lens(
    path: Path, name: str, model: str, intrinsics: list[float], distortion: list[float], size: tuple[float, float]
) -> Lens:
    fx, fy, cx, cy = intrinsics
    if not all(side == int(side) and 1 <= side <= LARGEST_SIDE for side in size):
        raise DataError(path, f"{name}.resolution", f"whole sides up to {LARGEST_SIDE}", str(size), "correct it")
    try:
        return Lens(cast(Model, model), (fx, fy, cx + 0.5, cy + 0.5), tuple(distortion), (int(size[0]), int(size[1])))
    except ValueError as problem:
        raise DataError(path, name, "a lens", str(problem), "give the file that the tool wrote") from problem
