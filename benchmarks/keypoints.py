"""How well keypoints are found in captures of people never seen:  python keypoints.py FOLDER

Uses the people of tracker.py's folder and its synthetic frames; writes keypoints.md and keypoints.png.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from scipy.stats import spearmanr
from trained import PEOPLE, PIXELS, made_told, prepare, refa

from refa_cli.face.default import load_face
from refa_cli.face.evaluate import Geometry
from refa_cli.formats.captures import Captures
from refa_cli.formats.dataset import Dataset
from refa_cli.formats.labels import Labels
from refa_cli.formats.model import KeypointModel
from refa_cli.formats.rig import Rig
from refa_cli.formats.session_truth import SessionTruth
from refa_cli.formats.synth import Synth
from refa_cli.headset.default import default_headset
from refa_cli.headset.lenses import Lens
from refa_cli.headset.parts import at_ipd, lens_of, triangles_of
from refa_cli.networks.keypoint_training import keypoints_of, located
from refa_cli.networks.packing import unpack_keypoints
from refa_cli.networks.samples import from_captures
from refa_cli.render.rasterize import in_sight, see

FOLDER = Path(__file__).parent
STEPS, BATCH, EVERY, FULL, OTHERS = 8000, 16, 40, 400, 60


def truth_of(out: Path, subject: str, recording: str, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """place [T, C, 100, 2] as shares of the picture and seen [T, C, 100], by the person's rig and the true cameras."""
    face = load_face(None)
    rig = Rig.read(out / "people/truth/rigs" / f"{subject}.npz")
    session = SessionTruth.read(out / "people/truth/sessions" / f"{subject}.npz")
    true = Dataset.read(out / "people/truth/truth.zarr", Labels).subjects[subject].recordings[recording].load()
    told = Dataset.read(out / "people/captures.zarr", Captures).subjects[subject].recordings[recording]
    held = told.load(streamed=False)
    headset = at_ipd(default_headset(), float(held.ipd[0]))
    parts, _ = triangles_of(headset, "housing", "lens")
    geometry = Geometry.of_rig(rig, face)
    places, visible = [], []
    for row in rows:
        head = geometry.evaluate(true.expressions[row], true.gaze[row], true.headset_from_head[row]).astype(np.float64)
        points = face.keypoints_on(head)
        everything = np.concatenate([head, headset.solid_vertices.astype(np.float64)])
        triangles = np.concatenate([face.triangles, parts + len(head)]).astype(np.int32)
        place, seen = np.full((5, len(points), 2), -9.0), np.zeros((5, len(points)), bool)
        for camera in range(5):
            nominal = lens_of(held, camera)
            fx, fy, cx, cy = map(float, session.camera_intrinsics[camera])
            lens = Lens(nominal.model, (fx, fy, cx, cy), nominal.distortion, nominal.size)
            pose = session.camera_from_headset[camera].astype(np.float64)
            at = points @ pose[:3, :3].T + pose[:3, 3]
            ahead = np.flatnonzero(at[:, 2] > 1e-3)
            pixels = lens.project(at[ahead])
            height, width = lens.size
            depth = see(everything @ pose[:3, :3].T + pose[:3, 3], triangles, lens).depth
            place[camera, ahead] = pixels / [width, height]
            seen[camera, ahead] = in_sight(pixels, at[ahead, 2], depth)
        places.append(place)
        visible.append(seen & held.present[row, :5, None] & true.valid[row])
    return np.array(places), np.array(visible)


def trained(out: Path) -> KeypointModel:
    """The finder, trained unless it stands there."""
    path = out / f"keypoints_{STEPS}.npz"
    if not path.exists():
        refa("train", "--task", "keypoints", "--synth", str(out / "many.zarr"), "-o", str(path), "--pixels",
             str(PIXELS), "--steps", str(STEPS), "--batch", str(BATCH), "--validation", "0.1")  # fmt: skip
    return KeypointModel.read(path)


Truth = dict[str, list[tuple[np.ndarray, np.ndarray]]]
"""Of each person and recording what `truth_of` tells."""


def truths(out: Path) -> Truth:
    """Of every EVERYth frame of those to test on."""
    captures = Dataset.read(out / "people/captures.zarr", Captures)
    return {
        subject: [truth_of(out, subject, name, np.arange(0, recording.shapes["time_ns"][0], EVERY))
                  for name, recording in captures.subjects[subject].recordings.items()]
        for subject in PEOPLE.tested
    }  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """errors, spreads [K]: pixels, of all keypoints that are truly seen; right: share of all that are told to be seen
    or not as they are; unseen: share of all that are not."""

    errors: np.ndarray
    spreads: np.ndarray
    right: float
    unseen: float


def measured(out: Path, model: KeypointModel, true: Truth, looks: int) -> Measured:
    """How well it finds them in so many looks at each picture."""
    finder = unpack_keypoints(model)
    off, spread, right, unseen = [], [], [], []
    for subject, recordings in true.items():
        samples = from_captures(out / "people/captures.zarr", None, model.cameras, PIXELS, {subject}, EVERY)
        place, doubt, seen = located(finder, samples, np.arange(len(samples)), looks)
        wanted, visible = (np.concatenate(parts) for parts in zip(*recordings, strict=True))
        off.append((FULL * np.linalg.norm(place - wanted, axis=-1))[visible])
        spread.append(FULL * doubt[visible])
        right.append(((seen > 0.5) == visible).ravel())
        unseen.append(~visible.ravel())
    return Measured(np.concatenate(off), np.concatenate(spread), float(np.concatenate(right).mean()),
                    float(np.concatenate(unseen).mean()))  # fmt: skip


def line_of(looks: int, found: Measured) -> str:
    """Of the page's first table."""
    rho = spearmanr(found.spreads, found.errors).statistic
    off = found.errors
    return (f"| {looks} | {np.median(off):.2f} | {off.mean():.2f} | {np.percentile(off, 90):.2f} | {rho:.2f} | "
            f"{found.right:.1%} |")  # fmt: skip


def conditions(out: Path, model: KeypointModel) -> dict[str, np.ndarray]:
    """{what: errors [K], pixels, of seen keypoints} of synthetic people that the finder was not trained on: without
    glasses and with, and where the headset sits as it mostly does or otherwise."""
    people = [f"P{i:04d}" for i in range(1, OTHERS + 1)]
    data = keypoints_of(out / "synth.zarr", model.cameras, PIXELS, people)
    place, _, _ = located(unpack_keypoints(model), data.samples, np.arange(len(data.samples)))
    off = FULL * np.linalg.norm(place - data.place, axis=-1)
    subjects = Dataset.read(out / "synth.zarr", Synth).subjects
    held = [r.load(streamed=False) for name in people for r in subjects[name].recordings.values()]
    glasses = np.concatenate([one.glasses for one in held]) > 0
    seat = np.concatenate([one.headset_from_head[:, :3, 3] for one in held])
    away = np.linalg.norm(seat - np.median(seat, axis=0), axis=1)
    third, two_thirds = np.quantile(away, [1 / 3, 2 / 3])
    rows = {
        "without glasses": ~glasses, "with glasses": glasses,
        f"headset within {1000 * third:.0f} mm of where it sits in the median": away <= third,
        f"headset more than {1000 * two_thirds:.0f} mm away from there": away > two_thirds,
    }  # fmt: skip
    return {what: off[some][data.seen[some]] for what, some in rows.items()}


def reliability(errors: np.ndarray, doubts: np.ndarray) -> list[tuple[float, float]]:
    """(spread told, error along an axis), root mean squares of ten equal groups by the spread told."""
    groups = np.array_split(np.argsort(doubts), 10)
    return [(float(np.sqrt(np.mean(doubts[rows] ** 2))), float(np.sqrt(np.mean(errors[rows] ** 2) / 2)))
            for rows in groups]  # fmt: skip


def main() -> None:
    """Trains, measures, writes."""
    out = Path(sys.argv[1])
    prepare(out)
    model, true = trained(out), truths(out)
    found = {looks: measured(out, model, true, looks) for looks in (1, 2, 4)}
    once = found[1]
    split = [f"| {what} | {np.median(off):.2f} | {np.percentile(off, 90):.2f} | {len(off):,} |"
             for what, off in conditions(out, model).items()]  # fmt: skip
    draw(reliability(once.errors, once.spreads), FOLDER / "keypoints.png")
    page = f"""# How well keypoints are found

`make -C benchmarks keypoints`: trained at {PIXELS}x{PIXELS} pixels on synthetic frames, {made_told("many.zarr")}, in
{STEPS} steps of {BATCH}, tested on captures of {PEOPLE.test} simulated people (misfit 1) that nobody trained on,
{date.today()}. Distances are in pixels of {FULL}x{FULL} pictures, of {len(once.errors):,} keypoints that are truly
seen. The finder looks at a picture once, or several times at places that differ by half a cell of its maps, and tells
the mean. Rank correlation: of the spread that it tells itself and the distance. Right: share of all keypoints, seen or
not, that are told to be what they are; {once.unseen:.1%} if none were told to be seen.

| looks | median | mean | 90th percentile | rank correlation | right |
| --- | --- | --- | --- | --- | --- |
{chr(10).join(line_of(looks, one) for looks, one in found.items())}

Keypoints in ten equal groups by the spread told, and the root mean square of their errors along an axis, one look; on
the grey line the two are the same.

![Errors over the spread that the finder itself tells](keypoints.png)

On synthetic frames of {OTHERS} other people, who were not trained on either, all with hair, by glasses and by how the
headset sits, one look:

| frames | median | 90th percentile | keypoints |
| --- | --- | --- | --- |
{chr(10).join(split)}
"""
    (FOLDER / "keypoints.md").write_text(page)
    print(page)


def draw(curve: list[tuple[float, float]], path: Path) -> None:
    """The reliability plot."""
    image = Image.new("RGB", (420, 320), (255, 255, 255))
    pen = ImageDraw.Draw(image)
    most = max(max(x, y) for x, y in curve) * 1.05
    place = [(50 + 350 * x / most, 280 - 260 * y / most) for x, y in curve]
    for i in range(6):
        value = most * i / 5
        pen.line([(50, 280 - 260 * i / 5), (400, 280 - 260 * i / 5)], fill=(225, 225, 225))
        pen.text((8, 274 - 260 * i / 5), f"{value:.1f}", fill=(30, 30, 30))
        pen.text((42 + 350 * i / 5, 286), f"{value:.1f}", fill=(30, 30, 30))
    pen.line([(50, 280), (400, 20)], fill=(150, 150, 150))
    pen.line(place, fill=(40, 90, 200), width=2)
    for x, y in place:
        pen.ellipse([x - 3, y - 3, x + 3, y + 3], fill=(40, 90, 200))
    pen.text((150, 302), "spread told, pixels of 400", fill=(30, 30, 30))
    pen.text((56, 4), "error along an axis, pixels of 400", fill=(30, 30, 30))
    image.save(path, optimize=True)


if __name__ == "__main__":
    main()
