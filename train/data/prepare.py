"""Raw videos to a dataset for training: square crops of one face, their landmarks, an index.

DATASET receives:

- `clips/NAME.mp4`, square, 25 frames a second, H.264, and beside each
- `clips/NAME.npz` with lmk68 (T, 68, 2) and iris (T, 2, 2), float32 pixels, x then y;
- `index.csv` and a contact sheet for each split;
- `prepared.jsonl`, a line for each finished video, so that a second run continues where the first stopped.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ...animate.errors import InputError
from ...animate.face.crop import crop, to_crop
from ...animate.face.landmarks import Landmarker
from ...animate.ibug68 import EYES
from ...animate.io.atomic import atomic_file
from ...animate.synthetic.talking_head.acting import COLUMNS
from ...animate.video import Frame, VideoReader, VideoWriter
from .clips import REPEATED, read_table
from .footage import RATE, Track, find_tracks, head_yaw, ticks

SUFFIXES = {".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg", ".mpeg", ".ts"}
_VAL = 0.1  # fraction of the people kept for validation, at least one
_STRIP, _COLUMNS = 128, 8  # contact sheet: side of a picture, pictures per clip
_ROWS = 20  # clips per sheet

Say = Callable[[str], object]


def prepare(
    videos: Iterable[Path],
    out: Path,
    landmarker: Landmarker,
    *,
    size: int = 256,
    identities: Path | None = None,
    say: Say = print,
) -> int:
    """Add every video to the dataset `out`; returns the number of clips in it.

    videos: files, or folders that are searched for videos.
    identities: a CSV with the columns file and identity. Without a row for it, a video's person is the
        outermost sub-folder of the folder that was given, or the file itself.
    say: receives a line about each video.

    A video that cannot be used is skipped. A finished video is not read again (only its person may change
    with `identities`); a video that changed is done again. InputError for what concerns all videos; what was
    finished before is kept.
    """
    people = _read_identities(identities) if identities else {}
    found = _find_videos(videos)
    names = {name for path in found for name in (str(path), path.name)}
    if unused := [name for name in people if name not in names]:
        more = f" and {len(unused) - 3} more" if len(unused) > 3 else ""
        say(f"{identities}: files that were not given: {', '.join(unused[:3])}{more}.")
    (out / "clips").mkdir(parents=True, exist_ok=True)
    ledger = _Ledger(out, size)
    for path, person in found.items():
        listed = people.get(str(path), people.get(path.name))
        identity = listed or person
        if finished := ledger.finished(path):
            if listed and listed != finished["identity"]:
                ledger.add(path, listed, finished["clips"], finished["left_out"])
                say(f"{path}: {listed} now, before {finished['identity']}.")
            continue
        try:
            with VideoReader(path) as reader:
                tracks, left_out = find_tracks(reader, landmarker, size)
        except InputError as error:
            if not ledger.clips_of(path):  # clips made before the video broke stay
                ledger.add(path, identity, [], str(error))
            say(f"skipped: {error}")
            continue
        rows = _write_clips(path, out / "clips", ledger.free_name(path, identity), tracks, size)
        reasons = ", ".join(f"{count} frames {reason}" for reason, count in left_out.most_common())
        ledger.add(path, identity, rows, reasons)
        if rows:
            clips = "1 clip" if len(rows) == 1 else f"{len(rows)} clips"
            say(f"{path}: {clips}" + (f"; left out: {reasons}" if reasons else ""))
        else:
            say(f"skipped: {path}: no usable frames ({reasons}).")
    rows = ledger.write_index()
    for split in ("train", "val"):
        write_sheets(out, split, [row for row in rows if row["split"] == split])
    return len(rows)


class _Ledger:
    """`prepared.jsonl`: the finished videos, and the split of every person, which never changes."""

    def __init__(self, out: Path, size: int):
        self.out, self.path = out, out / "prepared.jsonl"
        if not self.path.is_file() and (out / "index.csv").exists():
            raise InputError(out, "a dataset that gfla-prepare did not write", "name another folder")
        self.lines: list[dict[str, Any]] = []
        if self.path.is_file():
            for text in self.path.read_text().splitlines():
                try:
                    self.lines.append(json.loads(text))
                except ValueError:  # a killed run cut this line off: its video is done again
                    continue
        if not self.lines:
            self._append({"size": size})
        elif self.lines[0].get("size") != size:
            raise InputError(out, f"its clips have side {self.lines[0].get('size')}", "use that --size")

    def finished(self, path: Path) -> dict[str, Any] | None:
        """The line of `path`, if it is unchanged since."""
        stamp = _stamp(path)
        return next((line for line in self.lines if line.get("video") == stamp), None)

    def clips_of(self, path: Path) -> list[dict[str, Any]]:
        """Clips of `path`, even if it changed since."""
        return [clip for line in self.lines if _is_of(line, path) for clip in line["clips"]]

    def free_name(self, path: Path, identity: str) -> str:
        """A name for new clips of `path` that no clip has yet."""
        stem = path.stem if identity == path.stem else f"{identity}-{path.stem}"
        name = first = re.sub(r"[^A-Za-z0-9-]+", "-", stem).strip("-") or "clip"
        taken = {Path(clip["file"]).name.rpartition("_")[0] for clip in self._all_clips()}
        number = 2
        while name in taken:
            name, number = f"{first}-{number}", number + 1
        return name

    def add(self, path: Path, identity: str, clips: list[dict[str, Any]], left_out: str) -> None:
        """Add the line of `path` in place of its older one, whose other clips are deleted."""
        before = self.clips_of(path)
        split = self._splits().get(identity) or self._next_split()
        self.lines = [line for line in self.lines if not _is_of(line, path)]
        common = {"identity": identity, "split": split if clips else ""}
        for clip in clips:
            clip.update(common, source_path=path.name)
        self._append({"video": _stamp(path), **common, "clips": clips, "left_out": left_out})
        self.write_index()
        current = {clip["file"] for clip in self._all_clips()}
        for clip in before:
            for suffix in (".mp4", ".npz", ".jpg") if clip["file"] not in current else ():
                (self.out / clip["file"]).with_suffix(suffix).unlink(missing_ok=True)

    def write_index(self) -> list[dict[str, Any]]:
        """Write index.csv of all clips so far; returns its rows."""
        rows, index = self._all_clips(), self.out / "index.csv"
        if not rows:
            index.unlink(missing_ok=True)
            return rows
        with atomic_file(index) as part, part.open("w", newline="") as file:
            table = csv.DictWriter(file, [*COLUMNS, "repeated"], restval="")
            table.writeheader()
            table.writerows(rows)
        return rows

    def _all_clips(self) -> list[dict[str, Any]]:
        return [clip for line in self.lines for clip in line.get("clips", ())]

    def _splits(self) -> dict[str, str]:
        return {line["identity"]: line["split"] for line in self.lines if line.get("clips")}

    def _next_split(self) -> str:
        """The split of one more person."""
        splits = list(self._splits().values())
        people = len(splits) + 1
        wanted = max(1, round(_VAL * people)) if people > 1 else 0
        return "val" if splits.count("val") < wanted else "train"

    def _append(self, line: dict[str, Any]) -> None:
        self.lines.append(line)
        with atomic_file(self.path) as part:
            part.write_text("".join(json.dumps(each) + "\n" for each in self.lines))


def _find_videos(videos: Iterable[Path]) -> dict[Path, str]:
    """Every video, in order of their names, and the person according to its folder."""
    found: dict[Path, str] = {}
    for given in videos:
        if given.is_dir():
            inside = sorted(p for p in given.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
            if not inside:
                raise InputError(given, "no videos in this folder")
            for path in inside:
                parts = path.relative_to(given).parts
                found[path] = parts[0] if len(parts) > 1 else path.stem
        else:
            found[given] = given.stem
    if not found:
        raise InputError("no videos", remedy="name files or folders")
    return found


def _read_identities(path: Path) -> dict[str, str]:
    people = {}
    for line, row in read_table(path, ("file", "identity")):
        if not row["file"] or not row["identity"]:
            raise InputError(f"{path}, line {line}", "file or identity is missing")
        people[row["file"]] = row["identity"]
    return people


def _write_clips(
    video: Path, folder: Path, name: str, tracks: list[Track], size: int
) -> list[dict[str, Any]]:
    """Write the clips of `tracks`, which are in order and do not overlap, reading the video once; returns
    their rows of the index."""
    with VideoReader(video) as reader:
        pictures = enumerate(ticks(reader))
        return [_write_clip(pictures, folder / f"{name}_{k}.mp4", t, size) for k, t in enumerate(tracks)]


def _write_clip(
    pictures: Iterator[tuple[int, NDArray[np.uint8]]], path: Path, track: Track, size: int
) -> dict[str, Any]:
    """Write one track's crops and landmarks; returns its row of the index. Consumes the numbered `pictures`
    up to the track's last."""
    count, square = len(track.points), track.square
    points = np.stack([to_crop(p, square, size) for p in track.points])
    iris = np.stack([to_crop(p, square, size) for p in track.iris])
    chosen = np.linspace(0, count - 1, _COLUMNS).round().astype(int).tolist()
    before, repeated, strip = None, 0, []
    with VideoWriter(path, (size, size), RATE, 1 / RATE, overwrite=True) as writer:
        for tick, image in pictures:
            at = tick - track.first
            if at < 0:
                continue
            face = crop(image, square, size)
            writer.write(Frame(face, at, 1 / RATE))
            if before is not None:
                repeated += bool(np.abs(face.astype(np.int16) - before).mean() < REPEATED)
            before = face
            if at in chosen:
                strip.append(_thumbnail(face, points[at] if at == chosen[-1] else None))
            if at == count - 1:
                break
    np.savez_compressed(path.with_suffix(".npz"), lmk68=points, iris=iris)
    cv2.imwrite(str(path.with_suffix(".jpg")), np.hstack(strip)[..., ::-1])
    angles = {"yaw": [head_yaw(p) for p in points], "roll": [_roll(p) for p in points]}
    spans = {
        f"{name}_p{q}": round(float(np.percentile(values, q)), 1)
        for name, values in angles.items()
        for q in (1, 99)
    }
    repeats = repeated / count
    notes = [
        ("lowres", track.face < size / 2),
        ("upsampled", square.side < size),
        ("soft", track.sharpness < 25),
        ("large yaw", max(map(abs, (spans["yaw_p1"], spans["yaw_p99"]))) > 40),
        ("repeated frames", repeats > 0.03),
    ]
    return {
        **{"file": f"clips/{path.name}", "kind": "clip", "source_start_frame": track.first},
        **{"crop_x": square.x, "crop_y": square.y, "crop_side": square.side},
        **{"face_px_source": round(track.face, 1), "frames": count, "seconds": float(Fraction(count) / RATE)},
        **spans,
        "sharpness": round(track.sharpness, 1),
        "quality_note": ", ".join(word for word, true in notes if true),
        "repeated": round(repeats, 3),
    }


