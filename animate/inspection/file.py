"""What a picture or video holds, before anything is rendered: faces, times without one, cuts, and what is
unusual about the file.

Faces are numbered as --source-face and --driving-face number them. One pass, constant memory.
"""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..face.landmarks import Landmarker, Landmarks
from ..face.morphable_model import Faces, angles, fit, load_face_model
from ..face.pose import face_pose
from ..face.search import TURNED, find_in_tiles, quarter_turns
from ..face.tracking import Sighting, number_faces, sight
from ..io.paths import existing_file
from ..io.timecode import Span, clock, list_spans
from ..source_video import is_video
from ..state import read_source
from ..video import VideoReader
from ..video.formats import FILES
from ..video.probe import Media, read_media
from .frame_rate import FrameRate

Image = NDArray[np.uint8]

_GREEN = (60, 220, 90)
_TURNED = (8, 8, 12)  # degrees of yaw, pitch, roll that each weigh as all expression at one deviation


@dataclass(frozen=True, eq=False)
class Inspection:
    """The report on one file.

    Attributes:
        image: the first frame that shows a face, or the first of all, RGB (H, W, 3) uint8.
        faces: of that frame, from the left: face N is the N-th.
        frames: their number, 1 for a picture.
        found: the number of frames with a face. away: times without one, seconds from the beginning.
        cuts: seconds at which a new shot begins.
        reference: number (from 0) and seconds of the frame whose face is nearest to neutral: straight ahead
        and without expression. None without a face.
        media, frame_rate: of a video. lost: times that are damaged. looked: seconds that the pass took.
        turns: quarter turns anticlockwise that set a picture upright in which a face lay on its side; `image`
        and `faces` are upright.
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
    frame_rate: FrameRate | None = None
    lost: tuple[Span, ...] = ()
    looked: float = 0.0
    turns: int = 0

    @property
    def coverage(self) -> float:
        """The fraction of frames with a face, 0 to 1."""
        return self.found / self.frames

    def as_json(self) -> dict[str, Any]:
        """All but the image, for `json.dumps`; times in seconds, places in pixels."""
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
            "turned": -90 * self.turns % 360,
            "cuts": [float(cut) for cut in self.cuts],
            "reference": None if at is None else {"frame": at[0], "seconds": float(at[1])},
            **self._file_json(),
        }

    def _file_json(self) -> dict[str, Any]:
        media, rate = self.media, self.frame_rate
        if media is None or rate is None:
            return {}
        sound = media.sound
        return {
            "container": media.container,
            "codec": media.codec,
            "pixels": media.pixels,
            "bits": media.bits,
            "hdr": media.hdr,
            "rotation": media.rotation,
            "mirrored": media.mirrored,
            "pixel_shape": str(media.pixel),
            "start": float(media.start),
            "rate": rate.mean and float(rate.mean),
            "constant_rate": rate.constant,
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
        """The same as lines of text."""
        height, width = self.image.shape[:2]
        kind = "picture" if self.media is None else _count(self.frames, "frame")
        yield f"{self.path}: {width}x{height}, {kind}, {_count(len(self.faces), 'face')}"
        for number, face in enumerate(self.faces, 1):
            pose = face_pose(face.points)
            yield f"  face {number}: {pose.size:.0f} pixels, at {pose.x:.0f}, {pose.y:.0f}"
        if self.turns:
            yield f"  turned by {TURNED[self.turns]}: shown here upright, as a render sets it"
        if self.media and self.frame_rate:
            yield from _file_lines(self.media, self.frame_rate, self.lost)
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
    """Examine a picture or a whole video. progress: called with the frames done and expected. InputError if
    it is neither."""
    file = existing_file(path)
    if is_video(file):
        media = read_media(file)
        with VideoReader(file) as reader:
            return _inspect_video(file, media, reader, landmarker, progress)
    image, *_ = read_source(file)
    find = partial(find_in_tiles, landmarker)
    faces, turns = find(image), 0
    if not faces and (turns := quarter_turns(find, image)):
        image = np.ascontiguousarray(np.rot90(image, turns))
        faces = find(image)
    numbered = tuple(number_faces(faces))
    return Inspection(file, image, numbered, frames=1, found=min(len(faces), 1), turns=turns)


def draw_face_numbers(inspection: Inspection) -> Image:
    """Its image with a box and a number at every face, RGB (H, W, 3) uint8."""
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


def fit_neutral(found: Landmarks, near: Faces | None = None) -> tuple[Faces, float]:
    """The pose and expression of a face, T = 1, and their distance from neutral, 0 and up. near: the same of
    the frame before, which saves steps.

    The face is fitted with the mean shape: what is the person's own counts alike in every frame.
    """
    model = load_face_model()
    _, face = fit(model, found.places[None], model.mean, near)
    turned = angles(face.turn[0]) / _TURNED
    moved = face.expression[0] / np.maximum(model.spread, 0.1)
    return face, float((turned**2).sum() + (moved**2).mean())


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
    fitted: Faces | None = None
    nearest: tuple[float, int, Fraction] | None = None
    count = found = 0
    now, rate, began = Fraction(0), FrameRate(reader.time_base), time.perf_counter()
    for frame in reader:
        rate.add(frame.pts)
        now = frame.seconds - reader.zero
        shown = frame.on_white()
        seen = sight(landmarker, shown, seen, None)
        if image is None or (not faces and seen.landmarks is not None):
            image, faces = shown, tuple(number_faces(landmarker.find(shown)))
        if seen.cut:
            cuts.append(now)
            fitted = None
        if seen.landmarks is None:
            since = now if since is None else since
            fitted = None
        else:
            found += 1
            fitted, distance = fit_neutral(seen.landmarks, fitted)
            nearest = min(nearest or (np.inf, 0, now), (distance, count, now))
            if since is not None:
                away.append(Span(since, now))
                since = None
        count += 1
        if progress:
            progress(count, reader.frames)
    if image is None:
        raise InputError(path, "not one picture of it can be decoded", "give a whole video file")
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
        reference=nearest and nearest[1:],
        media=media,
        frame_rate=rate,
        lost=reader.lost,
        looked=time.perf_counter() - began,
    )


def _file_lines(media: Media, rate: FrameRate, lost: tuple[Span, ...]) -> Iterator[str]:
    """The file as lines of text; properties with their usual value are left out."""
    facts = [f"{media.container}, {media.codec}, {media.pixels}"]
    if media.bits > 8:
        facts.append(f"{media.bits} bits a colour, reduced to 8")
    if media.hdr:
        facts.append(f"HDR ({media.hdr}), mapped to ordinary tones")
    if media.rotation:
        facts.append(f"turned by {media.rotation} degrees")
    if media.mirrored:
        facts.append("mirrored")
    if media.pixel != 1:
        facts.append(f"pixels {media.pixel} as wide as high, squared")
    yield f"  file: {', '.join(facts)}"
    if rate.mean and rate.range:
        slow, fast = (float(value) for value in rate.range)
        kind = "constant" if rate.constant else f"variable, from {slow:.3g} to {fast:.3g}"
        yield f"  rate: {float(rate.mean):.5g} frames/s, {kind}"
    if lost:
        yield f"  damaged: the pictures from {list_spans(lost)} are lost or show errors"
    sound = media.sound
    if sound is None:
        yield "  no sound"
        return
    kept = "copied" if sound.copied else f"turned into {FILES['.mp4'].sound}"
    lasts = "" if sound.duration is None else f", {clock(sound.duration)} long"
    after = sound.start - media.start
    begins = f", from {clock(after)}" if after > Fraction(1, 1000) else ""
    more = f"; the other {_count(media.tracks - 1, 'track')} left out" if media.tracks > 1 else ""
    channels = _count(sound.channels, "channel")
    yield f"  sound: {sound.codec}, {sound.rate} Hz, {channels}{begins}{lasts}; {kept} in mp4{more}"


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"
