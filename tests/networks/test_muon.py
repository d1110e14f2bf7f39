"""Steps of Muon are as long in every direction; what is no matrix moves by Adam; both are taken up again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from refa_cli.formats.cameras import Cameras
from refa_cli.networks import checkpoint
from refa_cli.networks.loop import Schedule, optimizers_of
from refa_cli.networks.muon import ITERATIONS, MOMENTUM, A, B, C, Muon, orthogonal
from refa_cli.networks.tracker import Tracker

NAMES = ("eye_left", "eye_right", "mouth_left", "mouth_right", "glabella")


@pytest.mark.parametrize("shape", [(20, 20), (12, 40), (40, 12), (16, 8, 3, 3), (64, 4, 3, 3)])
def test_directions_become_orthogonal(shape: tuple[int, ...]) -> None:
    held = torch.randn(*shape, generator=torch.Generator().manual_seed(0))
    out = orthogonal(held)
    matrix = out.reshape(shape[0], -1)
    singular = torch.linalg.svdvals(matrix) / max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5
    assert out.shape == held.shape and singular.min() > 0.6 and singular.max() < 1.25
    u, _, vt = torch.linalg.svd(held.reshape(shape[0], -1), full_matrices=False)
    cosine = torch.nn.functional.cosine_similarity((u @ vt).flatten(), matrix.flatten(), dim=0)
    assert cosine > 0.97
    torch.testing.assert_close(orthogonal(1000 * held), out, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("shape", [(32, 96), (96, 32), (48, 48)])
def test_iterations_are_as_if_done_one_by_one(shape: tuple[int, int]) -> None:
    """On a direction of few ranks and a faint rest, as batches give, against the same in doubles, step by step."""
    rng = torch.Generator().manual_seed(0)
    few = torch.randn(shape[0], 6, generator=rng) @ torch.randn(6, shape[1], generator=rng)
    held = few + 1e-3 * torch.randn(*shape, generator=rng)
    x = held.double() / held.double().norm()
    x = x.T if shape[0] > shape[1] else x
    for _ in range(ITERATIONS):
        x = A * x + B * x @ x.T @ x + C * x @ x.T @ x @ x.T @ x
    x = x.T if shape[0] > shape[1] else x
    x = x * max(1.0, shape[0] / shape[1]) ** 0.5
    torch.testing.assert_close(orthogonal(held), x.float(), rtol=1e-3, atol=1e-4)


def test_a_step_follows_momentum() -> None:
    layer = nn.Parameter(torch.zeros(6, 6))
    optimizer = Muon([layer], 0.1)
    first, second = (torch.randn(6, 6, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2))
    layer.grad = first
    optimizer.step()
    torch.testing.assert_close(layer.data, -0.1 * orthogonal(first))
    layer.grad = second
    optimizer.step()
    momentum = MOMENTUM * first + second
    expected = -0.1 * (orthogonal(first) + orthogonal(second + MOMENTUM * momentum))
    torch.testing.assert_close(layer.data, expected, rtol=1e-4, atol=1e-5)


def test_rare_directions_are_learned_as_fast_as_common_ones() -> None:
    """Least squares with inputs of unlike sizes, as features of a shape shown in one frame of a hundred are."""
    rng = torch.Generator().manual_seed(0)
    scale = torch.logspace(0, -1.5, 16)
    target = torch.randn(16, 16, generator=rng)
    off = {}
    for kind in ("muon", "sgd"):
        layer = nn.Linear(16, 16, bias=False)
        nn.init.zeros_(layer.weight)
        made = {"muon": lambda p: Muon(p, 0.1), "sgd": lambda p: torch.optim.SGD(p, 0.1)}[kind]
        optimizer = made(list(layer.parameters()))
        for _ in range(60):
            x = torch.randn(64, 16, generator=rng) * scale
            loss = (layer(x) - x @ target.T).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        off[kind] = float((layer.weight.detach() - target)[:, 8:].square().mean())
    assert off["muon"] < 0.5 * off["sgd"]


def test_who_moves_what() -> None:
    tracker = Tracker("small", Cameras(NAMES, NAMES), 32)
    held = optimizers_of({"tracker": tracker}, 0.03)
    moved = {kind: {id(p) for group in optimizer.param_groups for p in group["params"]}
             for kind, optimizer in held.items()}  # fmt: skip
    named = dict(tracker.named_parameters())
    assert moved["muon"] | moved["adam"] == {id(p) for p in named.values()} and not moved["muon"] & moved["adam"]
    for name in ("encoders.eye.blocks.1.first.weight", "encoders.mouth.widen.weight", "face.hidden.weight"):
        assert id(named[name]) in moved["muon"], name
    for name in ("encoders.eye.stem.weight", "encoders.eye.weigh.weight", "face.told.weight", "absent",
                 "face.norm.weight", "encoders.eye.stem_norm.weight"):  # fmt: skip
        assert id(named[name]) in moved["adam"], name


def test_optimizers_are_taken_up_again(tmp_path: Path) -> None:
    def steps(count: int, module: nn.Module, held: dict[str, torch.optim.Optimizer]) -> None:
        for step in range(count):
            torch.manual_seed(step)
            module(torch.randn(4, 3)).square().mean().backward()
            for optimizer in held.values():
                optimizer.step()

    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 8), nn.Linear(8, 2))
    held = optimizers_of({"net": module}, 0.01)
    steps(3, module, held)
    checkpoint.save(tmp_path / "c.npz", {"net": module}, held, 3)
    other = nn.Sequential(nn.Linear(3, 8), nn.Linear(8, 2))
    again = optimizers_of({"net": other}, 0.01)
    assert checkpoint.load(tmp_path / "c.npz", {"net": other}, again) == 3
    for a, b in ((module, held), (other, again)):
        a.zero_grad()
        steps(2, a, b)
    for p, q in zip(module.parameters(), other.parameters(), strict=True):
        assert torch.equal(p, q)


def test_rates_rise_and_fall() -> None:
    shares = np.array([Schedule(1000).share_at(step) for step in range(1000)])
    assert shares[0] < 0.011 and shares.max() > 0.95 and shares[-1] < 0.01 and shares.argmax() == 99


def test_momenta_of_what_rests_fade_to_zero() -> None:
    """Not into numbers too small to be normal, which processors are slow with."""
    layer = nn.Parameter(torch.zeros(8, 8))
    optimizer = Muon([layer], 0.1)
    layer.grad = torch.randn(8, 8, generator=torch.Generator().manual_seed(0))
    optimizer.step()
    layer.grad = layer.grad.clone()
    layer.grad[4:] = 0
    for _ in range(1500):
        optimizer.step()
    momentum = optimizer.state[layer]["momentum"]
    assert (momentum[4:] == 0).all() and (momentum[:4].abs() > 1e-3).any()
    tiny = torch.finfo(torch.float32).tiny
    assert not ((momentum != 0) & (momentum.abs() < tiny)).any()
