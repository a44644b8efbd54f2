"""Makes videos of every kind of container, codec, clock and edit list with FFmpeg's binary, and asks it what
is in a video: frame times and samples. It is the reference for our reader and writer."""

import re
import struct
import subprocess
from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from gfla.animate import VideoReader, VideoWriter
from gfla.animate.errors import InputWarning

WIDTH, HEIGHT = 64, 48


class Case(NamedTuple):
    """One video. suffix: of the file. video, sound: FFmpeg's encoders. target: suffix of our output. rate:
    frames a second, 0 for a variable one. b: B-frames. offset: where its clock begins, seconds. edits:
    (start, seconds) of the parts that an edit list takes, none for all."""

    suffix: str
    video: str
    sound: str
    target: str
    rate: Fraction
    b: int
    offset: int
    edits: tuple[tuple[float, float], ...] = ()

    def __str__(self) -> str:
        rate = f"{float(self.rate):.4g}" if self.rate else "variable"
        parts = "+".join(f"{a:g}:{b:g}" for a, b in self.edits)
        kind = f"{self.video}-{self.sound}{self.suffix}-to{self.target}"
        return f"{kind}-{rate}-b{self.b}-at{self.offset}{'-edits' + parts if parts else ''}"


RATES = (Fraction(25), Fraction(30000, 1001), Fraction(60), Fraction(0))
KINDS = (
    (".mp4", "libx264", "aac"),
    (".mp4", "libx265", "aac"),
    (".mp4", "mpeg4", "libmp3lame"),
    (".frag.mp4", "libx264", "aac"),
    (".mov", "libx264", "pcm_s24le"),
    (".mov", "mjpeg", "aac"),
    (".mkv", "libx264", "aac"),
    (".mkv", "libx264", "flac"),
    (".mkv", "mpeg4", "libmp3lame"),
    (".mkv", "ffv1", "pcm_f32le"),
    (".webm", "libvpx", "libvorbis"),
    (".webm", "libvpx-vp9", "libopus"),
    (".ts", "libx264", "aac"),
    (".ts", "mpeg2video", "mp2"),
    (".mpg", "mpeg2video", "mp2"),
    (".flv", "libx264", "aac"),
    (".flv", "flv", "libmp3lame"),
    (".avi", "libx264", "libmp3lame"),
    (".avi", "mpeg4", "libmp3lame"),
    (".avi", "mjpeg", "pcm_s16le"),
    (".wmv", "wmv2", "wmav2"),
    (".mkv", "libx264", "ac3"),
)
EDITS = (((0.3, 0.5),), ((0.5, 0.3), (0.1, 0.25)), ((0.1, 0.3), (0.1, 0.3)), ((0.05, 0.2), (0.45, 0.4)))
_REORDERS = {"libx264", "libx265", "mpeg4", "mpeg2video"}
_FROM_ZERO = {".avi", ".wmv", ".mpg"}  # their clock cannot begin late
_EVEN = {".avi", ".mpg", ".wmv", ".flv"}
_OPTIONS = {
    "libx264": ("-preset", "veryfast", "-x264-params", "keyint=10"),
    "libx265": ("-preset", "ultrafast", "-x265-params", "log-level=error"),
    "libvpx": ("-deadline", "realtime"),
    "libvpx-vp9": ("-deadline", "realtime", "-cpu-used", "8"),
    "libvorbis": ("-ac", "2"),
    "aac": ("-aac_pns", "0"),  # no noise that a decoder makes up, which depends on what it decoded before
}