def write_sheets(out: Path, split: str, rows: list[dict[str, Any]]) -> None:
    """Write sheet_SPLIT_0.png and so on: a row per clip, eight frames each, the last with its landmarks."""
    for number, start in enumerate(range(0, len(rows), _ROWS)):
        lines = []
        for row in rows[start : start + _ROWS]:
            strip = cv2.imread(str((out / row["file"]).with_suffix(".jpg")))
            if strip is None:
                continue
            label = np.full((18, strip.shape[1], 3), 255, np.uint8)
            words = " | ".join(
                (
                    Path(row["file"]).stem,
                    row["identity"],
                    f"{row['seconds']:.1f} s",
                    f"yaw {row['yaw_p1']:.0f} to {row['yaw_p99']:.0f}",
                    f"face {row['face_px_source']:.0f} px",
                    row["quality_note"] or "good",
                )
            )
            cv2.putText(label, words, (4, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
            lines += [label, strip]
        if lines:
            cv2.imwrite(str(out / f"sheet_{split}_{number}.png"), np.vstack(lines))


def _thumbnail(face: NDArray[np.uint8], points: NDArray[np.float32] | None) -> NDArray[np.uint8]:
    small = cv2.resize(face, (_STRIP, _STRIP), interpolation=cv2.INTER_AREA)
    if points is not None:
        for x, y in (points + 0.5) * (_STRIP / face.shape[0]) - 0.5:
            cv2.circle(small, (round(float(x)), round(float(y))), 1, (0, 255, 0), -1)
    return small  # type: ignore[return-value]


def _roll(points: NDArray[np.float32]) -> float:
    left, right = (points[eye].mean(0) for eye in EYES)
    across = right - left
    return float(np.degrees(np.arctan2(across[1], across[0])))


def _stamp(path: Path) -> list[Any]:
    """Identifies a version of a file: its path, size and time."""
    try:
        stat = path.stat()
    except OSError:
        return [str(path.resolve()), 0, 0]
    return [str(path.resolve()), stat.st_size, stat.st_mtime_ns]


def _is_of(line: dict[str, Any], path: Path) -> bool:
    """Whether a line is of `path`, in any version."""
    return line.get("video", [None])[0] == str(path.resolve())
