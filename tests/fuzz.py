"""Files with bytes flipped and cut, read as the commands read them: nothing but InputError may come of one.

`python tests/fuzz.py FOLDER FIRST COUNT SECONDS` tries the cases from number FIRST on, which are always the
same, and writes a line of JSON for each that fails and one in the end. After each 200 it looks at memory,
open files and threads: what is held beyond the level of the first 2,000 is a failure too, and the last.
"""

import gc
import json
import os
import resource
import signal
import sys
import time
import traceback
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple, Self

import av
import numpy as np
from color_profiles import rgb_profile
from conftest import moving_picture, write_video
from gfla.animate import InputError, VideoReader, VideoWriter, read_image
from gfla.animate.io.memory import return_memory, tune_allocator
from gfla.animate.io.primaries import WIDE
from gfla.animate.motion.template import open_motion
from gfla.animate.source_video import is_video
from PIL import Image

WARM = 2000  # cases until every codec and every size of image has been met
GROWTH = 48 << 20  # bytes beyond the level of then: a tenth, for the heap's gaps come and go
HANG = 40  # seconds of computing for one case; a usual one takes a twentieth of one, HDR eight
VIDEOS = {
    "a.mp4": {},
    "front.mp4": {"format_options": {"movflags": "faststart"}},
    "parts.mp4": {"format_options": {"movflags": "frag_keyframe+empty_moov"}},
    "bframes.mkv": {"options": {"bf": "3", "crf": "20"}},
    "a.ts": {},
    "a.m2ts": {"format_options": {"mpegts_m2ts_mode": "1"}},
    "a.flv": {},
    "a.avi": {"sound": "mp2"},
    "turned.mov": {"rotation": 90},
    "deep.mkv": {"pixels": "yuv420p10le", "primaries": 9, "matrix": 9},
}
CODED = {
    "mjpeg.avi": ("mjpeg", "yuvj420p"),
    "a.webm": ("libvpx-vp9", "yuva420p"),
    "a.wmv": ("wmv2", "yuv420p"),
    "a.mov": ("prores_ks", "yuva444p10le"),
}
PICTURES = ("a.jpg", "a.png", "a.webp", "a.tif", "a.gif", "a.avif")


def make_seeds(folder: Path) -> list[Path]:
    """Twenty small files of as many kinds, always the same."""
    made = []
    for name, more in VIDEOS.items():
        made.append(write_video(folder / name, **{"pts": range(8), "sound": "aac", **more}))
    for name, (codec, pixels) in CODED.items():
        made.append(folder / name)
        with av.open(str(made[-1]), "w") as output:
            stream = output.add_stream(codec, rate=25)
            assert isinstance(stream, av.VideoStream)
            stream.width, stream.height, stream.pix_fmt = 96, 64, pixels
            for index in range(6):
                frame = av.VideoFrame.from_ndarray(moving_picture(index), format="rgb24")
                output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
    pictures = [Image.fromarray(moving_picture(index)) for index in range(3)]
    profile = rgb_profile(WIDE[12], 2.2)
    for name in PICTURES:
        made.append(folder / name)
        animated = {"save_all": True, "append_images": pictures[1:]} if name in ("a.webp", "a.gif") else {}
        pictures[0].save(made[-1], icc_profile=profile, **animated)
    return made


def mutate(data: bytes, generator: np.random.Generator) -> bytes:
    """Bits flipped, numbers replaced, the end cut off, a piece cut out, zeroed or repeated; mostly early,
    where the headers are."""
    changed = bytearray(data)

    def place() -> int:
        early = generator.random() < 0.6
        return int(generator.integers(min(len(changed), 600) if early else len(changed)))

    kind = generator.integers(6)
    if kind == 0 or kind == 1:
        for _ in range(int(generator.integers(1, 24))):
            changed[place()] ^= 1 << int(generator.integers(8))
    elif kind == 2:
        for _ in range(int(generator.integers(1, 4))):
            at = place()
            value = generator.choice(np.array([0, 1, 0x7F, 0x80, 0xFF]))
            changed[at : at + 4] = bytes([int(value)]) * len(changed[at : at + 4])
    elif kind == 3:
        del changed[int(generator.integers(1, len(changed))) :]
    else:
        at, length = place(), int(generator.integers(1, 400))
        piece = changed[at : at + length]
        changed[at : at + length] = b"" if kind == 4 else bytes(len(piece)) if at % 2 else piece * 2
    return bytes(changed)


def make_case(seeds: list[Path], number: int) -> tuple[Path, bytes]:
    """The seed of case `number`, and its changed content."""
    generator = np.random.default_rng(number)
    seed = seeds[int(generator.integers(len(seeds)))]
    return seed, mutate(seed.read_bytes(), generator)


def read(path: Path, output: Path) -> None:
    """As a portrait or source, as a motion, and as a driver through reader and writer."""
    if not is_video(path):
        read_image(path)
    open_motion(path, None, None)
    with VideoReader(path) as reader:
        size = reader.size
        if max(size) > 4096:
            return
        with VideoWriter(
            output, size, reader.rate, reader.time_base, audio_from=reader, overwrite=True
        ) as out:
            for number, frame in enumerate(reader):
                out.write(frame)
                if number > 60:  # a damaged clock may promise thousands
                    out.cut(frame.seconds + Fraction(1, 10))
                    break
        assert reader.lost is not None


class Held(NamedTuple):
    """What the process holds: bytes of memory, open files, threads."""

    memory: int
    files: int
    threads: int

    @classmethod
    def now(cls) -> Self:
        gc.collect()
        return_memory()
        here = Path("/proc/self")
        pages = int((here / "statm").read_text().split()[1])
        return cls(pages * resource.getpagesize(), *(len(os.listdir(here / name)) for name in ("fd", "task")))

    def exceeds(self, level: Self) -> bool:
        more = self.files > level.files or self.threads > level.threads
        return more or self.memory > level.memory + GROWTH


def run(folder: Path, first: int, count: int, seconds: float) -> None:
    tune_allocator()
    seeds, began = make_seeds(folder), time.monotonic()
    held: list[Held] = []
    level: Held | None = None

    def hang(*_: object) -> None:
        raise TimeoutError("it hangs")

    signal.signal(signal.SIGPROF, hang)
    done = 0
    for number in range(first, first + count):
        if time.monotonic() - began > seconds:
            break
        seed, content = make_case(seeds, number)
        path = folder / f"case{seed.suffix}"
        path.write_bytes(content)
        print(json.dumps({"at": number}), flush=True)
        signal.setitimer(signal.ITIMER_PROF, HANG)
        try:
            read(path, folder / "out.mp4")
        except InputError:
            pass
        except Exception:
            print(
                json.dumps({"case": number, "seed": seed.name, "error": traceback.format_exc()}), flush=True
            )
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        done += 1
        if done % 200:
            continue
        held.append(Held.now())
        if done == WARM:
            level = Held(*map(max, zip(*held, strict=True)))
        elif level and held[-1].exceeds(level):
            error = f"{held[-1]} are held, {level} after {WARM} cases"
            print(json.dumps({"case": number, "seed": "all", "error": error}), flush=True)
            break
    print(json.dumps({"done": done, "held": held}), flush=True)


if __name__ == "__main__":
    where, start, many, limit = sys.argv[1:]
    run(Path(where), int(start), int(many), float(limit))