def all_cases() -> list[Case]:
    """Every combination that its container can have, outputs by turns."""
    cases, targets = [], (".mp4", ".mkv", ".mov")

    def turn(number: int) -> str:  # in step with nothing that is combined: else some never meet
        return targets[(number + number // 3) % 3]

    for (suffix, video, sound), rate, b, offset in product(KINDS, RATES, (0, 2), (0, 5, 7200)):
        if (b and video not in _REORDERS) or (offset and suffix in _FROM_ZERO):
            continue
        if suffix in _EVEN and (not rate or (video == "mpeg2video" and rate == 0)):
            continue
        target = ".webm" if suffix == ".webm" and b + len(cases) % 2 else turn(len(cases))
        cases.append(Case(suffix, video, sound, target, rate, b, offset))
    for kind, edits, b, rate in product((0, 4, 5), EDITS, (0, 2), RATES[:2]):
        suffix, video, sound = KINDS[kind]
        if not (b and video not in _REORDERS):
            cases.append(Case(suffix, video, sound, turn(len(cases)), rate, b, 0, edits))
    return cases


def ffmpeg() -> str:
    return pytest.importorskip("imageio_ffmpeg").get_ffmpeg_exe()


def make(case: Case, folder: Path) -> Path:
    """A second of moving colours and a rising tone."""
    path = folder / f"in{case.suffix}"
    rate = case.rate or Fraction(25)
    picture = f"testsrc=size={WIDTH}x{HEIGHT}:rate={rate}:duration=1"
    if not case.rate:
        picture += ",select='not(mod(n,3))+eq(mod(n,7),1)'"
    tone = "aevalsrc='0.4*sin(2*PI*(300+200*t)*t)':sample_rate=48000:duration=1"
    command = [ffmpeg(), "-v", "error", "-y", "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", tone]
    command += ["-map", "1", "-map", "0"] if case.rate == 60 else []  # the sound as the first stream
    command += ["-c:v", case.video, "-c:a", case.sound, "-fps_mode", "passthrough", "-threads", "1"]
    command += ["-pix_fmt", "yuvj420p" if case.video == "mjpeg" else "yuv420p", "-strict", "-1"]
    command += ["-enc_time_base", "demux"] if not case.rate and case.video != "mpeg4" else []
    command += ["-bf", str(case.b)] if case.video in _REORDERS else []
    for name in (case.video, case.sound):
        command += _OPTIONS.get(name, ())
    if ".frag" in case.suffix:
        command += ["-movflags", "frag_keyframe+empty_moov"]
    command += ["-output_ts_offset", str(case.offset)] if case.offset else []
    subprocess.run([*command, path], check=True, capture_output=True)
    if case.edits:
        path.write_bytes(edited(path.read_bytes(), case.edits))
    return path


def convert(source: Path | str, target: Path, *options: str, before: tuple[str, ...] = ()) -> Path:
    """By FFmpeg's binary."""
    command = [ffmpeg(), "-v", "error", "-y", *before, "-i", source, *options, target]
    subprocess.run(command, check=True, capture_output=True)
    return target


def through(source: Path | str, target: Path) -> tuple[list[Fraction], list[str]]:
    """Times written and what was said, for reader and writer alone."""
    warnings: list[InputWarning] = []
    times = []
    with (
        VideoReader(source) as reader,
        VideoWriter(
            target, reader.size, reader.rate, reader.time_base, audio_from=reader, warn=warnings.append
        ) as writer,
    ):
        for frame in reader:
            times.append(frame.seconds - reader.origin)
            writer.write(frame)
    return times, [warning.reason for warning in warnings]


class Content(NamedTuple):
    """times: of the frames, seconds. samples: (n, channels) float32. heard: when they begin, seconds."""

    times: list[Fraction]
    samples: np.ndarray
    heard: Fraction
    rate: int


def content(path: Path) -> Content:
    """What FFmpeg's binary plays of a file."""
    command = [ffmpeg(), "-v", "error", "-i", path, "-map", "0:v:0", "-map", "0:a:0"]
    command += ["-fps_mode", "passthrough", "-enc_time_base", "demux", "-c:a", "pcm_f32le"]
    said = subprocess.run(
        [*command, "-f", "framehash", "-hash", "adler32", "-"], capture_output=True, text=True, check=True
    ).stdout
    ticks = {int(n): Fraction(int(a), int(b)) for n, a, b in re.findall(r"#tb (\d+): (\d+)/(\d+)", said)}
    rows = [[int(cell) for cell in line.split(",")[:3]] for line in said.splitlines() if line[:1].isdigit()]
    times = [[row[2] * ticks[n] for row in rows if row[0] == n] for n in (0, 1)]
    found = re.search(r"#sample_rate 1: (\d+)", said)
    assert found
    done = subprocess.run(
        [ffmpeg(), "-v", "error", "-i", path, "-map", "0:a:0", "-ac", "1", "-f", "f32le", "-"],
        capture_output=True,
        check=True,
    )
    return Content(times[0], np.frombuffer(done.stdout, np.float32), times[1][0], int(found[1]))


def edited(data: bytes, parts: Sequence[tuple[float, float]]) -> bytes:
    """An mp4 whose index is at its end, with (start, seconds) `parts` of its media as each track's edits."""
    moov = next(box for box in _boxes(data, 0, len(data)) if box[0] == b"moov")
    scale = _scale(data, next(box for box in _inside(data, moov) if box[0] == b"mvhd"))
    made = b""
    for box in _inside(data, moov):
        made += (
            _edited_track(data, box, scale, parts) if box[0] == b"trak" else data[box[1] : box[1] + box[2]]
        )
    return data[: moov[1]] + _box(b"moov", made)


_Box = tuple[bytes, int, int]


def _edited_track(data: bytes, track: _Box, scale: int, parts: Iterable[tuple[float, float]]) -> bytes:
    media = next(box for box in _inside(data, track) if box[0] == b"mdia")
    ticks = _scale(data, next(box for box in _inside(data, media) if box[0] == b"mdhd"))
    before, kept = 0, b""
    for name, at, size in _inside(data, track):
        if name == b"edts":  # the encoder's delay stays taken out
            entries = data[at + 24 : at + size]
            starts = [struct.unpack(">i", entries[k + 4 : k + 8])[0] for k in range(0, len(entries), 12)]
            before = next(start for start in starts if start >= 0)
    rows = [
        struct.pack(">IiI", round(length * scale), round(start * ticks) + before, 1 << 16)
        for start, length in parts
    ]
    edits = _box(b"edts", _box(b"elst", struct.pack(">II", 0, len(rows)) + b"".join(rows)))
    for name, at, size in _inside(data, track):
        if name != b"edts":
            kept += data[at : at + size] + (edits if name == b"tkhd" else b"")
    return _box(b"trak", kept)


def _scale(data: bytes, header: _Box) -> int:
    return struct.unpack(">I", data[header[1] + 20 : header[1] + 24])[0]


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + name + content


def _inside(data: bytes, box: _Box) -> list[_Box]:
    return list(_boxes(data, box[1] + 8, box[1] + box[2]))


def _boxes(data: bytes, at: int, end: int) -> Iterable[_Box]:
    while at < end:
        size, name = struct.unpack(">I4s", data[at : at + 8])
        yield name, at, size
        at += size
