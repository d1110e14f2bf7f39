"""Scans from Record3D recordings: one recording is one take of one expression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from refa_cli import console
from refa_cli.commands.import_ import record3d, thinning, upright
from refa_cli.commands.import_.record3d import Recording
from refa_cli.formats.errors import DataError
from refa_cli.formats.frames import Camera
from refa_cli.formats.scans_writer import ScansWriter

DEPTH_UNIT = 0.0001
"""Metres per count: a tenth of a millimetre is finer than the sensor; 16 bits reach 6.55 m."""

MAX_DEPTH = 65535 * DEPTH_UNIT
FACE_TRIES = 3


@dataclass(frozen=True)
class Take:
    """One recording to import. name: of its folder in the scans."""

    expression: str
    name: str
    recording: Recording


def takes(named: Sequence[tuple[str, Path]]) -> list[Take]:
    """The recordings, opened and checked, with the names of their folders. Raises DataError."""
    result: list[Take] = []
    for expression, path in console.progress(named, "reading", total=len(named)):
        before = sum(take.expression == expression for take in result)
        name = expression if before == 0 else f"{expression}_{before + 1}"
        recording = record3d.read(path)
        if recording.lidar:
            console.warn(
                f"{path} was recorded with the rear LiDAR sensor, whose depth is too coarse for a face; "
                "record with the selfie camera."
            )
        result.append(Take(expression, name, recording))
    return result


def write(
    root: Path, taken: Sequence[Take], *, subject: str, frames: int, rotate: int | None, mirrored: bool
) -> list[dict[str, Any]]:
    """Writes the scans into folder root; returns a row for each take.

    rotate: degrees clockwise, None to find out. Raises DataError for damaged or empty recordings.
    """
    writer: ScansWriter | None = None
    rows = []
    for take in console.progress(taken, "importing", total=len(taken)):
        recording = take.recording
        chosen = thinning.choose(recording.frames, frames, recording.sharpness)
        degrees = _turn(recording, chosen) if rotate is None else rotate
        first = upright.turn_camera(recording.camera(chosen[0]), degrees)
        if writer is None:
            writer = ScansWriter(root, subject, first, depth_unit=DEPTH_UNIT, mirrored=mirrored)
        rows.append(_write_take(writer, take, chosen, degrees))
    if writer is not None:
        writer.finish()
    return rows


def _write_take(writer: ScansWriter, take: Take, chosen: list[int], degrees: int) -> dict[str, Any]:
    recording = take.recording
    written, beyond = 0, 0
    for frame in chosen:
        depth = recording.depth(frame)
        far = depth > MAX_DEPTH
        beyond += int(np.count_nonzero(far))
        depth[far] = 0
        if not (np.rint(depth / DEPTH_UNIT) > 0).any():
            console.warn(f"{recording.path}: frame {frame} has no depth and is left out.")
            continue
        camera = upright.turn_camera(recording.camera(frame), degrees)
        writer.frame(
            take.expression,
            take.name,
            f"{frame:06d}",
            upright.turn(recording.color(frame), degrees),
            upright.turn(depth, degrees),
            camera=_unless_equal(camera, writer.camera),
        )
        written += 1
    if not written:
        expected, advice = "depth in some frame", "record it again: hold the phone 25 to 45 cm from the face"
        raise DataError(recording.path, "rgbd", expected, "none in any", advice)
    pixels = recording.width * recording.height * len(chosen)
    return {
        "expression": take.expression,
        "take": take.name,
        "source": recording.path.name,
        "frames": written,
        "of": len(recording.frames),
        "turned": degrees,
        f"beyond {MAX_DEPTH:.1f} m, %": round(100 * beyond / pixels, 2),
    }


def _unless_equal(camera: Camera, other: Camera | None) -> Camera | None:
    return None if camera == other else camera


def _turn(recording: Recording, chosen: Sequence[int]) -> int:
    """How far to turn this recording: seen by its face, otherwise not at all."""
    try:
        degrees = upright.needed_turn(recording.color(frame) for frame in chosen[:FACE_TRIES])
    except DataError as problem:
        if problem.path == str(recording.path):
            raise
        console.note(f"{recording.path} is taken to be upright, since faces cannot be looked for: {problem}")
        return 0
    if degrees is None:
        console.warn(f"{recording.path}: no face found to tell which side is up; say it with --rotate.")
    return degrees or 0


def digests(taken: Sequence[Take]) -> dict[str, str]:
    """What stands for the contents of each take."""
    return {take.name: take.recording.digest for take in taken}
