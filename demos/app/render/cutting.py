"""The framed part of a driver, cut into a video of its own before it is tracked or rendered."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from gfla.demos.app.render.background import in_background
from gfla.demos.app.render.render import RenderRequest
from gfla.demos.app.ui.progress import Progress
from gfla.demos.app.visitors.pictures import crop_video
from gfla.demos.app.visitors.session import Visit

Shown = TypeVar("Shown")


def cut_driver(
    visit: Visit,
    request: RenderRequest,
    box: Sequence[float],
    cancel: Callable[[], bool],
    show: Callable[[Progress], Shown],
    every: float = 0.2,
) -> Generator[Shown, None, RenderRequest]:
    """`request` with the part of its driver in `box` (as `crop_video`), of the chosen time alone; yields what
    `show` makes of the progress each `every` seconds.

    cancel: asked before each frame; closing the generator cancels too. InputError if the part is too small;
    Cancelled, and no file is left.
    """
    driver, options, progress = Path(request.driving), request.options, Progress()

    def told(done: int, expected: int | None) -> None:
        progress.done, progress.expected = done, expected

    def work(left: Callable[[], bool]) -> Path:
        def over() -> bool:
            return left() or cancel()

        return crop_video(visit, driver, box, options.start, options.end, progress=told, cancel=over)

    part = yield from in_background(work, "cut", lambda: show(progress), every)
    names = request.names
    if str(driver) in names:
        names = names | {str(part): names[str(driver)]}
    return replace(request, driving=part, options=replace(options, start=None, end=None), names=names)
