"""Every number of the simulated people and of the simulated phone, with its reason or source.

Lengths are metres, angles radians, pixels those of a 640-pixel-wide picture, unless said. "Choice" marks what is
refa's own judgement: sized so that a fit must cope with it, and small enough to look like people and phones.

Sources
  [EM3D] Barone et al., accuracy of EM3D-based 3D facial scanning (iPhone 13 Pro) against cone beam CT: the surfaces
         differ by 0.39 +- 0.36 mm on average over 30 faces, what fusing many frames leaves.
  [SPIE] Breitbarth et al., "Measurement accuracy and dependence on external influences of the iPhone X TrueDepth
         sensor", SPIE 11144 (2019): accuracy in the millimetre range, worse with distance.
  [BELL] Verdaasdonk and Liberton, SPIE BiOS 10869 (2019): iPhone X face scans find features again within 0.5 mm; hair
         distorts the sides.
  [AVDD] Apple, AVDepthData.depthDataAccuracy: a wrong focal length scales depth, a wrong optical centre offsets the
         disparity. Its pixel formats are 16-bit floats of depth or disparity.
  [R3D]  Record3D issue 78: TrueDepth gives no reading along one side of the face.
  [NGU]  Nguyen, Izadi and Lovell, 3DIMPVT 2012: noise of a structured-light sensor grows with the square of distance
         and steeply with the angle of incidence beyond 60 degrees; nothing comes back at grazing angles.
"""

from __future__ import annotations

from math import radians
from typing import Final

# ---- who the person is (person.py) ----
IDENTITY_LIMIT: Final = 2.0  # standard deviations; beyond, faces stop looking like people
NON_MODEL_RMS: Final = 0.001  # what no basis knows: about what a 98 % basis leaves of a real head
NON_MODEL_LENGTHS: Final = (0.02, 0.05)  # correlation lengths: broader a basis would know, finer is skin texture
GAIN_SPREAD: Final = 0.10  # of the logarithm, per action; with the next about 0.8 to 1.25 (choice)
SIDE_SPREAD: Final = 0.06  # of the logarithm, per side: people smile more on one side (choice)
GAIN_RANGE: Final = (0.75, 1.3)
SHAPE_VARIATION: Final = 0.25  # of a shape's own displacement, in extent and direction together: between refa's shapes
# and those of ICT-FaceKit's people it is more (benchmarks/fit_rig.md)
SHAPE_LENGTHS: Final = (0.02, 0.04)
REST_COUNT: Final = 4  # shapes that are not zero at rest
REST_LIMIT: Final = 0.12
REST_SHAPES: Final = (
    "BrowLowererL", "BrowLowererR", "CheekRaiserL", "CheekRaiserR", "ChinRaiserB", "DimplerL", "DimplerR",
    "InnerBrowRaiserL", "InnerBrowRaiserR", "LidTightenerL", "LidTightenerR", "LipCornerDepressorL",
    "LipCornerDepressorR", "LipCornerPullerL", "LipCornerPullerR", "LipPressorL", "LipPressorR", "MouthLeft",
    "MouthRight", "NoseWrinklerL", "NoseWrinklerR", "OuterBrowRaiserL", "OuterBrowRaiserR", "UpperLidRaiserL",
    "UpperLidRaiserR",
)  # fmt: skip
LID_CALM, LIP_CALM = 0.012, 0.006  # within this of a lid margin or lip line, non-model fields fade out
CALM_FLOOR: Final = 0.2  # to this part: lids and lips meet within the thickness of the other's skin

# ---- how the person performs (performance.py) ----
STRENGTH: Final = (0.85, 1.0)  # of a key shape against what the prompt asks for
BEST_STRENGTH: Final = (0.97, 1.0)  # in the expression that asks most of a shape: the most this person does is 1.0
MINOR_STRENGTH: Final = (0.6, 1.3)  # of what a prompt asks for in passing
LEAK: Final = 0.12  # at most, of a one-sided action on the other side (choice)
CO_ACTIVE_COUNT, CO_ACTIVE_LIMIT = 3, 0.08  # uninvited companions (choice)
DRIFT: Final = 0.015  # of a weight, within a hold: under a millimetre at the jaw (choice)
GAZE_JITTER: Final = radians(1.5)
EXPRESSION_RESIDUAL_RMS: Final = 0.0003  # what the shapes do not explain: flesh bulges and folds (choice)
RESIDUAL_LENGTHS: Final = (0.015, 0.03)

# ---- where the phone is (poses.py) ----
VIEW_YAW, VIEW_PITCH = radians(35.0), radians(15.0)  # "turn your head slowly": both cheeks are seen
VIEW_DISTANCE: Final = (0.30, 0.42)  # an arm holding a phone; nearer, faces leave the picture
HEAD_TURN: Final = radians(2.0)  # standard deviation of every frame, about each axis
HEAD_SHIFT: Final = 0.008  # the same, along each axis
FACE_CENTER: Final = (0.0, -0.03, 0.03)  # head frame; what the phone is pointed at

# ---- the phone's camera (depth.py, photo.py) ----
FOCAL_640: Final = 590.0  # pixels; TrueDepth delivers 640x480 at about this
INTRINSICS_ERROR: Final = 0.003  # at most, of the focal length, in fx, fy, cx and cy: [AVDD]
BACKGROUND: Final = (0.8, 1.5)  # distance of the wall
BLUR_PIXELS: Final = 0.6  # lens and demosaicing
GRAIN: Final = 0.006  # of full scale: an indoor picture
EXPOSURE: Final = 0.52  # linear light that bright skin of middle tone gets
EXPOSURE_FOLLOWS: Final = 0.75  # how far metering makes up for darker skin: not wholly, so that tones stay apart

# ---- the phone's depth (depth.py) ----
REFERENCE: Final = 0.35  # distance at which the next numbers hold; errors grow with its square [NGU]
NOISE: Final = 0.0003  # standard deviation on a facing surface: with the bias gives what [EM3D] and [BELL] found
NOISE_PIXELS: Final = 1.1  # Gaussian radius: matching windows make errors alike over 2-3 pixels
BIAS_RMS: Final = 0.0003  # fixed to the sensor: half of the 0.39 mm that averaging leaves in [EM3D], by its square
BIAS_CELLS: Final = (6, 8)  # rows, columns of the grid that it is interpolated from: 80 pixels a cell
SCALE_ERROR: Final = 0.002  # standard deviation of the factor on all depths [AVDD]
BASELINE: Final = 0.025  # between dot projector and infrared camera in the phone's notch: shadows beside the head [R3D]
GRAZING: Final = (radians(66.0), radians(75.0))  # readings fail ever more often, beyond the second always [NGU]
FLYING_JUMP: Final = 0.006  # a step in depth between neighbours that counts as an edge
EDGE_HOLES, EDGE_FLYING = 0.45, 0.30  # parts of such pixels without reading, and between both depths (choice)
EYE_HOLES: Final = {"sclera": 0.25, "iris": 0.6, "pupil": 0.6}  # the cornea mirrors the dots away (choice)
EYE_NOISE: Final = 5.0  # times the noise
MOUTH_HOLES: Final = 0.25  # wet teeth and tongue (choice)
HAIR_HOLES, HAIR_NOISE = 0.45, 6.0  # [BELL] "presence of hair resulted in distortion"; times the noise
PATCH_PIXELS: Final = 2.5  # Gaussian radius of the patches in which readings fail together
DEPTH_UNIT: Final = 0.0001  # metres per count of the PNG files
