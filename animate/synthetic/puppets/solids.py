"""Textured solids on a turntable: chairs, cars, tables, houses and towers of boxes, for view synthesis.

Like ShapeNet's renderings for GFLA's view task: one object, a plain background, 18 azimuths, three
elevations. A solid is symmetric left to right, so that what is hidden can be guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from .clothes import PATTERNS, Texture, choose_colours, print_logo, weave

AZIMUTHS = tuple(range(0, 360, 20))
ELEVATIONS = (0, 10, 20)
KINDS = ("chair", "car", "table", "house", "tower")
_SIDE = 32  # pixels of a face's texture
_LIGHT = np.array([-0.35, -0.7, 0.62])
_FACES = {  # corners by (x, y, z) signs, clockwise seen from outside from the upper left
    "front": ((-1, -1, 1), (1, -1, 1), (1, 1, 1), (-1, 1, 1)),
    "back": ((1, -1, -1), (-1, -1, -1), (-1, 1, -1), (1, 1, -1)),
    "right": ((1, -1, 1), (1, -1, -1), (1, 1, -1), (1, 1, 1)),
    "left": ((-1, -1, -1), (-1, -1, 1), (-1, 1, 1), (-1, 1, -1)),
    "top": ((-1, -1, -1), (1, -1, -1), (1, -1, 1), (-1, -1, 1)),
}


class Box(NamedTuple):
    """A box around `centre` (3,) with half sides `half` (3,), its top smaller by `taper` in x and z; boxes of
    a higher layer stand on those of a lower one."""

    name: str
    layer: int
    centre: tuple[float, float, float]
    half: tuple[float, float, float]
    taper: tuple[float, float] = (1.0, 1.0)


@dataclass(frozen=True)
class Solid:
    boxes: tuple[Box, ...]
    textures: dict[str, Texture]


@dataclass(frozen=True, eq=False)
class DrawnSolid:
    """image: (H, W, 3) uint8 RGB. faces: by number from 1, the homography (3, 3) from texture pixels to image
    pixels. parts: (H, W) uint8, the number of the face seen there, 0 for the background."""

    image: NDArray[np.uint8]
    faces: dict[int, NDArray[np.float64]]
    parts: NDArray[np.uint8]


class Views(NamedTuple):
    """One solid from two sides; the views are (azimuth, elevation) in degrees."""

    source: DrawnSolid
    target: DrawnSolid
    source_view: tuple[float, float]
    target_view: tuple[float, float]


def draw_views(seed: int, index: int, size: tuple[int, int] = (128, 128)) -> Views:
    """Pair `index` of the endless dataset `seed`: a new solid for every index, at one elevation, from two of
    the 18 azimuths, like GFLA's ShapeNet pairs. Unlike there, three of four pairs are at most 60 degrees
    apart: turning is learnt from views that overlap."""
    rng = np.random.default_rng((seed, index, 1))
    solid = choose_solid(int(rng.integers(2**31)))
    elevation = float(rng.choice(ELEVATIONS))
    azimuth = float(rng.choice(AZIMUTHS))
    turn = float(rng.integers(-3, 4) * 20 if rng.random() < 0.75 else rng.choice(AZIMUTHS))
    first, second = (azimuth, elevation), ((azimuth + turn) % 360, elevation)
    return Views(draw_solid(solid, *first, size), draw_solid(solid, *second, size), first, second)


def choose_solid(seed: int) -> Solid:
    """The solid of this seed."""
    rng = np.random.default_rng((seed, 202))
    boxes = _build(rng, str(rng.choice(KINDS)))
    textures: dict[str, Texture] = {}
    sets = [(choose_colours(rng, 2), str(rng.choice(PATTERNS)), int(rng.integers(6, 14))) for _ in range(2)]
    for box in boxes:
        colours, pattern, step = sets[0] if box.name.startswith("main") else sets[1]
        if box.name.startswith("wheel"):
            textures |= {f"{box.name} {face}": _wheel(colours[0]) for face in _FACES}
            continue
        side = weave(rng, pattern, _SIDE, _SIDE, colours, step)
        front = side.copy()
        if box.name.startswith("main"):
            print_logo(rng, front, _SIDE / 2, _SIDE / 2, 20)
        if box.name == "cabin":
            side[6:22, 4:28], front[5:22, 3:29] = (150, 190, 215), (150, 190, 215)
        top = weave(rng, "plain" if box.name == "cabin" else pattern, _SIDE, _SIDE, colours[::-1], step)
        textures |= {
            f"{box.name} front": front,
            f"{box.name} back": side,
            f"{box.name} right": side,
            f"{box.name} left": np.ascontiguousarray(side[:, ::-1]),
            f"{box.name} top": top,
        }
    return Solid(boxes, textures)


def draw_solid(
    solid: Solid, azimuth: float, elevation: float, size: tuple[int, int] = (128, 128)
) -> DrawnSolid:
    """The solid turned by `azimuth` degrees (its front goes to the image's right), seen from `elevation`
    degrees above, in an image of `size` (height, width)."""
    height, width = size
    image = np.full((height, width, 3), 244, np.float32)
    parts = np.zeros((height, width), np.uint8)
    a, e = np.radians(azimuth), np.radians(elevation)
    turn = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    turn = np.array([[1, 0, 0], [0, np.cos(e), np.sin(e)], [0, -np.sin(e), np.cos(e)]]) @ turn
    scale, middle = 0.46 * min(size), ((width - 1) / 2, (height - 1) / 2)
    _shadow(image, scale, middle)
    faces: dict[int, NDArray[np.float64]] = {}
    order = sorted(
        range(len(solid.boxes)), key=lambda i: (solid.boxes[i].layer, (turn @ solid.boxes[i].centre)[2])
    )
    for index in order:
        box = solid.boxes[index]
        for number, (face, signs) in enumerate(_FACES.items()):
            corners = np.array([_corner(box, sign) for sign in signs]) @ turn.T
            normal = np.cross(corners[1] - corners[0], corners[3] - corners[0])
            if normal[2] <= 1e-6:
                continue
            normal = normal / np.linalg.norm(normal)
            flat = (scale * corners[:, :2] + middle).astype(np.float32)
            shade = 0.7 + 0.36 * float(np.clip(normal @ _LIGHT, -0.3, 1))
            faces[1 + 5 * index + number] = _paste(
                image, parts, solid.textures[f"{box.name} {face}"], flat, shade, 1 + 5 * index + number
            )
    return DrawnSolid(image.round().clip(0, 255).astype(np.uint8), faces, parts)


def view_flow(
    target: DrawnSolid, source: DrawnSolid, stride: int = 4
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """As `paint.true_flow`, for two views of one solid."""
    first = stride // 2
    parts = target.parts[first::stride, first::stride]
    height, width = source.parts.shape
    rows, columns = np.mgrid[first:height:stride, first:width:stride]
    flow = np.zeros((2, *parts.shape), np.float32)
    weight = ((parts == 0) & (source.parts[first::stride, first::stride] == 0)).astype(np.float32)[None]
    for number in np.unique(parts[parts > 0]):
        where = parts == number
        if number not in source.faces:
            continue
        here = np.stack((columns[where], rows[where]), -1)[None].astype(np.float64)
        there = cv2.perspectiveTransform(here, source.faces[number] @ np.linalg.inv(target.faces[number]))[0]
        x, y = (np.clip(np.rint(there[:, i]).astype(int), 0, n - 1) for i, n in ((0, width), (1, height)))
        flow[0][where], flow[1][where] = (there - here[0]).T
        weight[0][where] = source.parts[y, x] == number
    return flow, weight


def _build(rng: np.random.Generator, kind: str) -> tuple[Box, ...]:
    w, d = rng.uniform(0.4, 0.6, 2)
    if kind == "chair":
        h, t = rng.uniform(-0.02, 0.15), rng.uniform(0.04, 0.08)
        legs = [
            Box(f"leg{i}", 0, (x * (w - t), (h + 0.75) / 2, z * (d - t)), (t, (0.75 - h) / 2, t))
            for i, (x, z) in enumerate(((-1, -1), (1, -1), (-1, 1), (1, 1)))
        ]
        back = rng.uniform(0.3, 0.42)
        return (
            *legs,
            Box("main seat", 1, (0, h, 0), (w, 0.06, d)),
            Box("main back", 2, (0, h - 0.06 - back, -d + 0.06), (w, back, 0.06), (rng.uniform(0.7, 1), 1)),
        )
    if kind == "table":
        h, t = rng.uniform(-0.2, 0.1), rng.uniform(0.04, 0.09)
        w, d = rng.uniform(0.5, 0.72, 2)
        legs = [
            Box(f"leg{i}", 0, (x * (w - t), (h + 0.7) / 2, z * (d - t)), (t, (0.7 - h) / 2, t))
            for i, (x, z) in enumerate(((-1, -1), (1, -1), (-1, 1), (1, 1)))
        ]
        return (*legs, Box("main top", 1, (0, h, 0), (w, 0.08, d)))
    if kind == "car":
        w, d, h = rng.uniform(0.3, 0.36), rng.uniform(0.68, 0.8), rng.uniform(0.14, 0.2)
        wheels = [
            Box(f"wheel{i}", 0, (x * (w - 0.04), 0.32, z * d * 0.6), (0.07, 0.13, 0.13))
            for i, (x, z) in enumerate(((-1, -1), (1, -1), (-1, 1), (1, 1)))
        ]
        return (
            *wheels,
            Box("main body", 1, (0, 0.3 - h, 0), (w, h, d)),
            Box("cabin", 2, (0, 0.3 - 2 * h - 0.15, -0.1 * d), (w * 0.92, 0.15, d * 0.55), (0.85, 0.62)),
        )
    if kind == "house":
        h = rng.uniform(0.22, 0.36)
        return (
            Box("main walls", 0, (0, 0.6 - h, 0), (w, h, d)),
            Box("roof", 1, (0, 0.6 - 2 * h - 0.2, 0), (w * 1.1, 0.2, d * 1.1), (0.06, rng.uniform(0.3, 0.9))),
        )
    boxes, y = [], 0.75
    for layer in range(int(rng.integers(2, 5))):
        h = rng.uniform(0.14, 0.24)
        side = rng.uniform(0.24, 0.52, 2) * (1 - 0.12 * layer)
        boxes.append(
            Box(
                f"main {layer}" if layer % 2 == 0 else f"block {layer}",
                layer,
                (0, y - h, 0),
                (side[0], h, side[1]),
            )
        )
        y -= 2 * h
    return tuple(boxes)


def _corner(box: Box, sign: tuple[int, int, int]) -> tuple[float, float, float]:
    narrow = box.taper if sign[1] < 0 else (1.0, 1.0)
    return (
        box.centre[0] + sign[0] * box.half[0] * narrow[0],
        box.centre[1] + sign[1] * box.half[1],
        box.centre[2] + sign[2] * box.half[2] * narrow[1],
    )


def _wheel(colour: tuple[int, int, int]) -> Texture:
    wheel = np.full((_SIDE, _SIDE, 3), 40, np.uint8)
    cv2.circle(wheel, (_SIDE // 2, _SIDE // 2), _SIDE // 3, (170, 170, 175), -1, cv2.LINE_AA)
    cv2.circle(wheel, (_SIDE // 2, _SIDE // 2), _SIDE // 8, colour, -1, cv2.LINE_AA)
    return wheel


def _paste(image, parts, texture: Texture, corners: NDArray[np.float32], shade: float, number: int):
    """Draw one face onto `image`; returns the homography from texture pixels to image pixels."""
    height, width = parts.shape
    side = np.array([[0, 0], [_SIDE, 0], [_SIDE, _SIDE], [0, _SIDE]], np.float32) - 0.5
    homography = np.asarray(cv2.getPerspectiveTransform(side, corners), np.float64)
    x0, y0 = np.floor(corners.min(0) - 1).astype(int).clip(0, (width, height))
    x1, y1 = (np.ceil(corners.max(0)).astype(int) + 2).clip(0, (width, height))
    box, shape = (slice(y0, y1), slice(x0, x1)), (int(x1 - x0), int(y1 - y0))
    if min(shape) > 0:
        shift = np.array([[1, 0, -x0], [0, 1, -y0], [0, 0, 1]], np.float64)
        face = cv2.warpPerspective(
            texture, shift @ homography, shape, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        outline = np.rint((corners - (x0, y0)) * 16).astype(np.int32)
        cover = np.zeros(shape[::-1], np.uint8)
        cv2.fillConvexPoly(cover, outline, 255, cv2.LINE_AA, 4)
        image[box] += (cover / np.float32(255))[..., None] * (face * np.float32(shade) - image[box])
        parts[box][cover > 127] = number
    return homography


def _shadow(image: NDArray[np.float32], scale: float, middle: tuple[float, float]) -> None:
    height, width = image.shape[:2]
    x = (np.arange(width, dtype=np.float32) - middle[0]) / (0.75 * scale)
    y = (np.arange(height, dtype=np.float32)[:, None] - middle[1] - 0.62 * scale) / (0.32 * scale)
    image *= 1 - 0.16 * np.exp(-(x**2) - y**2)[..., None]
