"""Paints a person by seed, in any pose, on the relief of shape.py: the landmarks are exact by construction.

Per frame the mouth, eyes and brows are painted as the pose has them; then the relief is turned.
"""

from typing import NamedTuple

import cv2
import numpy as np

from .shape import (
    CORNER,
    GRID,
    PIVOT,
    RELIEF,
    SIZE,
    UNIT,
    Pose,
    contour,
    curve,
    face_points,
    fill,
    jaw_share,
    lowered,
    mask,
    normals,
    pixels,
    relief_depth,
    rotation,
    unturn,
)

JAW_DROP = 0.2  # head units, mouth wide open
SKIN = np.array(
    [(248, 216, 190), (232, 190, 160), (208, 160, 124), (160, 112, 82), (112, 76, 54)], np.float32
)
HAIR = np.array(
    [(38, 30, 26), (74, 50, 34), (120, 84, 50), (186, 150, 96), (130, 62, 34), (150, 148, 146)], np.float32
)
CLOTH = np.array(
    [(48, 66, 96), (122, 46, 52), (64, 92, 74), (92, 92, 98), (206, 200, 188), (44, 44, 50)], np.float32
)
IRIS = np.array([(84, 56, 34), (70, 98, 124), (86, 106, 70), (54, 38, 28)], np.float32)


class Drawn(NamedTuple):
    """A frame of the head. image: (256, 256, 3) uint8 RGB; points (68, 2), iris (2, 2): float32 pixels, x
    then y, iBUG order, pixel centres at integers, iris[0] in the eye of points 36-41."""

    image: np.ndarray
    points: np.ndarray
    iris: np.ndarray


