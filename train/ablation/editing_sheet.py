"""Portraits edited by parameters (Ren 2021, section 4.3, Figure 7) with any of our models, on one sheet.

    python -m gfla.train.ablation.editing_sheet portrait.jpg --weights RUN/generator.safetensors -o sheet.png

The paper takes its landmarks from a 3-D morphable model of the face, ours come from the morphable landmark
model of `animate.face.morphable_model`, which turns pose and expression parameters into landmarks.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...animate import Animator
from ...animate.cli.options import run_command
from ...animate.inspection.visualize import Picture, enlarged
from ...animate.io.image import write_image
from ...animate.motion.recording import MotionReader, motion_of_curves
from ...animate.options import AnimateOptions

EDITS: dict[str, tuple[dict[str, float], ...]] = {
    "yaw": tuple({"yaw": angle} for angle in (-20.0, -13.0, -6.0, 6.0, 13.0, 20.0)),
    "pitch": tuple({"pitch": angle} for angle in (-15.0, -10.0, -5.0, 5.0, 10.0, 15.0)),
    "expression": (
        {"mouth_open": 0.7},
        {"smile": 0.9},
        {"pucker": 0.9},
        {"brows": 0.9},
        {"blink": 1.0},
        {"gaze_x": 0.9},
    ),
}
"""Three lines of edits: the controls (`animate.motion.controls`) of each picture."""
SIDE = 128


def editing_sheet(animator: Animator, portraits: Sequence[Path | str]) -> Picture:
    """Three lines per portrait, one for each of `EDITS`: the face unchanged, then edited; RGB uint8."""
    lines = []
    for portrait in portraits:
        start = animator.prepare(portrait, AnimateOptions(crop_only=True))
        for edits in EDITS.values():
            line = [start.portrait.face]
            for edit in edits:
                recording = motion_of_curves(
                    {name: np.array([value]) for name, value in edit.items()}, "edit"
                )
                state = animator.follow(start, recording)
                (frame,) = animator.animate(state, MotionReader(recording))
                line.append(frame.image)
            lines.append(np.hstack([enlarged(picture, SIDE) for picture in line]))
    return np.vstack(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m gfla.train.ablation.editing_sheet",
        description="Edit portraits by parameters, on one sheet.",
    )
    parser.add_argument("portraits", nargs="+", metavar="PORTRAIT", help="jpg, png or webp")
    parser.add_argument("--weights", default="face-256", help="a shipped name or a weights file")
    parser.add_argument("-o", "--out", type=Path, required=True, help="the sheet, .png")

    options = parser.parse_args(arguments)

    def work() -> None:
        animator = Animator.from_pretrained(options.weights, device="cpu", backend="torch")
        write_image(editing_sheet(animator, options.portraits), options.out)
        print(options.out)

    return run_command("editing_sheet", work)


if __name__ == "__main__":
    sys.exit(main())
