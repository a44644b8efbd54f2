"""The clips of a video's tracks: square crops in H.264, their landmarks, and a strip of pictures for the
sheet."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ....animate.face.crop import crop, to_crop
from ....animate.ibug68 import EYES
from ....animate.io.atomic import atomic_file
from ....animate.video import Frame, VideoReader, VideoWriter
from ....animate.video.formats import Encoding
from ..clips import REPEATED
from .footage import RATE, Track, head_yaw, ticks

ENCODING = Encoding(quality="medium", key_frames=12, threads=1)
"""How clips are coded. Training reads them at any place, and decodes from the key frame before it, each bit
again and again. In one thread: a dataset's bytes do not depend on the machine, and every worker has its core.
"""
_STRIP, _COLUMNS = 128, 8  # contact sheet: side of a picture, pictures per clip
_ROWS = 20  # clips per sheet


def write_clips(reader: VideoReader, clips: Path, tracks: list[Track], size: int) -> list[dict[str, Any]]:
    """Write the clips of `tracks`, which are in order and do not overlap, reading the video once, as
    `clips`_0.mp4 and so on; returns their rows of the index."""
    pictures = enumerate(ticks(reader))
    return [
        _write_clip(pictures, clips.with_name(f"{clips.name}_{k}.mp4"), track, size)
        for k, track in enumerate(tracks)
    ]


def _write_clip(
    pictures: Iterator[tuple[int, NDArray[np.uint8]]], path: Path, track: Track, size: int
) -> dict[str, Any]:
    """Write one track's crops and landmarks; returns its row of the index. Consumes the numbered `pictures`
    up to the track's last."""
    count, square = len(track.points), track.square
    points = np.stack([to_crop(p, square, size) for p in track.points])
    iris = np.stack([to_crop(p, square, size) for p in track.iris])
    chosen = np.linspace(0, count - 1, _COLUMNS).round().astype(int).tolist()
    before, moving, strip = None, np.ones(count, bool), []
    with VideoWriter(path, (size, size), RATE, 1 / RATE, encoding=ENCODING, overwrite=True) as writer:
        for tick, image in pictures:
            at = tick - track.first
            if at < 0:
                continue
            face = crop(image, square, size)
            writer.write(Frame(face, at, 1 / RATE))
            if before is not None:
                moving[at] = np.abs(face.astype(np.int16) - before).mean() >= REPEATED
            before = face
            if at in chosen:
                strip.append(_thumbnail(face, points[at] if at == chosen[-1] else None))
            if at == count - 1:
                break
    with atomic_file(path.with_suffix(".npz")) as part:
        np.savez_compressed(part, lmk68=points, iris=iris, moving=moving)
    with atomic_file(path.with_suffix(".jpg")) as part:
        cv2.imwrite(str(part), np.hstack(strip)[..., ::-1])
    angles = {"yaw": [head_yaw(p) for p in points], "roll": [_roll(p) for p in points]}
    spans = {
        f"{name}_p{q}": round(float(np.percentile(values, q)), 1)
        for name, values in angles.items()
        for q in (1, 99)
    }
    repeats = 1 - float(moving.mean())
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
