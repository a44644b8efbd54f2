"""`ffmpeg` and `ffprobe` on this process's own PATH where the system has none, for the app.

What the app stands on asks for both by name, and refuses every video where it finds only the first.
"""

import logging
import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

log = logging.getLogger(__name__)


@contextmanager
def ffmpeg_on_path() -> Iterator[Path | None]:
    """Inside the block, whatever this process and its children start finds `ffmpeg` and `ffprobe`.

    Where PATH leads to both, nothing changes. Else a private folder goes in front of it, until the end:
    imageio-ffmpeg's binary as `ffmpeg` and our own `ffprobe`. Yields that folder, or None where nothing
    changed or nothing can be offered (no imageio-ffmpeg, or Windows).
    """
    there = shutil.which("ffmpeg") and shutil.which("ffprobe")
    if there or os.name != "posix" or find_spec("imageio_ffmpeg") is None:
        yield None
        return
    import imageio_ffmpeg

    try:
        binary = imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError as error:  # a wheel without a binary
        log.debug("imageio-ffmpeg: %s", error)
        yield None
        return
    with TemporaryDirectory(prefix="gfla-ffmpeg-") as name:
        folder = Path(name)
        (folder / "ffmpeg").symlink_to(binary)
        probe = folder / "ffprobe"  # -P: a file of the folder one happens to be in is no module of ours
        probe.write_text(
            f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -P -m gfla.animate.cli.ffprobe "$@"\n'
        )
        probe.chmod(0o700)
        before = os.environ.get("PATH", os.defpath)
        os.environ["PATH"] = os.pathsep.join([name, before])
        try:
            yield folder
        finally:
            now = os.environ.get("PATH", "").split(os.pathsep)  # somebody else may have changed it meanwhile
            os.environ["PATH"] = os.pathsep.join(part for part in now if part != name)
