"""What one worker of a batch does: tasks one after another, here or on a cluster, telling as it goes.

A worker holds weights, each loaded once; what it leaves of a job is on disk, so any other can go on with it.
"""

import json
import logging
import platform
import re
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from pathlib import Path

from ..animator import Animator
from ..compute.backends import computed
from ..errors import InputError
from ..io.atomic import clear_parts, file_lock
from ..io.paths import different_files
from ..motion.presets import names_motion
from ..source_video import is_video
from ..streaming.job import Job
from ..streaming.provenance import tag, write_sidecar
from ..video.formats import Output
from .landmark_cache import Recorded, record_track
from .segment_render import finish_segments, write_segments
from .segments import Segments, in_segments
from .tasks import Event, Say, Task, job_folder

log = logging.getLogger(__name__)

Load = Callable[..., Animator]


class Worker:
    """folder: the batch's own. load: makes an animator of a job's `loading`. length: frames a segment."""

    def __init__(self, folder: Path, load: Load, length: int):
        self._folder, self._load, self._length = folder, load, length
        self._animators: dict[str, Animator] = {}

    def do(self, task: Task, say: Say) -> Event:
        """Do the task, saying how it goes; returns the last event, "done" or "failed"."""
        key = task.job.key
        say(Event("began", key, text=platform.node()))
        try:
            with _said(lambda text: say(Event("said", key, text=text)), task.job, self._home(task.job)):
                frames = self._work(task, lambda done, whole: say(Event("at", key, done, whole)))
        except InputError as error:
            return Event("failed", key, text=str(error))
        except Exception as error:  # of one job, whatever it is; the others go on
            log.debug("%s", traceback.format_exc())
            what = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{Path(what.filename).name}:{what.lineno}"
            return Event("failed", key, text=f"{task.job.output}: {type(error).__name__}: {error} ({place}).")
        return Event("done", key, frames)

    def _work(self, task: Task, progress: Callable[[int, int | None], None]) -> int:
        job, home = task.job, self._home(task.job)
        output = Output.of(job.output, job.codec, overwrite=True)
        assert output.path, "a batch writes files"
        different_files(output.path, job.source, job.driving)
        home.mkdir(parents=True, exist_ok=True)
        animator = self._animator(job)
        segments = Segments(home, output.path.suffix)
        with file_lock(home / f"share-{task.share.index}.lock" if task.share else home / "job.lock"):
            self._begin(task, home, animator)
            if not in_segments(output) or is_video(job.source) or names_motion(job.driving):
                return self._whole(job, animator, progress)
            if not task.join:
                animator = self._tracked(task, animator)
                write_segments(
                    animator, job, segments, length=self._length, share=task.share, progress=progress
                )
            if task.share:
                return 0
            frames = finish_segments(job, segments, animator.name)
        _record(job, animator)
        return frames

    def _whole(self, job: Job, animator: Animator, progress: Callable[[int, int | None], None]) -> int:
        """A job without segments: its output is pictures, GIF or WebP, its driver a motion without pictures,
        or its source a video, which has a place of its own to go on from. It begins anew after an
        interruption."""
        clear_parts(Path(job.output))  # of an attempt that was killed: the lock is ours
        frames = 0

        def count(done: int, expected: int | None) -> None:
            nonlocal frames
            frames = done
            progress(done, expected)

        animator.render(
            job.source,
            job.driving,
            job.output,
            **job.ways,
            start=job.start,
            end=job.end,
            overwrite=True,
            progress=count,
            codec=job.codec,
            source_motion=job.source_motion,
            reference_frame=job.reference_frame,
            label=job.label,
        )
        _record(job, animator)
        return frames

    def _begin(self, task: Task, home: Path, animator: Animator) -> None:
        """Keep what an earlier attempt left if it was asked for the same, else clear it away."""
        with file_lock(home / "begin.lock"):
            mark = home / "asked.json"
            warm = task.share.warm if task.share else None
            asked = [task.job.fingerprint(), tag(animator.name), self._length, task.join or warm]
            before = _read(mark)
            if before is not None and (before == asked or task.join):
                return
            for path in home.iterdir():
                if not path.name.endswith(".lock"):
                    path.unlink()
            mark.write_text(json.dumps(asked))

    def _tracked(self, task: Task, animator: Animator) -> Animator:
        """The animator, its landmarker answering from the driver's track where one is kept."""
        if task.track is None:
            return animator
        path = Path(task.track)
        path.parent.mkdir(exist_ok=True)
        job = task.job
        with file_lock(path.with_suffix(".lock")):
            track = record_track(path, animator.landmarker, job.driving, job.start, job.end)
        mine = copy(animator)
        mine.landmarker = Recorded(animator.landmarker, track)
        return mine

    def _animator(self, job: Job) -> Animator:
        name = json.dumps(dict(job.loading), sort_keys=True, default=str)
        if name not in self._animators:
            self._animators[name] = self._load(**job.loading)
        return self._animators[name]

    def _home(self, job: Job) -> Path:
        return job_folder(self._folder, job)


def _record(job: Job, animator: Animator) -> None:
    if job.sidecar:
        write_sidecar(job, animator.name, computed(animator))


@contextmanager
def _said(tell: Callable[[str], None], job: Job, home: Path) -> Iterator[None]:
    """Warnings of the block told, each once, in terms of the job's output instead of its segments."""
    handler = _Tell(tell, job, home)
    logger = logging.getLogger("gfla")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


class _Tell(logging.Handler):
    def __init__(self, tell: Callable[[str], None], job: Job, home: Path):
        super().__init__(logging.WARNING)
        self._tell, self._output, self._told = tell, job.output, set[str]()
        self._segment = re.compile(re.escape(str(home)) + r"/segment-\d+\.\w+")

    def emit(self, record: logging.LogRecord) -> None:
        text = self._segment.sub(lambda _: self._output, self.format(record))
        if text not in self._told:
            self._told.add(text)
            self._tell(text)


def _read(path: Path) -> object:
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None
