"""Draws a posed puppet: textured elliptic cylinders from back to front, and each pixel's surface point.

A part's outline is the exact projection of its cylinder; the texture turns with it, so a logo disappears when
the body turns away and comes back unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from .body import Body, Camera, Pose, stand
from .looks import TALL, Look

STEPS = 48  # samples of a part's outline along its axis
_LIGHT = np.array([-0.38, -0.5, 0.78])
_EYE = np.array([0.0, 0.0, 1.0])

# Half widths and half depths along each part, shares of the body's height, and how round its ends are.
_PROFILES: dict[str, tuple[tuple[float, ...], tuple[float, ...], float]] = {
    "torso": (
        (0.045, 0.09, 0.108, 0.104, 0.095, 0.086, 0.084, 0.092, 0.1, 0.098),
        (0.035, 0.05, 0.064, 0.068, 0.064, 0.058, 0.056, 0.062, 0.07, 0.07),
        0.35,
    ),
    "neck": ((0.034, 0.034), (0.034, 0.034), 1.0),
    "hair": ((0.055, 0.07, 0.068, 0.06, 0.05), (0.05, 0.06, 0.045, 0.035, 0.025), 0.6),
    "upper arm": ((0.036, 0.034, 0.029), (0.036, 0.034, 0.029), 1.0),
    "forearm": ((0.029, 0.028, 0.02), (0.029, 0.028, 0.02), 1.0),
    "hand": ((0.019, 0.022), (0.012, 0.014), 1.0),
    "thigh": ((0.057, 0.055, 0.041), (0.06, 0.057, 0.043), 1.0),
    "shin": ((0.041, 0.043, 0.034, 0.026), (0.041, 0.045, 0.035, 0.027), 1.0),
    "foot": ((0.024, 0.027, 0.024), (0.024, 0.024, 0.018), 0.9),
}
_TABLES = {
    name: (
        *(np.interp(np.linspace(0, 1, STEPS), np.linspace(0, 1, len(p)), p) for p in (first, second)),
        cap,
    )
    for name, (first, second, cap) in _PROFILES.items()
}
_BALL = np.sqrt(1 - np.linspace(-1, 1, STEPS) ** 2) * np.interp(np.linspace(-1, 1, STEPS), (0, 1), (1, 0.88))
_NEARER = {"torso": 0.015, "head": 0.03, "skirt": 0.03, "hand": 0.01, "upper arm": 0.02, "forearm": 0.02}


class Shape(NamedTuple):
    """A part in the image: its axis from `start` (2,) along `along` (2,) for `length` pixels; `across` (2,),
    the unit vector towards larger angles; along the axis, half widths in pixels and the angles, radians, that
    face the viewer; unit vectors (3,) of the normal's two directions; roundness of the ends; depth."""

    name: str
    start: NDArray[np.float64]
    along: NDArray[np.float64]
    across: NDArray[np.float64]
    length: float
    width: NDArray[np.float32]
    facing: NDArray[np.float32]
    towards: NDArray[np.float64]
    sideways: NDArray[np.float64]
    cap: float
    depth: float


@dataclass(frozen=True, eq=False)
class Drawn:
    """A drawn person.

    image: (H, W, 3) uint8 RGB. joints: (18, 2) float32 pixels, x then y, NaN outside the image or on the far
    side of the head. parts: (H, W) uint8, the shape seen there: 0 for the room, else 1 + its index. places:
    (H, W, 2) float32, the point on it: along the axis (0 to 1, beyond at the ends) and around it (radians).
    """

    image: NDArray[np.uint8]
    joints: NDArray[np.float32]
    shapes: tuple[Shape, ...]
    parts: NDArray[np.uint8]
    places: NDArray[np.float32]


def draw(look: Look, pose: Pose, camera: Camera, size: tuple[int, int]) -> Drawn:
    """The person in an image of `size` (height, width)."""
    height, width = size
    body = stand(look.build, pose, camera.elevation)
    image = cv2.resize(look.room, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.float32)
    _shadow(image, body, camera)
    parts = np.zeros((height, width), np.uint8)
    places = np.zeros((height, width, 2), np.float32)
    shapes = tuple(_shapes(look, body, camera))
    for index in sorted(range(len(shapes)), key=lambda i: shapes[i].depth):
        _paint(image, parts, places, shapes[index], index, _texture(look, shapes[index].name, camera))
    joints = _joints(body, camera, size)
    return Drawn(image.round().clip(0, 255).astype(np.uint8), joints, shapes, parts, places)