class TalkingHead:
    """One person, determined by the seed.

    >>> drawn = TalkingHead(seed=1).render(Pose(yaw=8, mouth=0.5))
    >>> drawn.image.shape, drawn.points.shape, drawn.iris.shape
    ((256, 256, 3), (68, 2), (2, 2))
    """

    def __init__(self, seed: int):
        random = np.random.default_rng(seed)
        self.points = face_points(random)
        tone = random.uniform(0, len(SKIN) - 1)
        self.skin = SKIN[int(tone)] * (1 - tone % 1) + SKIN[min(int(tone) + 1, len(SKIN) - 1)] * (tone % 1)
        self.hair = HAIR[random.integers(len(HAIR) - 2)] if tone > 2 else HAIR[random.integers(len(HAIR))]
        self.brow_colour = 0.55 * self.hair + 0.2 * self.skin
        self.lips = self.skin * (0.86, 0.6, 0.6) + random.uniform(-8, 8, 3)
        self.iris = IRIS[random.integers(len(IRIS))] if tone < 2 else IRIS[3]
        self.brow_width = random.uniform(0.05, 0.09)
        self.long_hair = bool(random.random() < 0.5)
        self.scale = UNIT * random.uniform(0.95, 1.06)
        self.centre = np.array([127.5 + random.uniform(-6, 6), 128 + random.uniform(-6, 2)])
        outline = contour(self.points)
        self.depth = relief_depth(self.points, outline)
        self.normal = normals(self.depth)
        self.texture, self.alpha = self._paint_skin(outline, random)
        self.backdrop = _backdrop(random)
        self.cloth = CLOTH[random.integers(len(CLOTH))]
        self.light = np.array([random.uniform(-0.5, 0.5), -0.45, 0.8])

    def render(self, pose: Pose) -> Drawn:
        """Draw one frame."""
        points, iris = self._expression(pose)
        drop = JAW_DROP * pose.mouth
        depth, normal, texture, alpha = (
            lowered(x, drop) for x in (self.depth, self.normal, self.texture, self.alpha)
        )
        turn = rotation(pose)
        light = np.clip(
            normal @ (turn.T @ (self.light / np.linalg.norm(self.light))).astype(np.float32), -0.3, 1
        )
        paint = texture * (0.62 + 0.46 * light + 0.07 * np.clip(light, 0, 1) ** 12)[..., None]
        self._paint_features(paint, points, iris, pose)

        place = self.centre + np.array([pose.x, pose.y])
        flat, lift, shift = (
            self.scale * turn[:2, :2],
            self.scale * turn[:2, 2],
            place - self.scale * (turn @ PIVOT)[:2],
        )
        shift = shift + self.scale * PIVOT[:2]
        grid = unturn(depth, flat, lift, shift)
        colour = cv2.remap(paint, *grid, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        cover = cv2.remap(alpha, *grid, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        canvas = self._paint_behind(place, cover)
        canvas += cover[..., None] * (colour - canvas)
        image = cv2.resize(np.clip(canvas, 0, 255), (SIZE, SIZE), interpolation=cv2.INTER_AREA)

        def project(p: np.ndarray) -> np.ndarray:
            x, y = pixels(p).astype(np.float32).T
            z = cv2.remap(depth, x, y, cv2.INTER_LINEAR).reshape(-1, 1)
            return (p @ flat.T + z * lift + shift).astype(np.float32)

        return Drawn(np.rint(image).astype(np.uint8), project(points), project(iris))

    def _expression(self, pose: Pose) -> tuple[np.ndarray, np.ndarray]:
        """The points and irises in head units, moved by mouth, lids, brows and gaze."""
        p = self.points.copy()
        lift = np.array([0.6, 0.9, 1.0, 1.0, 0.9]) * 0.12 * pose.brows
        p[17:22, 1] -= lift
        p[22:27, 1] -= lift[::-1]
        for upper, lower in (([37, 38], [41, 40]), ([43, 44], [47, 46])):
            p[upper] += (p[lower] - (0, 0.012) - p[upper]) * pose.blink
            p[lower, 1] -= 0.02 * pose.smile
        p[:17, 1] += JAW_DROP * pose.mouth * jaw_share(p[:17, 1])
        open_ = 0.24 * pose.mouth
        for ids, share in (([55, 56, 57, 58, 59], 1.0), ([65, 66, 67], 1.0), ([48, 54, 60, 64], 0.4)):
            p[ids, 1] += share * open_
        p[[49, 50, 51, 52, 53, 61, 62, 63], 1] -= 0.04 * pose.mouth
        p[[59, 55], 1] -= 0.35 * open_
        p[48:68, 0] *= 1 + 0.12 * pose.wide + 0.12 * pose.smile - 0.1 * pose.mouth
        corner = np.clip((np.abs(p[48:68, 0]) - 0.12) / 0.26, 0, 1)
        p[48:68, 1] -= 0.1 * pose.smile * corner
        middle = np.stack([self.points[36:42].mean(0), self.points[42:48].mean(0)])
        return p, middle + np.array([0.1 * pose.gaze_x, 0.035 * pose.gaze_y - 0.01])

    def _paint_skin(self, outline: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Colour (h, w, 3) and alpha (h, w) of the head at rest, without the parts that move."""
        texture = np.broadcast_to(self.skin, (RELIEF[1], RELIEF[0], 3)).copy()
        texture *= 1 + 0.025 * _noise(random, 40)[..., None] + 0.014 * _noise(random, 4)[..., None]
        p, dark, red = self.points, self.skin * (0.6, 0.5, 0.47), self.skin * (0.98, 0.74, 0.7)
        for side in (-1, 1):
            _blot(texture, (side * 0.58, 0.55), (0.26, 0.2), red, 0.35)
            _blot(texture, (side * 0.44, -0.12), (0.27, 0.1), dark, 0.34)
            _blot(texture, (side * 0.4, 0.16), (0.24, 0.06), dark, 0.2)
            _blot(texture, (side * p[35, 0] * 1.1, 0.58), (0.05, 0.1), dark, 0.3)
            _blot(texture, (side * 0.16, 0.12), (0.06, 0.2), dark, 0.22)
            _blot(texture, (side * 0.42, 0.85), (0.05, 0.14), dark, 0.14)
            _blot(texture, (side * 0.115, p[33, 1] - 0.035), (0.062, 0.026), self.skin * 0.25, 0.85)
        _blot(texture, (0, p[33, 1] + 0.03), (0.24, 0.04), dark, 0.42)
        _blot(texture, (0, p[57, 1] + 0.07), (0.2, 0.05), dark, 0.35)
        _blot(texture, (0, p[30, 1] - 0.02), (0.1, 0.08), np.minimum(self.skin * 1.12, 255), 0.4)
        alpha = mask(outline, soft=0.008)
        for side in (-1, 1):
            ear = _ellipse((side * 1.03, 0.27), (0.11, 0.29))
            alpha = np.maximum(alpha, mask(ear, soft=0.01))
            _blot(texture, (side * 1.05, 0.25), (0.06, 0.18), dark, 0.5)
        streak = cv2.GaussianBlur(random.normal(size=RELIEF[::-1]), (0, 0), 1.2, sigmaY=14)
        hair = self.hair * (1 + 0.22 * (streak / streak.std())[..., None])
        cap = _hair_cap(
            self.points, random.uniform(-0.35, 0.35), random.uniform(-0.98, -0.86), self.long_hair
        )
        line = ((mask(cap, soft=0.06) - 0.5 + 0.06 * streak / streak.std()) / 0.3 + 0.5).clip(0, 1)
        texture += line[..., None] * (hair - texture)
        skull = _ellipse((0, -0.32), (1.15, 1.2)) if self.long_hair else _ellipse((0, -0.45), (1.05, 1.08))
        outer = mask(skull, soft=0.012)
        outer[int((0.12 - CORNER[1]) * GRID) :] = 0
        return texture.astype(np.float32), np.maximum(alpha, np.minimum(outer, line)).astype(np.float32)

    def _paint_features(self, paint: np.ndarray, p: np.ndarray, iris: np.ndarray, pose: Pose) -> None:
        for (a, b), centre in (((36, 42), iris[0]), ((42, 48), iris[1])):
            eye = p[a:b]
            upper, lower = curve(eye[[0, 1, 2, 3]]), curve(eye[[3, 4, 5, 0]])
            lids = mask(np.concatenate([upper, lower]), soft=0.006)
            _put(paint, np.concatenate([upper, lower]), (232, 226, 220), 0.006)
            _put(paint, _ellipse(centre, (0.108, 0.108)), self.iris * 0.55, 0.008, within=lids)
            _put(paint, _ellipse(centre, (0.09, 0.09)), self.iris * 1.15, 0.02, within=lids)
            _put(paint, _ellipse(centre, (0.042, 0.042)), (12, 10, 10), 0.006, within=lids)
            _put(
                paint,
                _ellipse(centre - (0.03, 0.035), (0.017, 0.017)),
                (255, 255, 255),
                0.006,
                0.9,
                within=lids,
            )
            _put(paint, _stroke(upper + np.array([0, 0.03]), 0.05), self.skin * 0.2, 0.02, 0.4, within=lids)
            _put(paint, _stroke(upper, 0.024), self.skin * 0.16, 0.006, 0.85)
            _put(paint, _stroke(lower, 0.012), self.skin * 0.35, 0.006, 0.4)
            arch = np.sin(np.linspace(0.25, 2.9, len(upper)))[:, None]
            crease = upper - (0, 0.075 * (1 - 0.6 * pose.blink)) * arch
            _put(paint, _stroke(crease, 0.016), self.skin * 0.45, 0.012, 0.45)
        for ids in ([17, 18, 19, 20, 21], [22, 23, 24, 25, 26]):
            top = curve(p[ids])
            taper = np.sin(np.linspace(0.3, 2.8, len(top)))[:, None] * (0, self.brow_width * 1.5)
            brow = np.concatenate([top - taper * 0.1, (top + taper)[::-1]])
            _put(paint, brow, self.brow_colour, 0.02, 0.85)
        outer = np.concatenate([curve(p[48:55]), curve(p[[54, 55, 56, 57, 58, 59, 48]])])
        inner = np.concatenate([curve(p[60:65]), curve(p[[64, 65, 66, 67, 60]])])
        _put(paint, outer, self.lips, 0.012, 0.8)
        _put(paint, curve(p[[48, 59, 58, 57, 56, 55, 54]]) - (0, 0.05), self.lips * 1.2, 0.03, 0.3)
        hole, gap = mask(inner, soft=0.006), float(p[66, 1] - p[62, 1])
        _put(paint, inner, (52, 18, 20), 0.006)
        teeth = _ellipse((0, p[62, 1] - 0.05), (0.26, 0.05 + min(0.5 * gap, 0.09)))
        _put(paint, teeth, (228, 220, 208), 0.012, 0.92, within=hole)
        tongue = _ellipse((0, p[66, 1] + 0.02), (0.2, 0.45 * gap))
        _put(paint, tongue, (150, 70, 72), 0.03, 0.7, within=hole)
        line = np.concatenate([p[48:49], curve(p[60:65]), p[54:55]])
        _put(paint, _stroke(line, 0.016), self.lips * 0.35, 0.008, 0.75)

    def _paint_behind(self, place: np.ndarray, cover: np.ndarray) -> np.ndarray:
        """Backdrop, back hair, neck and shoulders at twice the frame's size; they follow the head partly."""
        canvas = self.backdrop.copy()
        body = self.centre + 0.35 * (place - self.centre)

        def add(half: list[tuple[float, float]], origin: np.ndarray, colour: np.ndarray, soft: float) -> None:
            shape = np.array(half + [(-x, y) for x, y in half[::-1]])
            _over(
                canvas, fill((curve(shape) * self.scale + origin) * 2 + 0.5, canvas.shape[:2], soft), colour
            )

        if self.long_hair:
            add([(0, -1.4), (0.9, -1.05), (1.2, 0.2), (1.22, 1.4), (0.9, 1.95)], place, self.hair * 0.62, 4)
        shade = cv2.resize(cv2.GaussianBlur(cover[::4, ::4], (0, 0), 3), (2 * SIZE, 2 * SIZE))
        under_chin = 1 - 0.5 * np.roll(shade, 22, axis=0)[..., None]
        neck = [(0.62, 0.7), (0.6, 1.5), (0.72, 2.2), (0.3, 2.45)]
        add(neck, 0.5 * (place + body), self.skin * 0.8 * under_chin, 3)
        add([(0.25, 2.05), (0.72, 1.78), (1.5, 1.98), (2.5, 2.25), (3.2, 3.6)], body, self.cloth, 3)
        return canvas


def _hair_cap(p: np.ndarray, parting: float, line: float, long: bool) -> np.ndarray:
    low = 0.05 if long else -0.02
    inner = [
        (-0.98, low),
        (-0.9, -0.5),
        (-0.6, line + 0.1),
        (parting, line),
        (0.6, line + 0.1),
        (0.9, -0.5),
        (0.98, low),
    ]
    outer = [(1.3, low), (1.3, -1.0), (0.6, -1.75), (-0.6, -1.75), (-1.3, -1.0), (-1.3, low)]
    return np.concatenate([curve(np.array(inner)), np.array(outer)])


def _stroke(line: np.ndarray, width: float) -> np.ndarray:
    """The outline of a tapered brush stroke along a line."""
    normal = np.gradient(line, axis=0)[:, ::-1] * (-1, 1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
    taper = 0.5 * width * np.sin(np.linspace(0.4, np.pi - 0.4, len(line)))[:, None] * normal
    return np.concatenate([line + taper, (line - taper)[::-1]])


def _ellipse(centre: tuple[float, float] | np.ndarray, radii: tuple[float, float]) -> np.ndarray:
    t = np.linspace(0, 2 * np.pi, 48)
    return np.stack([centre[0] + radii[0] * np.cos(t), centre[1] + radii[1] * np.sin(t)], 1)


def _noise(random: np.random.Generator, scale: float) -> np.ndarray:
    field = cv2.GaussianBlur(random.normal(size=RELIEF[::-1]), (0, 0), scale)
    return (field / field.std()).astype(np.float32)


def _backdrop(random: np.random.Generator) -> np.ndarray:
    small = cv2.resize(
        random.uniform(40, 190, (3, 3, 3)).astype(np.float32),
        (2 * SIZE, 2 * SIZE),
        interpolation=cv2.INTER_CUBIC,
    )
    grey = small.mean(-1, keepdims=True)
    return np.clip(grey + 0.3 * (small - grey), 20, 225)


def _blot(
    canvas: np.ndarray,
    centre: tuple[float, float],
    radii: tuple[float, float],
    colour: np.ndarray,
    share: float,
) -> None:
    x = (CORNER[0] + np.arange(RELIEF[0]) / GRID - centre[0]) / radii[0]
    y = (CORNER[1] + np.arange(RELIEF[1]) / GRID - centre[1]) / radii[1]
    _over(canvas, (share * np.exp(-(x**2) - (y**2)[:, None])).astype(np.float32), colour)


def _put(paint: np.ndarray, shape: np.ndarray, colour, soft: float, share=1.0, within=None) -> None:
    """Paint a polygon (head units, edges `soft` units wide); only the pixels around it are touched."""
    polygon, margin = pixels(shape), int(3 * soft * GRID) + 2
    low = np.maximum(np.floor(polygon.min(0)).astype(int) - margin, 0)
    high = np.ceil(polygon.max(0)).astype(int) + margin
    here = np.s_[low[1] : high[1], low[0] : high[0]]
    patch = share * fill(polygon - low, paint[here].shape[:2], soft * GRID)
    _over(paint[here], patch if within is None else patch * within[here], colour)


def _over(canvas: np.ndarray, mask: np.ndarray, colour: np.ndarray) -> None:
    canvas += mask[..., None] * (np.asarray(colour, np.float32) - canvas)
