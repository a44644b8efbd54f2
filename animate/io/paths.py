"""Checks of input and output paths, made before any work starts, so that bad input costs nothing."""

import os
import re
import stat
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from ..errors import InputError
from .atomic import MAX_NAME

OUTPUTS = (".mp4", ".m4v", ".mov", ".webm", ".mkv", ".gif", ".webp")
_RENAME = "give the output another name"


def local_path(name: str | os.PathLike) -> Path:
    """The path that `name` is or, as file:///path, addresses; percent signs of an address are decoded."""
    found = re.fullmatch(r"file://(?:localhost)?(/.*)", name, re.I | re.S) if isinstance(name, str) else None
    return Path(os.fsdecode(unquote_to_bytes(found[1]))) if found else Path(name)


def existing_file(path: str | os.PathLike) -> Path:
    """`path` as a Path; InputError if it is an address, missing, empty, unreadable or no regular file."""
    if is_url(path):
        raise InputError(path, "an address, and a file is needed here", "download it first")
    path = local_path(path)
    try:
        kind = path.stat().st_mode
    except FileNotFoundError:
        raise InputError(path, "no such file") from None
    except (OSError, ValueError) as error:  # name too long, no permission in the folder, a zero byte
        raise InputError(path, f"cannot be opened: {getattr(error, 'strerror', error)}") from None
    if stat.S_ISDIR(kind):
        raise InputError(path, "a directory, not a file", "name one file in it")
    if stat.S_ISFIFO(kind):
        raise InputError(path, "a pipe, not a file", "give - and let standard input read it")
    if not stat.S_ISREG(kind):
        raise InputError(path, "a device, not a file", "a camera is asked for with gfla-live --camera")
    if path.stat().st_size == 0:
        raise InputError(path, "the file is empty")
    if not os.access(path, os.R_OK):
        raise InputError(path, "may not be read", "change its permissions")
    return path


def is_url(name: str | os.PathLike) -> bool:
    """Whether this is an address such as https://host/video.mp4; file:///path is a file."""
    if not isinstance(name, str) or re.match(r"file://(localhost)?/", name, re.I):
        return False
    return re.match(r"[a-z][a-z0-9+.-]+://", name, re.I) is not None


def plain_scheme(address: str | os.PathLike) -> str:
    """The address with its scheme in small letters, as FFmpeg knows it."""
    scheme, separator, rest = str(address).partition("://")
    return f"{scheme.lower()}{separator}{rest}"


def is_pattern(name: str | os.PathLike) -> bool:
    """Whether this names numbered images, as frames/%05d.png does."""
    return re.fullmatch(r"[^%]*%(0\d+)?d[^%]*", Path(name).name, re.S) is not None


def video_file(path: str | os.PathLike) -> Path:
    """A video file, or a pattern of numbered images whose folder exists; InputError if neither."""
    path = local_path(path)
    if is_pattern(path) and not path.exists():
        if not path.parent.is_dir():
            raise InputError(path, f"the folder {path.parent} does not exist")
        return path
    return existing_file(path)


def check_video_input(given: str) -> None:
    """InputError if a driving video is an unreadable path; addresses and "-" are not checked."""
    if given != "-" and not is_url(given):
        video_file(given)


def new_file(path: str | os.PathLike, overwrite: bool = False, suffixes: tuple[str, ...] = OUTPUTS) -> Path:
    """`path` as a Path of an output, by default a video; InputError if it cannot be written there, does not
    end in one of `suffixes`, or exists and `overwrite` is false."""
    path = local_path(path)
    if path.is_dir():
        example = path / f"out{suffixes[0]}"
        raise InputError(path, "a directory", f"name the output file, for example {example}")
    numbered = suffixes is OUTPUTS and _numbered(path)
    if not numbered and path.suffix.lower() not in suffixes:
        endings = ", ".join(suffixes) + (" or in %05d.png" if suffixes is OUTPUTS else "")
        raise InputError(path, "no known ending", f"let the output's name end in {endings}")
    folder = path.parent
    if not folder.is_dir():
        raise InputError(path, f"the folder {folder} does not exist", "make it first")
    if not os.access(folder, os.W_OK):
        raise InputError(path, f"the folder {folder} cannot be written to")
    if len(os.fsencode(path.name)) > MAX_NAME:
        raise InputError(path, "the name is too long", "give a shorter one")
    existing = numbered_files(path) if numbered else [path] if path.exists() else []
    if existing and not overwrite:
        raise InputError(existing[0], "the file exists", "pass --overwrite to replace it")
    return path


def numbered_files(pattern: Path) -> list[Path]:
    """The existing files of a pattern such as frames/%05d.png, by number."""
    numbers = [(number_in(pattern, path), path) for path in pattern.parent.iterdir()]
    found = sorted((number, path) for number, path in numbers if number is not None)
    return [path for number, path in found if path.name == pattern.name % number]


def number_in(pattern: Path, path: Path) -> int | None:
    """The number in the name of `path` where `pattern` has its %d; None if the name does not match."""
    before, _, after = re.split(r"%(?:0\d+)?(d)", pattern.name)
    found = re.fullmatch(f"{re.escape(before)}(\\d+){re.escape(after)}", path.name, re.S)
    return int(found[1]) if found else None


def input_files(name: str | os.PathLike) -> list[Path]:
    """The files of an input: the existing ones of a pattern, else the one named."""
    path = local_path(name)
    if is_pattern(path) and not os.path.exists(path) and os.path.isdir(path.parent):
        return numbered_files(path)
    return [path]


def check_not_input(output: Path, *inputs: Any) -> None:
    """InputError if writing `output` would destroy an input; a pattern stands for its numbered files. Inputs
    that are no path are skipped."""
    replaced = {_identity(path) for path in output_files(output)} - {None}
    for given in inputs:
        if not isinstance(given, str | os.PathLike):
            continue
        if output.absolute() == local_path(given).absolute():  # a pattern is no file
            raise InputError(output, "this is an input", _RENAME)
        for path in input_files(given) if replaced else []:
            if _identity(path) in replaced:
                reason = "this is an input" if output.exists() else f"it would replace {path}, an input"
                raise InputError(output, reason, _RENAME)


def output_files(output: Path) -> list[Path]:
    """The path of an output and, where it is a pattern, the numbered files that it would replace."""
    return [output, *(numbered_files(output) if _numbered(output) and output.parent.is_dir() else [])]


def _numbered(output: Path) -> bool:
    return is_pattern(output) and output.suffix.lower() == ".png"


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and inode, the same under every name of a file; None if there is none."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino
