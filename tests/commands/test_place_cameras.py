"""`refa place-cameras`: measures with known answers, worse mounts below better ones, and what the command writes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from refa_cli import app
from refa_cli.commands.place_cameras.candidates import Candidate, listed, sought, touched_parts, violated
from refa_cli.commands.place_cameras.choose import pareto, rank
from refa_cli.commands.place_cameras.faces import MAP_SIZE, keypoints_of, regions_of, shown, sites_of
from refa_cli.commands.place_cameras.lights import arriving, merit, place_lights
from refa_cli.commands.place_cameras.lights import sought as lights_sought
from refa_cli.commands.place_cameras.measure import Job as OneJob
from refa_cli.commands.place_cameras.measure import Score, Trials, measure, person_of, run_job
from refa_cli.commands.place_cameras.placing import with_cameras
from refa_cli.face.default import default_face
from refa_cli.face.keypoints import KEYPOINTS
from refa_cli.face.shapes import EXPRESSIONS, INDEX
from refa_cli.formats.errors import DataError
from refa_cli.formats.headset import Headset
from refa_cli.headset.default import default_headset
from refa_cli.headset.description import Camera, mirrored
from refa_cli.headset.lenses import Lens
from refa_cli.headset.parts import camera_centers, cameras_with
from refa_cli.headset.poses import look_at
from refa_cli.render.infrared import Lights
from tests.render.raycast import cast

F64 = NDArray[np.float64]
Captured = pytest.CaptureFixture[str]


def camera(role: str, place: tuple[float, ...], goal: tuple[float, ...], field: float = 90.0) -> Camera:
    """Places in millimetres, headset frame."""
    focal = 400 / np.radians(field)
    lens = Lens("kannala_brandt", (focal, focal, 200.0, 200.0), (0.0,) * 4, (400, 400))
    return Camera(
        role, role, True, lens, look_at(np.array(place) / 1000, np.array(goal) / 1000), 0.0, 30.0, 8, "global"
    )


def trials(identities: int = 1, expressions: tuple[str, ...] = ("grin",), donnings: int = 1) -> Trials:
    return Trials(default_face(), default_headset(), identities, expressions, donnings, 0)


def scores(*cameras: Camera, of: Trials | None = None) -> list[Score]:
    return measure(of or trials(), [Candidate(c, ()) for c in cameras])


MOUTH = camera("mouth_left", (30, -52, 42), (6, -75, -3))


def test_eq_1_is_the_mean_of_what_faces_the_axis() -> None:
    """Computed again from the rig, with no donning and no push of an expression."""
    face, asked = default_face(), trials(expressions=("neutral",))
    sums, _ = run_job(OneJob(asked, "mouth_left", (Candidate(MOUTH, ()),), 0))
    sites = sites_of(face, regions_of("mouth_left"))
    person = person_of(face, 0, 0)
    vertices = person.evaluate(np.zeros(len(EXPRESSIONS))).astype(np.float64)
    from refa_cli.face.mesh import vertex_normals
    from refa_cli.headset.donning import random_slip
    from refa_cli.workers import seed_of

    slip = random_slip(np.random.default_rng(seed_of(0, "slip", 0, 0)))
    camera_from_head = MOUTH.camera_from_headset @ slip.applied(default_headset().headset_from_head)
    normals = vertex_normals(vertices, face.triangles)[sites.vertices]
    facing = np.maximum(-(normals @ camera_from_head[2, :3]), 0)
    for g in range(len(sites.names)):
        assert sums[0, g, 0] == pytest.approx(facing[sites.region == g].mean(), abs=1e-5)


def test_what_is_hidden_is_what_rays_do_not_reach() -> None:
    """The maps of what stands around points, against rays cast from the camera, on an open mouth seen from below."""
    face, geometry = default_face(), person_of(default_face(), 0, 1)
    weights = np.zeros(len(EXPRESSIONS))
    weights[INDEX["JawDrop"]] = 0.8
    sites = sites_of(face, ("mouth", "nose", "lips", "glabella"))
    here = shown(geometry, face, sites, weights)
    vertices = geometry.evaluate(weights).astype(np.float64)
    from refa_cli.commands.place_cameras.measure_kernels import hidden

    wrong = total = 0
    for center in ([0.03, -0.08, 0.06], [0.0, -0.11, 0.03], [0.05, -0.02, 0.04]):
        rays = here.points.astype(np.float64) - center
        lengths = np.linalg.norm(rays, axis=1)
        turn = np.linalg.inv(look_at(center, here.points.mean(0)))[:3, :3].T  # so that z is ahead
        ahead = rays @ turn.T
        usable = ahead[:, 2] > 0.2 * lengths
        hits = cast(
            (vertices - center) @ turn.T, face.triangles, np.where(usable[:, None], ahead / ahead[:, 2:], np.nan)
        )
        facing = (here.normals * -rays / lengths[:, None]).sum(1)
        for p in np.flatnonzero(usable & (facing > 0.1)):
            way = -rays[p] / lengths[p]
            got = hidden(here.maps[p], here.axes[p], here.focal, *way, lengths[p])
            wrong += got != (hits.depth[p] < ahead[p, 2] - 0.0015)
            total += 1
    assert total > 100 and wrong <= 0.06 * total


def test_worse_mounts_rank_below() -> None:
    good = MOUTH
    behind_nose = camera("mouth_left", (0, 20, 30), (0, -75, -3), 60)
    grazing = camera("mouth_left", (60, -52, -40), (6, -75, -3))
    away = camera("mouth_left", (30, -52, 42), (200, -52, 100))
    found = scores(good, behind_nose, grazing, away)
    merits = [s.visibility * s.motion_kept for s in found]
    assert merits[0] > 2 * max(merits[1:])
    assert found[3].visibility == 0 and found[3].lost.mean() == 1 and found[3].outside.mean() == 1


def test_the_headset_s_own_parts_hide() -> None:
    """From above the shell's floor the mouth cannot be seen; without the shell it can."""
    inside = camera("mouth_left", (30, -42, 42), (6, -75, -3))
    bare = replace(trials(), headset=replace(default_headset(), solid_kind=np.full(6, 2, np.uint8)))
    with_shell, without = scores(inside)[0], scores(inside, of=bare)[0]
    assert with_shell.visibility < 0.1 * without.visibility
    assert with_shell.ray == pytest.approx(without.ray)


