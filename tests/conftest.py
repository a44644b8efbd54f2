"""Videos and stand-ins that tests share: made here, small, with known content, so nothing is downloaded."""

import os
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from av.video.reformatter import ColorRange, Colorspace
from gfla.animate import Animator
from gfla.animate.face.landmarks import Landmarks
from gfla.animate.synthetic.talking_head import write_dataset
from gfla.models import CONFIGS, Generator
from PIL import Image
from safetensors.torch import save_file
from torch import nn

os.environ.setdefault("NUMBA_DISABLE_JIT", "1")  # face-alignment's few loops: ten seconds to compile
if "PYTEST_XDIST_WORKER" in os.environ:  # a worker is a core's: one thread in it, and in what it starts
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def torch_unless_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--backend auto` is torch in the tests' own process: a converted network takes half a minute."""
    monkeypatch.setattr("gfla.animate.compute.backends._EIGHT_BITS", ())


def moving_picture(index: int, width: int = 96, height: int = 64) -> np.ndarray:
    """A smooth RGB picture (height, width, 3) uint8 that tells its index: no two of 250 are alike."""
    y, x = np.mgrid[0:height, 0:width]
    red = 128 + 100 * np.sin(x / 17 + index / 5)
    green = 128 + 100 * np.cos(y / 13 - index / 7)
    return np.stack([red, green, np.full_like(red, index % 250)], axis=2).astype(np.uint8)


def write_video(
    path: Path,
    *,
    pts: Sequence[int] = tuple(range(50)),
    time_base: Fraction = Fraction(1, 25),
    rate: Fraction = Fraction(25),
    size: tuple[int, int] = (96, 64),
    sound: str | None = None,
    rotation: int = 0,
    options: dict[str, str] | None = None,
    picture: Callable[[int, int, int], np.ndarray] = moving_picture,
    format_options: dict[str, str] | None = None,
    sound_seconds: float | None = None,
    sound_from: float | None = None,
    sound_rate: int = 48000,
    pixels: str = "yuv420p",
    pixel: Fraction | None = None,
    matrix: int = 2,
    transfer: int = 2,
    primaries: int = 2,
    full_range: bool = False,
) -> Path:
    """An H.264 video: frame i is picture(i, *size) at pts[i]; `sound` names a codec for a 440 Hz tone.

    pixel: width over height of one. matrix, transfer, primaries: colour tags (ITU-T H.273); 2 is none.
    """
    with av.open(str(path), "w", options=format_options or {}) as output:
        video = output.add_stream(
            "libx264", rate=rate, options=options or {"crf": "12", "preset": "veryfast"}
        )
        video.width, video.height = size
        video.pix_fmt = pixels
        context = video.codec_context
        context.colorspace, context.color_trc, context.color_primaries = matrix, transfer, primaries
        if full_range:
            context.color_range = ColorRange.JPEG
        if pixel:
            context.sample_aspect_ratio = pixel
        video.time_base = video.codec_context.time_base = time_base
        if rotation:
            video.set_display_rotation(rotation)
        audio, tone = None, []
        if sound:
            audio = output.add_stream(sound, rate=sound_rate)
            assert isinstance(audio, av.AudioStream)
            audio.layout = "mono"
            seconds = (
                float((pts[-1] + 1) * time_base) if len(pts) == 1 else float(pts[-1] * time_base + 1 / rate)
            )
            begin = float(pts[0] * time_base) if sound_from is None else sound_from
            tone = tone_frames(audio, sound_seconds or seconds, begin)
        for index, at in enumerate(pts):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture(index, *size)), format="rgb24")
            if matrix != 2 or full_range:
                frame = frame.reformat(
                    format=pixels,
                    dst_colorspace=Colorspace(matrix) if matrix != 2 else Colorspace.ITU601,
                    dst_color_range=ColorRange.JPEG if full_range else ColorRange.MPEG,
                )
            frame.pts, frame.time_base = at, time_base
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        if audio:
            for frame in tone:
                output.mux(audio.encode(frame))
            output.mux(audio.encode(None))
    return path


def plain_face(
    width: float = 1.0, height: float = 1.0, roll: float = 0.0, mouth: float = 4.0, eye: float = 8.0
):
    """A plain face (68, 2) about (128, 150): `mouth` and `eye` are openings in pixels, roll in degrees."""
    points = np.zeros((68, 2))
    angle = np.linspace(np.pi, 0, 17)
    points[:17] = np.c_[np.cos(angle) * 62, np.sin(angle) * 72 - 10]
    points[17:22] = np.c_[np.linspace(-48, -14, 5), [-42, -46, -48, -46, -42]]
    points[22:27] = np.c_[np.linspace(14, 48, 5), [-42, -46, -48, -46, -42]]
    points[27:31] = np.c_[np.zeros(4), np.linspace(-28, 6, 4)]
    points[31:36] = np.c_[np.linspace(-12, 12, 5), [12, 14, 15, 14, 12]]
    for begin, x in ((36, -30), (42, 30)):
        points[begin : begin + 6] = np.c_[
            x + np.array([-12, -4, 4, 12, 4, -4]), -26 + eye / 2 * np.array([0, -1, -1, 0, 1, 1])
        ]
    points[48:55] = np.c_[np.linspace(-24, 24, 7), 34 + np.array([0, -5, -7, -6, -7, -5, 0]) - mouth / 2]
    points[55:60] = np.c_[np.linspace(16, -16, 5), 34 + np.array([6, 9, 10, 9, 6]) + mouth / 2]
    points[60:65] = np.c_[np.linspace(-18, 18, 5), 34 - np.array([0, 1, 1, 1, 0]) * mouth / 2]
    points[65:68] = np.c_[[9, 0, -9], np.full(3, 34 + mouth / 2)]
    points *= (width, height)
    cos, sin = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    return (points @ np.array([[cos, sin], [-sin, cos]]) + (128, 150)).astype(np.float32)


def tone_frames(stream: av.AudioStream, seconds: float, start: float = 0.0) -> list[av.AudioFrame]:
    """A 440 Hz tone from `start` to `seconds`, in the format and frame size of the encoder `stream`."""
    rate = stream.rate
    samples = np.sin(2 * np.pi * 440 * np.arange(int((seconds - start) * rate)) / rate)
    whole = av.AudioFrame.from_ndarray((samples * 12000).astype(np.int16)[None], format="s16", layout="mono")
    whole.sample_rate, whole.pts, whole.time_base = rate, round(start * rate), Fraction(1, rate)
    context = stream.codec_context
    context.open(strict=False)
    resampler = av.AudioResampler(
        format=context.format.name, layout="mono", rate=rate, frame_size=context.frame_size or 1024
    )
    return [*resampler.resample(whole), *resampler.resample(None)]


def head_picture(index: int, width: int = 128, height: int = 128) -> np.ndarray:
    """A skin-coloured disc with a dark mouth that sways and speaks on grey, RGB (height, width, 3) uint8."""
    y, x = np.mgrid[0:height, 0:width]
    middle_x, middle_y = width * (0.5 + 0.05 * np.sin(index / 6)), height * 0.55
    picture = np.full((height, width, 3), 90, np.uint8)
    disc = ((x - middle_x) / (0.24 * width)) ** 2 + ((y - middle_y) / (0.28 * height)) ** 2 < 1
    picture[disc] = (210, 150, 110)
    mouth = (abs(x - middle_x) < 0.08 * width) & (abs(y - middle_y - 0.14 * height) < 2 + 2 * np.sin(index))
    picture[mouth] = (120, 30, 20)
    return picture


def grey_picture(index: int, width: int = 128, height: int = 128) -> np.ndarray:
    """What `head_picture` is without the head."""
    return np.full((height, width, 3), 90, np.uint8)


class DiscLandmarker:
    """A test double for the tracker: the face is the box of the reddish pixels, a plain face in it."""

    def __init__(self) -> None:
        self.asked: list[Landmarks | None] = []

    def find(self, image: np.ndarray) -> list[Landmarks]:
        y, x = np.nonzero(image[..., 0].astype(int) - image[..., 2] > 50)
        if len(x) < 50:
            return []
        low, high = np.array([x.min(), y.min()]), np.array([x.max(), y.max()])
        plain = plain_face()
        span = np.ptp(plain, axis=0)
        points = ((plain - plain.min(0)) / span * (high - low) + low).astype(np.float32)
        iris = np.stack([points[36:42].mean(0), points[42:48].mean(0)])
        return [Landmarks(points, iris, 1.0)]

    def follow(self, image: np.ndarray, last: Landmarks | None) -> Landmarks | None:
        self.asked.append(last)
        return next(iter(self.find(image)), None)


@pytest.fixture
def landmarker() -> DiscLandmarker:
    return DiscLandmarker()


@pytest.fixture
def animator(landmarker: DiscLandmarker) -> Animator:
    """The tiny generator, random, always the same. (Made in 8 ms: nothing is gained by sharing one.)"""
    torch.manual_seed(0)
    return Animator(Generator(CONFIGS["face-tiny"]), landmarker, name="face-tiny")


@pytest.fixture
def portrait(tmp_path: Path) -> Path:
    """The file of a photograph of the head, 160 by 120."""
    Image.fromarray(head_picture(0, 160, 120)).save(tmp_path / "portrait.png")
    return tmp_path / "portrait.png"


@pytest.fixture(name="face")
def _face() -> Callable[..., np.ndarray]:
    return plain_face


@pytest.fixture(name="head_picture")
def _head_picture() -> Callable[..., np.ndarray]:
    return head_picture


@pytest.fixture(name="grey_picture")
def _grey_picture() -> Callable[..., np.ndarray]:
    return grey_picture


@pytest.fixture(name="moving_picture")
def _moving_picture() -> Callable[..., np.ndarray]:
    return moving_picture


@pytest.fixture
def make_video(tmp_path: Path) -> Callable[..., Path]:
    """write_video with a file name in the test's own folder."""
    return lambda name, **options: write_video(tmp_path / name, **options)


@pytest.fixture
def talking(make_video: Callable[..., Path]) -> Path:
    """Two seconds of 25 fps video with an aac tone."""
    return make_video("talking.mp4", sound="aac")


@pytest.fixture
def bad_videos(tmp_path: Path) -> dict[str, Path]:
    """Files that are no videos: missing, folder, empty, text, cut before its index, sound alone."""
    folder = tmp_path / "bad"
    folder.mkdir()
    files = {name: folder / f"{name}.mp4" for name in ("missing", "empty", "text", "cut", "sound")}
    files["folder"] = folder
    files["empty"].touch()
    files["text"].write_text("this is not a video\n" * 50)
    whole = write_video(tmp_path / "whole.mp4", sound="aac")
    data = whole.read_bytes()
    files["cut"].write_bytes(data[: data.index(b"moov") - 100])
    with av.open(str(files["sound"]), "w") as output, av.open(str(whole)) as source:
        stream = output.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)
    whole.unlink()
    return files


@pytest.fixture
def damaged_video(tmp_path: Path) -> Path:
    """A 2 s video with a key frame every 0.4 s in which the packets of frames 20-24 are noise."""
    return _damage(write_video(tmp_path / "damaged.mp4", options=_SHORT_GROUPS))


@pytest.fixture
def damaged_head(tmp_path: Path) -> Path:
    """The same damage to a video of a talking head."""
    size = (128, 128)
    return _damage(write_video(tmp_path / "head.mp4", options=_SHORT_GROUPS, picture=head_picture, size=size))


_SHORT_GROUPS = {"g": "10", "bf": "0", "crf": "12"}


def _damage(path: Path) -> Path:
    with av.open(str(path)) as container:
        spots = [(p.pos, p.size) for p in container.demux(video=0) if p.size][20:25]
    data, noise = bytearray(path.read_bytes()), np.random.default_rng(0)
    for at, size in spots:
        assert at is not None
        data[at : at + size] = noise.integers(0, 256, size, dtype=np.uint8).tobytes()
    path.write_bytes(data)
    return path


@pytest.fixture(scope="session")
def squeezenet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SqueezeNet file with random weights: the shape of the real one, and no download."""
    path = tmp_path_factory.mktemp("perceptual") / "squeezenet.safetensors"
    shapes = {"0": (96, 3, 7)}
    for index, (inputs, squeeze, expand) in {
        3: (96, 16, 64),
        4: (128, 16, 64),
        5: (128, 32, 128),
        7: (256, 32, 128),
        8: (256, 48, 192),
        9: (384, 48, 192),
        10: (384, 64, 256),
        12: (512, 64, 256),
    }.items():
        shapes |= {
            f"{index}.squeeze": (squeeze, inputs, 1),
            f"{index}.expand1x1": (expand, squeeze, 1),
            f"{index}.expand3x3": (expand, squeeze, 3),
        }
    torch.manual_seed(0)
    tensors = {}
    for name, (outputs, inputs, kernel) in shapes.items():
        layer = nn.Conv2d(inputs, outputs, kernel)
        nn.init.kaiming_normal_(layer.weight)
        tensors |= {f"features.{name}.{key}": value for key, value in layer.state_dict().items()}
    save_file(tensors, path)
    return path


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of two drawn people, a second each: the first train, the second val."""
    folder = tmp_path_factory.mktemp("drawn")
    write_dataset(folder, people=2, seconds=1)
    return folder
