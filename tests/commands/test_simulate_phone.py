"""The simulated phone: noise, bias that stays, holes where they belong, photographs that show a face."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from refa_cli.commands.simulate import constants
from refa_cli.commands.simulate.capture import Session, open_session, shoot, sights
from refa_cli.commands.simulate.depth import Sensor, make_sensor, read_depth
from refa_cli.commands.simulate.kernels import blurred
from refa_cli.commands.simulate.props import HAIR, WALL
from refa_cli.commands.simulate.sight import Sight
from refa_cli.face.default import default_face
from refa_cli.formats.face import MATERIALS

SHAPE = (120, 160)
SKIN, IRIS = MATERIALS.index("skin"), MATERIALS.index("iris")


def plane(distance: float = 0.35, stuff: int = SKIN, angle: float = 0.0) -> Sight:
    """A surface that fills the picture."""
    return Sight(
        depth=np.full(SHAPE, distance, np.float32),
        stuff=np.full(SHAPE, stuff, np.uint8),
        normals=np.tile(np.array([0, 0, -1], np.float32), (*SHAPE, 1)),
        cosine=np.full(SHAPE, np.cos(np.radians(angle)), np.float32),
        places=np.zeros((*SHAPE, 3), np.float32),
        shade=np.ones(SHAPE, np.float32),
        camera=np.array([150.0, 150, 80, 60]),
        turn=0.0,
    )


@pytest.fixture(scope="module")
def sensor() -> Sensor:
    return make_sensor(SHAPE[1], SHAPE[0], 1.0, np.random.default_rng(0))


@pytest.fixture(scope="module")
def session() -> Session:
    return open_session(default_face(), "S0001", 0, 320, 240, 1.0)


def reads(sensor: Sensor, sight: Sight, count: int, seed: int = 0) -> np.ndarray:
    rngs = [np.random.default_rng([seed, i]) for i in range(count)]
    return np.stack([read_depth(sensor, sight, sensor.bias_field(), rng) for rng in rngs])


def test_bias_does_not_average_out(sensor: Sensor) -> None:
    error = reads(sensor, plane(), 60) - 0.35
    mean = error.mean(axis=0)
    assert error.std(axis=0).mean() == pytest.approx(constants.NOISE, rel=0.15)
    wanted = sensor.bias_field() + 0.35 * (sensor.scale - 1)
    assert np.corrcoef(mean.ravel(), wanted.ravel())[0, 1] > 0.95
    assert mean.std() > 4 * constants.NOISE / np.sqrt(60)
    assert np.sqrt((sensor.bias_field() ** 2).mean()) == pytest.approx(constants.BIAS_RMS, rel=0.01)


def test_bias_is_smooth_and_noise_is_not_white(sensor: Sensor) -> None:
    bias = sensor.bias_field()
    assert np.abs(np.diff(bias, axis=1)).max() < 0.2 * np.abs(bias).max()
    error = reads(sensor, plane(), 2)
    noise = error[0] - error[1]
    noise = noise - noise.mean()

    def alike(step: int) -> float:
        return float((noise[:, :-step] * noise[:, step:]).mean() / noise.var())

    assert alike(1) > 0.5
    assert abs(alike(8)) < 0.1


def test_noise_grows_with_the_square_of_distance(sensor: Sensor) -> None:
    near, far = (reads(sensor, plane(z), 8).std(axis=0).mean() for z in (0.35, 0.7))
    assert far / near == pytest.approx(4, rel=0.15)


def test_readings_are_steps_of_disparity() -> None:
    values = np.unique(1 / reads(make_sensor(SHAPE[1], SHAPE[0], 1.0, np.random.default_rng(0)), plane(), 1))
    assert 5 < len(values) < 60
    assert np.allclose(values * 512, np.rint(values * 512), atol=1e-3)  # half floats between 2 and 4


def test_intrinsics_are_slightly_off() -> None:
    for seed in range(20):
        made = make_sensor(640, 480, 1.0, np.random.default_rng(seed))
        off = np.array([getattr(made.true, k) - getattr(made.nominal, k) for k in ("fx", "fy", "cx", "cy")])
        assert (off != 0).all()
        assert np.abs(off[0]) <= constants.INTRINSICS_ERROR * 590
        assert np.abs(off).max() <= constants.INTRINSICS_ERROR * 590 + 1e-9
        assert abs(made.scale - 1) <= 2 * constants.SCALE_ERROR + 1e-9


def test_holes_at_grazing_angles(sensor: Sensor) -> None:
    missing = [float((reads(sensor, plane(angle=a), 2) == 0).mean()) for a in (0, 60, 71, 76, 85)]
    assert missing[:2] == [0, 0]
    assert 0.2 < missing[2] < 0.9
    assert missing[3:] == [1, 1]


def test_holes_and_noise_on_eyes_and_hair(sensor: Sensor) -> None:
    for stuff, part in ((IRIS, constants.EYE_HOLES["iris"]), (HAIR, constants.HAIR_HOLES)):
        depth = reads(sensor, plane(stuff=stuff), 6)
        assert (depth == 0).mean() == pytest.approx(part, abs=0.08)
        assert depth[depth > 0].std() > 3 * constants.NOISE
    assert (reads(sensor, plane(stuff=WALL), 1) > 0).all()


def test_edges_are_lost_fly_and_cast_a_shadow(sensor: Sensor) -> None:
    """A near board in the middle of a far wall, between columns 60 and 100."""
    sight = plane(1.0)
    sight.depth[:, 60:100] = 0.35
    depth = reads(sensor, sight, 4)
    width = sensor.true.fx * constants.BASELINE * (1 / 0.35 - 1 / 1.0)
    assert (depth[:, :, 60 - int(width) + 1 : 59] == 0).all()  # the projector stands to the right
    assert (depth[:, :, : 60 - int(width) - 4] > 0).all()
    assert (depth[:, :, 104:] > 0).all()
    edge = depth[:, :, 99:101]
    assert 0.3 < (edge == 0).mean() < 0.6
    flying = (edge > 0.37) & (edge < 0.95)
    assert 0.15 < flying.mean() < 0.45
    assert not ((depth[:, :, 64:96] > 0.37) | (depth[:, :, 64:96] == 0)).any()


def test_a_perfect_phone_errs_in_nothing() -> None:
    perfect = make_sensor(SHAPE[1], SHAPE[0], 0.0, np.random.default_rng(0))
    assert perfect.true == perfect.nominal
    assert np.array_equal(reads(perfect, plane(stuff=HAIR, angle=80), 1)[0], plane().depth)


def test_a_real_view_has_its_holes_where_they_belong(session: Session) -> None:
    sight = list(sights(session, "neutral", 3))[1]
    depth = read_depth(session.sensor, sight, session.bias, np.random.default_rng(0))
    skin, eyes = sight.stuff == SKIN, (sight.stuff >= 2) & (sight.stuff < 5)
    filled = [float((depth > 0)[where].mean()) for where in (skin & (sight.cosine > 0.6), eyes, sight.stuff == HAIR)]
    assert filled[0] > 0.85
    assert 0.1 < filled[1] < 0.85
    assert 0.2 < filled[2] < 0.8
    error = (depth - sight.depth)[(depth > 0) & skin & (sight.cosine > 0.6)]
    assert 0.0001 < np.median(np.abs(error)) < 0.0008


def test_the_picture_shows_a_face(session: Session) -> None:
    detector = pytest.importorskip("refa_cli.landmarks.detector")
    color, depth = list(shoot(session, "neutral", 3))[1]
    assert color.shape == (240, 320, 3) and depth.shape == (240, 320)
    assert 60 < color.mean() < 210
    assert detector.detect(color) is not None


@pytest.mark.parametrize("shape", [(40, 50), (33, 47, 3), (8, 5, 3)])
@pytest.mark.parametrize("radius", [0.6, 2.5])
def test_blurring_is_gaussian(shape: tuple[int, ...], radius: float) -> None:
    picture = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    reach = max(1, round(3 * radius))
    still = (0,) * (len(shape) - 2)
    sigma, reaches = (radius, radius, *still), (reach, reach, *still)
    wanted = gaussian_filter(picture, sigma, mode="nearest", radius=reaches)
    assert np.allclose(blurred(picture, radius), wanted, atol=1e-6)
