"""Raw videos to a dataset that training reads: square crops of one face, their landmarks, an index.

DATASET receives `clips/NAME.mp4` (square, 25 frames a second, H.264) and beside each `NAME.npz` (lmk68 (T,
68, 2) and iris (T, 2, 2), float32 pixels, x then y), `index.csv`, a contact sheet for each split, and
`prepared.jsonl`: a line for each video that is finished, so that a second run goes on where it stopped.
"""

from __future__ import annotations

import csv
import json
import os
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
from ...animate.synthetic.talking_head.acting import COLUMNS
from ...animate.video import Frame, VideoReader, VideoWriter
from .clips import REPEATED, read_table
from .footage import RATE, Track, find_tracks, head_yaw, ticks

SUFFIXES = {".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg", ".mpeg", ".ts"}
_VAL = 0.1  # share of the people who are kept for validation, one at least
_STRIP, _SEEN = 128, 8  # the contact sheet: side of a picture, pictures a clip
_ROWS = 20  # clips on one sheet

Say = Callable[[str], None]


def prepare(
    videos: Iterable[Path],
    out: Path,
    landmarker: Landmarker,
    *,
    size: int = 256,
    identities: Path | None = None,
    say: Say = print,
) -> int:
    """Bring every video into the dataset `out`; returns how many clips it has then.

    videos: files, or folders that are searched for videos. A person is the sub-folder of a folder that was
    named, with all that is below it, else the file; `identities`, a CSV with the columns file and identity,
    overrules both. A file that cannot be used is said through `say` and skipped; one that is finished already
    is left alone, but for its person if `identities` now says another; one that was changed is done again.
    InputError for what concerns all of them, with everything finished so far kept.
    """
    people = _read_identities(identities) if identities else {}
    named = _named(videos)
    names = {name for path in named for name in (str(path), path.name)}
    if unused := [name for name in people if name not in names]:
        more = f" and {len(unused) - 3} more" if len(unused) > 3 else ""
        say(f"{identities} names files that were not given: {', '.join(unused[:3])}{more}.")
    (out / "clips").mkdir(parents=True, exist_ok=True)
    ledger = _Ledger(out, size)
    for path, person in named.items():
        told = people.get(str(path), people.get(path.name))
        identity = told or person
        if finished := ledger.finished(path):
            if told and told != finished["identity"]:
                ledger.add(path, told, finished["clips"], finished["left_out"])
                say(f"{path}: {told} now, before {finished['identity']}.")
            continue
        try:
            with VideoReader(path) as reader:
                tracks, left_out = find_tracks(reader, landmarker, size)
        except InputError as error:
            if not ledger.clips_of(path):  # what was made while the video was whole stays
                ledger.add(path, identity, [], str(error))
            say(f"skipped: {error}")
            continue
        rows = _write_clips(path, out / "clips", ledger.free_name(path, identity), tracks, size)
        why = ", ".join(f"{count} frames {reason}" for reason, count in left_out.most_common())
        ledger.add(path, identity, rows, why)
        if rows:
            say(f"{path}: {_clips(len(rows))}" + (f"; left out: {why}" if why else ""))
        else:
            say(f"skipped: {path}: nothing of it can be used ({why}).")
    rows = ledger.write_index()
    for split in ("train", "val"):
        write_sheets(out, split, [row for row in rows if row["split"] == split])
    return len(rows)


class _Ledger:
    """`prepared.jsonl`: what is finished, and the splits that people have been given, which never change."""

    def __init__(self, out: Path, size: int):
        self.out, self.path = out, out / "prepared.jsonl"
        if not self.path.is_file() and (out / "index.csv").exists():
            raise InputError(f"{out} holds a dataset that gfla-prepare did not write; name another folder.")
        self.lines: list[dict[str, Any]] = []
        if self.path.is_file():
            for text in self.path.read_text().splitlines():
                try:
                    self.lines.append(json.loads(text))
                except ValueError:  # cut off in the middle of a line: that video comes again
                    continue
        if not self.lines:
            self._append({"size": size})
        elif self.lines[0].get("size") != size:
            raise InputError(
                f"{out} holds clips of side {self.lines[0].get('size')}; go on with that --size."
            )

    def finished(self, path: Path) -> dict[str, Any] | None:
        """The line of `path` as it is now."""
        stamp = _stamp(path)
        return next((line for line in self.lines if line.get("video") == stamp), None)

    def clips_of(self, path: Path) -> list[dict[str, Any]]:
        """Clips of `path`, as it is or was."""
        return [clip for line in self.lines if _is_of(line, path) for clip in line["clips"]]

    def free_name(self, path: Path, identity: str) -> str:
        """A name for the clips of `path` that no other video's have, nor the ones it has now."""
        stem = path.stem if identity == path.stem else f"{identity}-{path.stem}"
        name = first = re.sub(r"[^A-Za-z0-9-]+", "-", stem).strip("-") or "clip"
        taken = {Path(clip["file"]).name.rpartition("_")[0] for clip in self._all_clips()}
        number = 2
        while name in taken:
            name, number = f"{first}-{number}", number + 1
        return name

    def add(self, path: Path, identity: str, clips: list[dict[str, Any]], left_out: str) -> None:
        """The line of `path`, in the place of all that was known of it, whose clips are deleted."""
        before = self.clips_of(path)
        known = self._splits().get(identity)
        self.lines = [line for line in self.lines if not _is_of(line, path)]
        common = {"identity": identity, "split": (known or self._split()) if clips else ""}
        for clip in clips:
            clip.update(common, source_path=path.name)
        self._append({"video": _stamp(path), **common, "clips": clips, "left_out": left_out})
        self.write_index()
        kept = {clip["file"] for clip in self._all_clips()}
        for clip in before:
            for suffix in (".mp4", ".npz", ".jpg") if clip["file"] not in kept else ():
                (self.out / clip["file"]).with_suffix(suffix).unlink(missing_ok=True)

    def write_index(self) -> list[dict[str, Any]]:
        """index.csv of all clips so far, whole or not at all."""
        rows = self._all_clips()
        if not rows:
            (self.out / "index.csv").unlink(missing_ok=True)
        else:
            partial = self.out / ".index.part.csv"
            with partial.open("w", newline="") as file:
                table = csv.DictWriter(file, [*COLUMNS, "repeated"], restval="")
                table.writeheader()
                table.writerows(rows)
            os.replace(partial, self.out / "index.csv")
        return rows

    def _all_clips(self) -> list[dict[str, Any]]:
        return [clip for line in self.lines for clip in line.get("clips", ())]

    def _splits(self) -> dict[str, str]:
        return {line["identity"]: line["split"] for line in self.lines if line.get("clips")}

    def _split(self) -> str:
        """That of one more person."""
        splits = list(self._splits().values())
        people = len(splits) + 1
        wanted = max(1, round(_VAL * people)) if people > 1 else 0
        return "val" if splits.count("val") < wanted else "train"

    def _append(self, line: dict[str, Any]) -> None:
        self.lines.append(line)
        text = "".join(json.dumps(each) + "\n" for each in self.lines)
        partial = self.path.with_name(".prepared.part.jsonl")
        partial.write_text(text)
        os.replace(partial, self.path)


