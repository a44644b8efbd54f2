"""Drawn persons with exact joints and textured solids on a turntable, by seed: data without downloads."""

from .acting import SEQUENCES, STAGE, Pair, act, choose_camera, choose_pose, draw_pair
from .body import Camera, Pose
from .looks import Look, choose_look
from .paint import Drawn, draw, true_flow
from .solids import AZIMUTHS, DrawnSolid, Solid, Views, choose_solid, draw_solid, draw_views, view_flow

__all__ = [
    "AZIMUTHS",
    "SEQUENCES",
    "STAGE",
    "Camera",
    "Drawn",
    "DrawnSolid",
    "Look",
    "Pair",
    "Pose",
    "Solid",
    "Views",
    "act",
    "choose_camera",
    "choose_look",
    "choose_pose",
    "choose_solid",
    "draw",
    "draw_pair",
    "draw_solid",
    "draw_views",
    "true_flow",
    "view_flow",
]
