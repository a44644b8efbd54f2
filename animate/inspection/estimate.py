"""How long a render would take, and how much memory: by rendering a little, for no table knows a machine."""

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
from ..video import VideoReader, VideoWriter
from .file import Inspection

TRIAL = 40
"""Frames that are rendered; the first quarter, in which everything begins, is not counted."""


@dataclass(frozen=True)
class Estimate:
    """Of rendering `portrait` by `driving`. frames: of it. look, draw: seconds a frame of the two walks
    through the driving video. memory: bytes, which do not grow with the video. device: where it was tried."""

    portrait: Path
    driving: Path
    frames: int
    look: float
    draw: float
    memory: int
    device: str

    @property
    def seconds(self) -> float:
        """The whole render's."""
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
        """The same for people."""
        minutes, seconds = divmod(round(self.seconds), 60)
        each = f"{1000 * self.look:.0f} + {1000 * self.draw:.0f} ms a frame"
        return (
            f"{self.portrait} moved by {self.driving}: about {minutes}:{seconds:02d} on {self.device} "
            f"({each}: one walk to look, one to draw), {self.memory / 2**20:.0f} MiB of memory"
        )


def estimate(animator: Animator, portrait: Inspection, driving: Inspection) -> Estimate | None:
    """Render a little of `driving`, around its suggested reference, into a file that is thrown away; None
    where it shows no face or is too short to tell. The portrait shows one.

    memory is the most that this process has held, which has looked at files but holds what a render does.
    """
    if driving.reference is None or driving.pace is None or driving.pace.rate is None or driving.frames < 8:
        return None
    rate = driving.pace.rate
    begin = max(Fraction(0), min(driving.reference[1], (driving.frames - TRIAL) / rate))
    gpu = animator.device.type == "cuda"
    image = portrait.image[: portrait.image.shape[0] // 2 * 2, : portrait.image.shape[1] // 2 * 2]
    copy = MotionOptions("copy")
    state = animator.prepare(image, AnimateOptions(motion=copy))  # which has nothing to say of the driver
    with (
        TemporaryDirectory() as folder,
        VideoReader(driving.path, begin) as reader,
        VideoWriter(Path(folder) / "trial.mp4", state.size, reader.rate, reader.time_base, gpu=gpu) as writer,
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
