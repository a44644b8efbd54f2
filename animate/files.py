"""Paths in and out: checked before any work starts, so that bad input costs and leaves nothing."""

import os
from pathlib import Path
from typing import Any

from .errors import InputError


def existing_file(path: str | os.PathLike) -> Path:
    """`path` as a Path; InputError if it is missing, a directory, empty or closed to us."""
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path}: a directory, not a file; name one file in it.")
    if not path.exists():
        raise InputError(f"{path}: no such file.")
    if path.is_file() and path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty.")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path}: may not be read; change its permissions.")
    return path


def new_file(path: str | os.PathLike, overwrite: bool = False) -> Path:
    """`path` as a Path for an mp4 to come; InputError if it cannot be written or would replace a file."""
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path}: a directory; name the output file, for example {path / 'out.mp4'}.")
    if path.suffix.lower() != ".mp4":
        raise InputError(f"{path}: the output is an mp4 file; let its name end in .mp4.")
    if not path.parent.is_dir():
        raise InputError(f"{path}: the folder {path.parent} does not exist; make it first.")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"{path}: the folder {path.parent} cannot be written to.")
    if path.exists() and not overwrite:
        raise InputError(f"{path}: the file exists; pass --overwrite to replace it.")
    return path


def part_file(path: Path) -> Path:
    """The hidden name beside `path` under which it is written until whole; the muxer needs the suffix."""
    return path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")


def different_files(output: Path, *inputs: Any) -> None:
    """InputError if `output` is one of the input files, which --overwrite would destroy."""
    for given in inputs:
        same = isinstance(given, str | os.PathLike) and output.exists() and Path(given).exists()
        if same and output.samefile(given):
            raise InputError(f"{output}: this is an input; give the output another name.")
