"""demos/webcam.py: a video in the camera's place moves the portrait, and keys are heard."""

from importlib.resources import files
from pathlib import Path

import pytest
from gfla.animate import Frame, InputError
from gfla.demos import webcam

ASSETS = files("gfla.animate") / "assets"


class Screen:
    """In the place of `Window`: presses a key at each of the first frames, q at the fourth."""

    def __init__(self, title: str, pressed):
        self.frames: list[Frame] = []
        self.closed, self._pressed = False, pressed

    def show(self, frame: Frame) -> None:
        self.frames.append(frame)
        self._pressed("cmxq"[min(len(self.frames), 4) - 1])

    def close(self) -> None:
        self.closed = True


@pytest.mark.slow
def test_a_video_moves_the_portrait_until_q(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    made: list[Screen] = []
    monkeypatch.setattr(webcam, "Window", lambda *given: made.append(Screen(*given)) or made[0])
    count = webcam.main(str(ASSETS / "astronaut.jpg"), str(ASSETS / "driver.mp4"))
    assert count.frames == len(made[0].frames) == 4
    assert made[0].frames[0].image.shape == (512, 512, 3)
    assert made[0].closed
    assert "4 frames" in capsys.readouterr().out


@pytest.mark.skipif(Path("/dev/video0").exists(), reason="there is a camera")
def test_no_camera_is_one_sentence():
    with pytest.raises(InputError, match="camera 0: there is none"):
        webcam.main(str(ASSETS / "astronaut.jpg"))
