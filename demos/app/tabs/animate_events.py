"""The events of the tab Animate: the preview as inputs change, the render, and what is done with results."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from gfla.animate import InputError
from gfla.animate.errors import Cancelled
from gfla.animate.motion.recording import DriverMotion
from gfla.animate.motion.template import save_motion
from gfla.animate.streaming.provenance import tag
from gfla.demos.app.render.player import play_render
from gfla.demos.app.render.preview import driver_face, make_preview, portrait_face, record_beginning
from gfla.demos.app.render.render import RenderRequest
from gfla.demos.app.render.side_by_side import side_by_side
from gfla.demos.app.render.workspace import Workspace, workspace_of
from gfla.demos.app.tabs.animate_inputs import Asked
from gfla.demos.app.ui import markup, widgets
from gfla.demos.app.ui.events import LEAVE, STOP
from gfla.demos.app.ui.inputs import file_data
from gfla.demos.app.ui.markup import Figure
from gfla.demos.app.ui.widgets import player_value, saver_value
from gfla.demos.app.visitors.errors import message_of, note_errors
from gfla.demos.app.visitors.service import Service
from gfla.demos.app.visitors.session import Visit

TAB = "animate"
EMPTY = "Choose a portrait and a driver to see a preview here."
BESIDE, ALONE = "Show side by side", "Show the portrait alone"
_PORTRAIT = "The portrait's face and the landmarks found in it"
_DRIVER = "The driver's face and its landmarks"
_RESULT = "The portrait, moved as the driver is at that moment"


class AnimateEvents:
    """The functions of the events; what they remember is the visitor's workspace."""

    def __init__(self, service: Service):
        self.service = service
        self.render = note_errors(6)(self._render)
        self.show = note_errors(3)(self._show)
        self.compare = note_errors(2)(self._compare)
        self.save_motion = note_errors(1)(self._save_motion)

    def stop(self, request: gr.Request) -> None:
        """End the running render and keep its finished frames, or leave the queue."""
        self.service.visit(request).stop(TAB)

    def show_preview(self, request: gr.Request, *values: Any) -> Iterator[tuple]:
        """Yields the preview as it fills, the button that starts a render, the slider of the reference frame,
        the command for the same, and the note on the driver.

        An unusable portrait counts as none here: the event that looked at it has said so.
        """
        service, visit = self.service, self.service.visit(request)
        workspace = workspace_of(visit)
        off, on, keep = gr.Button(interactive=False), gr.Button(interactive=True), gr.skip()
        try:
            asked = Asked.of(*values)
        except InputError as error:
            yield keep, off, keep, keep, markup.wrong(message_of(error))
            return
        line = asked.command()
        if not asked.portrait and not asked.has_driver:
            workspace.begin_preview(None)  # else the same files, chosen again, would show nothing
            yield markup.hint(EMPTY), off, keep, line, ""
            return
        outdated = workspace.begin_preview(asked)
        if outdated is None:
            yield keep, keep, keep, line, keep
            return
        try:
            face = asked.options.source_face
            path = asked.picture(service, visit) if asked.portrait else None
            source = workspace.prepare(service.animator, path, face) if path else None
        except InputError:
            path, source = None, None
        waiting: list[Figure | None] = [
            (portrait_face(source), _PORTRAIT, "Portrait") if source else None,
            (None, _DRIVER, "Driver") if asked.has_driver else None,
            (None, _RESULT, "Preview") if source and asked.has_driver else None,
        ]
        yield markup.figures(waiting), off, keep, line, ""
        if not asked.has_driver:
            return
        try:
            order = RenderRequest(Path(), asked.driver(service, visit), asked.options)
            order = yield from asked.cut(
                visit,
                order,
                lambda: outdated() or visit.closed,
                lambda bar: (keep, on if source else keep, keep, keep, bar),
            )
            part, driver, options = order.driver, order.driving, order.options
            if source is None:  # the driver is tracked while the visitor chooses a portrait
                recording = workspace.record(service.animator, part, outdated)
                if recording is not None and not outdated():
                    waiting[1] = driver_face(driver, recording), _DRIVER, "Driver"
                    yield markup.figures(waiting), off, keep, line, ""
                return
            yield keep, on, keep, keep, ""  # nobody needs to wait for the preview

            def shown(recording: DriverMotion, whole: bool) -> tuple:
                made = make_preview(service.animator, source, driver, recording, options, whole=whole)
                figures = markup.figures(
                    [
                        (made.portrait, _PORTRAIT, "Portrait"),
                        (made.driver, _DRIVER, made.driver_caption),
                        (made.result, _RESULT, made.result_caption),
                    ]
                )
                number = made.reference[0] if made.reference else 0
                last = len(recording.pts) - 1
                slider = gr.Slider(maximum=last, value=number) if whole and asked.reference is None else keep
                return figures, on, slider, line, ""

            unknown = isinstance(driver, Path) and workspace.recorded(part) is None
            beginning = record_beginning(service.animator, part) if unknown else None
            if beginning is not None and not outdated():
                yield shown(beginning, False)
            recording = workspace.record(service.animator, part, outdated)
            if recording is not None and not outdated():
                yield shown(recording, True)
        except Cancelled:
            return  # a later preview shows its own
        except InputError as error:
            waiting[1:] = [None, None]
            yield markup.figures(waiting), off, keep, line, markup.wrong(message_of(error))

    def _render(self, request: gr.Request, *values: Any) -> Iterator[tuple]:
        """Yields values of the player and the status, the buttons: animate, stop, those of a result; and the
        strip of results."""
        service, visit = self.service, self.service.visit(request)
        hidden, skip = gr.Button(visible=False), gr.skip()
        stop = gr.Button(STOP, visible=True, interactive=True)
        ended = (gr.Button(visible=True), gr.Button(STOP, visible=False))
        began = False  # until then the player keeps what it shows
        try:
            asked = Asked.of(*values)
            order = asked.request(service, visit)
            with service.job(visit, TAB) as turn:
                buttons: tuple = (hidden, gr.Button(LEAVE, visible=True, interactive=True), skip)
                for before in service.turns.wait(turn):
                    yield skip, markup.waiting(before), *buttons, skip
                    buttons = (skip,) * 3
                yield skip, skip, hidden, stop, skip, skip
                cancel = turn.cancel.is_set
                order = yield from asked.cut(
                    visit, order, cancel, lambda bar: (skip, bar, skip, skip, skip, skip)
                )
                buttons, began = (hidden, stop, gr.Row(visible=False)), True
                name = f"{order.portrait.stem[:60]}-{Path(order.driving).stem[:60]}{asked.suffix}"
                for video, status in play_render(service.animator, visit, turn, order, name):
                    yield video, status, *buttons, skip
                    buttons = (skip,) * 3
        except Exception:
            yield player_value(None) if began else skip, "", *ended, skip, skip
            raise
        yield skip, skip, *ended, gr.Row(visible=True), strip(visit)

    def _show(self, event: gr.EventData, request: gr.Request) -> tuple:
        """Another result: values of the player, the strip and the button for side by side."""
        visit = self.service.visit(request)
        workspace = workspace_of(visit)
        for result in workspace.results:
            if result.name == event.name:
                workspace.last = result
                address = visit.serve(result.output)
                return player_value(address, name=result.output.name), strip(visit), BESIDE
        raise _gone()

    def _compare(self, request: gr.Request, label: str) -> tuple:
        """The last video beside its driver, or alone again; and the button's next label."""
        visit = self.service.visit(request)
        last = workspace_of(visit).last
        if last is None or not last.output.exists():
            raise _gone()
        order, output = last.request, last.output
        if label == ALONE:
            return player_value(visit.serve(output), name=output.name), BESIDE
        comment = tag(self.service.animator.name)
        path = side_by_side(order.driving, order.portrait, output, comment, order.options.start)
        alt = "The driver and the animated portrait, side by side"
        return player_value(visit.serve(path), name=path.name, label=alt), ALONE

    def _save_motion(self, request: gr.Request, *values: Any) -> Iterator[Any]:
        """Yields the driver's motion as a template to download."""
        service, visit = self.service, self.service.visit(request)
        asked = Asked.of(*values)
        order = asked.request(service, visit)
        order = yield from asked.cut(visit, order, lambda: visit.closed, lambda bar: gr.skip())
        recording = workspace_of(visit).record(service.animator, order.driver, lambda: visit.closed)
        assert recording is not None
        name = f"{Path(order.driving).stem[:60]}.motion"
        ready = recording.ready(asked.options.motion.smoothing)
        path = save_motion(ready, visit.folder / name, overwrite=True)
        yield saver_value(visit.serve(path), name)

    def restore(self, request: gr.Request, token: str | None) -> tuple:
        """After the page was loaded: the visit's token; portrait, driving video, picked driver, strip and
        player of the visit with that token, if it is still here."""
        visit = self.service.visits.join(str(request.session_hash), token or "")
        portrait, driver = visit.memory.get("portrait"), visit.memory.get("driver", (None, ""))
        again = [_again(sent) if sent else gr.skip() for sent in (portrait, driver[0])]
        last = workspace_of(visit).last
        shown = gr.skip()
        if last is not None:
            shown = player_value(visit.serve(last.output), plays=False, name=last.output.name)
        return visit.token, *again, driver[1] or gr.skip(), strip(visit), shown


def strip(visit: Visit) -> str:
    """The visit's results as the strip's value."""
    workspace: Workspace = workspace_of(visit)
    return widgets.results_value(
        {
            "name": each.name,
            "label": f"{number} {Path(each.output).stem}",
            "thumb": each.thumb,
            "address": visit.serve(each.output),
            "shown": each is workspace.last,
        }
        for number, each in enumerate(workspace.results, 1)
    )


def _again(sent: Any) -> Any:
    return file_data(Path(str(sent.get("path"))), str(sent.get("orig_name") or ""))


def _gone() -> InputError:
    return InputError("video", "it is no longer here", "animate once more")
