"""How training reads many clips: `python -m bench.clips FACES FOLDER`, FACES a dataset of faces.

FOLDER receives `base`, clips as gfla-prepare writes them (a keyframe every half second, `moving`), and
`many`, hard links to them. Prints the seconds to the first step, open files, memory and disk of a run, and
samples a second of the loader alone, cold and warm. Finished datasets in FOLDER are used again.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from gfla.animate.synthetic.talking_head import write_dataset
from gfla.animate.video import Frame, VideoWriter
from gfla.models import CONFIGS as NETWORKS
from gfla.train.config import FACE, TINY
from gfla.train.data.faces import FaceSamples, Sampler
from gfla.train.data.index import load_clips
from gfla.train.data.prepare.clip_files import ENCODING
from gfla.train.data.prepare.footage import RATE
from gfla.train.data.reading.cache import Cache
from gfla.train.data.reading.workers import Loading, read_ahead
from gfla.train.trainer import Trainer

FRAMES = 100  # of each clip at most
DRAWN = 2
COLUMNS = ("file", "split", "identity", "kind", "frames", "repeated")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.clips", description=__doc__)
    parser.add_argument("faces", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=100_000, help="clips of the large dataset")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--cache", type=float, default=0.25, help="gigabytes, in the run with many clips")
    parser.add_argument("--layers", action="store_true", help="with the network that finds the person")
    parser.add_argument("--only", choices=("build", "run", "loader"))
    options = parser.parse_args()
    base, many = options.folder / "base", options.folder / "many"
    if not (base / "index.csv").is_file():
        build_base(options.faces, base)
    if not (many / "index.csv").is_file():
        link_many(base, many, options.count)
    if options.only in (None, "run"):
        print(
            json.dumps(run(many, options.folder / "run", options.steps, options.cache, layers=options.layers))
        )
    if options.only in (None, "loader"):
        for length in (1, 9):
            print(json.dumps({"frames": length, **loader(base, length)}))


def build_base(faces: Path, base: Path) -> None:
    """The train clips of `faces` and a few drawn ones, as gfla-prepare writes them."""
    (base / "clips").mkdir(parents=True, exist_ok=True)
    drawn = base.parent / "drawn"
    write_dataset(drawn, DRAWN, 2.0)
    rows = []
    for data in (faces, drawn):
        clips, _ = load_clips(data, "train", Cache(1 << 28))
        for clip in clips:
            frames, file = clip.frames[: min(FRAMES, len(clip.points))], f"clips/{clip.name}.mp4"
            _write(base / file, frames)
            moving = np.zeros(len(clip.points), bool)
            moving[clip.moving] = True
            moving = moving[: len(frames)]
            points, irises = clip.points[: len(frames)], clip.irises[: len(frames)]
            np.savez_compressed((base / file).with_suffix(".npz"), lmk68=points, iris=irises, moving=moving)
            rows.append((file, "train", clip.identity, "clip", len(frames), 1 - moving.mean()))
    _write_index(base, rows)


def _write(path: Path, frames: np.ndarray) -> None:
    size = (frames.shape[2], frames.shape[1])
    with VideoWriter(path, size, RATE, 1 / RATE, encoding=ENCODING, overwrite=True) as writer:
        for number, picture in enumerate(frames):
            writer.write(Frame(picture, number, 1 / RATE))


def link_many(base: Path, many: Path, count: int) -> None:
    """`count` clips of as many people, hard links in folders of a thousand."""
    with (base / "index.csv").open() as file:
        listed = list(csv.DictReader(file))
    rows = []
    for n in range(count):
        row, folder = listed[n % len(listed)], f"clips/{n // 1000:03d}"
        if n % 1000 == 0:
            (many / folder).mkdir(parents=True, exist_ok=True)
        for suffix in (".mp4", ".npz"):
            os.link((base / row["file"]).with_suffix(suffix), many / folder / f"{n}{suffix}")
        rows.append((f"{folder}/{n}.mp4", "train", f"p{n // 4}", "clip", row["frames"], row["repeated"]))
    _write_index(many, rows)


def _write_index(folder: Path, rows: list[tuple]) -> None:
    with (folder / "index.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        table.writerows(rows)


def run(data: Path, out: Path, steps: int, cache: float, *, layers: bool) -> dict[str, object]:
    """A run of the small network with pictures alone. memory: MB of this process and its workers, at a fifth
    of the steps, two fifths and so on."""
    stage = replace(TINY.stages[1], steps=steps, batch=1)
    begin = time.perf_counter()
    loading = Loading(cache=int(cache * 1e9))
    config = replace(TINY, stages=(stage,))
    network = replace(NETWORKS["face-tiny"], layered=layers)
    trainer = Trainer(network, config, data, out, None, "cpu", loading=loading)
    seen: list[tuple[int, float, int, float]] = []
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.2):
            seen.append((trainer.step, time.perf_counter() - begin, *_used()))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        trainer.train()
    finally:
        done.set()
        watcher.join()
    end = seen[-1][0]
    fifths = [next(x for x in seen if x[0] >= end * k // 5) for k in range(1, 6)]
    return {
        "first_step_seconds": round(next(x[1] for x in seen if x[0] >= 1), 1),
        "seconds": round(seen[-1][1], 1),
        "open_files": max(x[2] for x in seen),
        "memory": [round(x[3]) for x in fifths],
        "disk_mb": round(sum(p.stat().st_size for p in out.rglob("*") if p.is_file()) / 1e6, 1),
    }


def _used() -> tuple[int, float]:
    """Open files of the process that has most, and MB of memory, each page once, of this and its workers."""
    own = os.getpid()
    parents = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
    family = {own}
    while more := {p for p, parent in parents.items() if parent in family} - family:
        family |= more
    files, memory = 0, 0.0
    for process in family:
        try:
            files = max(files, len(os.listdir(f"/proc/{process}/fd")))
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
            memory += next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
        except (OSError, StopIteration):
            continue
    return files, memory


def loader(data: Path, length: int) -> dict[str, float]:
    """Samples a second of one worker without layers, first with an empty cache, then with the clips in it."""
    cache = Cache(Loading(workers=1).cache_of_one)
    clips, left_out = load_clips(data, "train", cache)
    batch = 4 if length == 1 else 2
    rates = {}
    sampler = Sampler(clips, batch, FaceSamples(length, 256, FACE.augmentation), 0)
    sampler(10**6)  # what is loaded once
    for state, first in (("cold", 0), ("then", 60), ("warm", 0)):
        begin = time.perf_counter()
        for number in range(first, first + 60 // length):
            sampler(number)
        rates[state] = round(batch * (60 // length) / (time.perf_counter() - begin), 2)
    begin = time.perf_counter()
    batches = 0
    for _ in read_ahead(sampler, 0, 60 // length, 1, left_out.add):
        batches += 1
    rates["worker"] = round(batch * batches / (time.perf_counter() - begin), 2)
    return rates


if __name__ == "__main__":
    main()
