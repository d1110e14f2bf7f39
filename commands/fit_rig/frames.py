"""One RGBD frame of a phone scan: keypoints in space, which pixels are the face, oriented points of its skin."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, gaussian_filter, maximum_filter, minimum_filter, uniform_filter

from refa_cli.commands.fit_rig.units import FACE_LEAST, FACE_MOST, centimetres, face_size
from refa_cli.face.keypoints import DETECTOR_INDEX
from refa_cli.formats.errors import DataError
from refa_cli.formats.frames import Camera, Frame
from refa_cli.landmarks.detector import detect

Float = NDArray[np.float64]

# MediaPipe's outlines of the face, the eyes and the opening between the lips, in order around each.
FACE_OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176,
             149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)  # fmt: skip
EYES = ((263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466),
        (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246))  # fmt: skip
INNER_LIPS = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)

OVAL_GROWTH = 1.2
"""The detector's outline is drawn so much larger, to take in temples and the jaw's edge; what is behind them is told by
depth."""
DEPTH_SMOOTHING = 1.2
"""Standard deviation of the filter that depth passes before normals are taken, pixels."""
STEEPEST = 72.0
"""Skin seen at a flatter angle than this many degrees from its normal is not used: structured light fails there."""
STEP = 0.008
"""Depth range within 5x5 pixels, beyond that of a plane seen at STEEPEST, that counts as a discontinuity, metres."""
ROUGH = 0.0025
"""Distance of a reading from its smoothed neighbourhood that counts as hair or a flying pixel, metres."""
FACE_DEPTH = 0.12
"""Readings farther than this behind or before the median of the keypoints are background, metres."""
DARK = 0.35
"""Above the brows, pixels darker than this share of the face's median are hair."""
SHADE_FINE, SHADE_AROUND, SHADE_MOST, SHADE_FLOOR = 1.0, 21, 0.5, 8.0
"""Brightness: filter against grain and side of the surroundings, pixels; largest difference, logarithmic; counts added
before the logarithm."""
KEYPOINT_RADIUS = 2.5
"""Readings within so many pixels of a keypoint give its depth."""
MIN_POINTS = 2000
MIN_KEYPOINTS = 20
BORDER = 12
"""Pixels kept around the face."""


@dataclass(frozen=True)
class Cloud:
    """What one frame measured, in its colour camera's frame (OpenCV), metres.

    keypoints [100, 3], NaN where there is no reading; points [P, 3] and outward normals [P, 3] of the face's skin;
    colors [P, 3] uint8; facing [P]: cosine of the viewing angle; shades [P]: brightness against its surroundings;
    detected [100, 2]: where the detector saw the keypoints in the whole picture, None where they were given.

    The same as maps over the depth picture's pixels around the face, NaN where there is no skin: place [h, w, 3],
    facing_map [h, w, 3] (normals), shade_map [h, w]; camera_from_cloud [4, 4] and pinhole (fx, fy, cx, cy) tell which
    pixel sees a point.
    """

    keypoints: Float
    points: Float
    normals: Float
    colors: NDArray[np.uint8]
    facing: Float
    shades: Float
    place: Float
    facing_map: Float
    shade_map: Float
    camera_from_cloud: Float
    pinhole: Float
    detected: Float | None


