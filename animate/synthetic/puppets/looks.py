"""A puppet's look from all sides: a texture for every part, its build and its room."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from .body import Build
from .clothes import PATTERNS, Colour, Texture, choose_colours, print_logo, weave

TALL = 230
"""The body's height in pixels at which the textures are made."""
_SKINS = ((244, 208, 180), (232, 186, 150), (206, 152, 112), (164, 110, 76), (118, 78, 56), (84, 56, 42))
_HAIRS = (
    (38, 28, 24),
    (70, 46, 30),
    (120, 76, 40),
    (196, 154, 86),
    (150, 60, 34),
    (140, 136, 132),
    (24, 24, 30),
)


@dataclass(frozen=True)
class Look:
    """A person's look.

    textures: by part of `body.Body.parts`, and "skirt". skirt: its length as a share of the thigh's, 0 for
    none. long_hair: whether hair hangs behind the neck. room: (h, w, 3) small background image.
    """

    build: Build
    textures: dict[str, Texture] = field(repr=False)
    skirt: float
    long_hair: bool
    room: Texture = field(repr=False)


def choose_look(seed: int) -> Look:
    """The person of this seed and their room."""
    rng = np.random.default_rng((seed, 101))
    skin: Colour = _SKINS[rng.integers(len(_SKINS))]
    hair: Colour = _HAIRS[rng.integers(len(_HAIRS))]
    build = Build(
        shoulders=rng.uniform(0.09, 0.118),
        hips=rng.uniform(0.05, 0.062),
        thickness=rng.uniform(0.88, 1.2),
        head=rng.uniform(0.95, 1.1),
    )
    long_hair = bool(rng.random() < 0.45)
    textures: dict[str, Texture] = {
        "head": _paint_head(rng, skin, hair, long_hair),
        "neck": _plain(skin, 20, 40),
    }
    textures["hair"] = _strands(rng, hair, 44, 60)

    dress = rng.random() < 0.25
    upper = choose_colours(rng, 3)
    pattern, step = str(rng.choice(PATTERNS)), int(rng.integers(5, 13))
    lower = upper if dress else choose_colours(rng, 2)
    lower_pattern = (
        pattern if dress else str(rng.choice(("plain", "plain", "stripes", "checks", "dots", "blobs")))
    )
    torso = weave(rng, pattern, 76, 116, upper, step)
    if rng.random() < 0.65:
        print_logo(rng, torso, rng.uniform(24, 32), 58 + rng.uniform(-3, 3), rng.uniform(20, 30))
    if rng.random() < 0.35:
        back = np.roll(torso, 58, 1)
        print_logo(rng, back, 28, 58, rng.uniform(22, 30))
        torso = np.roll(back, 58, 1)
    cv2.ellipse(
        torso, (58, 0), (int(rng.integers(9, 17)), int(rng.integers(4, 15))), 0, 0, 360, skin, -1, cv2.LINE_AA
    )
    if not dress:
        torso[66:] = weave(rng, lower_pattern, 10, 116, lower, step)
        torso[65:67] = upper[-1] if rng.random() < 0.5 else (50, 40, 36)  # a belt
    textures["torso"] = torso

    sleeve = float(rng.choice([0.0, 0.55, 1.6, 2.0], p=[0.15, 0.3, 0.15, 0.4]))
    sleeves = upper if rng.random() < 0.7 else upper[1:]
    sleeve_pattern = pattern if rng.random() < 0.7 else "plain"
    skirt = float(rng.uniform(0.6, 1.5)) if dress or rng.random() < 0.2 else 0.0
    trousers = 0.0 if skirt else float(rng.choice([0.6, 1.0, 2.0, 2.0, 2.0]))
    stockings = _plain(choose_colours(rng, 1)[0] if rng.random() < 0.3 else skin, 112, 48)
    leg = _dressed(stockings, weave(rng, lower_pattern, 112, 48, lower, step), trousers / 2)
    arm = _dressed(_plain(skin, 76, 36), weave(rng, sleeve_pattern, 76, 36, sleeves, step), sleeve / 2)
    shoe = _plain(choose_colours(rng, 1)[0], 24, 36)
    shoe[:, 15:21] = 235  # the sole
    for name in ("right", "left"):
        textures |= {f"{name} upper arm": arm[:40], f"{name} forearm": arm[40:], f"{name} foot": shoe}
        textures |= {f"{name} thigh": leg[:58], f"{name} shin": leg[58:], f"{name} hand": _plain(skin, 8, 16)}
    if skirt:
        textures["skirt"] = weave(rng, lower_pattern, round(64 * skirt), 140, lower, step)
    return Look(build, textures, skirt, long_hair, _paint_room(rng))


