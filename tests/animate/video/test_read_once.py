"""What can be read only once: an mp4 with its index at its end from a pipe, a server or as a portrait."""

import io
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gfla.animate import InputError, VideoReader
from gfla.animate.io import once
from gfla.animate.io.once import as_file, index_is_last, keep, readable
from gfla.animate.io.paths import existing_file

READ = """
import sys
from gfla.animate import InputError
from gfla.animate.video import VideoReader, VideoWriter
try:
    with VideoReader("-") as reader, VideoWriter(
        sys.argv[1], reader.size, reader.rate, reader.time_base, audio_from=reader
    ) as writer:
        for frame in reader:
            writer.write(frame)
except InputError as error:
    sys.exit(str(error))
"""


@pytest.fixture
def noisy(make_video) -> Path:
    """Larger than what FFmpeg keeps of a pipe; its index is at its end."""

    def noise(number: int, width: int, height: int) -> np.ndarray:
        return np.random.default_rng(number).integers(0, 256, (height, width, 3), dtype=np.uint8)

    path = make_video("noisy.mp4", sound="aac", options={"crf": "4"}, picture=noise)
    assert index_is_last(path.read_bytes())
    assert path.stat().st_size > 300_000
    return path


@pytest.mark.slow
@pytest.mark.parametrize("piped", [True, False])
def test_an_index_at_the_end_on_standard_input(tmp_path: Path, noisy: Path, piped: bool):
    """Through a pipe, and from a file that standard input is."""
    command = [sys.executable, "-c", READ, str(tmp_path / "out.mp4")]
    with noisy.open("rb") as file:
        given: Any = {"input": file.read()} if piped else {"stdin": file}
        done = subprocess.run(command, capture_output=True, check=False, **given)
    assert done.stderr == b""
    with VideoReader(tmp_path / "out.mp4") as reader:
        assert len(list(reader)) == 50
        assert reader.sounds


class _Server(SimpleHTTPRequestHandler):
    """It has no ranges."""

    def log_message(self, format: str, *given) -> None:
        pass


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), lambda *given: _Server(*given, directory=tmp_path)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_an_index_at_the_end_on_a_server_without_ranges(
    address: str, noisy: Path, monkeypatch: pytest.MonkeyPatch
):
    with VideoReader(f"{address}/noisy.mp4") as reader:
        assert len(list(reader)) == 50
        assert len(reader.sound_packets) > 50
    monkeypatch.setattr(once, "_SPARE", 1 << 60)
    with pytest.raises(
        InputError, match=r"noisy\.mp4: longer than the 0 MiB that are kept .*; give the file"
    ):
        VideoReader(f"{address}/noisy.mp4")


def test_what_is_kept_is_bounded():
    with pytest.raises(InputError, match=r"^a pipe: longer than the 1 MiB that are kept"):
        keep(io.BytesIO(bytes(2 << 20)), "a pipe", most=1 << 20)
    with keep(io.BytesIO(b"tail"), "a pipe", b"head", most=8) as kept:
        assert kept.read() == b"headtail"


def test_other_streams_are_passed_on_as_they_come():
    """Nothing waits for more than it needs to know."""
    read, write = os.pipe()
    with os.fdopen(write, "wb", buffering=0) as source, io.FileIO(read) as raw:
        source.write(b"\x1a\x45\xdf\xa3matroska")
        passed = readable(raw, "a pipe")
        assert passed.read(4) == b"\x1a\x45\xdf\xa3"
        source.write(b"more")
        assert passed.read(8) + passed.read(8) == b"matroskamore"


@pytest.mark.parametrize(
    ("boxes", "last"),
    [
        ([b"ftyp", b"moov", b"mdat"], False),
        ([b"ftyp", b"free", b"mdat"], True),
        ([b"wide", b"mdat"], True),
        ([b"ftyp", b"moof"], False),
        ([b"ftyp"], None),
        ([], None),
    ],
)
def test_the_order_of_an_mp4s_parts(boxes: list[bytes], last: bool | None):
    head = b"".join((12).to_bytes(4) + name + b"1234" for name in boxes)
    assert index_is_last(head) is last


def test_room_left_for_an_index_is_looked_past():
    """Recorders reserve a megabyte, and put the index at the end if that was too little."""
    room = (1 << 20).to_bytes(4) + b"free" + bytes((1 << 20) - 8)
    begin = (12).to_bytes(4) + b"ftypqt  " + room
    assert index_is_last(begin[: 1 << 16]) is None
    assert index_is_last(begin + bytes(4) + b"mdat") is True
    assert index_is_last(begin + (12).to_bytes(4) + b"moov") is False


def test_a_portrait_may_be_a_pipe(tmp_path: Path):
    pipe = tmp_path / "portrait"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(b"picture" * 1000))
    writer.start()
    with as_file(pipe) as file:
        assert file.read_bytes() == b"picture" * 1000
        assert file.is_file()
    writer.join()
    assert not file.exists()
    with as_file(file) as same:
        assert same == file


def test_an_empty_pipe_is_named_itself(tmp_path: Path):
    pipe = tmp_path / "portrait"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(b""))
    writer.start()
    with pytest.raises(InputError, match=r"/portrait: the file is empty"), as_file(pipe) as file:
        existing_file(file)
    writer.join()