def read_cloud(frame: Frame) -> Cloud:
    """Measure one frame. Raises DataError when there is no face or too little depth on it."""
    color, depth = frame.read_color(), frame.read_depth().astype(np.float64)
    outline, pixels = _outline(frame, color)
    detected = pixels if frame.landmarks is None else None
    given = frame.read_mask()
    face = outline if given is None else outline & given
    if not face.any():
        raise DataError(frame.mask or frame.color, "mask", "some of the face's pixels", "none",
                        "mark the face, or remove the file")  # fmt: skip
    aligned = frame.depth_camera is frame.camera
    camera, depth_camera = frame.camera, frame.depth_camera
    if aligned:  # everything else needs to be looked at only where the face is
        rows, columns = _window(outline, pixels)
        color, depth = color[rows, columns], depth[rows, columns]
        face, outline = face[rows, columns], outline[rows, columns]
        camera = depth_camera = _cropped(camera, rows, columns)
        pixels = pixels - [columns.start, rows.start]
    xyz, smooth, uv = _back_project(depth, camera, depth_camera, frame.color_from_depth)
    column, row = (np.clip(np.floor(np.nan_to_num(uv[..., i], nan=-1)).astype(int), 0, n - 1)
                   for i, n in ((0, color.shape[1]), (1, color.shape[0])))  # fmt: skip
    _check_size(frame, pixels, xyz[..., 2][face[row, column]])
    keypoints = _lift(pixels, xyz, uv, camera, aligned)
    if np.isfinite(keypoints[:, 2]).sum() < MIN_KEYPOINTS:
        raise DataError(frame.depth, "depth", "readings at the face's keypoints",
                        f"{int(np.isfinite(keypoints[:, 2]).sum())} of {len(keypoints)}",
                        "scan at 25 to 50 cm with the depth aligned to the picture")  # fmt: skip

    normals, facing = _normals(smooth)
    mask = face[row, column] & np.isfinite(xyz[..., 2]) & np.isfinite(normals[..., 0])
    mask &= np.abs(xyz[..., 2] - np.nanmedian(keypoints[:, 2])) < FACE_DEPTH
    mask &= facing > np.cos(np.radians(STEEPEST))
    mask &= ~_discontinuity(smooth[..., 2], np.median(xyz[..., 2][mask]) / depth_camera.fx if mask.any() else 0)
    mask &= np.abs(xyz[..., 2] - smooth[..., 2]) < ROUGH
    mask = binary_erosion(mask, iterations=1)
    if mask.sum() < MIN_POINTS:
        raise DataError(frame.depth, "depth", f"at least {MIN_POINTS} readings on the face", str(int(mask.sum())),
                        "hold the phone at 25 to 50 cm, in front of the face")  # fmt: skip
    seen = color[row, column]
    shade = _shade(seen, face[row, column])
    place, facing_map = (np.where(mask[..., None], values, np.nan) for values in (smooth, normals))
    pinhole = np.array([depth_camera.fx, depth_camera.fy, depth_camera.cx, depth_camera.cy])
    camera_from_cloud: Float = np.asarray(np.linalg.inv(np.eye(4) if aligned else frame.color_from_depth), np.float64)
    return Cloud(keypoints, smooth[mask], normals[mask], seen[mask], facing[mask], shade[mask], place, facing_map,
                 np.where(mask, shade, np.nan), camera_from_cloud, pinhole, detected)  # fmt: skip


def _shade(color: NDArray[np.uint8], face: NDArray[np.bool_]) -> Float:
    """Logarithmic brightness [h, w] against the mean of its surroundings on the face: what is drawn on the skin."""
    bright = np.log(gaussian_filter(_brightness(color), SHADE_FINE) + SHADE_FLOOR)
    share = uniform_filter(face.astype(np.float32), SHADE_AROUND)
    around = uniform_filter(np.where(face, bright, 0), SHADE_AROUND) / np.maximum(share, 1e-6)
    return np.asarray(np.clip(bright - around, -SHADE_MOST, SHADE_MOST), np.float64)


