"""The tab Batch: many portraits by many drivers, or by a manifest; a table of jobs, and a zip at the end."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

import gradio as gr
from gfla.animate import InputError
from gfla.animate.motion.presets import SHIPPED
from gfla.animate.options import ModelOptions
from gfla.demos.app.tabs.batch_jobs import MANIFESTS, Batch, Line, by_name, plan
from gfla.demos.app.ui import markup
from gfla.demos.app.ui.events import JOB, LEAVE, QUICK, QUIET, RAW, STOP, begin_js, stop_js
from gfla.demos.app.ui.inputs import Sent, consent, sent_name
from gfla.demos.app.ui.settings import BATCH_SETTINGS, build_controls, read_controls
from gfla.demos.app.visitors.errors import note_errors
from gfla.demos.app.visitors.service import Service
from gfla.demos.app.visitors.session import Visit
from gfla.demos.app.visitors.uploads import check_driving, check_length

_EMPTY = "Upload portraits and drivers: every portrait is animated by every driver, or as a manifest says."
_ABOUT = (
    "A manifest is a .csv file with the header source,driving,output and, if wanted, columns for options of "
    "gfla-animate; it names files that are uploaded above, or motions."
)
TAB = "batch"
Files = Sequence[Mapping[str, Any]] | Sent


def batch_tab(service: Service, page: gr.Blocks) -> None:
    """Build the tab of `page` inside the one that is open."""
    events = BatchEvents(service)
    with gr.Row(elem_classes="desk"):
        with gr.Column(scale=5, min_width=320):
            with gr.Column(elem_classes="card drop"):
                markup.heading("Portraits", 1)
                portraits = gr.File(
                    label="Portraits",
                    show_label=False,
                    file_count="multiple",
                    file_types=["image"],
                    height=150,
                    elem_id="batch-portraits",
                )
                consent()
            with gr.Column(elem_classes="card drop"):
                markup.heading("Drivers", 2)
                drivers = gr.File(
                    label="Driving videos",
                    show_label=False,
                    file_count="multiple",
                    file_types=["video", ".webp", ".gif"],
                    height=150,
                    elem_id="batch-drivers",
                )
                motions = gr.CheckboxGroup(list(SHIPPED), label="Shipped motions", elem_id="batch-motions")
            with gr.Accordion("Manifest and settings", open=False, elem_classes="card drop"):
                manifest = gr.File(
                    label="Manifest", file_types=list(MANIFESTS), height=120, elem_id="batch-manifest"
                )
                gr.HTML(markup.small(_ABOUT), apply_default_css=False)
                controls = build_controls(BATCH_SETTINGS)
        with gr.Column(scale=7, min_width=320, elem_classes="stage"), gr.Column(elem_classes="card"):
            markup.heading("Jobs", 3)
            jobs = gr.HTML(markup.hint(_EMPTY), elem_id="batch-jobs", apply_default_css=False)
            note = gr.HTML("", elem_id="batch-note", apply_default_css=False)
            run = gr.Button("Animate all", variant="primary", interactive=False, elem_id="batch-run")
            stop = gr.Button(STOP, visible=False, elem_id="batch-stop")
            more = gr.Button("Continue with the rest", visible=False, elem_id="batch-more")

    inputs = [portraits, drivers, motions, manifest, *controls]
    shown = [jobs, run, stop, more, note]
    changes = [each.change for each in (portraits, drivers, motions, manifest)]
    gr.on(changes, events.show_plan, inputs, shown, trigger_mode="always_last", **RAW, **QUICK, **QUIET)
    run.click(None, None, [run, stop], js=begin_js("#batch-stop", 2), **QUIET)
    run.click(events.begin, inputs, shown, **RAW, **JOB, **QUIET)
    more.click(None, None, [more, stop], js=begin_js("#batch-stop", 2), **QUIET)
    more.click(events.resume, None, shown, **JOB, **QUIET)
    stop.click(None, None, stop, js=stop_js(), **QUIET)
    stop.click(events.stop, queue=False, **QUIET)


class BatchEvents:
    """The functions of the events; what they remember is the visitor's `Batch`."""

    def __init__(self, service: Service):
        self.service = service
        self.show_plan = note_errors(4)(self._show_plan)
        self.begin = note_errors(4)(self._begin)
        self.resume = note_errors(4)(self._resume)

    def stop(self, request: gr.Request) -> None:
        """Stop the running batch, or leave the queue."""
        self.service.visit(request).stop(TAB)

    def _show_plan(self, request: gr.Request, *inputs: Any) -> Iterator[tuple]:
        """Yields the list of jobs that the inputs make, and the buttons."""
        visit = self.service.visit(request)
        hidden = gr.Button(visible=False)
        portraits, drivers, motions, manifest, *_ = inputs
        yield markup.hint(_EMPTY), gr.Button(interactive=False), hidden, hidden
        if portraits and (drivers or motions or manifest):
            batch = self._planned(visit, *inputs)
            yield table(batch, visit), gr.Button(visible=True, interactive=True), hidden, hidden

    def _begin(self, request: gr.Request, *inputs: Any) -> Iterator[tuple]:
        """Yields the table and the buttons while the jobs run."""
        visit = self.service.visit(request)
        try:
            batch = self._planned(visit, *inputs)
        except Exception:
            yield gr.skip(), gr.Button(visible=True), gr.Button(visible=False), gr.skip()
            raise
        yield from self._run(visit, batch)

    def _resume(self, request: gr.Request) -> Iterator[tuple]:
        """The same for the jobs that are left."""
        visit = self.service.visit(request)
        if "batch" not in visit.memory:
            yield gr.skip(), gr.Button(visible=True), gr.Button(visible=False), gr.Button(visible=False)
            raise InputError("batch", "it is no longer here", "send the files again")
        yield from self._run(visit, visit.memory["batch"])

    def _planned(
        self,
        visit: Visit,
        portraits: Files,
        drivers: Files,
        motions: list[str],
        manifest: Sent,
        *chosen: bool,
    ) -> Batch:
        service, limits = self.service, self.service.limits
        sent = [(sent_name(file), visit.uploaded(file)) for file in _listed(portraits)]
        sources = by_name([(name, service.fitted(visit, path)) for name, path in sent])
        videos = by_name([(sent_name(file), visit.uploaded(file)) for file in _listed(drivers)])
        for path in videos.values():
            check_length(path, check_driving(path, limits), (None, None), limits)
        table_file = visit.uploaded(manifest) if manifest else None
        model = ModelOptions(device=service.animator.device.type)
        known = [name for name in SHIPPED if name in (motions or [])]
        given = visit.folder / "batch", sources, videos, known, table_file, limits.jobs
        return plan(*given, read_controls(chosen, BATCH_SETTINGS), model)

    def _run(self, visit: Visit, batch: Batch) -> Iterator[tuple]:
        hidden, skip = gr.Button(visible=False), gr.skip()
        again = gr.Button(visible=True, interactive=True)
        try:
            with self.service.job(visit, TAB) as turn:
                buttons: tuple = (hidden, gr.Button(LEAVE, visible=True, interactive=True), hidden)
                for before in self.service.turns.wait(turn):
                    yield markup.waiting(before), *buttons
                visit.memory["batch"] = batch
                yield table(batch, visit), hidden, gr.Button(STOP, visible=True, interactive=True), hidden
                for _ in batch.run(turn.cancel.is_set):
                    yield table(batch, visit), skip, skip, skip
        except Exception:
            yield table(batch, visit), again, hidden, skip
            raise
        failed = sum(line.state == "failed" for line in batch.lines)
        label = "Try the failed ones again" if failed == batch.left else "Continue with the rest"
        whole = table(batch, visit, visit.serve(batch.pack()) if batch.outputs else None)
        yield whole, again, hidden, gr.Button(label, visible=bool(batch.left))


