"""How fast a clip is animated, what share each stage takes, and the peak of memory.

python tests/bench/end_to_end.py portrait.png driving.mp4
"""

import argparse
import resource
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gfla.animate.animator as stages
from gfla.animate import Animator, VideoReader, VideoWriter


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("driving", type=Path)
    options = parser.parse_args()
    spent: dict[str, float] = defaultdict(float)

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            began = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                spent[name] += time.perf_counter() - began

        return call

    started = time.perf_counter()
    animator = Animator.from_pretrained("face-256", device="cpu")
    state = animator.prepare(options.source, motion="copy")
    loaded = time.perf_counter()
    animator.landmarker.follow = timed("landmarks", animator.landmarker.follow)
    animator.generator.forward = timed("generator", animator.generator.forward)
    stages.structure_map = timed("structure", stages.structure_map)
    stages.paste = timed("paste", stages.paste)
    count = 0
    with tempfile.TemporaryDirectory() as folder, VideoReader(options.driving) as reader:
        output = Path(folder) / "out.mp4"
        with VideoWriter(output, state.size, reader.rate, reader.time_base, audio_from=reader) as writer:
            frames = iter(reader)
            read, write = timed("decode", lambda: next(frames, None)), timed("encode", writer.write)
            while (frame := read()) is not None:
                frame, state = animator.step(frame, state)
                write(frame)
                count += 1
    total = time.perf_counter() - loaded
    spent["rest"] = total - sum(spent.values())
    print(f"ready after {loaded - started:.1f} s")
    print(f"{count} frames in {total:.1f} s: {count / total:.1f} frames/s")
    for name, seconds in sorted(spent.items(), key=lambda item: -item[1]):
        print(f"  {name:10} {seconds / count * 1000:6.1f} ms a frame  {seconds / total:5.1%}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