def test_mirrored_cameras_score_the_same() -> None:
    asked = trials(identities=6, expressions=("grin", "brows_up", "jaw_open"), donnings=6)
    for left in (MOUTH, camera("eye_left", (56, -17, 0), (32, 0, -20))):
        one, other = scores(left, mirrored(left, "other"), of=asked)
        assert other.regions == tuple(name.replace("left", "right") for name in one.regions)
        assert other.visibility == pytest.approx(one.visibility, rel=0.06)
        assert other.range_of_motion == pytest.approx(one.range_of_motion, rel=0.08)


def test_nearer_cameras_see_more_motion_and_lose_more_keypoints() -> None:
    near, far = scores(
        camera("mouth_left", (20, -66, 25), (4, -75, -3)), camera("mouth_left", (60, -30, 100), (4, -75, -3))
    )
    assert near.range_of_motion > 1.5 * far.range_of_motion
    assert near.outside.mean() > far.outside.mean()


def test_more_workers_change_nothing() -> None:
    asked, candidates = trials(identities=2), [Candidate(MOUTH, ())]
    one, two = measure(asked, candidates)[0], measure(asked, candidates, workers=2)[0]
    assert all(np.array_equal(getattr(one, name), getattr(two, name)) for name in ("axis", "ray", "seen", "motion"))


