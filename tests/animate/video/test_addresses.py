"""Addresses in any spelling: schemes in capitals, file://, and what a server answers in words."""

import functools
import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from gfla.animate import InputError, VideoReader
from gfla.animate.io.paths import check_not_input, existing_file, is_url, local_path, new_file
from gfla.animate.video.formats import Output
from gfla.animate.video.inputs import Input

MakeVideo = Callable[..., Path]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of a server of the test's folder; its scheme in capitals."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=tmp_path))
    thread = threading.Thread(target=served.serve_forever)
    thread.start()
    yield f"HTTP://127.0.0.1:{served.server_port}"
    served.shutdown()
    thread.join()
    served.server_close()


def test_a_scheme_in_capitals(server: str, make_video: MakeVideo):
    make_video("a.mp4", pts=range(5), format_options={"movflags": "faststart"})
    with VideoReader(f"{server}/a.mp4") as reader:
        assert len(list(reader)) == 5
    with pytest.raises(InputError, match=r"none\.mp4: cannot be opened: Server returned 404 Not Found\.$"):
        VideoReader(f"{server}/none.mp4")
    assert Output.of("UDP://127.0.0.1:9").url == "udp://127.0.0.1:9?pkt_size=1316"


@pytest.mark.parametrize("scheme", ["file://", "FILE://", "File://localhost"])
def test_a_file_s_address_is_the_file(scheme: str, make_video: MakeVideo, tmp_path: Path):
    path = make_video("a b\xe9.mp4", pts=range(3))
    address = f"{scheme}{quote(str(path))}"
    assert not is_url(address)
    assert local_path(address) == path
    assert existing_file(address) == path
    assert Input.of(address).path == path, "it can be opened twice"
    with VideoReader(address) as reader:
        assert len(list(reader)) == 3
    out = new_file(f"{scheme}{tmp_path}/out.mp4")
    assert out == tmp_path / "out.mp4"
    with pytest.raises(InputError, match="this is an input"):
        check_not_input(path, address)
    with pytest.raises(InputError, match="no such file"):
        VideoReader(f"{scheme}{tmp_path}/none.mp4")


def test_what_only_looks_like_one():
    assert is_url("file://server/share/a.mp4")
    assert not is_url("file:a.mp4")
    assert local_path("file:a.mp4") == Path("file:a.mp4")
