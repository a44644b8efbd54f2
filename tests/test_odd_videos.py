"""Videos with titles in old codes or streams that nobody decodes, and servers that are not there."""

import socket
from collections.abc import Callable
from pathlib import Path

import av
import pytest
from gfla.animate.errors import InputError
from gfla.animate.video import VideoReader, VideoWriter
from gfla.animate.video.media import read_media

MakeVideo = Callable[..., Path]


def exchange(path: Path, old: bytes, new: bytes) -> Path:
    """The file with some of its bytes exchanged."""
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))
    return path


def copy(source: Path, target: Path | str, **options) -> int:
    """Through reader and writer; returns how many frames were written."""
    with (
        VideoReader(source) as reader,
        VideoWriter(target, reader.size, reader.rate, reader.time_base, audio_from=reader, **options) as out,
    ):
        frames = list(reader)
        for frame in frames:
            out.write(frame)
    return len(frames)


def packets_of_sound(path: Path) -> int:
    with av.open(str(path), metadata_errors="replace") as container:
        if not container.streams.audio:
            return 0
        return sum(packet.dts is not None for packet in container.demux(audio=0))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_title_in_another_code_than_utf8_is_no_error(tmp_path: Path, make_video: MakeVideo, suffix: str):
    talking = make_video("talking.mp4", pts=range(25), sound="aac")
    copy(talking, tmp_path / f"old{suffix}", comment="caf\xe9")
    old = exchange(tmp_path / f"old{suffix}", b"caf\xc3\xa9", b"caf\xe9!")
    assert copy(old, tmp_path / f"new{suffix}") == 25
    assert packets_of_sound(tmp_path / f"new{suffix}") == packets_of_sound(old) > 10
    assert read_media(old).sound


def test_pictures_without_a_decoder_are_a_sentence(make_video: MakeVideo):
    unknown = exchange(make_video("unknown.mp4", pts=range(5)), b"avc1", b"zzzz")
    for read in (VideoReader, read_media):
        with pytest.raises(InputError, match=r"unknown\.mp4: FFmpeg has no decoder"):
            read(unknown)


def test_sound_without_a_decoder_is_left_out(tmp_path: Path, make_video: MakeVideo):
    unknown = exchange(make_video("unknown.mkv", pts=range(5), sound="aac"), b"A_AAC", b"A_ZZZ")
    assert copy(unknown, tmp_path / "out.mp4") == 5
    assert not packets_of_sound(tmp_path / "out.mp4")
    media = read_media(unknown)
    assert (media.sound, media.tracks) == (None, 1)


def test_a_server_that_is_not_there_is_a_sentence_with_sound_too(make_video: MakeVideo):
    talking = make_video("talking.mp4", pts=range(25), sound="aac")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(InputError, match=rf"^tcp://127.0.0.1:{port}: cannot be written"):
        copy(talking, f"tcp://127.0.0.1:{port}")