def test_keep_outs_are_named() -> None:
    headset = default_headset()
    assert violated(camera("eye_left", (31.5, 0, 20), (31.5, 0, -20)), headset) == ("barrel_left", "ipd_left")
    assert violated(camera("eye_left", (0, 0, -10), (31.5, 0, -20)), headset) == ("glasses",)
    assert violated(MOUTH, headset) == ()
    row = rank([Candidate(MOUTH, ()), Candidate(MOUTH, ("glasses",))], scores(MOUTH, MOUTH))
    assert [r.admissible for r in row] == [True, False] and row[0].chosen
    with pytest.raises(DataError, match="all in glasses"):
        rank([Candidate(MOUTH, ("glasses",))], scores(MOUTH))


def test_a_front_holds_what_nothing_beats() -> None:
    values = np.array([[1, 5], [2, 4], [2, 3], [3, 1], [3, 1], [0, 5]])
    assert pareto(values, range(6)) == [0, 1, 3, 4]


def test_the_search_keeps_clear_and_repeats() -> None:
    headset = default_headset()
    found, again = sought(6, headset, 3), sought(6, headset, 3)
    assert len(found) == 18 and all(not violated(c.camera, headset) for c in found)
    assert all(np.array_equal(a.center, b.center) for a, b in zip(found, again, strict=True))
    assert not np.array_equal(sought(6, headset, 4)[0].center, found[0].center)


def test_keypoints_and_regions_are_those_of_the_side() -> None:
    assert {KEYPOINTS[k][-2:] for k in keypoints_of("eye_right")} == {"_r"}
    assert regions_of("eye_right") == ("eye_right", "brow_right")
    assert shown(person_of(default_face(), 0, 0), default_face(), sites_of(default_face(), ("lips",)),
                 np.zeros(53)).maps.shape[1:] == (MAP_SIZE, MAP_SIZE)  # fmt: skip
    with pytest.raises(ValueError, match="eyes, mouth or glabella"):
        regions_of("other")


def test_chosen_cameras_take_the_place_of_those_of_their_roles() -> None:
    placed = with_cameras(default_headset(), [MOUTH])
    assert len(cameras_with(placed, embedded=True)) == 5 and len(placed.camera_names) == 10
    centers = dict(zip(placed.camera_names, camera_centers(placed) * 1000, strict=True))
    np.testing.assert_allclose(centers["mouth_left"], [30, -52, 42], atol=1e-3)
    np.testing.assert_allclose(centers["mouth_right"], [-30, -52, 42], atol=1e-3)
    before = dict(zip(default_headset().camera_names, camera_centers(default_headset()) * 1000, strict=True))
    for name in ("eye_left", "boom_right", "glabella_low"):
        np.testing.assert_allclose(centers[name], before[name], atol=1e-4)


def test_sought_lights_beat_random_ones_and_keep_clear() -> None:
    asked, headset = trials(), default_headset()
    placed = place_lights(asked, headset, 3)
    lights = placed.headset
    assert len(lights.led_position) == 6
    np.testing.assert_allclose(lights.led_position[3:], lights.led_position[:3] * [-1, 1, 1])
    assert lights.led_intensity.sum() == pytest.approx(headset.led_intensity.sum(), rel=1e-5)
    assert all(not touched_parts(headset, place.astype(np.float64), 0.001) for place in lights.led_position)
    position, direction, half_angle = lights_sought(headset, 0)
    rng = np.random.default_rng(0)
    for _ in range(5):
        some = rng.choice(len(position), 3, replace=False)
        both = np.concatenate([position[some], position[some] * [-1, 1, 1]])
        ways = np.concatenate([direction[some], direction[some] * [-1, 1, 1]])
        share = float(headset.led_intensity.sum()) / 6
        random = Lights(both, ways, np.full(6, share), np.full(6, np.log(0.5) / np.log(np.cos(half_angle))))
        light, region = arriving(asked, headset, random)
        assert merit(light.sum(1), region) <= placed.merit + 1e-9