def _plain(colour: Colour, height: int, width: int) -> Texture:
    return np.full((height, width, 3), colour, np.uint8)


def _dressed(skin: Texture, cloth: Texture, share: float) -> Texture:
    """`cloth` over the first `share` of the limb, with a hem."""
    end = round(share * len(skin))
    made = skin.copy()
    made[:end] = cloth[:end]
    if 0 < end < len(skin):
        made[end - 2 : end] = cloth[end - 2 : end] // 2
    return made


def _strands(rng: np.random.Generator, colour: Colour, height: int, width: int) -> Texture:
    light = rng.normal(1, 0.12, (1, width, 1)) * np.ones((height, 1, 1))
    return np.clip(np.array(colour) * cv2.GaussianBlur(light, (3, 1), 0)[..., None], 0, 255).astype(np.uint8)


def _paint_head(rng: np.random.Generator, skin: Colour, hair: Colour, long_hair: bool) -> Texture:
    """Longitude over latitude, the face in the middle column."""
    head = _plain(skin, 64, 128)
    y, x = np.mgrid[:64, :128]
    front = np.cos((x + 0.5) / 64 * np.pi - np.pi)  # 1 in front, -1 behind
    line = rng.uniform(14, 20) + (0 if long_hair else rng.uniform(-2, 2))
    depth = 58 if long_hair else rng.uniform(42, 52)
    covered = y < line + (depth - line) * np.clip((0.42 - front) / 0.55, 0, 1) + 3 * np.sin(
        x * rng.uniform(0.15, 0.4)
    )
    bald = rng.random() < 0.06
    if not bald:
        head[covered] = _strands(rng, hair, 64, 128)[covered]
    dark = tuple(int(c * 0.55) for c in skin)
    iris = ((60, 40, 30), (70, 100, 130), (70, 110, 70))[rng.integers(3)]
    for side in (-1, 1):
        eye = (64 + 8 * side, 28)
        cv2.ellipse(head, eye, (4, 2), 0, 0, 360, (250, 250, 250), -1, cv2.LINE_AA)
        cv2.circle(head, eye, 2, iris, -1, cv2.LINE_AA)
        cv2.line(head, (eye[0] - 4, 23), (eye[0] + 4, 22 if side > 0 else 23), hair, 2, cv2.LINE_AA)
        if not long_hair or rng.random() < 0.5:
            cv2.ellipse(head, (64 + 32 * side, 31), (4, 6), 0, 0, 360, dark, -1, cv2.LINE_AA)
    cv2.line(head, (64, 30), (62, 37), dark, 2, cv2.LINE_AA)
    mouth = (176, 66, 66) if rng.random() < 0.6 else dark
    cv2.ellipse(head, (64, 44), (6, 2), 0, 0, 360, mouth, -1, cv2.LINE_AA)
    if not long_hair and rng.random() < 0.25:  # a beard
        beard = (y > 46) & (front > 0.2) & ~((np.abs(x - 64) < 6) & (y < 48))
        head[beard] = np.array(hair) * 0.8 + np.array(skin) * 0.2
    if rng.random() < 0.15:  # a cap
        head[:19] = choose_colours(rng, 1)[0]
    return head


def _paint_room(rng: np.random.Generator) -> Texture:
    """A studio with a soft light, or a blurred street."""
    if rng.random() < 0.75:
        wall = np.array(choose_colours(rng, 2)[0]) * 0.25 + 255 * 0.7
        y, x = np.mgrid[:32, :32] / 31
        light = 1 - 0.22 * np.hypot(x - rng.uniform(0.3, 0.7), y - rng.uniform(0.2, 0.5))
        room = wall * light[..., None]
        room[25:] *= rng.uniform(0.86, 0.97)
    else:
        coarse = rng.uniform(60, 220, (5, 7, 3)).astype(np.float32)
        coarse = 0.5 * coarse + 0.5 * coarse.mean(2, keepdims=True)
        room = cv2.resize(coarse, (32, 32), interpolation=cv2.INTER_CUBIC)
        room[24:] = room[24:] * 0.4 + 0.6 * room[24:].mean((0, 1))
    return np.clip(room, 0, 255).astype(np.uint8)