def true_flow(
    target: Drawn, source: Drawn, stride: int = 4
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The exact backward flow from `target` to `source`, (2, H / stride, W / stride), pixels of the image, x
    then y, and a weight (1, H / stride, W / stride): 1 where the source shows the point, 0 where it is
    hidden."""
    first = stride // 2
    parts = target.parts[first::stride, first::stride]
    places = target.places[first::stride, first::stride]
    height, width = source.parts.shape
    rows, columns = np.mgrid[first:height:stride, first:width:stride]
    flow = np.zeros((2, *parts.shape), np.float32)
    weight = (source.parts[first::stride, first::stride] == 0).astype(np.float32)[None] * (parts == 0)
    names = {shape.name: index for index, shape in enumerate(source.shapes)}
    for index in np.unique(parts[parts > 0]):
        number = names[target.shapes[index - 1].name]
        shape, where = source.shapes[number], parts == index
        t, angle = places[where].T
        at = np.clip(t * (STEPS - 1), 0, STEPS - 1).astype(int)
        turned = angle - shape.facing[at]
        on = np.clip(t, 0, 1)
        reach = on * shape.length + (t - on) * shape.width[at] * shape.cap
        place = (
            shape.start[:, None]
            + shape.along[:, None] * reach
            + shape.across[:, None] * np.sin(turned) * shape.width[at]
        )
        column, row = (np.clip(np.rint(place[i]).astype(int), 0, n - 1) for i, n in ((0, width), (1, height)))
        inside = (np.abs(place[0] - column) <= 1) & (np.abs(place[1] - row) <= 1)
        seen = (np.cos(turned) > 0.15) & (source.parts[row, column] == number + 1) & inside
        flow[0][where], flow[1][where] = place[0] - columns[where], place[1] - rows[where]
        weight[0][where] = seen
    return flow, weight


def _shapes(look: Look, body: Body, camera: Camera):
    parts = dict(body.parts)
    if not look.long_hair:
        del parts["hair"]
    if look.skirt:
        waist = 0.78 * (parts["torso"][1] - parts["torso"][0]) + parts["torso"][0]
        knees = (body.joints[9] + body.joints[12]) / 2
        hips = (body.joints[8] + body.joints[11]) / 2
        parts["skirt"] = (waist, hips + look.skirt * (knees - hips), parts["torso"][2])
    for name, part in parts.items():
        kind = name.split(" ", 1)[1] if name.startswith(("right", "left")) else name
        if kind == "head":
            across, deep, cap = 0.06 * look.build.head * _BALL, 0.07 * look.build.head * _BALL, 0.05
        elif kind == "skirt":
            apart = np.linalg.norm(body.joints[9] - body.joints[12]) / 2
            across = np.linspace(0.09, 0.1 + 0.03 * look.skirt + 0.4 * apart, STEPS)
            deep, cap = np.linspace(0.06, 0.09 + 0.03 * look.skirt + 0.3 * apart, STEPS), 0.12
        else:
            across, deep, cap = _TABLES[kind]
            thick = look.build.thickness
            across, deep = across * thick, deep * thick
            if kind == "torso":
                across = across * look.build.shoulders / 0.105 / max(thick, 1) ** 0.5
        yield _project(name, part, across, deep, cap, camera, _NEARER.get(kind, 0.0))


def _project(name, part, across, deep, cap, camera: Camera, nearer: float) -> Shape:
    a, b, front = part
    axis = b - a
    down = axis / max(sqrt(axis @ axis), 1e-9)
    front = front - (front @ down) * down
    front = front / max(sqrt(front @ front), 1e-9)
    side = down[[1, 2, 0]] * front[[2, 0, 1]] - down[[2, 0, 1]] * front[[1, 2, 0]]  # their cross product
    towards = _EYE - down[2] * down
    norm = sqrt(towards @ towards)
    towards = towards / norm if norm > 1e-3 else front
    angle = np.arctan2(towards @ side, towards @ front)
    c, s = np.cos(angle), np.sin(angle)
    sideways = c * side - s * front
    flat = camera.scale * axis[:2]
    length = max(float(np.hypot(*flat)), 1e-3)
    return Shape(
        name,
        camera.scale * a[:2] + (camera.x, camera.y),
        flat / length,
        sideways[:2] / max(float(np.hypot(*sideways[:2])), 1e-9),
        length,
        (camera.scale * np.hypot(across * c, deep * s)).astype(np.float32),
        np.arctan2(deep * s, across * c).astype(np.float32),
        towards,
        sideways,
        cap,
        float((a[2] + b[2]) / 2) + nearer,
    )


def _paint(image, parts, places, shape: Shape, index: int, texture: NDArray[np.uint8]) -> None:
    """Draw one part onto `image`, with a soft edge."""
    height, width = parts.shape
    ends = np.stack([shape.start, shape.start + shape.length * shape.along])
    wide = float(shape.width.max()) + 1.5
    x0, y0 = np.floor(ends.min(0) - wide).astype(int).clip(0, (width, height))
    x1, y1 = (np.ceil(ends.max(0) + wide).astype(int) + 1).clip(0, (width, height))
    if x0 >= x1 or y0 >= y1:
        return
    x = (np.arange(x0, x1) - shape.start[0]).astype(np.float32)
    y = (np.arange(y0, y1) - shape.start[1]).astype(np.float32)[:, None]
    along = np.float32(shape.along[0]) * x + np.float32(shape.along[1]) * y
    across = np.float32(shape.across[0]) * x + np.float32(shape.across[1]) * y
    length = np.float32(shape.length)
    on = along.clip(0, length)
    at = (on * ((STEPS - 1) / length)).astype(np.int32)
    half = shape.width[at]
    beyond = (along - on) / np.maximum(half * np.float32(shape.cap), 1e-3)
    rounded = np.sqrt((1 - beyond * beyond).clip(0))
    cover = (half * rounded - np.abs(across) + 0.5).clip(0, 1) * (rounded > 0)
    u = (across / np.maximum(half, 1e-3)).clip(-1, 1)
    around = shape.facing[at] + np.arcsin(u)
    rows, columns = texture.shape[:2]
    map_x = ((around * (columns / (2 * np.pi)) + (columns / 2 - 0.5)) % columns).astype(np.float32)
    map_y = on * ((rows - 1) / length)
    colour = cv2.remap(texture, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    lit = np.float32(shape.sideways @ _LIGHT) * u + np.float32(shape.towards @ _LIGHT) * np.sqrt(1 - u * u)
    shade = 0.68 + 0.4 * lit.clip(-0.25)
    box = (slice(y0, y1), slice(x0, x1))
    image[box] += cover[..., None] * (colour * shade[..., None] - image[box])
    solid = cover > 0.5
    parts[box][solid] = index + 1
    places[box][solid] = np.stack((on / length + beyond, around), -1)[solid]


def _texture(look: Look, name: str, camera: Camera) -> NDArray[np.uint8]:
    """The part's texture at the image's resolution, so that fine stripes fade and do not flicker."""
    texture = look.textures[name]
    share = camera.scale / TALL
    if share >= 0.9:
        return texture
    height, width = (max(4, round(side * share)) for side in texture.shape[:2])
    return cv2.resize(texture, (width, height), interpolation=cv2.INTER_AREA)  # pyright: ignore[reportReturnType]


def _shadow(image: NDArray[np.float32], body: Body, camera: Camera) -> None:
    feet = camera.scale * body.joints[[10, 13]][:, :2] + (camera.x, camera.y)
    x, y = feet.mean(0)
    y += 0.03 * camera.scale
    height, width = image.shape[:2]
    if not 0 < y < height + 0.2 * camera.scale:
        return
    wide = 0.12 * camera.scale + abs(feet[0, 0] - feet[1, 0]) / 2
    across = (np.arange(width, dtype=np.float32) - x) / wide
    down = (np.arange(height, dtype=np.float32)[:, None] - y) / (0.045 * camera.scale)
    image *= 1 - 0.35 * np.exp(-(across**2) - down**2)[..., None]


def _joints(body: Body, camera: Camera, size: tuple[int, int]) -> NDArray[np.float32]:
    joints = (camera.scale * body.joints[:, :2] + (camera.x, camera.y)).astype(np.float32)
    middle = (body.joints[16, 2] + body.joints[17, 2]) / 2
    hidden = np.zeros(18, bool)
    hidden[[0, 14, 15]] = body.joints[[0, 14, 15], 2] < middle - 0.005
    hidden[[16, 17]] = body.joints[[16, 17], 2] < middle - 0.03
    outside = (joints < 0).any(1) | (joints > (size[1] - 1, size[0] - 1)).any(1)
    joints[hidden | outside] = np.nan
    return joints
