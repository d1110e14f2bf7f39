"""Keypoints are found where they are, on both sides, and it is told whether they are seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from refa_cli import app
from refa_cli.face.keypoints import KEYPOINTS, MIRROR
from refa_cli.formats.cameras import Cameras
from refa_cli.formats.model import KeypointModel
from refa_cli.networks.keypoint_training import KeypointTask, keypoints_of, located
from refa_cli.networks.keypoints import KeypointFinder, cross_entropy, log_probabilities, moments, turned
from refa_cli.networks.packing import unpack_keypoints
from tests.networks.made import SIDE, marked

NAMES = ("eye_left", "eye_right", "mouth_left", "mouth_right", "glabella")


def test_twins_of_keypoints() -> None:
    assert [MIRROR[i] for i in MIRROR] == list(range(100))
    left, right = KEYPOINTS.index("mouth_corner_l"), KEYPOINTS.index("mouth_corner_r")
    assert MIRROR[left] == right and MIRROR[KEYPOINTS.index("chin")] == KEYPOINTS.index("chin")


def test_moments_of_maps() -> None:
    maps = torch.full((1, 2, 8, 16), -50.0)
    maps[0, 0, 3, 5] = 0.0
    maps[0, 1, 2, 4] = maps[0, 1, 2, 12] = 0.0
    place, spread = moments(log_probabilities(maps))
    torch.testing.assert_close(place[0, 0], torch.tensor([5.5 / 16, 3.5 / 8]))
    torch.testing.assert_close(place[0, 1], torch.tensor([8.5 / 16, 2.5 / 8]))
    assert spread[0, 0] < 1e-3 and spread[0, 1] == pytest.approx(4 / 16 / np.sqrt(2), rel=1e-3)


def test_the_map_that_expects_a_place_most_has_its_mean_there() -> None:
    place = torch.tensor([[[0.41, 0.37], [0.7, 0.12]]])
    maps = torch.zeros(1, 2, 8, 16, requires_grad=True)
    optimizer = torch.optim.Adam([maps], 0.2)
    losses = []
    for _ in range(400):
        optimizer.zero_grad()
        loss = cross_entropy(log_probabilities(maps), place).sum()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    mean, spread = moments(log_probabilities(maps.detach()))
    assert losses[0] == pytest.approx(2 * np.log(128), rel=1e-5)
    torch.testing.assert_close(mean, place, atol=2e-3, rtol=0)
    assert spread.max() < 1 / 8


def test_a_place_outside_of_the_picture_is_as_its_edge() -> None:
    maps = log_probabilities(torch.randn(1, 1, 8, 16, generator=torch.Generator().manual_seed(0)))
    far = cross_entropy(maps, torch.tensor([[[-200.0, 9.0]]]))
    torch.testing.assert_close(far, -maps[:, :, 7, 0])


def test_right_cameras_find_the_other_side() -> None:
    torch.manual_seed(0)
    cameras = Cameras(NAMES, NAMES)
    finder = KeypointFinder("small", cameras, 32).eval()
    pictures = torch.randn(2, 5, 32, 32)
    pictures[:, 1] = pictures[:, 0]  # the right eye's picture, mirrored, looks like the left one's
    with torch.no_grad():
        out = finder(pictures)
    torch.testing.assert_close(out.maps[1], out.maps[0])
    place, spread, seen = turned(cameras, out.place, out.spread, out.seen)
    torch.testing.assert_close(place[:, 1, :, 0], 1 - place[:, 0][:, MIRROR, 0])
    torch.testing.assert_close(place[:, 1, :, 1], place[:, 0][:, MIRROR, 1])
    torch.testing.assert_close(seen[:, 1], seen[:, 0][:, MIRROR])
    torch.testing.assert_close(spread[:, 1], spread[:, 0][:, MIRROR])
    torch.testing.assert_close(turned(cameras, place, seen), (out.place, out.seen))


def test_places_are_drawn_where_their_spots_are(tmp_path: Path) -> None:
    """In pictures that augmentation moved, those of right cameras mirrored."""
    cameras = Cameras(NAMES, NAMES)
    data = keypoints_of(marked(tmp_path), cameras, SIDE, ("P0001",))
    finder = KeypointFinder("small", cameras, SIDE)
    task = KeypointTask(finder, data, {"P0001"}, set(), 8)
    rows = np.arange(len(data.samples))
    frames, place, seen = task._drawn(rows, torch.Generator().manual_seed(0))
    for camera, mirrored in enumerate(cameras.mirrored):
        marked_one = MIRROR[0] if mirrored else 0
        here = seen[:, camera, marked_one]
        at = (SIDE * place[:, camera, marked_one]).long().clamp(0, SIDE - 1)
        spot = frames[torch.arange(len(rows)), camera, at[:, 1], at[:, 0]]
        bright = (spot > frames[:, camera].flatten(1).quantile(0.9, dim=1))[here]
        assert here.sum() > 20 and bright.float().mean() > 0.9


def test_it_learns_to_find_what_is_there(tmp_path: Path) -> None:
    store = marked(tmp_path)
    out = tmp_path / "keypoints.npz"
    arguments = [
        "--pixels",
        str(SIDE),
        "--steps",
        "260",
        "--batch",
        "16",
        "--every",
        "130",
        "--validation",
        "0.5",
        "--quiet",
    ]
    assert app.main(["train", "--task", "keypoints", str(store), "-o", str(out), *arguments]) == 0
    model = KeypointModel.read(out)
    assert set(model.training_subjects) == {"P0001", "P0002"}
    data = keypoints_of(store, Cameras(NAMES, NAMES), SIDE, ("P0001", "P0002"))
    everything = np.arange(len(data.samples))
    finder = unpack_keypoints(model)
    place, spread, seen = located(finder, data.samples, everything)
    off = np.linalg.norm(place - data.place, axis=-1)
    more = np.linalg.norm(located(finder, data.samples, everything, looks=4)[0] - data.place, axis=-1)
    assert np.median(more[data.seen]) < 1.1 * np.median(off[data.seen])
    assert np.median(off[data.seen]) < 1.5 / SIDE
    assert seen[data.seen].mean() > seen[~data.seen].mean() + 0.3
    assert (spread > 0).all()
    along = np.abs(place - data.place)[data.seen].mean(1)
    assert 0.3 < np.median(spread[data.seen]) / along.mean() < 3


def test_what_it_trains_on_must_be_synthetic(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.main(["train", "--task", "keypoints", "-o", str(tmp_path / "k.npz")]) == 2
    assert "one store of synthetic frames" in capsys.readouterr().err
