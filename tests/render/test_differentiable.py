"""Gradients of the four operations: against plain float64 twins, and against what pictures truly do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from refa_cli.face.default import default_face
from refa_cli.headset.lenses import Lens
from refa_cli.headset.poses import look_at
from refa_cli.render.differentiable.antialias import antialias
from refa_cli.render.differentiable.interpolate import footprint, interpolate
from refa_cli.render.differentiable.project import project
from refa_cli.render.differentiable.rasterize import Seen, rasterize
from refa_cli.render.differentiable.texture import texture
from refa_cli.render.differentiable.views import Topology
from tests.render import twin

F64 = NDArray[np.float64]
SIZE = (40, 44)
LENS = Lens("kannala_brandt", (30.0, 30.0, 22.5, 20.5), (-0.012, 0.004, -0.002, 0.0002), SIZE)
OTHER = Lens("brown_conrady", (45.0, 44.0, 21.0, 20.0), (-0.2, 0.05, 0.001, 0.0, 0.0), SIZE)


def ball(count: int = 9, radius: float = 0.02, depth: float = 0.05) -> tuple[F64, NDArray[np.int64], F64]:
    """A bumpy ball before the camera: vertices, triangles and uv in a seamless square."""
    u, v = np.meshgrid(np.linspace(0, 1, count + 1), np.linspace(0.02, 0.98, count), indexing="ij")
    turn, height = 2 * np.pi * u, np.pi * v
    rng = np.random.default_rng(2)
    r = radius * (1 + 0.05 * rng.standard_normal(u.shape))
    r[-1] = r[0]
    points = np.stack(
        [r * np.sin(height) * np.cos(turn), r * np.cos(height), depth + r * np.sin(height) * np.sin(turn)], -1
    )
    i = (np.arange(count)[:, None] * count + np.arange(count - 1)).reshape(-1)
    triangles = np.concatenate([np.stack([i, i + 1, i + count], 1), np.stack([i + 1, i + count + 1, i + count], 1)])
    return points.reshape(-1, 3), triangles, np.stack([0.97 * u + 0.011, 0.99 * v + 0.003], -1).reshape(-1, 2)


def two_views() -> tuple[Tensor, Topology, list[Lens], F64]:
    points, triangles, uv = ball()
    both = np.stack([points, points * [1, 1.1, 1] + [0.004, -0.002, 0.01]])
    return torch.from_numpy(both).requires_grad_(), Topology(triangles, len(points)), [LENS, OTHER], uv


def close(got: Tensor | None, wanted: Tensor | None, tolerance: float = 1e-9) -> None:
    assert got is not None and wanted is not None
    scale = float(wanted.abs().max())
    assert scale > 0
    assert float((got - wanted).abs().max()) < tolerance * scale


def compare(fast: Callable[[Seen], Tensor], plain: Callable[[Seen], Tensor], *inputs: Tensor) -> None:
    """Values and gradients of both, for one random direction of the output."""
    points, topology, lenses, _ = two_views()
    grads = []
    values = []
    for which in (fast, plain):
        seen = rasterize(points, topology, lenses)
        out = which(seen)
        weight = torch.randn(out.shape, generator=torch.Generator().manual_seed(3), dtype=out.dtype)
        used = [points, *inputs]
        grads.append(torch.autograd.grad((out * weight).sum(), used, allow_unused=True))
        values.append(out.detach())
    close(values[0], values[1])
    for got, wanted in zip(*grads, strict=True):
        if wanted is not None:
            close(got, wanted)


def test_weights_and_depth() -> None:
    compare(lambda s: torch.cat([s.barycentric, s.depth[..., None]], -1),
            lambda s: torch.cat([(r := twin.rasterize(s.points, s))[0], r[1][..., None]], -1))  # fmt: skip


@pytest.mark.parametrize("shared", [True, False])
def test_interpolation(shared: bool) -> None:
    points, topology, _, _ = two_views()
    shape = (points.shape[1], 4) if shared else (2, points.shape[1], 4)
    values = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_()
    corners = topology.triangles.copy()
    corners[::7, 1] = -1
    compare(lambda s: interpolate(values, corners, s),
            lambda s: twin.interpolate(values, corners, twin.rasterize(s.points, s)[0], s), values)  # fmt: skip


@pytest.mark.parametrize("sides", [(64, 32), (17, 9)], ids=["pyramid", "odd"])
def test_textures(sides: tuple[int, int]) -> None:
    _, topology, _, uv = two_views()
    picture = torch.rand((*sides, 3), dtype=torch.float64, generator=torch.Generator().manual_seed(4)).requires_grad_()
    flat = torch.from_numpy(uv)

    def fast(s: Seen) -> Tensor:
        return texture(picture, interpolate(flat, topology.triangles, s), footprint(uv, topology.triangles, s), s)

    def plain(s: Seen) -> Tensor:
        at = twin.interpolate(flat, topology.triangles, twin.rasterize(s.points, s)[0], s)
        return twin.texture(picture, at, footprint(uv, topology.triangles, s), s)

    compare(fast, plain, picture)


def test_outlines() -> None:
    shape = (2, *SIZE, 3)
    color = torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(5)).requires_grad_()
    compare(lambda s: antialias(color, s), lambda s: twin.antialias(color, s.points, s), color)


def test_a_footprint_is_the_difference_to_the_next_pixel() -> None:
    points, topology, lenses, uv = two_views()
    seen = rasterize(points, topology, lenses)
    at = interpolate(torch.from_numpy(uv), topology.triangles, seen).detach()
    change = footprint(uv, topology.triangles, seen)
    same = (seen.ids[:, :, 1:] == seen.ids[:, :, :-1]) & (seen.ids[:, :, 1:] >= 0)
    across = (at[:, :, 1:] - at[:, :, :-1])[same].numpy()
    assert same.sum() > 100
    assert np.abs(across - change[:, :, :-1, 0][same.numpy()]).max() < 0.25 * np.abs(across).max()
    assert np.median(np.abs(across - change[:, :, :-1, 0][same.numpy()])) < 0.04 * np.median(np.abs(across))


def test_a_far_texture_is_seen_as_its_mean() -> None:
    """A fine checkerboard on a wall far away: every pixel covers many squares."""
    wall = torch.tensor([[[-1.0, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1]]])
    topology = Topology(np.array([[0, 1, 2], [0, 2, 3]]), 4)
    uv = np.array([[0.0, 1], [1, 1], [1, 0], [0, 0]])
    seen = rasterize(wall, topology, Lens("pinhole", (16.0, 16.0, 16.0, 16.0), (), (32, 32)))
    checks = torch.from_numpy((np.indices((512, 512)).sum(0) % 2).astype(np.float32))[..., None]
    out = texture(checks, interpolate(torch.from_numpy(uv).float(), topology.triangles, seen),
                  footprint(uv, topology.triangles, seen), seen)  # fmt: skip
    assert torch.allclose(out, torch.full_like(out, 0.5), atol=1e-6)


def test_an_outline_moves_by_shares_of_a_pixel() -> None:
    """A half-plane of white slides over a pixel row: coverage follows it."""
    topology = Topology(np.array([[0, 1, 2], [0, 2, 3]]), 4)
    lens = Lens("pinhole", (10.0, 10.0, 0.0, 0.0), (), (8, 8))
    for edge in np.linspace(3.0, 4.0, 9):  # pixels
        wall = torch.tensor([[[-1.0, -1, 1], [edge / 10, -1, 1], [edge / 10, 2, 1], [-1, 2, 1]]])
        seen = rasterize(wall, topology, lens)
        out = antialias((seen.ids >= 0).float()[..., None], seen)
        assert out[0, 4, :, 0].sum() == pytest.approx(edge, abs=1e-5)


def head_picture(points: Tensor, lens: Lens, paint: Tensor, topology: Topology) -> Tensor:
    seen = rasterize(points, topology, lens)
    return antialias(interpolate(paint, topology.triangles, seen), seen)


def test_gradients_of_a_head_s_picture_are_those_of_its_supersampled_one() -> None:
    """Pose and shape of a head whose triangles are smaller than pixels: what antialiased gradients say against wide
    central differences of a picture with 8x8 samples a pixel."""
    face = default_face()
    topology = Topology(face.triangles, len(face.mean))
    rng = np.random.default_rng(0)
    waves = np.sin(face.mean.astype(np.float64) @ rng.normal(0, 40, (3, 4)) + rng.uniform(0, 6, 4))
    paint = torch.from_numpy(0.6 + 0.1 * waves.sum(1, keepdims=True))
    camera = look_at([0.05, 0.02, 0.45], [0.0, -0.02, 0.0])
    base = torch.from_numpy(face.mean.astype(np.float64) @ camera[:3, :3].T + camera[:3, 3])
    small, fine = (Lens("pinhole", (90.0 * k, 90.0 * k, 24.0 * k, 24.0 * k), (), (48 * k, 48 * k)) for k in (1, 8))
    shapes = torch.from_numpy(face.identity_basis[:6].astype(np.float64) @ camera[:3, :3].T)
    middle = base.mean(0)

    def moved(parameters: Tensor) -> Tensor:
        x, y, z = (base - middle).unbind(-1)
        turn = torch.stack([parameters[1] * z - parameters[2] * y, parameters[2] * x - parameters[0] * z,
                            parameters[0] * y - parameters[1] * x], -1)  # fmt: skip
        return (base + turn + parameters[3:6] + torch.tensordot(parameters[6:], shapes, 1))[None]

    target = torch.from_numpy(rng.uniform(0, 1, (1, 48, 48, 1)))
    smooth = torch.nn.functional.avg_pool2d(target.permute(0, 3, 1, 2), 9, 1, 4).permute(0, 2, 3, 1)
    units = torch.tensor([0.01, 0.01, 0.01, 0.001, 0.001, 0.002, *[0.5] * 6]).double()
    parameters = torch.zeros(12, dtype=torch.float64, requires_grad=True)
    picture = head_picture(moved(parameters * units), small, paint, topology)
    ((picture - smooth) ** 2).sum().backward()

    def loss(values: Tensor) -> float:
        sampled = interpolate(paint, topology.triangles, rasterize(moved(values * units), topology, fine))
        pooled = torch.nn.functional.avg_pool2d(sampled.permute(0, 3, 1, 2), 8).permute(0, 2, 3, 1)
        return float(((pooled - smooth) ** 2).sum())

    wide = torch.zeros(12)
    for k in range(12):
        step = torch.zeros(12, dtype=torch.float64)
        step[k] = 0.5
        wide[k] = loss(step) - loss(-step)
    assert parameters.grad is not None
    got = parameters.grad
    assert float((got * wide).sum() / got.norm() / wide.double().norm()) > 0.99


def test_gradients_repeat_to_the_bit_whatever_the_threads() -> None:
    grads = []
    threads = torch.get_num_threads()
    try:
        for count in (1, 2, 2):
            torch.set_num_threads(count)
            points, topology, lenses, uv = two_views()
            seen = rasterize(points, topology, lenses)
            picture = torch.rand(
                64, 64, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
            ).requires_grad_()
            color = texture(picture, interpolate(torch.from_numpy(uv), topology.triangles, seen),
                            footprint(uv, topology.triangles, seen), seen)  # fmt: skip
            (antialias(color, seen) ** 2).sum().backward()
            assert points.grad is not None and picture.grad is not None
            grads.append((points.grad.numpy().tobytes(), picture.grad.numpy().tobytes()))
    finally:
        torch.set_num_threads(threads)
    assert grads[0] == grads[1] == grads[2]


def test_float32_stays_float32() -> None:
    points, topology, lenses, uv = two_views()
    seen = rasterize(points.detach().float(), topology, lenses)
    color = interpolate(torch.from_numpy(uv).float(), topology.triangles, seen)
    assert {t.dtype for t in (seen.barycentric, seen.depth, color, antialias(color, seen))} == {torch.float32}


@pytest.mark.parametrize("change", ["nan", "shape", "lenses", "corners", "picture"])
def test_wrong_input_is_refused(change: str) -> None:
    points, topology, lenses, uv = two_views()
    seen = rasterize(points, topology, lenses)
    flat = torch.from_numpy(uv)
    with pytest.raises(ValueError, match=r"finite|must be|as many lenses|row for each"):
        if change == "nan":
            rasterize(torch.full_like(points, float("nan")), topology, lenses)
        elif change == "shape":
            rasterize(points[0], topology, lenses)
        elif change == "lenses":
            rasterize(points, topology, lenses[:1])
        elif change == "corners":
            interpolate(flat, topology.triangles[:-1], seen)
        else:
            at = interpolate(flat, topology.triangles, seen)
            texture(torch.zeros(4, 4), at, footprint(uv, topology.triangles, seen), seen)


def test_projection_passes_torch_s_own_gradient_check() -> None:
    points = torch.rand(2, 12, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    points = (points - torch.tensor([0.5, 0.5, -1.0])) * 0.05
    got = project(points, [LENS, OTHER])
    np.testing.assert_allclose(got[0].numpy(), LENS.project(points[0].numpy()))
    points.requires_grad_()
    assert torch.autograd.gradcheck(lambda p: project(p, [LENS, OTHER]), [points], eps=1e-7, atol=1e-2, rtol=1e-4)
    with pytest.raises(ValueError, match="before the camera"):
        project(-points, LENS)


def test_rasterised_places_project_to_their_pixels() -> None:
    """What a pixel sees lies on its ray: interpolated places come back to the pixel's centre."""
    points, topology, lenses, _ = two_views()
    seen = rasterize(points.detach(), topology, lenses)
    places = interpolate(points.detach(), topology.triangles, seen)
    for view, lens in enumerate(lenses):
        row, column = np.nonzero(seen.ids[view].numpy() >= 0)
        pixels = project(places[view][row, column][None], lens)[0].numpy()
        np.testing.assert_allclose(pixels, np.stack([column, row], 1) + 0.5, atol=1e-4)
