"""What a headset's cameras would record of a virtual person: one moment of each camera."""

from __future__ import annotations

from typing import Final

import numpy as np

from refa_cli.face.evaluate import Geometry
from refa_cli.face.prompts import by_id
from refa_cli.formats.face import FaceModel
from refa_cli.formats.headset import Headset
from refa_cli.formats.spec import U8
from refa_cli.headset.donning import pushed, random_slip
from refa_cli.render.appearance import draw_appearance
from refa_cli.render.scene import Actor, assemble
from refa_cli.render.sensor import Sensor, gain_for
from refa_cli.render.sheets import contact_sheet, shrunk
from refa_cli.render.views import Views

COLUMNS: Final = 5
LARGEST: Final = 256


def draw_infrared(headset: Headset, face: FaceModel, expression: str, seed: int) -> U8:
    """A sheet of all cameras: a person drawn with the seed, showing a prompted expression, headset put on as it comes.

    Every camera chooses its exposure. Raises KeyError for an unknown expression.
    """
    rng = np.random.default_rng(seed)
    prompt = by_id(expression)
    identity = np.clip(rng.standard_normal(len(face.identity_basis)), -2, 2)
    appearance = draw_appearance(face, rng, 0.0)
    actor = Actor.of(face, Geometry.of_face(face, identity), appearance.hair, appearance.look)
    donned = random_slip(rng).applied(pushed(prompt.weights).applied(headset.headset_from_head))
    surfaces = assemble(actor, headset, donned, prompt.weights, np.tile(prompt.gaze, (2, 1)))
    views = Views.of(headset, list(range(len(headset.camera_names))))
    pictures = []
    for lens, (light, _) in zip(views.lenses, views.pictures(surfaces, actor.look), strict=True):
        picture = Sensor(gain=gain_for(light), blur=0.5).expose(light, lens, rng)
        pictures.append(shrunk(np.repeat(picture[..., None].astype(np.uint8), 3, 2), LARGEST))
    return contact_sheet(pictures, list(headset.camera_names), COLUMNS)
