"""`prepared.jsonl`: what became of each stretch of footage, and everybody's split, which never changes.

Each finished stretch is one line, added and flushed to disk at once: whatever is killed, no finished work is
done again. Splits are given in the order of the footage, not of finishing, so that any number of workers
makes the same dataset.
"""

from __future__ import annotations

import csv
import json
import os
import re
import time
from collections import Counter
from pathlib import Path
from typing import Any

from ....animate.errors import InputError
from ....animate.io.atomic import atomic_file
from ....animate.synthetic.talking_head.acting import COLUMNS
from .lists import Footage
from .worker import Prepared

_VAL = 0.1  # fraction of the people kept for validation, at least one
_INDEX_SECONDS = 10  # between two versions of the index

Line = dict[str, Any]


class Ledger:
    """The ledger of the dataset `out`, whose clips have side `size`, and its index. InputError if `out` is
    another's, or its clips have another side."""

    def __init__(self, out: Path, size: int):
        self.out, self.path = out, out / "prepared.jsonl"
        if not self.path.is_file() and (out / "index.csv").exists():
            raise InputError(out, "a dataset that gfla-prepare did not write", "name another folder")
        self.lines: dict[str, Line] = {}
        self._splits: dict[str, str] = {}
        self._clips: Counter[str] = Counter()  # of each person
        self._people: Counter[str] = Counter()  # with clips, of each split
        self._names: set[str] = set()
        self._indexed = 0.0
        head = self._read()
        if head is not None and head != size:
            raise InputError(out, f"its clips have side {head}", "use that --size")
        with atomic_file(self.path) as part:  # without what a kill cut off
            people = [{"person": name, "split": split} for name, split in self._splits.items()]
            lines = [{"size": size}, *people, *self.lines.values()]
            part.write_text("".join(json.dumps(line) + "\n" for line in lines))

    def finished(self, footage: Footage) -> Line | None:
        """The line of `footage`, if its file is unchanged since."""
        line = self.lines.get(footage.key)
        return line if line and line["video"] == stamp(footage) else None

    def clips_of(self, footage: Footage) -> list[dict[str, Any]]:
        """Clips of `footage`, even if its file changed since."""
        return self.lines.get(footage.key, {}).get("clips", [])

    def free_name(self, footage: Footage) -> str:
        """A name for new clips of `footage` that no clip has yet, and from now on no other gets."""
        path, identity = footage.path, footage.identity
        stem = path.stem if identity == path.stem else f"{identity}-{path.stem}"
        name = first = re.sub(r"[^A-Za-z0-9-]+", "-", stem).strip("-") or "clip"
        number = 2
        while name in self._names:
            name, number = f"{first}-{number}", number + 1
        self._names.add(name)
        return name

    def add(self, footage: Footage, prepared: Prepared) -> None:
        """Add the line of `footage` in place of an older one, whose other clips are deleted."""
        before = self.clips_of(footage)
        clips = [{**clip, "source_path": footage.path.name} for clip in prepared.clips]
        line = {"video": stamp(footage), "key": footage.key, "identity": footage.identity, "clips": clips}
        line |= {"left_out": prepared.left_out, "refused": prepared.refused, "seconds": prepared.seconds}
        self._enter(line)
        self._append(line)
        kept = {clip["file"] for clip in clips}
        gone = [clip["file"] for clip in before if clip["file"] not in kept]
        self.write_index(at_once=bool(gone))
        for file in gone:
            for suffix in (".mp4", ".npz", ".jpg"):
                (self.out / file).with_suffix(suffix).unlink(missing_ok=True)

    def rename(self, footage: Footage) -> None:
        """Give the clips of `footage` to its person."""
        line = self.lines[footage.key] | {"identity": footage.identity}
        self._enter(line)
        self._append(line)

    def assign(self, identity: str) -> None:
        """Give a person who has clips a split, unless there is one."""
        if identity in self._splits or not self._clips[identity]:
            return
        people = self._people.total() + 1
        wanted = max(1, round(_VAL * people)) if people > 1 else 0
        split = self._splits[identity] = "val" if self._people["val"] < wanted else "train"
        self._people[split] += 1
        self._append({"person": identity, "split": split})

    def rows(self) -> list[dict[str, Any]]:
        """The rows of the index: all clips of people with a split, in the order of their files."""
        rows = [
            {**clip, "identity": line["identity"], "split": self._splits[line["identity"]]}
            for line in self.lines.values()
            for clip in line["clips"]
            if line["identity"] in self._splits
        ]
        return sorted(rows, key=lambda row: row["file"])

    def write_index(self, *, at_once: bool = True) -> None:
        """Write index.csv of all clips so far, unless it is only a few seconds old."""
        if not at_once and time.monotonic() - self._indexed < _INDEX_SECONDS:
            return
        rows, index = self.rows(), self.out / "index.csv"
        if rows:
            with atomic_file(index) as part, part.open("w", newline="") as file:
                table = csv.DictWriter(file, [*COLUMNS, "repeated"], restval="")
                table.writeheader()
                table.writerows(rows)
        else:
            index.unlink(missing_ok=True)
        self._indexed = time.monotonic()

    def _enter(self, line: Line) -> None:
        """Take a line into the tables, in place of the one with its key."""
        before = self.lines.pop(line["key"], None)
        self.lines[line["key"]] = line
        for each, sign in ((before, -1), (line, 1)):
            if each and each["clips"]:
                identity = each["identity"]
                had = self._clips[identity] > 0
                self._clips[identity] += sign * len(each["clips"])
                if split := self._splits.get(identity):
                    self._people[split] += (self._clips[identity] > 0) - had
        self._names |= {Path(clip["file"]).name.rpartition("_")[0] for clip in line["clips"]}

    def _read(self) -> int | None:
        """Take in the file; the size of its clips, None for a new one."""
        size = None
        for text in self.path.read_text().splitlines() if self.path.is_file() else ():
            try:
                line = json.loads(text)
            except ValueError:  # a killed run cut this line off: its footage is done again
                continue
            if "video" in line:
                line.setdefault("key", json.dumps([line["video"][0], None, None]))  # before there were tables
                if line.get("split"):
                    self._splits.setdefault(line["identity"], line.pop("split"))
                self._enter(line)
            elif "person" in line:
                self._splits[line["person"]] = line["split"]
                self._people[line["split"]] += self._clips[line["person"]] > 0
            else:
                size = line.get("size")
        return size

    def _append(self, line: Line) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())


def stamp(footage: Footage) -> list[Any]:
    """Identifies a version of a file: its path, size and time."""
    try:
        stat = footage.path.stat()
    except OSError:
        return [str(footage.path.resolve()), 0, 0]
    return [str(footage.path.resolve()), stat.st_size, stat.st_mtime_ns]