def _listed(files: Files) -> list[Mapping[str, Any]]:
    return [files] if isinstance(files, Mapping) else list(files or ())


def table(batch: Batch, visit: Visit, packed: str | None = None) -> str:
    """The jobs as HTML. packed: address of the zip, once there is one."""
    rows = "".join(_row(line, visit) for line in batch.lines)
    link = ""
    if packed:
        link = (
            f'<a class="save" href="{packed}" download="animations.zip">Download finished videos as a zip</a>'
        )
    return (
        f'<div class="batch"><p role="status">{_count(batch)}</p>'
        '<table class="list"><thead><tr><th scope="col">Portrait</th><th scope="col">Driver</th>'
        f'<th scope="col">State</th></tr></thead><tbody>{rows}</tbody></table>{link}</div>'
    )


def _count(batch: Batch) -> str:
    """How many jobs are done, and how many failed."""
    jobs, done = len(batch.lines), len(batch.outputs)
    failed = sum(line.state == "failed" for line in batch.lines)
    if all(line.state == "waiting" for line in batch.lines) and not batch.begun:
        return f"{jobs} {'job' if jobs == 1 else 'jobs'} to do"
    wrong = f' · <span class="wrong">{failed} failed</span>' if failed else ""
    return f"{done} of {jobs} jobs done{wrong}"


def _row(line: Line, visit: Visit) -> str:
    fraction = line.done / line.expected if line.expected else 0.0
    state = f'<span class="state {line.state}">{line.state}</span>'
    if line.state == "running":
        of = f" of {line.expected}" if line.expected else ""
        width = f"{100 * min(fraction, 1):.0f}%"
        state += f' frame {line.done}{of}<div class="bar"><div style="width:{width}"></div></div>'
    elif line.state == "done":
        line.address = line.address or visit.serve(line.output)
        state += f' <a href="{line.address}" download="{escape(line.output.name)}">Download</a>'
    state += "".join(f"<p>{escape(note)}</p>" for note in line.notes)
    return f"<tr><td>{escape(line.portrait)}</td><td>{escape(line.driver)}</td><td>{state}</td></tr>"
