"""How long a render would take and how much memory it needs, measured by rendering a few frames."""

import time
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..animator import Animator
from ..options import AnimateOptions, MotionOptions
from ..source_video import Pair
from ..streaming.pipeline import Stream, ThreadedStep, peak_memory
from ..streaming.render import encode_stage
from ..video import Encoding, VideoReader, VideoWriter
from .file import Inspection

TRIAL = 40
"""Frames that are rendered; the first quarter is warm-up and not counted."""


@dataclass(frozen=True)
class Estimate:
    """The cost of rendering `portrait` by `driving`.

    frames: of the driving video. look, draw: seconds a frame of the two passes through it: tracking, then
    rendering. memory: bytes, the same for any length. device: where it was measured.
    """

    portrait: Path
    driving: Path
    frames: int
    look: float
    draw: float
    memory: int
    device: str

    @property
    def seconds(self) -> float:
        """Of the whole render."""
        return self.frames * (self.look + self.draw)

    def as_json(self) -> dict[str, Any]:
        """For `json.dumps`."""
        return {
            "portrait": str(self.portrait),
            "seconds": round(self.seconds, 1),
            "look_ms_per_frame": round(1000 * self.look, 2),
            "draw_ms_per_frame": round(1000 * self.draw, 2),
            "memory_mib": round(self.memory / 2**20),
            "device": self.device,
        }

    def line(self) -> str:
        """The same as a line of text."""
        minutes, seconds = divmod(round(self.seconds), 60)
        each = f"{1000 * self.look:.0f} + {1000 * self.draw:.0f} ms a frame"
        return (
            f"{self.portrait} moved by {self.driving}: about {minutes}:{seconds:02d} on {self.device} "
            f"({each}: one walk to look, one to draw), {self.memory / 2**20:.0f} MiB of memory"
        )


def estimate(animator: Animator, portrait: Inspection, driving: Inspection) -> Estimate | None:
    """Render some frames of `driving`, from about its suggested reference on, into a temporary file; None if
    it shows no face or is too short. The portrait shows a face.

    memory is the peak of this process, which loads what a render does.
    """
    rate = driving.frame_rate and driving.frame_rate.mean
    if driving.reference is None or rate is None or driving.frames < 8:
        return None
    begin = max(Fraction(0), min(driving.reference[1], (driving.frames - TRIAL) / rate))
    gpu = animator.device.type == "cuda"
    image = portrait.image[: portrait.image.shape[0] // 2 * 2, : portrait.image.shape[1] // 2 * 2]
    copy = MotionOptions("copy")
    state = animator.prepare(image, AnimateOptions(motion=copy))  # "copy" warns of nothing
    with (
        TemporaryDirectory() as folder,
        VideoReader(driving.path, begin) as reader,
        VideoWriter(
            Path(folder) / "trial.mp4", state.size, reader.rate, reader.time_base, encoding=Encoding(gpu=gpu)
        ) as writer,
    ):
        pairs = (Pair(frame) for frame in islice(reader, TRIAL))
        stages = [*ThreadedStep(animator.networks, state).stages, encode_stage(writer.write, False)]
        with Stream(pairs, stages) as stream:
            moments = [time.perf_counter() for _ in stream]
    counted = moments[len(moments) // 4 :]
    return Estimate(
        portrait.path,
        driving.path,
        driving.frames,
        driving.looked / driving.frames,
        (counted[-1] - counted[0]) / (len(counted) - 1),
        peak_memory(),
        animator.device.type,
    )
