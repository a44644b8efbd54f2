"""What one worker of a batch does: tasks one after another, here or on a cluster, reporting progress.

A worker holds weights, each loaded once; what it leaves of a job is on disk, so any other can go on with it.
"""

import json
import logging
import platform
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ..animator import Animator
from ..errors import InputError
from ..io.atomic import clear_parts, file_lock
from ..io.paths import check_not_input
from ..motion.presets import names_motion
from ..streaming.job import Job
from ..streaming.provenance import tag, write_sidecar
from ..streaming.render import RenderHooks, Warnings, render
from ..video.formats import Output
from .segment_render import finish_segments, write_segments
from .segments import Segments, in_segments
from .tasks import Event, Task, Watch, job_folder

log = logging.getLogger(__name__)

Load = Callable[..., Animator]


class Worker:
    """folder: the batch's own. load: makes an animator of `ModelOptions`. length: frames a segment."""

    def __init__(self, folder: Path, load: Load, length: int):
        self._folder, self._load, self._length = folder, load, length
        self._animators: dict[str, Animator] = {}

    def do(self, task: Task, watch: Watch) -> Event:
        """Do the task, reporting progress to `watch`; returns the last event, "done" or "failed"."""
        key = task.job.key
        watch(Event("began", key, host=platform.node()))
        hooks = RenderHooks(
            progress=lambda done, expected: watch(Event("progress", key, done, expected)),
            warn=Warnings(lambda warning: watch(Event("warning", key, note=warning))),
        )
        try:
            frames = self._work(task, hooks)
        except InputError as error:
            return Event("failed", key, note=error)
        except Exception as error:  # any error fails this job alone
            log.debug("%s", traceback.format_exc())
            what = traceback.extract_tb(error.__traceback__)[-1]
            reason = f"{type(error).__name__}: {error} ({Path(what.filename).name}:{what.lineno})"
            return Event("failed", key, note=InputError(task.job.output, reason))
        return Event("done", key, frames)

    def _work(self, task: Task, hooks: RenderHooks) -> int:
        job, home = task.job, job_folder(self._folder, task.job)
        output = Output.of(job.output, job.options.codec, True, job.options.quality)
        assert output.path, "a batch writes files"
        check_not_input(output.path, job.source, job.driving)
        home.mkdir(parents=True, exist_ok=True)
        animator = self._animator(job)
        segments = Segments(home, output.path.suffix)
        with file_lock(home / f"part-{task.part.index}.lock" if task.part else home / "job.lock"):
            self._begin(task, home, animator)
            if not in_segments(output) or names_motion(job.driving):
                clear_parts(output.path)  # of an attempt that was killed: the lock is ours
                options = replace(job.options, overwrite=True)  # an existing file is from an earlier attempt
                return render(animator, replace(job, options=options), hooks).frames
            if not task.join:
                motion_file = Path(task.track) if task.track else None
                write_segments(animator, job, segments, self._length, task.part, hooks, motion_file)
            if task.part:
                return 0
            frames = finish_segments(job, segments, animator.name, hooks.warn)
        if job.options.sidecar:
            write_sidecar(job, animator.name, animator.computed_by(), segments.described())
        return frames

    def _begin(self, task: Task, home: Path, animator: Animator) -> None:
        """Keep what an earlier attempt left if that was asked for the same, else delete it."""
        with file_lock(home / "begin.lock"):
            mark = home / "asked.json"
            warm = task.part.warm if task.part else None
            asked = [task.job.fingerprint(), tag(animator.name), self._length, task.join or warm]
            before = _read_json(mark)
            if before is not None and (before == asked or task.join):
                return
            for path in home.iterdir():
                if not path.name.endswith(".lock"):
                    path.unlink()
            mark.write_text(json.dumps(asked))

    def _animator(self, job: Job) -> Animator:
        name = json.dumps(vars(job.model), sort_keys=True)
        if name not in self._animators:
            self._animators[name] = self._load(**vars(job.model))
        return self._animators[name]


def _read_json(path: Path) -> object:
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None
