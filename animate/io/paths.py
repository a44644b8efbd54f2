"""Paths in and out: checked before any work starts, so that bad input costs and leaves nothing."""

import os
import re
import stat
from pathlib import Path
from typing import Any

from ..errors import InputError
from .atomic import _LONGEST

OUTPUTS = (".mp4", ".m4v", ".mov", ".webm", ".mkv", ".gif", ".webp")


def existing_file(path: str | os.PathLike) -> Path:
    """`path` as a Path; InputError if it is missing, no regular file, empty or closed to us."""
    path = Path(path)
    try:
        kind = path.stat().st_mode
    except FileNotFoundError:
        raise InputError(f"{path}: no such file.") from None
    except (OSError, ValueError) as error:  # a name too long, a folder closed to us, a zero byte
        raise InputError(f"{path}: cannot be opened: {getattr(error, 'strerror', error)}.") from None
    if stat.S_ISDIR(kind):
        raise InputError(f"{path}: a directory, not a file; name one file in it.")
    if stat.S_ISFIFO(kind):
        raise InputError(f"{path}: a pipe, not a file; give - and let standard input read it.")
    if not stat.S_ISREG(kind):
        raise InputError(f"{path}: a device, not a file; a camera is asked for with gfla-live --camera.")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty.")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path}: may not be read; change its permissions.")
    return path


def is_url(name: str | os.PathLike) -> bool:
    """Whether this is an address such as https://host/video.mp4 and no file."""
    return isinstance(name, str) and re.match(r"[a-z][a-z0-9+.-]+://", name) is not None


def is_pattern(name: str | os.PathLike) -> bool:
    """Whether this names numbered pictures, as frames/%05d.png does."""
    return re.fullmatch(r"[^%]*%(0\d+)?d[^%]*", Path(name).name, re.S) is not None


def video_file(path: str | os.PathLike) -> Path:
    """A video file, or a pattern of numbered pictures whose folder is there; InputError if neither."""
    path = Path(path)
    if is_pattern(path) and not path.exists():
        if not path.parent.is_dir():
            raise InputError(f"{path}: the folder {path.parent} does not exist.")
        return path
    return existing_file(path)


def video_input(given: str) -> None:
    """InputError if a driving video's name cannot be right: a look at the name alone, before any work."""
    if given != "-" and not is_url(given):
        video_file(given)


def new_file(path: str | os.PathLike, overwrite: bool = False, suffixes: tuple[str, ...] = OUTPUTS) -> Path:
    """`path` as a Path for a video to come, or for what else ends in `suffixes`; InputError if it cannot be
    written or would replace a file."""
    path = Path(path)
    if path.is_dir():
        raise InputError(
            f"{path}: a directory; name the output file, for example {path / ('out' + suffixes[0])}."
        )
    numbered = suffixes is OUTPUTS and _numbered(path)
    if not numbered and path.suffix.lower() not in suffixes:
        endings = ", ".join(suffixes) + (" or in %05d.png" if suffixes is OUTPUTS else "")
        raise InputError(f"{path}: let the output's name end in {endings}.")
    folder = path.parent
    if not folder.is_dir():
        raise InputError(f"{path}: the folder {folder} does not exist; make it first.")
    if not os.access(folder, os.W_OK):
        raise InputError(f"{path}: the folder {folder} cannot be written to.")
    if len(os.fsencode(path.name)) > _LONGEST:
        raise InputError(f"{path}: the name is too long; give a shorter one.")
    there = numbered_files(path) if numbered else [path] if path.exists() else []
    if there and not overwrite:
        raise InputError(f"{there[0]}: the file exists; pass --overwrite to replace it.")
    return path


def numbered_files(pattern: Path) -> list[Path]:
    """The files that there are of a pattern such as frames/%05d.png, in order."""
    there = [(number_in(pattern, path), path) for path in pattern.parent.iterdir()]
    found = sorted((number, path) for number, path in there if number is not None)
    return [path for number, path in found if path.name == pattern.name % number]


def number_in(pattern: Path, path: Path) -> int | None:
    """The number that the name of `path` has where the pattern's has its %d; None if it is no such name."""
    before, _, after = re.split(r"%(?:0\d+)?(d)", pattern.name)
    found = re.fullmatch(f"{re.escape(before)}(\\d+){re.escape(after)}", path.name, re.S)
    return int(found[1]) if found else None


def stands_for(name: str | os.PathLike) -> list[Path]:
    """The files that an input's name stands for: those that there are of a pattern, else the one so named."""
    path = Path(name)
    if is_pattern(path) and not os.path.exists(path) and os.path.isdir(path.parent):
        return numbered_files(path)
    return [path]


def different_files(output: Path, *inputs: Any) -> None:
    """InputError if `output` is one of the input files, which --overwrite would destroy; of patterns, on
    either side, the numbered files count."""
    replaced = {_identity(path) for path in replaced_by(output)} - {None}
    for given in inputs:
        if not isinstance(given, str | os.PathLike):
            continue
        if output.absolute() == Path(given).absolute():  # a pattern is no file
            raise InputError(f"{output}: this is an input; give the output another name.")
        for path in stands_for(given) if replaced else []:
            if _identity(path) in replaced:
                what = "this is an input" if output.exists() else f"it would replace {path}, an input"
                raise InputError(f"{output}: {what}; give the output another name.")


def replaced_by(output: Path) -> list[Path]:
    """The name of an output, and where it is numbered pictures the files that it would take the place of."""
    return [output, *(numbered_files(output) if _numbered(output) and output.parent.is_dir() else [])]


def _numbered(output: Path) -> bool:
    return is_pattern(output) and output.suffix.lower() == ".png"


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from all others under whatever name, None if it is not there."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino
