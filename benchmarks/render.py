"""How right and how fast the differentiable renderer is:  python render.py

Writes render.md: gradients against a plain float64 twin and against supersampled pictures, ids against rays cast one by
one, and milliseconds, both of one thread. The twin and the ray caster are those of the tests.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from refa_cli.face.default import load_face  # noqa: E402
from refa_cli.headset.default import default_headset  # noqa: E402
from refa_cli.headset.lenses import Lens  # noqa: E402
from refa_cli.headset.parts import lens_of  # noqa: E402
from refa_cli.headset.poses import look_at  # noqa: E402
from refa_cli.render.differentiable.antialias import antialias  # noqa: E402
from refa_cli.render.differentiable.interpolate import footprint, interpolate  # noqa: E402
from refa_cli.render.differentiable.rasterize import Seen, rasterize  # noqa: E402
from refa_cli.render.differentiable.texture import texture  # noqa: E402
from refa_cli.render.differentiable.views import Topology  # noqa: E402
from tests.render import twin  # noqa: E402
from tests.render.raycast import cast  # noqa: E402

FACE = load_face()
TOPOLOGY = Topology(FACE.triangles, len(FACE.mean))
HEADS = 8
PICTURE = torch.from_numpy(
    0.5 + gaussian_filter(np.random.default_rng(0).standard_normal((512, 512, 3)), (3, 3, 0)).astype(np.float32)
)
NORMALS = torch.rand(len(FACE.mean), 3, generator=torch.Generator().manual_seed(1))


def views(dtype: torch.dtype) -> tuple[Tensor, list[Lens]]:
    """The mean head before the default headset's five embedded cameras."""
    headset = default_headset()
    chosen = [i for i in range(len(headset.camera_names)) if headset.camera_embedded[i]]
    points = []
    for i in chosen:
        pose = (headset.camera_from_headset[i] @ headset.headset_from_head).astype(np.float64)
        points.append(FACE.mean.astype(np.float64) @ pose[:3, :3].T + pose[:3, 3])
    return torch.from_numpy(np.stack(points)).to(dtype), [lens_of(headset, i) for i in chosen]


def fast(points: Tensor, lenses: list[Lens], picture: Tensor) -> Tensor:
    """All four operations."""
    seen = rasterize(points, TOPOLOGY, lenses)
    uv = interpolate(torch.tensor(FACE.uv).to(points.dtype), FACE.uv_triangles, seen)
    color = texture(picture, uv, footprint(FACE.uv, FACE.uv_triangles, seen), seen)
    return antialias(color * interpolate(NORMALS.to(points.dtype), FACE.triangles, seen), seen)


def plain(points: Tensor, picture: Tensor, seen: Seen, change: np.ndarray, outlines: Tensor) -> Tensor:
    """The twin after visibility, which it is given."""
    weights, _ = twin.rasterize(points, seen)
    uv = twin.interpolate(torch.tensor(FACE.uv).double(), FACE.uv_triangles, weights, seen)
    color = twin.texture(picture, uv, change, seen)
    shade = twin.interpolate(NORMALS.double(), FACE.triangles, weights, seen)
    return twin.antialias(color * shade, points, seen, outlines)


def milliseconds(work: Callable[[], object], repeats: int = 5) -> float:
    """The least of some times, after one to warm up."""
    work()
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return min(taken) * 1000


def supersampled(side: int) -> tuple[list[float], list[float], float]:
    """Cosines with wide central differences of pictures of 8x8 samples a pixel, for several heads that are sought from
    the mean one; the same if outlines are sought only on the triangle that a pixel sees; and the share of the triangles
    in sight that are smaller than a pixel. side: of the picture, pixels."""
    rng = np.random.default_rng(0)
    waves = np.sin(FACE.mean.astype(np.float64) @ rng.normal(0, 40, (3, 4)) + rng.uniform(0, 6, 4))
    paint = torch.from_numpy(0.6 + 0.1 * waves.sum(1, keepdims=True))
    camera = look_at([0.05, 0.02, 0.45], [0.0, -0.02, 0.0])
    base = torch.from_numpy(FACE.mean.astype(np.float64) @ camera[:3, :3].T + camera[:3, 3])
    small, fine = (
        Lens("pinhole", (1.875 * side * k, 1.875 * side * k, side * k / 2, side * k / 2), (), (side * k, side * k))
        for k in (1, 8)
    )
    shapes = torch.from_numpy(FACE.identity_basis[:10].astype(np.float64) @ camera[:3, :3].T)
    units = torch.tensor([0.01, 0.01, 0.01, 0.001, 0.001, 0.002, *[0.5] * 10]).double()

    def moved(values: Tensor) -> Tensor:
        p = values * units
        x, y, z = (base - base.mean(0)).unbind(-1)
        turn = torch.stack([p[1] * z - p[2] * y, p[2] * x - p[0] * z, p[0] * y - p[1] * x], -1)
        return (base + turn + p[3:6] + torch.tensordot(p[6:], shapes, 1))[None]

    def pooled(values: Tensor) -> Tensor:
        sampled = interpolate(paint, FACE.triangles, rasterize(moved(values), TOPOLOGY, fine))
        return torch.nn.functional.avg_pool2d(sampled.permute(0, 3, 1, 2), 8).permute(0, 2, 3, 1)

    ahead, behind = ([pooled(sign * step) for step in 0.5 * torch.eye(len(units)).double()] for sign in (1, -1))
    cosines: tuple[list[float], list[float]] = ([], [])
    for _ in range(HEADS):
        target = pooled(torch.from_numpy(rng.normal(0, 2, len(units))))
        wide = torch.stack(
            [((a - target) ** 2).sum() - ((b - target) ** 2).sum() for a, b in zip(ahead, behind, strict=True)]
        )
        for own, found in zip((False, True), cosines, strict=True):
            values = torch.zeros(len(units), dtype=torch.float64, requires_grad=True)
            seen = rasterize(moved(values), TOPOLOGY, small)
            color = interpolate(paint, FACE.triangles, seen)
            shown = twin.antialias(color, seen.points, seen, own_edges(seen)) if own else antialias(color, seen)
            ((shown - target) ** 2).sum().backward()
            assert values.grad is not None
            found.append(float((values.grad @ wide) / values.grad.norm() / wide.norm()))
    samples = np.bincount(np.unique(rasterize(moved(torch.zeros(len(units)).double()), TOPOLOGY, fine).ids.numpy(),
                                    return_counts=True)[1][1:], minlength=65)  # fmt: skip
    return *cosines, float(samples[:64].sum() / samples.sum())


def own_edges(seen: Seen) -> Tensor:
    """Outlines that lie on a triangle which one of the two pixels sees."""
    found = twin.outlines(seen)
    view, axis, row, column, a, b, near = found.unbind(1)
    side = (near + 0 == 1).long()
    at_row, at_column = row + side * (axis == 1), column + side * (axis == 0)
    triangles = torch.from_numpy(FACE.triangles.astype(np.int64))[seen.ids[view, at_row, at_column].long()]
    own = (triangles == a[:, None]).any(1) & (triangles == b[:, None]).any(1)
    return found[own]


def ids_agree() -> float:
    """Share of pixels of the five cameras, at a fifth of their resolution, whose ray meets the same triangle."""
    points, lenses = views(torch.float64)
    same = total = 0
    for at, lens in zip(points.numpy(), lenses, strict=True):
        fx, fy, cx, cy = (number / 5 for number in lens.intrinsics)
        small = Lens(lens.model, (fx, fy, cx, cy), lens.distortion, (80, 80))
        seen = rasterize(torch.from_numpy(at)[None], TOPOLOGY, small)
        rays = small.rays().reshape(-1, 2)
        hits = cast(at, FACE.triangles, np.column_stack([rays, np.ones(len(rays))]))
        same += int((seen.ids.numpy().reshape(-1) == hits.ids).sum())
        total += len(rays)
    return same / total


def main() -> None:
    torch.set_num_threads(1)
    points, lenses = views(torch.float32)
    points = points.double()  # places that float32 can hold, so that both see the same triangles
    picture = PICTURE.double().requires_grad_()
    points.requires_grad_()
    seen = rasterize(points, TOPOLOGY, lenses)
    change, outlines = footprint(FACE.uv, FACE.uv_triangles, seen), twin.outlines(seen)
    direction = torch.randn(seen.ids.shape, generator=torch.Generator().manual_seed(2)).double()[..., None]
    got = torch.autograd.grad((fast(points, lenses, picture) * direction).sum(), [points, picture])
    wanted = torch.autograd.grad((plain(points, picture, seen, change, outlines) * direction).sum(), [points, picture])
    single, small = points.detach().float().requires_grad_(), PICTURE.clone().requires_grad_()
    rounded = torch.autograd.grad((fast(single, lenses, small) * direction.float()).sum(), [single, small])
    worst = [[float((g.double() - w).norm() / w.norm()) for g, w in zip(grads, wanted, strict=True)]
             for grads in (got, rounded)]  # fmt: skip
    rows = []
    for side in (48, 96):
        whole, own, tiny = supersampled(side)
        for name, found in (("followed over triangles", whole), ("only on the triangle that a pixel sees", own)):
            rows.append(f"| {side}x{side} | {tiny:.0%} | {name} | {min(found):.4f} | {np.median(found):.4f} |")
    lone = single.detach()
    forward = milliseconds(lambda: fast(lone, lenses, PICTURE)) / len(lenses)
    both = milliseconds(lambda: fast(single, lenses, small).sum().backward()) / len(lenses)
    twin_both = milliseconds(lambda: plain(points, picture, seen, change, outlines).sum().backward(), 2) / len(lenses)
    page = f"""# How right and how fast the differentiable renderer is

`make -C benchmarks render`: the default face ({len(FACE.triangles):,} triangles) before the default headset's five
embedded 400x400 cameras, all four operations, a 512x512 texture; one thread, {date.today()}.

| | vertices | texture |
| --- | --- | --- |
| gradient's distance from the float64 twin, a share of its length: in float64 | {worst[0][0]:.1e} | {worst[0][1]:.1e} |
| in float32 | {worst[1][0]:.1e} | {worst[1][1]:.1e} |

| per view | ms |
| --- | --- |
| forward, float32 | {forward:.1f} |
| forward and backward, float32 | {both:.1f} |
| plain torch twin, forward and backward, float64, after visibility | {twin_both:.1f} |

The twin takes {twin_both / both:.1f} times as long, and does not find what is visible nor where outlines are.

Ids agree with rays cast one by one on {ids_agree():.3%} of pixels.

Cosine of the gradient by pose and ten shapes with wide central differences of pictures of 8x8 samples a pixel, of the
mean head's difference from {HEADS} random ones. *Tiny*: share of the triangles in sight that are smaller than a pixel.

| picture | tiny | outlines | least | median |
| --- | --- | --- | --- | --- |
{chr(10).join(rows)}
"""
    (ROOT / "benchmarks" / "render.md").write_text(page)
    sys.stdout.write(page)


if __name__ == "__main__":
    main()
