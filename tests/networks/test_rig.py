"""Rig evaluation in torch: equal to numpy's, and its gradients to finite differences."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from refa_cli.face.shapes import INDEX  # noqa: E402
from refa_cli.networks.rig import TorchRig, rotation_from_6d, rotation_from_axis_angle  # noqa: E402
from tests.face.test_evaluate import made  # noqa: E402

GEOMETRY = made(24)
RNG = np.random.default_rng(3)
IDENTITY = RNG.normal(size=(4, 24, 3)) * 0.002
CENTERS = RNG.normal(size=(4, 2, 3)) * 0.001
RIG = TorchRig(GEOMETRY, IDENTITY, CENTERS, dtype=torch.float64)


def sample(batch: int = 2) -> dict[str, torch.Tensor]:
    """Inputs away from the kinks: lips under the jaw, gaze not straight ahead, lids between open and shut."""
    rng = np.random.default_rng(4)
    weights = rng.uniform(0.2, 0.7, (batch, 53))
    weights[:, INDEX["LipsToward"]] = 0.5 * weights[:, INDEX["JawDrop"]]
    return {
        "weights": torch.tensor(weights),
        "gaze": torch.tensor(rng.uniform(0.05, 0.3, (batch, 2, 2)) * [[1, -1], [-1, 1]]),
        "angle": torch.tensor(rng.normal(size=(batch, 3)) * 0.5),
        "translation": torch.tensor(rng.normal(size=(batch, 3)) * 0.1),
        "identity": torch.tensor(rng.normal(size=(batch, 4))),
    }


def run(weights, gaze, angle, translation, identity):  # type: ignore[no-untyped-def]
    return RIG(weights, gaze, (rotation_from_axis_angle(angle), translation), identity)


def test_equals_numpy() -> None:
    s = sample()
    s["weights"][0, INDEX["LipsToward"]] = 0.99  # held to the jaw
    ours = run(**s).numpy()
    for i in range(2):
        k = s["identity"][i].numpy()
        person = GEOMETRY.__class__(
            neutral=(GEOMETRY.neutral + np.tensordot(k, IDENTITY, 1)).astype(np.float32),
            expressions=GEOMETRY.expressions,
            eye_follow=GEOMETRY.eye_follow,
            eye_centers=(GEOMETRY.eye_centers + np.tensordot(k, CENTERS, 1)).astype(np.float32),
            eyeball=GEOMETRY.eyeball,
            triangles=GEOMETRY.triangles,
        )
        pose = np.eye(4)
        pose[:3, :3] = rotation_from_axis_angle(s["angle"][i]).numpy()
        pose[:3, 3] = s["translation"][i].numpy()
        expected = person.evaluate(s["weights"][i].numpy(), s["gaze"][i].numpy(), pose)
        np.testing.assert_allclose(ours[i], expected, atol=2e-7)


@pytest.mark.parametrize("name", ["weights", "gaze", "angle", "translation", "identity"])
def test_gradients(name: str) -> None:
    inputs = sample(1)
    inputs[name].requires_grad_(True)
    mix = torch.tensor(RNG.normal(size=(1, 24, 3)))

    def loss(value: torch.Tensor) -> torch.Tensor:
        return (run(**{**inputs, name: value}) * mix).sum()

    assert torch.autograd.gradcheck(loss, (inputs[name],), eps=1e-6, atol=1e-7)


def test_gradient_of_the_vertices() -> None:
    neutral = torch.tensor(GEOMETRY.neutral, dtype=torch.float64, requires_grad=True)
    s = sample(1)
    assert torch.autograd.gradcheck(lambda n: RIG(s["weights"], s["gaze"], neutral=n).sum(), (neutral,), eps=1e-6)


def test_gradient_of_the_pose_is_smooth_at_rest() -> None:
    angle = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(rotation_from_axis_angle, (angle,), eps=1e-6, atol=1e-6)


def test_rotations() -> None:
    turn = rotation_from_axis_angle(torch.tensor([0.0, 0.0, np.pi / 2], dtype=torch.float64))
    np.testing.assert_allclose(turn @ torch.tensor([1.0, 0, 0], dtype=torch.float64), [0, 1, 0], atol=1e-12)
    six = rotation_from_6d(torch.tensor(RNG.normal(size=(5, 6))))
    np.testing.assert_allclose(six @ six.transpose(-1, -2), np.broadcast_to(np.eye(3), (5, 3, 3)), atol=1e-12)
    np.testing.assert_allclose(torch.linalg.det(six), 1, atol=1e-12)


def test_arrays_are_not_trained() -> None:
    assert not list(RIG.parameters()) and RIG().shape == (24, 3)
