"""In and out: every container and codec we name is written, and read back by us and by another's ffmpeg."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from fractions import Fraction
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import numpy as np
import pytest
from gfla.animate import Frame, InputError, VideoReader, VideoWriter
from gfla.animate.errors import InputWarning
from gfla.animate.io.paths import check_not_input
from gfla.animate.video import Encoding
from gfla.animate.video.formats import Output
from PIL import Image

TICK = Fraction(1, 25)
MakeVideo = Callable[..., Path]
Picture = Callable[..., np.ndarray]


def ffmpeg(*arguments: object) -> bytes:
    program = pytest.importorskip("imageio_ffmpeg").get_ffmpeg_exe()
    command = [program, "-v", "error", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout


def cut_out(index: int) -> tuple[np.ndarray, np.ndarray]:
    """A picture and its alpha, (64, 96): clear to the left, half clear in the middle, opaque to the right."""
    y, x = np.mgrid[0:64, 0:96]
    image = np.stack([x * 2, y * 3, np.full_like(x, 40 + 10 * index)], axis=2).astype(np.uint8)
    return image, np.where(x < 32, 0, np.where(x < 64, 128, 255)).astype(np.uint8)


def write(
    target: Path | str, count: int = 6, clear: bool = False, overwrite: bool = False, **options
) -> None:
    encoding = Encoding(alpha=clear, **options)
    with VideoWriter(target, (96, 64), Fraction(25), TICK, encoding=encoding, overwrite=overwrite) as writer:
        for index in range(count):
            image, alpha = cut_out(index)
            writer.write(Frame(image, index, TICK, alpha if clear else None))


FILES = [
    ("a.mp4", None, "h264"),
    ("a.mp4", "h265", "hevc"),
    ("a.mp4", "av1", "av1"),
    ("a.m4v", None, "h264"),
    ("a.mov", None, "prores"),
    ("a.mov", "h264", "h264"),
    ("a.webm", None, "vp9"),
    ("a.webm", "av1", "av1"),
    ("a.mkv", None, "h264"),
    ("a.gif", None, "gif"),
    ("a.webp", None, None),
    ("a%03d.png", None, "png"),
]


@pytest.mark.parametrize(("name", "codec", "written"), FILES)
def test_every_output_is_read_back(tmp_path: Path, name: str, codec: str | None, written: str | None):
    write(tmp_path / name, codec=codec)
    with VideoReader(tmp_path / name) as reader:
        frames = list(reader)
        assert reader.size == (96, 64)
    assert [frame.seconds for frame in frames] == [index * TICK for index in range(6)]
    for index, frame in enumerate(frames):
        assert np.abs(frame.image.astype(int) - cut_out(index)[0]).mean() < 6
    if written:
        options = {"start_number": "1"} if "%" in name else {}
        form = "image2" if "%" in name else None
        with av.open(str(tmp_path / name), format=form, options=options) as container:
            assert container.streams.video[0].codec_context.codec.canonical_name == written
    raw = ffmpeg(
        "-i", tmp_path / name, "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"
    )
    assert len(raw) == 6 * 64 * 96 * 3
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("name", ["a.mov", "a.webm", "a.gif", "a.webp", "a%03d.png"])
def test_transparency_is_kept_where_it_can_be(tmp_path: Path, name: str):
    write(tmp_path / name, clear=True)
    with VideoReader(tmp_path / name) as reader:
        frames = list(reader)
    assert len(frames) == 6
    for index, frame in enumerate(frames):
        image, alpha = cut_out(index)
        assert frame.alpha is not None
        if name != "a.gif":  # it knows clear and opaque alone
            assert np.abs(frame.alpha[:, 4::16].astype(int) - alpha[:, 4::16]).max() <= 4
        assert (frame.alpha[:, :28] < 5).all()
        assert (frame.alpha[:, 68:] > 250).all()
        assert np.abs(frame.image[:, 68:].astype(int) - image[:, 68:]).mean() < 6


def test_elsewhere_it_lies_on_white(tmp_path: Path):
    write(tmp_path / "a.mp4", clear=True)
    with VideoReader(tmp_path / "a.mp4") as reader:
        frame = next(iter(reader))
    assert frame.alpha is None
    assert (frame.image[4:-4, 4:26] > 250).all()
    image, _ = cut_out(0)
    assert np.abs(frame.image[:, 40:56].astype(int) - (image[:, 40:56] / 2 + 127)).mean() < 6


@pytest.mark.slow
def test_sound_goes_into_every_container_that_holds_it(tmp_path: Path, make_video: MakeVideo):
    source = make_video("in.mp4", sound="aac", pts=range(25))
    for name, codec in (("a.mov", "aac"), ("a.mkv", "aac"), ("a.webm", "opus"), ("a.gif", None)):
        warnings: list[InputWarning] = []
        with (
            VideoReader(source) as reader,
            VideoWriter(
                tmp_path / name,
                reader.size,
                reader.rate,
                reader.time_base,
                audio_from=reader,
                warn=warnings.append,
            ) as out,
        ):
            for frame in reader:
                out.write(frame)
        with av.open(str(tmp_path / name)) as container:
            sounds = [stream.codec_context.codec.canonical_name for stream in container.streams.audio]
        assert sounds == ([codec] if codec else [])
        told = {
            "a.webm": (str(source), "webm cannot hold aac sound, so it is turned into opus"),
            "a.gif": (str(tmp_path / "a.gif"), "it holds no sound; the driving video's is left out"),
        }
        assert [(w.subject, w.reason) for w in warnings] == ([told[name]] if name in told else [])


def test_a_gif_leaves_out_what_viewers_would_show_slowly(tmp_path: Path):
    warnings: list[InputWarning] = []
    tick = Fraction(1, 100)
    with VideoWriter(tmp_path / "a.gif", (96, 64), 1 / tick, tick, warn=warnings.append) as writer:
        for index in range(10):
            writer.write(Frame(cut_out(index)[0], index, Fraction(1, 100)))
    with VideoReader(tmp_path / "a.gif") as reader:
        assert [frame.pts for frame in reader] == [0, 2, 4, 6, 8]
    assert ["50 pictures a second at most" in warning.reason for warning in warnings] == [True]


def test_an_animated_webp_goes_round_for_ever(tmp_path: Path):
    write(tmp_path / "a.webp")
    with Image.open(tmp_path / "a.webp") as picture:
        assert picture.info["loop"] == 0


def test_numbered_pictures_in_and_out(tmp_path: Path):
    frames = tmp_path / "frames"
    frames.mkdir()
    for number in range(17, 22):
        Image.fromarray(cut_out(number - 17)[0]).save(frames / f"{number:05d}.png")
    with VideoReader(frames / "%05d.png") as reader:
        got = list(reader)
        assert reader.rate == 25
    assert [frame.seconds for frame in got] == [index * TICK for index in range(5)]
    assert all(np.array_equal(frame.image, cut_out(i)[0]) for i, frame in enumerate(got))
    with pytest.raises(InputError, match=r"00017\.png: the file exists; pass --overwrite"):
        write(frames / "%05d.png")
    with pytest.raises(InputError, match="this is an input"):
        check_not_input(frames / "%05d.png", str(frames / "%05d.png"))
    write(frames / "%05d.png", count=2, overwrite=True, comment="Synthetic")
    with Image.open(frames / "00002.png") as picture:
        assert picture.info["Comment"] == "Synthetic"
    assert sorted(path.name for path in frames.iterdir()) == ["00001.png", "00002.png"]
    (frames / "00004.png").write_bytes((frames / "00002.png").read_bytes())
    with pytest.raises(InputError, match=r"00003\.png is missing; number the pictures"):
        VideoReader(frames / "%05d.png")
    (frames / "1700000000.png").write_bytes((frames / "00002.png").read_bytes())
    with VideoReader(frames / "%d.png") as reader:
        assert len(list(reader)) == 1
    (frames / "1700000000.png").unlink()
    with pytest.raises(InputError, match=r"no file has such a name, for example 1\.png"):
        VideoReader(frames / "%d.png")
    with pytest.raises(InputError, match=r"the folder .*none does not exist"):
        VideoReader(tmp_path / "none" / "%d.png")


def test_an_error_leaves_no_picture(tmp_path: Path):
    def stop() -> None:
        with VideoWriter(tmp_path / "%d.png", (96, 64), Fraction(25), TICK) as writer:
            writer.write(Frame(cut_out(0)[0], 0, TICK))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()
    assert not list(tmp_path.iterdir())


def test_animated_webp_keeps_its_times(tmp_path: Path):
    pictures = [Image.fromarray(np.dstack(cut_out(index))) for index in range(4)]
    path = tmp_path / "in.webp"
    pictures[0].save(
        path, save_all=True, append_images=pictures[1:], duration=[40, 100, 70, 40], lossless=True
    )
    with VideoReader(path) as reader:
        frames = list(reader)
        assert reader.frames == 4
    assert [frame.pts for frame in frames] == [0, 40, 140, 210]
    assert all(frame.alpha is not None and (frame.alpha[:, :32] == 0).all() for frame in frames)
    with VideoReader(path, start=Fraction("0.1")) as reader:
        assert [frame.pts for frame in reader] == [140, 210]
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match="damaged WebP"):
        VideoReader(path)


COPY = """
import sys
from gfla.animate import VideoReader, VideoWriter
with VideoReader(sys.argv[1]) as reader:
    with VideoWriter(sys.argv[2], reader.size, reader.rate, reader.time_base, audio_from=reader) as writer:
        for frame in reader:
            writer.write(frame)
