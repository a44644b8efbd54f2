"""Where live frames go: a file or an address, a window, a virtual camera; opened only when asked for."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from importlib.util import find_spec
from typing import Any

import numpy as np

from ..errors import InputError, InputWarning, Warn, ignore
from ..video import Encoding, Frame, VideoReader, VideoWriter
from .live import CLOCK, Sink

_LAST_WAIT = 5.0  # seconds for the last frame: an address that nobody has fails after three


class FileSink:
    """A file, udp://, rtmp:// or whatever VideoWriter takes; encoding: as there.

    sound: a file that plays at its own speed from the frames' time 0 on; its sound goes with them, up to the
    last of them. It is the caller's to close.
    """

    def __init__(
        self,
        name: str,
        size: tuple[int, int],
        rate: Fraction,
        *,
        encoding: Encoding | None = None,
        overwrite: bool = False,
        sound: VideoReader | None = None,
        warn: Warn = ignore,
    ):
        self._writer = VideoWriter(
            name, size, rate, CLOCK, encoding=encoding, audio_from=sound, overwrite=overwrite, warn=warn
        )
        self._writer.__enter__()
        begin = next(iter(sound)).seconds if sound else Fraction(0)
        self._begin, self._rate = round(begin / CLOCK), rate
        self._written = False

    def show(self, frame: Frame) -> None:
        frame = replace(frame, pts=frame.pts + self._begin)
        self._writer.write(frame)
        self._writer.cut(frame.seconds + 1 / self._rate)
        self._written = True

    def close(self) -> None:
        """Finish the file; if nothing was written there is none."""
        error = None if self._written else InputError("the sink", "nothing was shown")
        self._writer.__exit__(type(error) if error else None, error, None)


class UnhurriedSink:
    """Another sink on a thread of its own: where nobody takes what is sent, nobody is held up.

    Only the newest frame waits for it. name: of the sink, for the warning that is given once if it takes
    nothing for `patience` seconds. An error there is raised by the next `show`, or by `close`.
    """

    def __init__(self, sink: Sink, name: str, warn: Warn = ignore, patience: float = 1.0):
        self._sink, self._name, self._warn, self._patience = sink, name, warn, patience
        self._changed = threading.Condition()
        self._next: Frame | None = None
        self._since: float | None = None  # when the frame that is under way began
        self._told = self._ended = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="sink", daemon=True)
        self._thread.start()

    def show(self, frame: Frame) -> None:
        with self._changed:
            self._raise()
            self._next = frame
            self._changed.notify_all()
            stalled = self._since is not None and time.perf_counter() - self._since > self._patience
        if stalled and not self._told:
            self._told = True
            reason, effect = "nobody takes the pictures there", "they are left out until somebody does"
            self._warn(InputWarning(self._name, reason, effect))

    def close(self) -> None:
        """Send the last frame and close the sink; one that still stalls is left to the process's end."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._thread.join(_LAST_WAIT)
        if not self._thread.is_alive():
            self._sink.close()
            self._raise()

    def _run(self) -> None:
        try:
            while True:
                with self._changed:
                    self._since = None
                    self._changed.wait_for(lambda: self._next is not None or self._ended)
                    frame, self._next = self._next, None
                    self._since = time.perf_counter()
                if frame is None:
                    return
                self._sink.show(frame)
        except BaseException as error:
            self._error = error

    def _raise(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error


class VirtualCamera:
    """A camera that other programs see, by pyvirtualcam."""

    def __init__(self, size: tuple[int, int], rate: Fraction):
        if find_spec("pyvirtualcam") is None:
            raise InputError("--sink camera", "it needs pyvirtualcam", "install it: pip install pyvirtualcam")
        import pyvirtualcam  # type: ignore[import-not-found]

        try:
            self._camera: Any = pyvirtualcam.Camera(width=size[0], height=size[1], fps=float(rate))
        except RuntimeError as error:
            raise InputError("--sink camera", f"no virtual camera can be had: {error}") from None

    def show(self, frame: Frame) -> None:
        self._camera.send(frame.on_white())

    def close(self) -> None:
        self._camera.close()


class Window:
    """A window on this screen; its keys are given to `pressed`, closing it is the key "q"."""

    def __init__(self, title: str, pressed: Callable[[str], None]):
        import cv2

        self._cv2, self._title, self._pressed = cv2, title, pressed
        self._thread = threading.get_ident()
        try:
            cv2.namedWindow(title, cv2.WINDOW_AUTOSIZE)
        except cv2.error:
            raise InputError(
                "window", "there is no screen", "say where the pictures go with --sink"
            ) from None

    def show(self, frame: Frame) -> None:
        assert threading.get_ident() == self._thread, "a window belongs to the thread that opened it"
        self._cv2.imshow(self._title, np.ascontiguousarray(frame.on_white()[..., ::-1]))
        key = self._cv2.waitKey(1) & 0xFF
        if key != 0xFF:
            self._pressed(chr(key))
        if self._cv2.getWindowProperty(self._title, self._cv2.WND_PROP_VISIBLE) < 1:
            self._pressed("q")

    def close(self) -> None:
        self._cv2.destroyAllWindows()
