"""Your face moves a portrait in a window, live: python -m gfla.demos.webcam PORTRAIT [VIDEO].

Keys: c, calibrate (your face is at rest now); m, mirror; q, quit. VIDEO plays at its own speed instead of the
camera.
"""

import sys
from contextlib import closing

from gfla.animate import Animator, Camera, VideoReader
from gfla.animate.streaming.live import Controls, LiveCount, Newest, animate_live
from gfla.animate.streaming.sinks import Window


def main(portrait: str, video: str | None = None) -> LiveCount:
    """Until q or the video's end; returns the counts."""
    controls = Controls(mirror=True)
    frames = Newest(lambda: VideoReader(video or Camera(0)))
    animator = Animator.from_pretrained()
    state = animator.prepare(portrait)

    def pressed(key: str) -> None:
        if key == "c":
            controls.calibrate()
        elif key == "m":
            controls.mirror = not controls.mirror
        elif key == "q":
            controls.stop.set()

    with closing(Window("gfla", pressed)) as window:
        return animate_live(animator, state, frames, [window], controls, watch=print)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(*sys.argv[1:])