def _named(videos: Iterable[Path]) -> dict[Path, str]:
    """Every video with the person that its place says it is of, in order of their names."""
    found: dict[Path, str] = {}
    for given in videos:
        if given.is_dir():
            inside = sorted(p for p in given.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
            if not inside:
                raise InputError(f"{given}: the folder holds no videos.")
            for path in inside:
                parts = path.relative_to(given).parts
                found[path] = parts[0] if len(parts) > 1 else path.stem
        else:
            found[given] = given.stem
    if not found:
        raise InputError("There are no videos; name files or folders.")
    return found


def _read_identities(path: Path) -> dict[str, str]:
    people = {}
    for line, row in read_table(path, ("file", "identity")):
        if not row["file"] or not row["identity"]:
            raise InputError(f"{path}, line {line}: a row names a file and whose it is; complete it.")
        people[row["file"]] = row["identity"]
    return people


def _write_clips(
    video: Path, folder: Path, name: str, tracks: list[Track], size: int
) -> list[dict[str, Any]]:
    """The clips of `tracks`, which are in order and apart, in one walk through the video; their rows."""
    with VideoReader(video) as reader:
        pictures = enumerate(ticks(reader))
        return [_write_clip(pictures, folder / f"{name}_{k}.mp4", t, size) for k, t in enumerate(tracks)]


def _write_clip(
    pictures: Iterator[tuple[int, NDArray[np.uint8]]], path: Path, track: Track, size: int
) -> dict[str, Any]:
    """Write one track's crops and landmarks; returns its row of the index. Of the numbered `pictures` those
    up to its last are taken."""
    count, square = len(track.points), track.square
    points = np.stack([to_crop(p, square, size) for p in track.points])
    iris = np.stack([to_crop(p, square, size) for p in track.iris])
    chosen = np.linspace(0, count - 1, _SEEN).round().astype(int).tolist()
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
    share = repeated / count
    notes = [
        ("lowres", track.face < size / 2),
        ("upsampled", square.side < size),
        ("soft", track.sharpness < 25),
        ("large yaw", max(map(abs, (spans["yaw_p1"], spans["yaw_p99"]))) > 40),
        ("repeated frames", share > 0.03),
    ]
    return {
        **{"file": f"clips/{path.name}", "kind": "clip", "source_start_frame": track.first},
        **{"crop_x": square.x, "crop_y": square.y, "crop_side": square.side},
        **{"face_px_source": round(track.face, 1), "frames": count, "seconds": float(Fraction(count) / RATE)},
        **spans,
        "sharpness": round(track.sharpness, 1),
        "quality_note": ", ".join(word for word, true in notes if true),
        "repeated": round(share, 3),
    }


def write_sheets(out: Path, split: str, rows: list[dict[str, Any]]) -> None:
    """sheet_SPLIT_0.png and on: a row a clip, eight moments of it, the last with its landmarks."""
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
    across = points[42:48].mean(0) - points[36:42].mean(0)
    return float(np.degrees(np.arctan2(across[1], across[0])))


def _stamp(path: Path) -> list[Any]:
    """What a file is known by: where it lies, its bytes and when it was changed."""
    try:
        known = path.stat()
    except OSError:
        return [str(path.resolve()), 0, 0]
    return [str(path.resolve()), known.st_size, known.st_mtime_ns]


def _is_of(line: dict[str, Any], path: Path) -> bool:
    """Whether a line is of `path`, whatever its bytes were."""
    return line.get("video", [None])[0] == str(path.resolve())


def _clips(count: int) -> str:
    return f"{count} clip" + ("s" if count != 1 else "")
