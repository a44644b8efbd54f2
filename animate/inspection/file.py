"""What a picture or video offers before anything is rendered: its faces, where they are away, where it cuts,
and what is unusual about the file.

The numbers are those that --source-face and --driving-face take. One pass, constant memory.
"""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..face.landmarks import Landmarker, Landmarks
from ..face.pose import face_pose
from ..face.tracking import Sighting, number_faces, sight
from ..io.paths import existing_file
from ..io.timecode import Span, clock, list_spans
from ..source_video import is_video
from ..state import read_source
from ..video import VideoReader
from ..video.formats import FILES
from ..video.probe import Media, read_media
from .frame_rate import Pace

Image = NDArray[np.uint8]

_GREEN = (60, 220, 90)


@dataclass(frozen=True, eq=False)
class Inspection:
    """One file, looked through.

    image: its first frame that shows a face, or its first, RGB (H, W, 3) uint8. faces: of that frame, from
    the left: number N is the N-th. frames: how many it has; 1 for a picture. Of the largest face through a
    video: found: in how many frames it is; away: where not, seconds from the beginning; cuts: seconds at
    which another shot begins; reference: number, from 0, and seconds of the frame nearest to a neutral one,
    None without a face. Of a video alone: media: what the file says of itself; pace: of its frames; lost:
    the times that are damaged; looked: seconds that it took to look at all frames.
    """

    path: Path
    image: Image
    faces: tuple[Landmarks, ...]
    frames: int
    found: int
    away: tuple[Span, ...] = ()
    cuts: tuple[Fraction, ...] = ()
    reference: tuple[int, Fraction] | None = None
    media: Media | None = None
    pace: Pace | None = None
    lost: tuple[Span, ...] = ()
    looked: float = 0.0

    @property
    def coverage(self) -> float:
        """The share of frames with a face, 0 to 1."""
        return self.found / self.frames

    def as_json(self) -> dict[str, Any]:
        """All but the pixels, for `json.dumps`; times in seconds, places in pixels."""
        faces = []
        for number, face in enumerate(self.faces, 1):
            pose = face_pose(face.points)
            x, y, size = (round(value, 1) for value in (pose.x, pose.y, pose.size))
            faces.append({"number": number, "x": x, "y": y, "size": size, "score": round(face.score, 3)})
        at = self.reference
        return {
            "file": str(self.path),
            "width": self.image.shape[1],
            "height": self.image.shape[0],
            "faces": faces,
            "frames": self.frames,
            "coverage": round(self.coverage, 4),
            "away": [[float(span.start), float(span.end)] for span in self.away],
            "cuts": [float(cut) for cut in self.cuts],
            "reference": None if at is None else {"frame": at[0], "seconds": float(at[1])},
            **self._file_json(),
        }

    def _file_json(self) -> dict[str, Any]:
        media, pace = self.media, self.pace
        if media is None or pace is None:
            return {}
        sound = media.sound
        return {
            "container": media.container,
            "codec": media.codec,
            "pixels": media.pixels,
            "bits": media.bits,
            "hdr": media.hdr,
            "rotation": media.turned,
            "pixel_shape": str(media.pixel),
            "start": float(media.start),
            "rate": pace.rate and float(pace.rate),
            "constant_rate": pace.even,
            "damaged": [[float(span.start), float(span.end)] for span in self.lost],
            "sound": sound
            and {
                "codec": sound.codec,
                "rate": sound.rate,
                "channels": sound.channels,
                "start": float(sound.start - media.start),
                "duration": sound.duration and float(sound.duration),
                "tracks": media.tracks,
            },
        }

    def lines(self) -> Iterator[str]:
        """The same for people."""
        height, width = self.image.shape[:2]
        kind = "picture" if self.media is None else _count(self.frames, "frame")
        yield f"{self.path}: {width}x{height}, {kind}, {_count(len(self.faces), 'face')}"
        for number, face in enumerate(self.faces, 1):
            pose = face_pose(face.points)
            yield f"  face {number}: {pose.size:.0f} pixels, at {pose.x:.0f}, {pose.y:.0f}"
        if self.media and self.pace:
            yield from _file_lines(self.media, self.pace, self.lost)
        if self.frames == 1:
            return
        away = f"; none from {', '.join(map(str, self.away))}" if self.away else ""
        yield f"  a face in {100 * self.coverage:.1f} % of the frames{away}"
        if self.cuts:
            yield f"  {_count(len(self.cuts), 'cut')}: {', '.join(map(clock, self.cuts))}"
        if self.reference:
            yield f"  suggested reference: frame {self.reference[0]}, {clock(self.reference[1])}"


def inspect_file(
    path: str | os.PathLike,
    landmarker: Landmarker,
    progress: Callable[[int, int | None], None] | None = None,
) -> Inspection:
    """Look through a picture or video. progress: called with frames done and expected. InputError if it can
    be read as neither."""
    file = existing_file(path)
    if is_video(file):
        media = read_media(file)
        with VideoReader(file) as reader:
            return _inspect_video(file, media, reader, landmarker, progress)
    image, *_ = read_source(file)
    faces = tuple(number_faces(landmarker.find(image)))
    return Inspection(file, image, faces, frames=1, found=min(len(faces), 1))


