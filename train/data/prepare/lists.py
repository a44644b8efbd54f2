"""Footage to prepare: folders, files, tables with times and persons, and the lists of published datasets.

VoxCeleb's text files, HDTF's two lists of a group and CelebV-HQ's JSON are read as they are published. They
name videos by YouTube's id; the videos themselves are looked up in a folder. Nothing is downloaded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from ....animate.errors import InputError
from ....animate.io.timecode import exact, parse_time
from ..clips import read_table
from .footage import RATE

SUFFIXES = {".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg", ".mpeg", ".ts"}
_TIMES, _URLS = "_annotion_time.txt", "_video_url.txt"  # HDTF's own spelling
_YOUTUBE = re.compile(
    r"(?:\[|-)([A-Za-z0-9_-]{11})\]?$"
)  # how downloaders end a name: "Title [ID]", "Title-ID"


class Footage(NamedTuple):
    """A video, or a stretch of it, and the person that it shows.

    start, end: seconds from its beginning, None for its own. listed: the person is from a table or list, not
    from a folder's or file's name.
    """

    path: Path
    identity: str
    start: Fraction | None = None
    end: Fraction | None = None
    listed: bool = False

    @property
    def key(self) -> str:
        """The same for the same stretch of the same file, in any version of it."""
        return json.dumps([str(self.path.resolve()), _text(self.start), _text(self.end)])

    def __str__(self) -> str:
        if self.start is None and self.end is None:
            return str(self.path)
        end = "end" if self.end is None else f"{float(self.end):g}"
        return f"{self.path} ({float(self.start or 0):g} to {end} s)"


class _Listed(NamedTuple):
    """An entry of a list before its video is found. names: file names without ending, or ids, any of which
    it may have; the whole file counts if it has the name `cut`, of the stretch alone. where: for messages."""

    names: tuple[str, ...]
    identity: str
    start: Fraction | None
    end: Fraction | None
    where: str
    cut: str = ""


def find_footage(
    given: Iterable[Path], videos: Path | None = None
) -> tuple[list[Footage], list[tuple[str, str]]]:
    """All footage, each stretch once, and what is missing: (place in a list, the video's name).

    given: video files; folders of them, where the outermost sub-folder is the person, else the file; tables
    (.csv with the column file, a path or address, and perhaps start, end and identity); lists of VoxCeleb,
    HDTF and CelebV-HQ, or folders of these. videos: where to look up a list's videos, by default beside it.
    InputError if a list cannot be read, or nothing is found.
    """
    found: dict[str, Footage] = {}
    missing: list[tuple[str, str]] = []
    for path in given:
        lists = list(_lists_in(path))
        if not lists:
            footage = list(_in_folder(path)) if path.is_dir() else [Footage(path, path.stem)]
        else:
            shelf = _Shelf(videos or (path if path.is_dir() else path.parent))
            footage = []
            for read, file in lists:
                for entry in read(file):
                    if isinstance(entry, Footage):
                        footage.append(entry)
                    elif video := shelf.find(entry):
                        footage.append(video)
                    else:
                        missing.append((entry.where, entry.names[0]))
        for each in footage:
            found.setdefault(each.key, each)
    if not found:
        if missing:
            where, name = missing[0]
            folder = videos or "its own folder"
            reason = f"none of the {len(missing)} videos listed is in {folder}, such as {name}"
            raise InputError(where, reason, "name their folder with --videos")
        raise InputError("no videos", remedy="name files or folders")
    return list(found.values()), missing


def video_id(address: str) -> str:
    """The name under which the video of an address is kept: YouTube's id, or the file's name without its
    ending.

    >>> video_id("https://www.youtube.com/watch?v=5r0dWxy17C8"), video_id("https://youtu.be/5r0dWxy17C8?t=3")
    ('5r0dWxy17C8', '5r0dWxy17C8')
    >>> video_id("https://example.org/talks/one.mp4")
    'one'
    """
    parts = urlsplit(address)
    return parse_qs(parts.query).get("v", [Path(parts.path).stem])[0]


class _Shelf:
    """The videos of a folder by name and by id."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._paths: dict[str, Path] = {}
        for path in _videos_in(folder):
            self._paths.setdefault(path.stem, path)
            if match := _YOUTUBE.search(path.stem):
                self._paths.setdefault(match[1], path)

    def find(self, entry: _Listed) -> Footage | None:
        if entry.cut in self._paths:
            return Footage(self._paths[entry.cut], entry.identity, listed=True)
        for name in entry.names:
            relative = self._folder / name
            path = self._paths.get(name) or (relative if relative.is_file() else None)
            if path:
                return Footage(
                    path, entry.identity or path.stem, entry.start, entry.end, bool(entry.identity)
                )
        return None


def _lists_in(path: Path) -> Iterator[tuple[Callable[[Path], Iterator[_Listed | Footage]], Path]]:
    """Every list that a path is or holds, with what reads it."""
    if path.is_dir():
        for file in sorted(path.rglob("*.txt")):
            if file.name.endswith(_TIMES):
                yield _read_hdtf, file
            elif _is_voxceleb(file):
                yield _read_voxceleb, file
    elif path.name.endswith(_TIMES):
        yield _read_hdtf, path
    elif path.suffix == ".csv":
        yield _read_own, path
    elif path.suffix == ".json":
        yield _read_celebv, path
    elif path.suffix == ".txt":
        if not _is_voxceleb(path):
            raise InputError(
                path, "neither VoxCeleb's nor HDTF's list", "see docs/training.md for their layout"
            )
        yield _read_voxceleb, path


def _in_folder(folder: Path) -> Iterator[Footage]:
    inside = _videos_in(folder)
    if not inside:
        raise InputError(folder, "no videos in this folder")
    for path in inside:
        parts = path.relative_to(folder).parts
        yield Footage(path, parts[0] if len(parts) > 1 else path.stem)


def _videos_in(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())


def _read_own(path: Path) -> Iterator[_Listed | Footage]:
    """A table of ours: file (a path, relative to the table, or an address), start, end, identity."""
    for line, row in read_table(path, ("file",)):
        where = f"{path}, line {line}"
        if not row["file"]:
            raise InputError(where, "the file is missing")
        try:
            start, end = (parse_time(row[name]) if row.get(name) else None for name in ("start", "end"))
        except InputError as error:
            raise error.at(where) from None
        start, end = _checked(start, end, where)
        identity = row.get("identity") or ""
        beside = path.parent / row["file"]
        if "://" in row["file"]:
            yield _Listed((video_id(row["file"]),), identity, start, end, where)
        elif beside.is_file():
            yield Footage(beside, identity or beside.stem, start, end, bool(identity))
        else:
            yield _Listed((row["file"], Path(row["file"]).stem), identity, start, end, where)


def _is_voxceleb(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(3 + len("Identity")).removeprefix(b"\xef\xbb\xbf").startswith(b"Identity")


def _read_voxceleb(path: Path) -> Iterator[_Listed | Footage]:
    """One track of VoxCeleb 1 or 2: a head of `name : value` lines, then a row for each frame at 25 a second,
    whose first column is the frame's number."""
    head: dict[str, str] = {}
    frames: list[int] = []
    for line in _lines(path):
        name, colon, value = line.partition(":")
        if colon and not frames:
            head[name.strip()] = value.strip()
        elif (first := line.split()[0]).isdecimal():
            frames.append(int(first))
    if not frames or not {"Identity", "Reference"} <= head.keys():
        raise InputError(path, "not a whole track of VoxCeleb: its head or its frames are missing")
    start, end = frames[0] / RATE, (frames[-1] + 1) / RATE
    yield _Listed((head["Reference"],), head["Identity"], start, end, str(path))


def _read_hdtf(path: Path) -> Iterator[_Listed | Footage]:
    """A group of HDTF: `Name.mp4 mm:ss-mm:ss ...`, the addresses in the list beside it. A person's videos are
    numbered (in the group RD all are called Radio, and each is another person)."""
    urls: dict[str, str] = {}
    beside = path.with_name(path.name.replace(_TIMES, _URLS))
    if beside.is_file():
        urls = {line.split()[0].removesuffix(".mp4"): line.split()[-1] for line in _lines(beside)}
    group = path.name.removesuffix(_TIMES)
    for number, line in enumerate(_lines(path), 1):
        file, *spans = line.split()
        name, where = file.removesuffix(".mp4"), f"{path}, line {number}"
        person = name.rstrip("0123456789")
        person = name if person in ("", "Radio") else person
        names = (name, f"{group}_{name}", *([video_id(urls[name])] if name in urls else []))
        for index, span in enumerate(spans):
            try:
                start, end = map(parse_time, span.split("-"))
            except (InputError, ValueError):
                raise InputError(where, f"{span!r} is not a stretch of time", "write mm:ss-mm:ss") from None
            start, end = _checked(start, end, where)
            yield _Listed(names, person, start, end, where, f"{name}_{index}")


def _read_celebv(path: Path) -> Iterator[_Listed | Footage]:
    """CelebV-HQ: clips by name, each with ytb_id and its duration from start_sec to end_sec. It names no
    persons: all clips of one video count as one person, so that none is in both splits."""
    try:
        clips = json.loads(path.read_text())["clips"]
        for name, clip in clips.items():
            span = clip["duration"]
            start, end = _checked(exact(span["start_sec"]), exact(span["end_sec"]), f"{path}, {name}")
            yield _Listed((clip["ytb_id"],), clip["ytb_id"], start, end, f"{path}, {name}", name)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(path, f"not CelebV-HQ's list ({type(error).__name__}: {error})") from None


def _checked(
    start: Fraction | None, end: Fraction | None, where: str
) -> tuple[Fraction | None, Fraction | None]:
    if end is not None and end <= (start or 0):
        raise InputError(where, "the end is not after the start", "correct the times")
    return start, end


def _lines(path: Path) -> list[str]:
    try:
        return [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, f"cannot be read as a list ({error})", "save it in UTF-8") from None


def _text(time: Fraction | None) -> str | None:
    return None if time is None else str(time)