def test_merit_is_that_of_the_darkest_region() -> None:
    region = np.array([0, 0, 1, 1])
    even, uneven = np.array([1.0, 1, 1, 1]), np.array([1.9, 1.9, 0.1, 0.1])
    assert merit(even, region) == pytest.approx(0.0)
    assert merit(uneven, region) < merit(even / 2, region)
    assert merit(3 * uneven, region) - merit(uneven, region) == pytest.approx(np.log(3))
    assert merit(np.zeros(4), region) == float("-inf")


LIST = """
name = "two"
[[camera]]
name = "a"
role = "glabella"
position_mm = [0, 36, 22]
look_at_mm = [0, 17, -14]
field_degrees = 120
[[camera]]
name = "b"
role = "glabella"
position_mm = [0, 36, 22]
look_at_mm = [0, 80, -14]
field_degrees = 60
[[camera]]
name = "c"
role = "glabella"
position_mm = [0, 5, -10]
look_at_mm = [0, 17, -14]
field_degrees = 60
"""


def test_the_command_chooses_from_a_list(tmp_path: Path, capsys: Captured) -> None:
    file, out, figure = tmp_path / "list.toml", tmp_path / "headset.npz", tmp_path / "figure.png"
    file.write_text(LIST)
    few = ["--identities", "1", "--expressions", "2", "--donnings", "2"]
    wanted = ["-o", str(out), "--figure", str(figure), "--all", "--json"]
    arguments = ["place-cameras", "--candidates", str(file), *few, *wanted]
    assert app.main(arguments) == 0
    printed = capsys.readouterr()
    rows = json.loads(printed.out)
    assert [row["camera"] for row in rows] == ["a", "b", "c"] and rows[0]["chosen"]
    assert "c touches glasses" in printed.err
    placed = Headset.read(out)
    assert placed.recipe["command"] == "place-cameras"
    pose = placed.camera_from_headset[placed.camera_names.index("glabella")].astype(np.float64)
    np.testing.assert_allclose(-pose[:3, :3].T @ pose[:3, 3], [0, 0.036, 0.022], atol=1e-6)
    assert np.asarray(Image.open(figure)).shape[0] > 500
    assert app.main(arguments) == 2  # it stands there already


@pytest.mark.parametrize(
    ("option", "text", "words"),
    [
        ("--candidates", LIST.replace('"glabella"', '"other"'), "cameras with a role"),
        ("--mounts", "[eye_left]\nbox_mm = [[1, 2, 3]]\nlook_at_mm = 3\nfield_degrees = [1, 2]\n", "box_mm"),
        ("--mounts", "[nose]\nbox_mm = [[0, 0, 0], [1, 1, 1]]\nlook_at_mm = [[0, 0, 0], [1, 1, 1]]\n"
                     "field_degrees = [60, 70]\n", "one of eye_left"),
        ("--mounts", "[glabella]\nbox_mm = [[0, 0, -12], [1, 1, -11]]\nlook_at_mm = [[0, 0, -90], [1, 1, -80]]\n"
                     "field_degrees = [60, 70]\n", "room for a camera"),
        ("--mounts", "[glabella", "TOML"),
    ],
)  # fmt: skip
def test_mistakes_are_told(tmp_path: Path, capsys: Captured, option: str, text: str, words: str) -> None:
    file = tmp_path / "file.toml"
    file.write_text(text)
    assert app.main(["place-cameras", option, str(file), "--identities", "1", "--dry-run"]) == 1
    assert words in capsys.readouterr().err


def test_a_list_and_mounts_together_are_refused(tmp_path: Path, capsys: Captured) -> None:
    file = tmp_path / "file.toml"
    file.write_text(LIST)
    assert app.main(["place-cameras", "--candidates", str(file), "--mounts", str(file)]) == 2
    assert [c.camera.name for c in listed(file, default_headset())] == ["a", "b", "c"]
