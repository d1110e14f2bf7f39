"""The 53 + 8 shapes of the baked head, composed from MakeHuman's face units by smooth spatial splitting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, diags_array

from refa_cli.commands.face.head import LIP_RINGS_INWARD, Head
from refa_cli.commands.face.lids import closing, keep_clear
from refa_cli.commands.face.makehuman import Targets
from refa_cli.commands.face.rings import Opening
from refa_cli.face.shapes import ALL
from refa_cli.face.splitting import left_weight, split_left_right, split_top_bottom

Float = NDArray[np.float64]

# refa shape without its side <- ARKit unit without its side, where the unit already comes per side.
SIDED = {
    "BrowLowerer": "browDown", "CheekRaiser": "cheekSquint", "Dimpler": "mouthDimple", "LidTightener": "eyeSquint",
    "LipCornerDepressor": "mouthFrown", "LipCornerPuller": "mouthSmile", "LipPressor": "mouthPress",
    "LipStretcher": "mouthStretch", "LowerLipDepressor": "mouthLowerDown", "NoseWrinkler": "noseSneer",
    "OuterBrowRaiser": "browOuterUp", "UpperLidRaiser": "eyeWide", "UpperLipRaiser": "mouthUpperUp",
}  # fmt: skip
MIDLINE = {
    "ChinRaiserB": "mouthShrugLower", "ChinRaiserT": "mouthShrugUpper", "JawDrop": "jawOpen", "JawThrust": "jawForward",
    "JawSidewaysLeft": "jawLeft", "JawSidewaysRight": "jawRight", "LipsToward": "mouthClose",
    "MouthLeft": "mouthLeft", "MouthRight": "mouthRight",
}  # fmt: skip
SPLIT = {"CheekPuff": "cheekPuff", "InnerBrowRaiser": "browInnerUp", "LipPucker": "mouthPucker"}
ROLLED = {"B": "mouthRollLower", "T": "mouthRollUpper"}
LOOKS = {"Down": ("Down", "Down"), "Up": ("Up", "Up"), "Left": ("Out", "In"), "Right": ("In", "Out")}  # left eye, right

BLEND = {"CheekPuff": 0.030, "InnerBrowRaiser": 0.024}
"""Width of the blend across the midline, metres; LIP_BLEND for all others."""
LIP_BLEND = 0.016
TIGHTEN_HEIGHT, TIGHTEN_WIDTH = 0.42, 0.12
"""LipTightener (FACS 23): the share by which the red of the lips gets lower and narrower."""
CLEANING_ROUNDS = 10
"""Each round halves what is left of a crossing when only one of the sides may give."""
MOUTH_GAP = 0.0001
LID_GAP = 0.0001


@dataclass(frozen=True)
class Anatomy:
    """What composing shapes needs of the mean head: vertices [V, 3], eye centres [2, 3], radii [2], openings."""

    head: Head
    vertices: Float
    centers: Float
    radii: Float
    lids: tuple[Opening, Opening]
    lips: Opening


def compose(anatomy: Anatomy, targets: Targets, scale: float) -> Float:
    """All 61 displacements [61, V, 3] at 1.0, metres, in the order of `refa_cli.face.shapes.ALL`."""

    def unit(name: str) -> Float:
        return scale * anatomy.head.displacement(targets[f"arkit/{name}"])

    shapes: dict[str, Float] = {name: unit(source) for name, source in MIDLINE.items()}
    for side, index in (("L", 0), ("R", 1)):
        shapes["EyesClosed" + side] = closing(anatomy.lids[index], anatomy.vertices, anatomy.centers[index])
        for way, sources in LOOKS.items():
            word = "Left" if side == "L" else "Right"
            shapes[f"EyesLook{way}{side}"] = unit(f"eyeLook{sources[index]}{word}")
    # LipsToward acts on an open jaw and is judged there.
    rest = {"LipsToward": anatomy.vertices + shapes["JawDrop"]}
    for name in shapes:
        shapes[name] = cleaned(anatomy, shapes[name], rest.get(name, anatomy.vertices))
    for (left, right), (whole, blend) in parents(anatomy, unit).items():
        # Lids and lips are kept apart before the split: what does not cross does not when its halves move alone, as
        # both sides of an opening share their weights; and left and right sum to the parent.
        parent = cleaned(anatomy, whole, anatomy.vertices)
        shapes[left], shapes[right] = split_left_right(parent, anatomy.vertices[:, 0], blend)
    return np.stack([shapes[name] for name in ALL])


def parents(anatomy: Anatomy, unit: Callable[[str], Float]) -> dict[tuple[str, str], tuple[Float, float]]:
    """(left, right) shape -> the displacement [V, 3] that both are parts of, and the width of their blend, metres."""
    whole = {name: unit(source + "Left") + unit(source + "Right") for name, source in SIDED.items()}
    whole |= {name: unit(source) for name, source in SPLIT.items()}
    whole["LipTightener"] = tightened(anatomy)
    found = {(name + "L", name + "R"): (part, BLEND.get(name, LIP_BLEND)) for name, part in whole.items()}
    top, bottom = split_top_bottom(unit("mouthFunnel"), upper_lip(anatomy))
    quartered = {"LipFunneler": {"T": top, "B": bottom}, "LipSuck": {k: unit(v) for k, v in ROLLED.items()}}
    for name, lips in quartered.items():
        found |= {(f"{name}L{lip}", f"{name}R{lip}"): (part, LIP_BLEND) for lip, part in lips.items()}
    return found


def cleaned(anatomy: Anatomy, displacement: Float, base: Float) -> Float:
    """The displacement [V, 3] of base [V, 3] with lids off the eyeball, neither lids nor lips through one another."""
    shape = displacement.copy()
    for _ in range(CLEANING_ROUNDS):
        for lids, center, radius in zip(anatomy.lids, anatomy.centers, anatomy.radii, strict=True):
            shape += _where_moved(shape, lids.meet(base + shape, LID_GAP, only_crossed=True))
            shape += _where_moved(shape, keep_clear(lids, base + shape, center, radius))
        shape += _where_moved(shape, anatomy.lips.meet(base + shape, MOUTH_GAP, only_crossed=True))
    return shape


def _where_moved(shape: Float, correction: Float) -> Float:
    """A correction is part of a shape only where the shape acts."""
    moved = np.linalg.norm(shape, axis=1, keepdims=True)
    return np.asarray(correction * np.clip(moved / 1e-4, 0, 1))


def upper_lip(anatomy: Anatomy) -> Float:
    """The upper lip's share of every vertex [V], 0..1: by side of the mouth's rings, by height beyond them."""
    rings = anatomy.lips.rings.vertices
    seam = anatomy.vertices[rings[anatomy.lips.margin], 1].mean()
    share = left_weight(anatomy.vertices[:, 1] - seam, 0.012)
    fixed = np.zeros(len(share), bool)
    for columns, value in ((anatomy.lips.upper, 1.0), (anatomy.lips.whole_lower, 0.0)):
        share[rings[:, columns]] = value
        fixed[rings[:, columns]] = True
    smooth = neighbour_mean(anatomy.head.triangles, len(share))
    for _ in range(4):
        share = smooth @ share
    return np.clip(share, 0.0, 1.0)


def tightened(anatomy: Anatomy) -> Float:
    """LipTightener on both sides: the red of the lips drawn towards the lip line and narrowed."""
    rings = anatomy.lips.rings.vertices
    out = np.zeros_like(anatomy.vertices)
    line = anatomy.vertices[rings[anatomy.lips.margin]]
    for ring in range(len(rings)):
        beyond = (ring - LIP_RINGS_INWARD) / (len(rings) - 1 - LIP_RINGS_INWARD)
        fade = 0.5 + 0.5 * np.cos(np.pi * np.clip(beyond, 0, 1))
        towards = line - anatomy.vertices[rings[ring]]
        towards[:, 0] = 0
        out[rings[ring]] = TIGHTEN_HEIGHT * fade * towards
        out[rings[ring], 0] = -TIGHTEN_WIDTH * fade * anatomy.vertices[rings[ring], 0]
    return out


def neighbour_mean(triangles: NDArray[np.int64], count: int) -> coo_array:
    """The sparse matrix [V, V] that averages each vertex with its neighbours."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    i, j = np.concatenate([edges, edges[:, ::-1], np.repeat(np.arange(count)[:, None], 2, 1)]).T
    matrix = coo_array((np.ones(len(i)), (i, j)), shape=(count, count)).tocsr()
    return diags_array(1.0 / np.asarray(matrix.sum(1)).ravel()) @ matrix
