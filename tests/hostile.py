"""Makes files that no command should trip over, from one good video and by fixed rules, for the tests."""

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np


class Hostile(NamedTuple):
    """One case. driving: the video given. good: whether it should render (perhaps with a warning)."""

    name: str
    driving: Path
    good: bool | None  # None: either is right, so long as it is said


def make_hostile(folder: Path, whole: Path, write_video: Callable[..., Path]) -> list[Hostile]:
    """Cases in `folder`, all made from `whole` (an mp4 with sound and its index in front) by fixed rules."""
    data = whole.read_bytes()
    made: list[Hostile] = []

    def add(name: str, content: bytes | None, good: bool | None = False, at: str | None = None) -> Path:
        path = folder / (at or f"{name}.mp4")
        if content is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        made.append(Hostile(name, path, good))
        return path

    add("missing", None)
    add("empty", b"")
    add("one byte", b"\0")
    add("zeros", bytes(10_000))
    add("text", b"this is not a video\n" * 50)
    add("html", b"<!doctype html><title>404</title>" * 20)
    add("noise", np.random.default_rng(1).bytes(50_000))
    add("head alone", data[:32])
    add("index alone", data[: data.index(b"mdat") - 4])
    for percent in (1, 2, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 99):
        add(f"cut at {percent} percent", data[: len(data) * percent // 100], None)
    for seed in range(16):
        generator = np.random.default_rng(seed)
        flipped = bytearray(data)
        low = data.index(b"mdat") + 8 if seed < 8 else 8  # the pictures, or anything
        for at in generator.integers(low, len(data), 20 if seed < 8 else 6):
            flipped[at] ^= 1 << int(generator.integers(8))
        add(f"bits flipped {seed}", bytes(flipped), None)
    hole = bytearray(data)
    hole[len(data) // 2 : len(data) * 3 // 4] = bytes(len(data) * 3 // 4 - len(data) // 2)
    add("a hole of zeros", bytes(hole), None)
    add("twice", data + data, True)
    add("garbage behind", data + np.random.default_rng(2).bytes(5000), True)
    for suffix in (".avi", ".txt", ".jpg", ".mp3", ""):
        add(f"wrong ending {suffix or 'none'}", data, None if suffix == ".jpg" else True, f"wrong{suffix}")
    for name in (
        "white space  .mp4",
        "quote'\".mp4",
        "new\nline.mp4",
        "uni\u00e7\u00f8d\u00e9 \u4eba.mp4",
        "-dash.mp4",
        "$(touch x).mp4",
        "a;b&c|d.mp4",
        "col:on.mp4",
        "concat:x.mp4",
        "per%cent.mp4",
        "%05d.mp4",
        "#?&=.mp4",
        "back\\slash.mp4",
        "file:.mp4",
    ):
        add(f"name {name!r}", data, True, name)
    add("a deep path", data, True, "/".join(["deep"] * 60 + ["in.mp4"]))
    add("a name too long", None, False, "x" * 300 + ".mp4")
    add("a path too long", None, False, "/".join(["y" * 200] * 30))

    def video(name: str, good: bool | None, **options) -> None:
        path = write_video(folder / f"{name}.mp4", picture=_black, **options)
        made.append(Hostile(name, path, good))

    video("no face", False, pts=range(3))
    video("two by two", False, size=(2, 2), pts=range(3))
    video("wide and flat", False, size=(4096, 2), pts=range(2))
    video("high and thin", False, size=(2, 4096), pts=range(2))
    video("one picture", False, pts=range(1))
    video("a very long pause", False, pts=(0, 1, 100_000))
    sound = folder / "sound alone.mp4"
    with av.open(str(whole)) as source, av.open(str(sound), "w") as output:
        stream = output.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)
    made.append(Hostile("sound alone", sound, False))
    for name, size in (("one by one", (1, 1)), ("16384 by 2", (16384, 2))):
        path = folder / f"{name}.mkv"
        with av.open(str(path), "w") as output:
            stream = output.add_stream("ffv1", rate=Fraction(25))
            assert isinstance(stream, av.VideoStream)
            stream.width, stream.height, stream.pix_fmt = *size, "bgr0"
            picture = np.zeros((size[1], size[0], 3), np.uint8)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            output.mux(stream.encode(None))
        made.append(Hostile(name, path, False))
    add("a huge duration", _patched(data, b"mvhd", 24, b"\xff\xff\xff\xfe"), None)
    add("a time scale of none", _patched(data, b"mvhd", 16, b"\0\0\0\0"), None)
    add("a track's time scale of none", _patched(data, b"mdhd", 16, b"\0\0\0\0"), None)
    add("no pictures a second", _patched(data, b"stts", 16, b"\0\0\0\0"), None)
    add("a huge picture", _patched(data, b"avc1", 28, b"\xff\xff\xff\xff"), None)
    add("a box of no length", _patched(data, b"trak", -4, b"\0\0\0\0"), None)
    (folder / "folder.mp4").mkdir()
    made.append(Hostile("a folder", folder / "folder.mp4", False))
    os.mkfifo(folder / "pipe.mp4")
    made.append(Hostile("a pipe", folder / "pipe.mp4", False))
    made.append(Hostile("a device", Path("/dev/zero"), False))
    (folder / "loop.mp4").symlink_to(folder / "loop.mp4")
    made.append(Hostile("a link to itself", folder / "loop.mp4", False))
    (folder / "nowhere.mp4").symlink_to(folder / "gone.mp4")
    made.append(Hostile("a link to nothing", folder / "nowhere.mp4", False))
    (folder / "link.mp4").symlink_to(whole)
    made.append(Hostile("a link", folder / "link.mp4", True))
    return made


def _black(index: int, width: int, height: int) -> np.ndarray:
    return np.zeros((height, width, 3), np.uint8)


def _patched(data: bytes, box: bytes, offset: int, value: bytes) -> bytes:
    """`data` with `value` at `offset` from the name of the first such box."""
    at = data.index(box) + offset
    return data[:at] + value + data[at + len(value) :]
