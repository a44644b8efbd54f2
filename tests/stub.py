"""A child for the long tests: an animator whose network only waits, so that the stream is measured.

`stub.py render DRIVING OUT MILLISECONDS`, `stub.py look DRIVING` or `stub.py live DRIVING SINK SECONDS`:
one line of JSON on stdout.
"""

import json
import sys
import time
from contextlib import closing
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import torch
from conftest import plain_face
from gfla.animate import Animator, VideoReader
from gfla.animate.face.landmarks import Landmarks
from gfla.animate.networks import Generated
from gfla.animate.streaming.live import Controls, LiveCount, Newest, animate_live
from gfla.animate.streaming.pipeline import peak_memory
from gfla.animate.streaming.sinks import FileSink
from gfla.models import CONFIGS, Generator


class Still:
    """A landmarker that sees the same face everywhere."""

    def find(self, image: np.ndarray) -> list[Landmarks]:
        points = (plain_face() / 2).astype(np.float32)
        return [
            Landmarks(
                points, np.stack([points[36:42].mean(0), points[42:48].mean(0)]).astype(np.float32), 1.0
            )
        ]

    def follow(self, image: np.ndarray, last: Landmarks | None) -> Landmarks:
        return self.find(image)[0]


def stub_animator(seconds: float) -> Animator:
    """Its network waits so long for a frame and draws nothing new."""
    torch.manual_seed(0)
    animator = Animator(Generator(CONFIGS["face-tiny"]), Still())

    def wait(target, portrait, memory):
        time.sleep(seconds)
        image = torch.from_numpy(portrait.face).permute(2, 0, 1)[None] / 127.5 - 1
        flow, mask = torch.zeros_like(image[:, :2]), torch.ones_like(image[:, :1])
        return Generated(image, flow, mask, target, portrait.detail), memory

    def nothing(target, portrait) -> Any:
        return target

    animator.networks.look_ahead, animator.networks.generate = nothing, wait  # both are the network
    return animator


def render(driving: str, output: str, milliseconds: str) -> dict:
    animator = stub_animator(float(milliseconds) / 1000)
    result = animator.render(np.full((144, 128, 3), 90, np.uint8), driving, output)
    stats = result.stats
    stages = {stage.name: stage.seconds for stage in stats.stages}
    return {"frames": result.frames, "seconds": stats.seconds, "memory": stats.memory, "stages": stages}


def look(driving: str) -> dict:
    return {"frames": len(stub_animator(0).record(driving).pts), "memory": peak_memory()}


def live(driving: str, sink: str, seconds: str) -> dict:
    animator, controls, resident = stub_animator(0.005), Controls(), []
    state = animator.prepare(np.full((144, 128, 3), 90, np.uint8))
    began = time.perf_counter()

    def watch(count: LiveCount) -> None:
        elapsed = time.perf_counter() - began
        if elapsed > (len(resident) + 1) * float(seconds) / 20:
            resident.append(_resident())
        if elapsed > float(seconds):
            controls.stop.set()

    with closing(FileSink(sink, state.size, Fraction(25))) as out:
        frames = Newest(lambda: VideoReader(driving), again=True)
        count = animate_live(partial(animator.step, alone=True), state, frames, [out], controls, watch)
    elapsed = time.perf_counter() - began
    return {
        "frames": count.frames,
        "dropped": count.dropped,
        "worst": count.worst,
        "seconds": elapsed,
        "resident": resident,
        "memory": peak_memory(),
    }


def _resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


if __name__ == "__main__":
    kind, *arguments = sys.argv[1:]
    print(json.dumps({"render": render, "look": look, "live": live}[kind](*arguments)))
