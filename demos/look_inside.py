"""Shows how one frame of an animation was made: flow, masks, weights, and what a point attended to.

python -m gfla.demos.look_inside SOURCE DRIVING --frame 40 --point 128,170 -o sheet.png
"""

import argparse
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from gfla.animate import Animator, VideoReader
from gfla.animate.inspection.explain import Inside, Panel, attention_panels, look_inside, panels
from PIL import Image, ImageDraw, ImageFont


def inside_of(source: str, driving: str, number: int, weights: str = "face-256") -> Inside:
    """The intermediate results of frame `number` (from 0) of `source` driven by `driving`."""
    animator = Animator.from_pretrained(weights, backend="torch")
    state = animator.follow(animator.prepare(source), animator.record(driving))
    with VideoReader(driving) as reader:
        frames = iter(reader)
        for frame in islice(frames, number):
            _, state = animator.step(frame, state)
        frame = next(frames, None)
    if frame is None:
        raise SystemExit(f"{driving}: there is no frame {number}.")
    inside = look_inside(animator, frame, state)
    if inside is None:
        raise SystemExit(f"{driving}: frame {number} shows no face; take another.")
    return inside


def sheet(shown: Sequence[Panel], columns: int = 4, side: int = 256) -> np.ndarray:
    """The panels with their captions in rows, RGB uint8; a wide picture spans several columns."""
    gap, words, font, bold = 12, 84, ImageFont.load_default(12), ImageFont.load_default(15)
    spans = [max(1, round(panel.picture.shape[1] / panel.picture.shape[0])) for panel in shown]
    places, row, column = [], 0, 0
    for span in spans:
        row, column = (row + 1, 0) if column + span > columns else (row, column)
        places.append((row, column))
        column += span
    step = (side + gap, side + words + gap)
    page = Image.new("RGB", (columns * step[0] + gap, (row + 1) * step[1] + gap), (250, 250, 248))
    draw = ImageDraw.Draw(page)
    for panel, span, (row, column) in zip(shown, spans, places, strict=True):
        x, y = gap + column * step[0], gap + row * step[1]
        width = span * step[0] - gap
        picture = Image.fromarray(panel.picture)
        picture = picture.resize((width, width * picture.height // picture.width), Image.Resampling.NEAREST)
        page.paste(picture.crop((0, 0, width, side)), (x, y + words))
        draw.text((x, y), panel.name, (20, 20, 20), bold)
        draw.multiline_text((x, y + 19), _wrapped(panel.caption, font, width), (80, 80, 80), font, spacing=2)
    return np.asarray(page)


def _wrapped(text: str, font, width: int) -> str:
    """The text in lines no wider than `width` pixels."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        lines = [*lines[:-1], longer] if font.getlength(longer) <= width else [*lines, word]
    return "\n".join(lines)


def _point(text: str) -> tuple[float, float]:
    x, y = text.split(",")
    return float(x), float(y)


def main() -> None:
    parser = argparse.ArgumentParser(description="How one frame of an animation was made, as a picture.")
    parser.add_argument("source", help="the portrait")
    parser.add_argument("driving", help="the driving video")
    parser.add_argument("--frame", type=int, default=0, metavar="N", help="counted from 0")
    parser.add_argument(
        "--point", type=_point, default=(128, 170), metavar="X,Y", help="pixels of the 256 square"
    )
    parser.add_argument(
        "--weights", default="face-256", help="a shipped name or a file (default: %(default)s)"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, help="the picture to write (.png)")
    options = parser.parse_args()
    inside = inside_of(options.source, options.driving, options.frame, options.weights)
    made = sheet([*panels(inside), *attention_panels(inside, options.point)])
    Image.fromarray(made).save(options.output)


if __name__ == "__main__":
    main()