def _brightness(color: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Mean of the channels [h, w], 0..255."""
    return np.asarray(color.sum(-1, dtype=np.uint16) / np.float32(3), np.float32)


def _outline(frame: Frame, color: NDArray[np.uint8]) -> tuple[NDArray[np.bool_], Float]:
    """Pixels of the face's skin, eyes and open mouth left out, and the 100 keypoints [100, 2]; given or detected."""
    shape = color.shape[:2]
    if frame.landmarks is not None:
        pixels = frame.landmarks.astype(np.float64)
        hull = _hull_outline(frame, pixels, shape)
        return hull & ~_hair(color, hull, pixels), pixels
    found = detect(color)
    if found is None:
        raise DataError(frame.color, "", "a face", "none found",
                        "show the whole face, lit from the front, or give landmarks.json")  # fmt: skip
    points = found.points[:, :2].astype(np.float64)
    oval = points[list(FACE_OVAL)]
    middle = (oval.max(0) + oval.min(0)) / 2
    mask = _polygon(middle + (oval - middle) * OVAL_GROWTH, shape)
    mask &= ~_hair(color, _polygon(oval, shape), points)
    for hole in (*EYES, INNER_LIPS):
        mask &= ~_polygon(points[list(hole)], shape)
    return mask, points[list(DETECTOR_INDEX)]


def _check_size(frame: Frame, pixels: Float, depth: Float) -> None:
    """Refuse a face that is no face's size; depth [N]: readings on it, metres. What follows works in metres."""
    known = depth[np.isfinite(depth)]
    size = face_size(pixels) / frame.camera.fx * float(np.median(known)) if len(known) else np.nan
    if np.isfinite(size) and not FACE_LEAST <= size <= FACE_MOST:
        expected = f"a face whose eyes and mouth lie {centimetres(FACE_LEAST)} to {centimetres(FACE_MOST)} apart"
        raise DataError(frame.depth, "depth", expected, centimetres(size),
                        f"correct depth_unit, now {frame.depth_unit:g} metres per count, "
                        f"or the camera's fx, now {frame.camera.fx:g} pixels")  # fmt: skip


def _hull_outline(frame: Frame, pixels: Float, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The hull of given keypoints, drawn up over the forehead by a third of its height. Raises DataError if flat."""
    from scipy.spatial import ConvexHull, QhullError

    file = frame.color.parent.parent / "landmarks.json"
    known = pixels[np.isfinite(pixels).all(1)]
    inside = int(((known >= 0) & (known < [shape[1], shape[0]])).all(1).sum())
    if inside < MIN_KEYPOINTS:
        raise DataError(file, f"frames.{frame.stem}", f"at least {MIN_KEYPOINTS} keypoints inside the picture",
                        str(inside), "correct them, or remove them to have the face detected")  # fmt: skip
    top, height = known[:, 1].min(), np.ptp(known[:, 1])
    brows = known[known[:, 1] < top + 0.15 * height]
    known = np.concatenate([known, brows - [0, 0.33 * height]])
    try:
        hull = ConvexHull(known)
    except QhullError:
        raise DataError(file, f"frames.{frame.stem}", "keypoints that span a face", "keypoints on one line",
                        "correct them, or remove them to have the face detected") from None  # fmt: skip
    return _polygon(known[hull.vertices], shape)


def _polygon(corners: Float, shape: tuple[int, int]) -> NDArray[np.bool_]:
    from PIL import Image, ImageDraw

    picture = Image.new("1", (shape[1], shape[0]))
    ImageDraw.Draw(picture).polygon([tuple(c) for c in corners], fill=1)
    return np.array(picture, dtype=bool)


def _window(outline: NDArray[np.bool_], pixels: Float) -> tuple[slice, slice]:
    """Rows and columns around the face, with room for filters."""
    high, wide = outline.shape
    known = pixels[np.isfinite(pixels).all(1)]
    low, top = known.min(0), known.max(0)
    rows, columns = np.flatnonzero(outline.any(1)), np.flatnonzero(outline.any(0))
    if len(rows):
        low = np.minimum(low, [columns[0], rows[0]])
        top = np.maximum(top, [columns[-1] + 1, rows[-1] + 1])
    left, upper = np.maximum(np.floor(low).astype(int) - BORDER, 0)
    right, lower = np.minimum(np.ceil(top).astype(int) + BORDER, [wide, high])
    return slice(int(upper), int(max(lower, upper + 1))), slice(int(left), int(max(right, left + 1)))


def _cropped(camera: Camera, rows: slice, columns: slice) -> Camera:
    return replace(camera, width=columns.stop - columns.start, height=rows.stop - rows.start,
                   cx=camera.cx - columns.start, cy=camera.cy - rows.start)  # fmt: skip


def _back_project(
    depth: Float, color_camera: Camera, camera: Camera, color_from_depth: Float
) -> tuple[Float, Float, Float]:
    """Depth [h, w] -> points [h, w, 3] and smoothed points in the colour camera's frame, pixels [h, w, 2] there."""
    x = (np.arange(camera.width) + 0.5 - camera.cx) / camera.fx
    y = (np.arange(camera.height) + 0.5 - camera.cy) / camera.fy
    ray = np.stack(np.broadcast_arrays(x[None, :], y[:, None], 1.0), axis=-1)
    known = np.isfinite(depth)
    blur = gaussian_filter(np.where(known, depth, 0), DEPTH_SMOOTHING)
    share = gaussian_filter(known.astype(np.float64), DEPTH_SMOOTHING)
    smooth = np.where(known & (share > 0.5), blur / np.maximum(share, 1e-6), np.nan)
    turn, shift = color_from_depth[:3, :3], color_from_depth[:3, 3]
    xyz, soft = (ray * d[..., None] @ turn.T + shift for d in (depth, smooth))
    return xyz, soft, project(xyz, color_camera)


def project(points: Float, camera: Camera) -> Float:
    """points [..., 3] in the camera's frame -> pixels [..., 2]."""
    return points[..., :2] / points[..., 2:] * [camera.fx, camera.fy] + [camera.cx, camera.cy]


def _lift(pixels: Float, xyz: Float, uv: Float, camera: Camera, aligned: bool) -> Float:
    """Keypoints in space [100, 3]: on their pixel's ray, at the median depth of the readings around it."""
    from scipy.spatial import cKDTree

    out = np.full((len(pixels), 3), np.nan)
    known = np.isfinite(xyz[..., 2])
    if aligned:  # look only around each keypoint
        height, width = known.shape
        reach = int(np.ceil(KEYPOINT_RADIUS))
        for i, (u, v) in enumerate(pixels):
            if not (0 <= u < width and 0 <= v < height):
                continue
            rows = slice(max(0, int(v) - reach), int(v) + reach + 1)
            columns = slice(max(0, int(u) - reach), int(u) + reach + 1)
            z = xyz[rows, columns, 2][known[rows, columns]]
            if len(z) >= 5 and np.ptp(z) < 0.02:
                out[i, 2] = np.median(z)
    else:
        tree, z = cKDTree(uv[known]), xyz[known][:, 2]
        finite = np.flatnonzero(np.isfinite(pixels).all(1))
        for row, near in zip(finite, tree.query_ball_point(pixels[finite], KEYPOINT_RADIUS), strict=True):
            if len(near) >= 3 and np.ptp(z[near]) < 0.02:
                out[row, 2] = np.median(z[near])
    out[:, 0] = (pixels[:, 0] - camera.cx) / camera.fx * out[:, 2]
    out[:, 1] = (pixels[:, 1] - camera.cy) / camera.fy * out[:, 2]
    return out


def _normals(points: Float) -> tuple[Float, Float]:
    """Normals towards the camera [h, w, 3], NaN at holes, and the cosine of the viewing angle [h, w]."""
    across = np.full_like(points, np.nan)
    down = np.full_like(points, np.nan)
    across[:, 1:-1] = points[:, 2:] - points[:, :-2]
    down[1:-1] = points[2:] - points[:-2]
    normals = np.cross(down, across)
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-15)
    facing = -(normals * points).sum(-1) / np.maximum(np.linalg.norm(points, axis=-1), 1e-9)
    return normals, np.nan_to_num(facing, nan=-1.0)


def _discontinuity(z: Float, pixel: Any) -> NDArray[np.bool_]:
    """Where depth changes more over 5x5 pixels than a slope of STEEPEST explains; pixel: its size on the face, m."""
    high = maximum_filter(np.nan_to_num(z, nan=-np.inf), 5)
    low = minimum_filter(np.nan_to_num(z, nan=np.inf), 5)
    return np.asarray((high - low) > STEP + 4 * float(pixel) * np.tan(np.radians(STEEPEST)))


def _hair(color: NDArray[np.uint8], face: NDArray[np.bool_], pixels: Float) -> NDArray[np.bool_]:
    """Dark pixels [H, W] above the brows or beside the face: hair. Stubble on the cheeks stays."""
    if not face.any() or not np.isfinite(pixels).any():
        return np.zeros(face.shape, bool)
    light = gaussian_filter(_brightness(color), 2.0)
    brows = float(np.nanpercentile(pixels[:, 1], 10))
    hair: NDArray[np.bool_] = light < DARK * float(np.median(light[face]))
    below = slice(int(max(brows, 0)), None)
    hair[below] &= ~face[below]
    return hair
