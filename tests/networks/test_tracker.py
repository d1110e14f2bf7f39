"""The tracker is wired as it says, any headset fits, and sides may change places."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from refa_cli.face.branches import EYE_INDICES, FACE_INDICES, REGION_MEANS, REGION_OF, region_of
from refa_cli.face.shapes import EXPRESSIONS, INDEX, MIRROR
from refa_cli.formats.cameras import Cameras
from refa_cli.networks.adaptation import Discriminator, reversed_gradient, schedule
from refa_cli.networks.augmentation import Augmentation, moved_places, swap_sides
from refa_cli.networks.encoder import Encoder
from refa_cli.networks.tracker import Tracker

NAMES = ("eye_left", "eye_right", "mouth_left", "mouth_right", "glabella")
CAMERAS = Cameras(NAMES, NAMES)


def tracker(**options: bool) -> Tracker:
    torch.manual_seed(0)
    return Tracker("small", CAMERAS, 32, **options).eval()


def pictures(count: int = 3, side: int = 32) -> torch.Tensor:
    return torch.randn(count, 5, side, side, generator=torch.Generator().manual_seed(1))


PRESENT = torch.ones(3, 5, dtype=torch.bool)


def test_every_shape_has_one_branch_and_a_region() -> None:
    assert sorted([*FACE_INDICES, *EYE_INDICES[0], *EYE_INDICES[1]]) == list(range(53))
    assert region_of("BrowLowererL") == 0 and region_of("EyesClosedR") == 1 and region_of("LipSuckLB") == 2
    assert len(REGION_OF) == 53 and set(REGION_OF) == {0, 1, 2}
    told = np.random.default_rng(0).random(53).astype(np.float32)
    means = [told[np.array(REGION_OF) == region].mean() for region in range(3)]
    np.testing.assert_allclose(told @ REGION_MEANS, means, rtol=1e-5)


def test_left_and_right_share_an_encoder() -> None:
    assert set(tracker().encoders) == {"eye", "mouth", "glabella"}
    assert CAMERAS.mirrored == (False, True, False, True, False)


def test_outputs_are_in_their_ranges() -> None:
    out = tracker()(pictures(), PRESENT)
    assert out.weights.shape == (3, 53) and out.gaze.shape == (3, 2, 2)
    assert out.spread.shape == (3, 3) and out.features.shape == (3, 5, 512)
    assert out.weights.min() >= 0 and out.weights.max() <= 1
    assert (out.weights[:, INDEX["LipsToward"]] <= out.weights[:, INDEX["JawDrop"]]).all()


def test_an_eye_is_told_by_its_own_camera_alone() -> None:
    net, held = tracker(), pictures()
    changed = held.clone()
    changed[:, [1, 2, 3, 4]] += 1.0
    before, after = net(held, PRESENT), net(changed, PRESENT)
    left, right = list(EYE_INDICES[0]), list(EYE_INDICES[1])
    assert torch.equal(before.weights[:, left], after.weights[:, left]) and torch.equal(
        before.gaze[:, 0], after.gaze[:, 0]
    )
    assert not torch.equal(before.weights[:, right], after.weights[:, right])
    whole = tracker(eye_branch=False)
    assert not torch.equal(whole(held, PRESENT).weights[:, left], whole(changed, PRESENT).weights[:, left])


def test_equal_pictures_of_both_eyes_tell_mirrored_eyes() -> None:
    held = pictures()
    held[:, 1] = held[:, 0]
    out = tracker()(held, PRESENT)
    torch.testing.assert_close(out.weights[:, list(EYE_INDICES[0])], out.weights[:, list(EYE_INDICES[1])])
    torch.testing.assert_close(out.gaze[:, 0] * torch.tensor([-1.0, 1.0]), out.gaze[:, 1])


def test_what_is_not_present_is_not_looked_at() -> None:
    net, held = tracker(), pictures()
    gone = PRESENT.clone()
    gone[:, 2] = False
    changed = held.clone()
    changed[:, 2] += 5.0
    assert torch.equal(net(held, gone).weights, net(changed, gone).weights)
    assert not torch.equal(net(held, gone).weights, net(held, PRESENT).weights)


@pytest.mark.parametrize("roles", [("glabella",), ("eye_left", "mouth_center"), ("other", "other", "mouth_left")])
def test_any_cameras_will_do(roles: tuple[str, ...]) -> None:
    names = tuple(f"camera{i}" for i in range(len(roles)))
    net = Tracker("small", Cameras(names, roles), 48).eval()
    out = net(torch.randn(2, len(roles), 48, 48), torch.ones(2, len(roles), dtype=torch.bool))
    assert out.weights.shape == (2, 53) and net.eyes is None


def test_sizes_of_encoders() -> None:
    counts = {size: sum(p.numel() for p in Encoder(size, 224).parameters()) for size in ("small", "paper")}
    assert 300_000 < counts["small"] < 700_000 and counts["paper"] > 10_000_000
    assert Encoder("small", 224).eval()(torch.zeros(1, 1, 224, 224)).shape == (1, 512)


def test_gradients_come_back_reversed() -> None:
    x = torch.ones(4, requires_grad=True)
    (2 * reversed_gradient(x, 0.5)).sum().backward()
    assert x.grad is not None and torch.equal(x.grad, torch.full((4,), -1.0))
    assert schedule(0.0) == 0 and schedule(1.0) == pytest.approx(1, abs=1e-3)
    assert Discriminator(5)(torch.zeros(3, 5, 512), 1.0).shape == (3,)


def test_in_a_mirror_sides_change_places_and_twice_is_nothing() -> None:
    rng = torch.Generator().manual_seed(0)
    frames = torch.rand(4, 5, 8, 8, generator=rng)
    present = torch.rand(4, 5, generator=rng) < 0.5
    weights, gaze = torch.rand(4, 53, generator=rng), torch.randn(4, 2, 2, generator=rng)
    which = torch.tensor([True, False, True, True])
    once = swap_sides(CAMERAS, which, frames, present, weights, gaze)
    assert torch.equal(once[0][0, 0], frames[0, 1]) and torch.equal(once[0][0, 4], frames[0, 4].flip(-1))
    assert torch.equal(once[0][1], frames[1]) and torch.equal(
        once[2][0, INDEX["JawSidewaysLeft"]], weights[0, INDEX["JawSidewaysRight"]]
    )
    assert torch.equal(once[3][0, 0], gaze[0, 1] * torch.tensor([-1.0, 1.0]))
    twice = swap_sides(CAMERAS, which, *once)
    for a, b in zip(twice, (frames, present, weights, gaze), strict=True):
        assert torch.equal(a, b)
    assert [MIRROR[i] for i in MIRROR] == list(range(len(EXPRESSIONS)))


def test_a_view_takes_54_million_multiplications() -> None:
    encoder, counted = Encoder("small", 224), []

    def count(layer: torch.nn.Module, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        assert isinstance(layer, torch.nn.Conv2d)
        counted.append(layer.weight[0].numel() * output[0].numel())

    for layer in encoder.modules():
        if isinstance(layer, torch.nn.Conv2d):
            layer.register_forward_hook(count)
    assert encoder(torch.zeros(1, 1, 224, 224)).shape == (1, 512)
    assert sum(counted) == pytest.approx(54e6, rel=0.02)


def augmented(augmentation: Augmentation, frames: torch.Tensor, seed: int) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    return augmentation.pictures(frames, augmentation.moves(frames.shape[0] * frames.shape[1], random), random)


def test_places_move_with_their_pictures() -> None:
    """A spot is found where `moved_places` says that it went."""
    side = 64
    place = torch.tensor([[[0.35, 0.6]], [[0.62, 0.41]], [[0.5, 0.5]]])
    centres = (torch.arange(side) + 0.5) / side
    down, across = torch.meshgrid(centres, centres, indexing="ij")
    frames = 200 * torch.exp(-((across - place[..., :1, None]) ** 2 + (down - place[..., 1:, None]) ** 2) / 0.005)
    only_moving = Augmentation(0.05, 0.1, 0.3, 0, 0, 0)
    random = torch.Generator().manual_seed(1)
    moves = only_moving.moves(3, random)
    with torch.autocast("cpu", torch.bfloat16):  # as in a training on a GPU
        seen = only_moving.pictures(frames, moves, random)[:, 0]
    share = seen / seen.sum((1, 2), keepdim=True)
    centre = torch.stack([(share * across).sum((1, 2)), (share * down).sum((1, 2))], -1)
    with torch.autocast("cpu", torch.bfloat16):
        expected = moved_places(place, moves)[:, 0]
    assert (expected - place[:, 0]).abs().max() > 0.03
    torch.testing.assert_close(centre, expected, atol=0.003, rtol=0)


def test_augmentation_changes_what_it_says() -> None:
    frames = 255 * torch.rand(2, 5, 16, 16, generator=torch.Generator().manual_seed(3))
    none = Augmentation(0, 0, 0, 0, 0, 0)
    same = augmented(none, frames, 0)
    torch.testing.assert_close(same, frames, atol=0.05, rtol=0)
    brighter = augmented(Augmentation(0, 0, 0, 0.5, 0, 0), frames, 0)
    gain = (brighter / frames.clamp(min=1)).flatten(2).median(-1).values
    assert gain.std() > 0.1
    soft = augmented(Augmentation(0, 0, 0, 0, 0, 1), frames, 0)
    assert (soft.flatten(2).std(-1) < 0.98 * frames.flatten(2).std(-1)).float().mean() >= 0.8
    torch.testing.assert_close(soft.mean((2, 3)), frames.mean((2, 3)), atol=2.0, rtol=0)
    kept = Augmentation(dropped=0.3).kept(torch.Size((200, 5)), torch.Generator().manual_seed(0))
    assert 0.65 < kept.float().mean() < 0.75
    repeated = [augmented(Augmentation(), frames, 7) for _ in range(2)]
    assert torch.equal(*repeated) and not np.allclose(repeated[0], frames)