def numbered(inspection: Inspection) -> Image:
    """Its image with a box and its number at every face, RGB (H, W, 3) uint8."""
    image = np.ascontiguousarray(inspection.image.copy())
    for number, face in enumerate(inspection.faces, 1):
        low, high = face.points.min(0), face.points.max(0)
        left, top, right, bottom = (round(float(v)) for v in (*low, *high))
        thick = max(1, round((right - left) / 70))
        cv2.rectangle(image, (left, top), (right, bottom), _GREEN, thick)
        scale = max(0.4, (right - left) / 120)
        spot = (left + 2 * thick, max(top - 3 * thick, round(24 * scale)))
        for colour, width in (((0, 0, 0), 4 * thick), (_GREEN, 2 * thick)):
            cv2.putText(image, str(number), spot, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, width, cv2.LINE_AA)
    return image


def strain(points: NDArray[np.floating]) -> float:
    """How far a face (68, 2) is from looking straight ahead, upright, with its mouth shut and eyes open: 0
    and up. A stand-in on plain landmarks for a fitted model's pose and expression."""
    eyes = points[36:42].mean(0), points[42:48].mean(0)
    across = eyes[1] - eyes[0]
    width = max(float(np.hypot(*across)), 1e-6)
    right = across / width
    down = np.array([-right[1], right[0]])
    turned = abs(float((points[30] - (points[0] + points[16]) / 2) @ right)) / width
    tilted = abs(float(np.arctan2(across[1], across[0])))
    opened = float((points[65:68] - points[63:60:-1]).mean(0) @ down) / width
    upper, lower = [[37, 38], [43, 44]], [[41, 40], [47, 46]]
    lids = (points[lower] - points[upper]).mean(1) @ down
    shut = max(0.0, 0.15 - float(lids.min()) / width)
    nodded = abs(float((points[33] - (eyes[0] + eyes[1]) / 2) @ down) / width - 0.75)
    return turned + tilted + max(opened, 0.0) + 2 * shut + nodded


def _inspect_video(
    path: Path,
    media: Media,
    reader: VideoReader,
    landmarker: Landmarker,
    progress: Callable[[int, int | None], None] | None,
) -> Inspection:
    image: Image | None = None
    faces: tuple[Landmarks, ...] = ()
    away: list[Span] = []
    cuts: list[Fraction] = []
    seen: Sighting | None = None
    since: Fraction | None = None
    least: tuple[float, int, Fraction] | None = None
    count = found = 0
    now, pace, began = Fraction(0), Pace(reader.time_base), time.perf_counter()
    for frame in reader:
        pace.add(frame.pts)
        now = frame.seconds - reader.zero
        seen = sight(landmarker, frame.image, seen, None)
        if image is None or (not faces and seen.landmarks is not None):
            image, faces = frame.image, tuple(number_faces(landmarker.find(frame.image)))
        if seen.cut:
            cuts.append(now)
        if seen.landmarks is None:
            since = now if since is None else since
        else:
            found += 1
            least = min(least or (np.inf, 0, now), (strain(seen.landmarks.points), count, now))
            if since is not None:
                away.append(Span(since, now))
                since = None
        count += 1
        if progress:
            progress(count, reader.frames)
    if image is None:
        raise InputError(f"{path}: not one picture of it can be decoded; give a whole video file.")
    if since is not None:
        away.append(Span(since, now + 1 / reader.rate))
    return Inspection(
        path,
        image,
        faces,
        count,
        found,
        tuple(away),
        tuple(cuts),
        reference=None if least is None else (least[1], least[2]),
        media=media,
        pace=pace,
        lost=reader.lost,
        looked=time.perf_counter() - began,
    )


def _file_lines(media: Media, pace: Pace, lost: tuple[Span, ...]) -> Iterator[str]:
    """The file in words; what is as usual is not mentioned twice."""
    said = [f"{media.container}, {media.codec}, {media.pixels}"]
    if media.bits > 8:
        said.append(f"{media.bits} bits a colour, reduced to 8")
    if media.hdr:
        said.append(f"HDR ({media.hdr}), mapped to ordinary tones")
    if media.turned:
        said.append(f"turned by {media.turned} degrees")
    if media.pixel != 1:
        said.append(f"pixels {media.pixel} as wide as high, squared")
    yield f"  file: {', '.join(said)}"
    if pace.rate and pace.range:
        slow, fast = (float(rate) for rate in pace.range)
        even = "constant" if pace.even else f"variable, from {slow:.3g} to {fast:.3g}"
        yield f"  rate: {float(pace.rate):.5g} frames/s, {even}"
    if lost:
        yield f"  damaged: the pictures from {list_spans(lost)} are lost or show errors"
    sound = media.sound
    if sound is None:
        yield "  no sound"
        return
    kept = "copied" if sound.codec in FILES[".mp4"].copies else f"turned into {FILES['.mp4'].sound}"
    lasts = "" if sound.duration is None else f", {clock(sound.duration)} long"
    after = sound.start - media.start
    begins = f", from {clock(after)}" if after > Fraction(1, 1000) else ""
    more = f"; the other {_count(media.tracks - 1, 'track')} left out" if media.tracks > 1 else ""
    channels = _count(sound.channels, "channel")
    yield f"  sound: {sound.codec}, {sound.rate} Hz, {channels}{begins}{lasts}; {kept} in mp4{more}"


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"
