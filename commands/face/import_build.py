"""From a source to a face model: metres and the head frame, 61 shapes, eyes, regions, pairs, mirror, keypoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from refa_cli.commands.face.import_eyes import LID_DEPTH, find_eyeballs, fit_sphere, optical_axis, paint_iris
from refa_cli.commands.face.import_frame import find_frame, find_scale
from refa_cli.commands.face.import_keypoints import find_keypoints
from refa_cli.commands.face.import_parts import LEFT_OUT, materials
from refa_cli.commands.face.import_shapes import Named, name_shapes, strongest, to_basis
from refa_cli.commands.face.import_source import Source
from refa_cli.commands.face.import_texture import pack_uv
from refa_cli.face.contacts import lid_pairs, lip_pairs
from refa_cli.face.gaze import gaze_from_direction, rotation_from_gaze
from refa_cli.face.mesh import triangle_vectors
from refa_cli.face.regions import derive_regions, outer_skin
from refa_cli.face.shapes import ALL, EXPRESSIONS, INDEX
from refa_cli.formats.errors import DataError
from refa_cli.formats.face import MATERIALS, REGIONS, FaceModel

Float = NDArray[np.floating[Any]]

LOWEST, WIDEST = -0.26, 0.20
"""Metres below and beside the eyes at which what belongs to the body is cut off."""
STILL = 0.0002
"""Metres that a vertex of the rigid cranium may move."""
LEVEL = 1e-5
"""Metres below the eyes that still count as level with them: coordinates are rounded."""
MIRROR_TOLERANCE = 0.001
"""Metres off its mirror image that a vertex of the other side may lie."""
LARGEST_TILT = np.radians(20.0)


def build_face(source: Source, recipe: Mapping[str, Any] | None = None) -> FaceModel:
    """The face model of a source; `source.notes` then says what was done. Raises DataError for what is not a face."""
    material = materials(source)
    known = np.asarray(material != LEFT_OUT)
    source.keep(known)
    material = material[known]
    frame = find_frame(source, name_shapes(source))
    eyeball, centers = find_eyeballs(source.vertices, source.triangles, frame.eyes)
    if centers is None:
        source.notes.append("no eyeballs were found; the eye centres were placed behind the lids")
    scale = find_scale(source, float(np.linalg.norm(np.subtract(*(frame.eyes if centers is None else centers)))))
    if centers is None:
        centers = frame.eyes - frame.axes[2] * LID_DEPTH / scale
    middle, linear = centers.mean(axis=0), frame.axes * scale
    _to_head_frame(source, linear, middle, frame.mirrored)
    centers = (centers - middle) @ linear.T
    material, eyeball = _crop(source, material, eyeball)
    _finish_eyes(source, material, eyeball, centers)
    return _assemble(source, name_shapes(source), material, eyeball, centers, recipe or {})


def _to_head_frame(source: Source, linear: Float, origin: Float, mirrored: bool) -> None:
    """head = linear @ (source - origin), for vertices, shapes and identity; triangles made to face outward."""
    source.vertices = (source.vertices - origin) @ linear.T
    source.shapes = {name: (moved @ linear.T).astype(np.float32) for name, moved in source.shapes.items()}
    if source.identity is not None:
        source.identity = (source.identity @ linear.T).astype(np.float32)
    moves = np.zeros(len(source.vertices))
    for moved in source.shapes.values():
        np.maximum(moves, np.linalg.norm(moved, axis=1), out=moves)
    face = (moves[source.triangles] > 0.2 * moves.max()).all(axis=1)
    outward = triangle_vectors(source.vertices, source.triangles[face])[:, 2].sum()
    if outward < 0:  # the skin that moves looks forward
        source.triangles, source.uv_triangles = source.triangles[:, ::-1].copy(), source.uv_triangles[:, ::-1].copy()
    if mirrored:
        source.notes.append("the source is left-handed; it was mirrored")


def _crop(source: Source, material: NDArray[np.uint8], eyeball: NDArray[np.uint8]) -> tuple[Any, Any]:
    """Cut the body off; (material, eyeball) of what is left."""
    inside = (source.vertices[:, 1] > LOWEST) & (np.abs(source.vertices[:, 0]) < WIDEST)
    keep = np.asarray(inside[source.triangles].all(axis=1))
    if not keep.all():
        source.notes.append(f"{int((~keep).sum())} triangles of the body were cut off")
    used = np.unique(source.triangles[keep])
    source.keep(keep)
    return material[keep], eyeball[used]


def _finish_eyes(source: Source, material: NDArray[np.uint8], eyeball: NDArray[np.uint8], centers: Float) -> None:
    """Eyeballs of their materials, looking straight ahead (their identity modes too), moved by no shape."""
    for side in (0, 1):
        ball = eyeball == side + 1
        if not ball.any():
            continue
        of_ball = np.flatnonzero(ball[source.triangles].all(axis=1))
        triangles, center = source.triangles[of_ball], centers[side]
        axis = optical_axis(source.vertices, triangles, material[of_ball], center)
        off = gaze_from_direction(axis)
        if np.abs(off).max() < LARGEST_TILT:
            turn = rotation_from_gaze(off).T
            source.vertices[ball] = (source.vertices[ball] - center) @ turn.T + center
            if source.identity is not None:
                source.identity[:, ball] = source.identity[:, ball] @ turn.T.astype(np.float32)
            if np.abs(off).max() > np.radians(1.0):
                yaw, pitch = np.degrees(off)
                which = ("left", "right")[side]
                where = f"{abs(yaw):.1f} degrees {'left' if yaw > 0 else 'right'} and {pitch:.1f} up"
                source.notes.append(f"the {which} eye looked {where}; it was turned straight")
        whites = material[of_ball] == MATERIALS.index("sclera")
        if whites.all() or not np.isin(material[of_ball], _EYE_MATERIALS).all():
            material[of_ball] = paint_iris(source.vertices, triangles, center)
        for moved in source.shapes.values():
            moved[ball] = 0.0


_EYE_MATERIALS = [MATERIALS.index(name) for name in ("sclera", "iris", "pupil")]


def _assemble(
    source: Source,
    named: Named,
    material: NDArray[np.uint8],
    eyeball: NDArray[np.uint8],
    centers: Float,
    recipe: Mapping[str, Any],
) -> FaceModel:
    skin = outer_skin(source.triangles, material, len(source.vertices))
    basis, lacks = to_basis(named, source.vertices, source.triangles, skin)
    if named.ignored:
        source.notes.append(f"shapes without a counterpart here: {', '.join(named.ignored)}")
    if lacks.any():
        lacking = [name for name, no in zip(ALL, lacks, strict=True) if no]
        source.notes.append(f"shapes that the source lacks: {', '.join(lacking)}")
    identity, centers_basis = _identity(source, eyeball, centers)
    closing = (basis[INDEX["EyesClosedL"]], basis[INDEX["EyesClosedR"]])
    lids = lid_pairs(source.vertices, closing, skin).astype(np.int32)
    lips = lip_pairs(source.vertices, basis[INDEX["JawDrop"]], skin).astype(np.int32)
    keypoint_triangles, barycentric, anchors = find_keypoints(source, material, centers, skin, lids, lips)
    regions = derive_regions(source.vertices, source.triangles, material, eyeball, centers, anchors)
    of_lips = regions[REGIONS.index("lips")][source.triangles].all(axis=1)
    material = np.where(of_lips & (material == MATERIALS.index("skin")), MATERIALS.index("lips"), material)
    uv, uv_triangles = pack_uv(source)
    try:
        return FaceModel(
            name=source.name,
            origin=f"{source.origin}; shapes named as {named.set_name}; {'; '.join(source.notes)}",
            licence=source.licence,
            mean=source.vertices,
            triangles=source.triangles.astype(np.int32),
            uv=uv.astype(np.float32),
            uv_triangles=uv_triangles.astype(np.int32),
            material=material,
            identity_basis=identity,
            expression_basis=basis[: len(EXPRESSIONS)],
            eye_follow_basis=basis[len(EXPRESSIONS) :],
            lacks=lacks,
            eyeball=eyeball,
            eye_centers=centers,
            eye_centers_basis=centers_basis,
            rigid=_rigid(source.vertices, basis, skin),
            regions=regions,
            lid_pairs=lids,
            lip_pairs=lips,
            keypoint_triangles=keypoint_triangles,
            keypoint_barycentric=barycentric,
            mirror=mirror_map(source.vertices, basis[INDEX["JawDrop"]] + closing[0] + closing[1]),
            recipe=recipe,
        )
    except DataError as problem:
        raise DataError(source.path, problem.field, problem.expected, problem.got, problem.advice) from problem


def _identity(source: Source, eyeball: NDArray[np.uint8], centers: Float) -> tuple[Float, Float]:
    """(identity basis [N, V, 3], how it moves the eye centres [N, 2, 3]), the middle of the eyes kept at the origin."""
    if source.identity is None:
        return np.zeros((0, len(source.vertices), 3), np.float32), np.zeros((0, 2, 3), np.float32)
    basis = source.identity
    moves = np.zeros((len(basis), 2, 3))
    for n, mode in enumerate(basis):
        for side in (0, 1):
            ball = np.flatnonzero(eyeball == side + 1)
            if len(ball):
                there, back = (fit_sphere(source.vertices[ball] + sign * mode[ball])[0] for sign in (1.0, -1.0))
                moves[n, side] = (there - back) / 2
            else:
                nearest = cKDTree(source.vertices).query(centers[side], k=20)[1]
                moves[n, side] = mode[nearest].mean(axis=0)
    middle = moves.mean(axis=1)
    return basis - middle[:, None].astype(np.float32), moves - middle[:, None]


def _rigid(vertices: Float, basis: Float, skin: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """[V]: skin above the eyes, and of the bridge of the nose, that no expression moves."""
    still = strongest(basis) < STILL
    x, y, z = vertices.T
    bridge = (np.abs(x) < 0.008) & (np.abs(y) < 0.012) & (z > 0)
    return np.asarray(skin & ((still & (y > -LEVEL)) | (bridge & (strongest(basis) < 5 * STILL))), dtype=np.bool_)


def mirror_map(vertices: Float, moved: Float) -> NDArray[np.int32]:
    """[V]: the vertex nearest to each one's mirror image in x = 0, where that is mutual and close; else -1.

    moved [V, 3]: a symmetric movement that tells apart lips which touch.
    """
    other_side = np.array([-1.0, 1.0, 1.0])
    places = np.hstack([vertices, 0.1 * moved])
    nearest = cKDTree(places).query(np.hstack([vertices * other_side, 0.1 * moved * other_side]))[1]
    distance = np.linalg.norm(vertices[nearest] - vertices * other_side, axis=1)
    mutual = (nearest[nearest] == np.arange(len(vertices))) & (distance < MIRROR_TOLERANCE)
    return np.where(mutual, nearest, -1).astype(np.int32)