"""


@pytest.mark.slow
@pytest.mark.parametrize("one_core", [False, True])
@pytest.mark.parametrize("suffix", [".mkv", ".ts"])
def test_standard_input_to_standard_output(
    tmp_path: Path, make_video: MakeVideo, suffix: str, one_core: bool
):
    """Read once, sound and all; what comes out is a fragmented mp4 that needs no seeking. On one core the
    decoder looks less far ahead: at times no sound has come yet."""
    if one_core and not hasattr(os, "sched_setaffinity"):
        pytest.skip("this system does not keep a process on one core")
    source = make_video(f"in{suffix}", sound="aac", pts=range(40))
    less = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})" if one_core else ""
    command = [sys.executable, "-c", less + COPY, "-", "-"]
    done = subprocess.run(command, input=source.read_bytes(), capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    (tmp_path / "out.mp4").write_bytes(done.stdout)
    with VideoReader(source) as before, VideoReader(tmp_path / "out.mp4") as after:
        begins = before.origin
        assert [f.seconds for f in after] == [f.seconds - begins for f in before]
    with av.open(str(source)) as a, av.open(str(tmp_path / "out.mp4")) as b:
        sounds = [sum(frame.samples for frame in c.decode(audio=0)) for c in (a, b)]
    assert sounds[0] > 70_000
    assert abs(sounds[0] - sounds[1]) < 2048


@pytest.fixture
def served(make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch):
    """The address of a video on a server of this machine."""
    path = make_video("in.mp4", sound="aac", pts=range(10))

    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(path.parent))

        def log_message(self, format: str, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/in.mp4"
        server.shutdown()
        thread.join()


def test_an_address(served: str, tmp_path: Path):
    with (
        VideoReader(served) as reader,
        VideoWriter(tmp_path / "a.mp4", reader.size, reader.rate, TICK, audio_from=reader) as writer,
    ):
        times = []
        for frame in reader:
            times.append(frame.seconds)
            writer.write(frame)
    assert times == [index * TICK for index in range(10)]
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.streams.audio
    with pytest.raises(InputError, match=r"none\.mp4: cannot be opened"):
        VideoReader(served.replace("in.mp4", "none.mp4"))
    with pytest.raises(InputError, match="cannot be opened"):
        VideoReader("http://127.0.0.1:9/in.mp4")


@pytest.mark.slow
def test_sent_by_udp_and_read_by_another(tmp_path: Path):
    """Two seconds go out; a reader that is there from the beginning gets them."""
    program = pytest.importorskip("imageio_ffmpeg").get_ffmpeg_exe()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        address = f"udp://127.0.0.1:{free.getsockname()[1]}"
    command = [
        program,
        "-v",
        "error",
        "-i",
        f"{address}?timeout=20000000",
        "-frames:v",
        "20",
        "-f",
        "rawvideo",
    ]
    command += ["-pix_fmt", "gray", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as reader:
        with VideoWriter(address, (96, 64), Fraction(25), TICK) as writer:
            for index in range(500):
                writer.write(Frame(cut_out(index % 20)[0], index, TICK))
                if index > 50:
                    if reader.poll() is not None:
                        break
                    threading.Event().wait(0.02)
        raw, _ = reader.communicate(timeout=30)
    assert len(raw) >= 20 * 64 * 96


@pytest.mark.parametrize(
    ("name", "codec", "words"),
    [
        ("a.avi", None, "let the output's name end in .mp4"),
        ("a", None, "let the output's name end in"),
        ("a%d.jpg", None, "let the output's name end in"),
        ("a.webm", "h264", "--codec h264 does not go into it; take vp9 or av1"),
        ("ftp://host/a.mp4", None, "video is not sent that way"),
        ("rtmp://127.0.0.1:9/a/b", None, "cannot be written: Connection refused"),
        ("x" * 240 + ".mp4", None, "the name is too long"),
    ],
)
def test_a_bad_output_is_one_sentence(tmp_path: Path, name: str, codec: str | None, words: str):
    target = name if "://" in name else str(tmp_path / name)
    with pytest.raises(InputError, match=words) as caught:
        write(target, codec=codec)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_names_mean_what_they_say():
    assert Output.of("-").path is None
    assert Output.of("udp://127.0.0.1:5000").url.endswith("pkt_size=1316")
