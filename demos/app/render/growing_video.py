"""A video that plays while it is made: fragments appended to a file that the browser's <video> follows."""

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from gfla.animate.video import Frame
from gfla.animate.video.picture.color import encoder_frame
from gfla.demos.app.ui.images import Image, shrink

_FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
_SIDE = 640  # pixels of the longer side: enough while it is made
_CHUNK = 2**16
_GROUP = 1  # frames a fragment: a frame is seen when its fragment is complete


class GrowingVideo:
    """The growing video of one render, which calls `show` and `close`; `follow` is for the viewers.

    path: the growing file, fragmented MP4. last: the newest frame, RGB (H, W, 3) uint8. seconds: from the
    first frame to the newest.
    """

    def __init__(self, path: Path):
        self.path = path
        self.last: Image | None = None
        self.seconds = 0.0
        self.closed = False
        self._file: io.FileIO = open(path, "wb", buffering=0)  # noqa: SIM115, closed by close
        self._container: OutputContainer | None = None
        self._first = 0

    def show(self, frame: Frame) -> None:
        """Append a frame."""
        image = shrink(frame.on_white(), _SIDE)
        size = (max(image.shape[1] // 2 * 2, 2), max(image.shape[0] // 2 * 2, 2))
        if self._container is None:
            self._begin(size, frame)
        assert self._container is not None
        picture = Frame(np.ascontiguousarray(image), frame.pts - self._first, frame.time_base)
        self._container.mux(self._stream.encode(encoder_frame(picture, size, "yuv420p", full=False)))
        self.last = image
        self.seconds = float((frame.pts - self._first) * frame.time_base)

    def close(self) -> None:
        """No more frames come."""
        if self._container is not None:
            self._container.mux(self._stream.encode(None))
            self._container.close()
        self._file.close()
        self.closed = True

    async def follow(self) -> AsyncIterator[bytes]:
        """The file from its beginning as it grows, to its end."""
        with open(self.path, "rb") as file:
            while True:
                closed = self.closed
                while data := file.read(_CHUNK):
                    yield data
                if closed:
                    return
                await asyncio.sleep(0.05)

    def _begin(self, size: tuple[int, int], frame: Frame) -> None:
        container = self._container = av.open(self._file, "w", format="mp4", options=_FRAGMENTED)
        options = {"preset": "ultrafast", "tune": "zerolatency", "crf": "21"}
        self._stream = container.add_stream("libx264", rate=25, options=options)
        self._stream.width, self._stream.height = size
        self._stream.pix_fmt = "yuv420p"
        context = self._stream.codec_context
        self._stream.time_base = context.time_base = frame.time_base
        context.gop_size = _GROUP
        context.colorspace = context.color_primaries = context.color_trc = 1
        self._first = frame.pts
