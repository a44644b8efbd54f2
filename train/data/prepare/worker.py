"""What one worker of gfla-prepare does: a stretch of footage in, its clips on disk and their rows out."""

from __future__ import annotations

import logging
import platform
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from ....animate.batch.tasks import Event, Watch
from ....animate.compute.devices import restore_thread_count, set_thread_count
from ....animate.errors import InputError
from ....animate.face.landmarks import Landmarker
from ....animate.video import VideoReader
from .clip_files import write_clips
from .footage import find_tracks, unfit
from .options import PrepareOptions

log = logging.getLogger(__name__)

LoadLandmarker = Callable[[], Landmarker]
"""Makes what finds the faces; to be sent to a worker it must be importable there."""


@dataclass(frozen=True)
class Video:
    """One stretch of footage to prepare. clips: path of its clips, to which their numbers are added. start,
    end: seconds, None for the video's own."""

    key: str
    path: Path
    start: Fraction | None
    end: Fraction | None
    clips: Path
    options: PrepareOptions
    may_use_gpu: bool = False

    @property
    def subject(self) -> str:
        return str(self.path)


@dataclass(frozen=True)
class Prepared:
    """What became of it.

    clips: rows of the index without person and split. left_out: frames by reason. refused: why the whole of
    it is left out, or "". seconds: its length, as far as it is known. unwritable: why the dataset cannot be
    written, which ends the run, or "".
    """

    clips: list[dict[str, Any]] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)
    refused: str = ""
    seconds: float = 0.0
    unwritable: str = ""


@dataclass(frozen=True)
class StartWorker:
    """Makes the worker of a process. load: makes the landmarker, None for the shipped one."""

    load: LoadLandmarker | None = None

    def __call__(self) -> PrepareWorker:
        from ....animate.face.landmarkers import load_landmarker

        return PrepareWorker((self.load or load_landmarker)())


class PrepareWorker:
    """landmarker: finds the faces, of one video after the other.

    Each worker computes in one thread: another number would round the landmarks differently, and so small a
    network hardly gains by a second one, which another worker puts to better use.
    """

    def __init__(self, landmarker: Landmarker):
        self._landmarker = landmarker

    def do(self, task: Video, watch: Watch) -> Event:
        """Prepare it; the last event's result is a `Prepared`."""
        watch(Event("began", task.key, host=platform.node()))
        try:
            with restore_thread_count():
                set_thread_count(1)
                return Event("done", task.key, result=self._prepare(task))
        except Exception as error:  # any error fails this video alone
            log.debug("%s", traceback.format_exc())
            return Event("failed", task.key, note=InputError(task.path, f"{type(error).__name__}: {error}"))

    def _prepare(self, task: Video) -> Prepared:
        try:
            with self._open(task) as reader:
                seconds = float(reader.frames / reader.rate) if reader.frames else 0.0
                if reason := unfit(reader, task.options):
                    return Prepared([], {reason: reader.frames or 0}, seconds=seconds)
                tracks, left_out = find_tracks(reader, self._landmarker, task.options)
        except InputError as error:
            return Prepared(refused=str(error))
        clips = []
        if tracks:
            try:
                with self._open(task) as reader:
                    clips = write_clips(reader, task.clips, tracks, task.options.size)
            except (InputError, OSError) as error:
                return Prepared(unwritable=str(error))
        skipped = round((task.start or 0) * 25)
        for clip in clips:
            clip["source_start_frame"] += skipped
        return Prepared(clips, dict(left_out.most_common()), seconds=seconds)

    def _open(self, task: Video) -> VideoReader:
        return VideoReader(task.path, task.start, task.end)
