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
from gfla.demos.app.ui.events import JOB, QUIET, RAW
from gfla.demos.app.ui.inputs import Sent, consent, sent_name
from gfla.demos.app.ui.settings import BATCH_SETTINGS, build_controls, read_controls
from gfla.demos.app.visitors.errors import show_errors
from gfla.demos.app.visitors.service import Service
from gfla.demos.app.visitors.session import Visit
from gfla.demos.app.visitors.uploads import check_driving, check_portrait

_EMPTY = "Upload portraits and drivers: every portrait is animated by every driver, or as a manifest says."
_ABOUT = (
    "A manifest is a .csv file with the header source,driving,output and, if wanted, columns for options of "
    "gfla-animate; it names files that are uploaded above, or motions."
)
Files = Sequence[Mapping[str, Any]] | Sent


def batch_tab(service: Service, page: gr.Blocks) -> None:
    """Build the tab of `page` inside the one that is open."""
    with gr.Row(elem_classes="desk"):
        with gr.Column(scale=5, min_width=320):
            with gr.Column(elem_classes="card"):
                markup.heading("Portraits", 1)
                portraits = gr.File(
                    label="Portraits", file_count="multiple", file_types=["image"], elem_id="batch-portraits"
                )
                consent()
            with gr.Column(elem_classes="card"):
                markup.heading("Drivers", 2)
                drivers = gr.File(
                    label="Driving videos",
                    file_count="multiple",
                    file_types=["video", ".webp", ".gif"],
                    elem_id="batch-drivers",
                )
                motions = gr.CheckboxGroup(list(SHIPPED), label="Shipped motions", elem_id="batch-motions")
            with gr.Accordion("Manifest and settings", open=False, elem_classes="card"):
                manifest = gr.File(
                    label="Manifest", file_types=list(MANIFESTS), height=120, elem_id="batch-manifest"
                )
                gr.HTML(markup.small(_ABOUT), apply_default_css=False)
                controls = build_controls(BATCH_SETTINGS)
        with gr.Column(scale=7, min_width=320, elem_classes="stage"), gr.Column(elem_classes="card"):
            markup.heading("Jobs", 3)
            jobs = gr.HTML(markup.hint(_EMPTY), elem_id="batch-jobs", apply_default_css=False)
            run = gr.Button("Animate all", variant="primary", elem_id="batch-run")
            stop = gr.Button("Stop and keep what is done", visible=False, elem_id="batch-stop")
            more = gr.Button("Continue with the rest", visible=False, elem_id="batch-more")

    shown = [jobs, run, stop, more]

    @show_errors
    def begin(
        request: gr.Request,
        portraits: Files,
        drivers: Files,
        motions: list[str],
        manifest: Sent,
        *chosen: bool,
    ) -> Iterator[tuple]:
        visit, limits = service.visit(request), service.limits
        sent = [(sent_name(file), visit.uploaded(file)) for file in _listed(portraits)]
        sources = by_name([(name, check_portrait(path, limits)) for name, path in sent])
        sent = [(sent_name(file), visit.uploaded(file)) for file in _listed(drivers)]
        videos = by_name([(name, check_driving(path, limits)) for name, path in sent])
        table_file = visit.uploaded(manifest) if manifest else None
        model = ModelOptions(device=service.animator.device.type)
        known = [name for name in SHIPPED if name in (motions or [])]
        with service.job(visit):
            home = visit.folder / "batch"
            given = home, sources, videos, known, table_file, limits.jobs
            visit.memory["batch"] = plan(*given, read_controls(chosen, BATCH_SETTINGS), model)
            yield from _run(visit)

    @show_errors
    def resume(request: gr.Request) -> Iterator[tuple]:
        visit = service.visit(request)
        if "batch" not in visit.memory:
            raise InputError("batch", "it is no longer here", "send the files again")
        with service.job(visit):
            yield from _run(visit)

    def _run(visit: Visit) -> Iterator[tuple]:
        batch: Batch = visit.memory["batch"]
        hidden = gr.Button(visible=False)
        yield table(batch, visit), hidden, gr.Button(visible=True), hidden
        for _ in batch.run(visit.cancel.is_set):
            yield table(batch, visit), gr.skip(), gr.skip(), gr.skip()
        whole = table(batch, visit, visit.serve(batch.pack()) if batch.outputs else None)
        yield whole, gr.Button(visible=True), hidden, gr.Button(visible=bool(batch.left))

    def cancel(request: gr.Request) -> None:
        service.visit(request).cancel.set()

    inputs = [portraits, drivers, motions, manifest, *controls]
    run.click(begin, inputs, shown, **RAW, **JOB, **QUIET)
    more.click(resume, None, shown, **JOB, **QUIET)
    stop.click(cancel, queue=False, **QUIET)


def _listed(files: Files) -> list[Mapping[str, Any]]:
    return [files] if isinstance(files, Mapping) else list(files or ())


def table(batch: Batch, visit: Visit, packed: str | None = None) -> str:
    """The jobs as HTML. packed: address of the zip, once there is one."""
    ended = sum(line.state in ("done", "failed") for line in batch.lines)
    rows = "".join(_row(line, visit) for line in batch.lines)
    link = ""
    if packed:
        link = (
            f'<a class="save" href="{packed}" download="animations.zip">Download finished videos as a zip</a>'
        )
    return (
        f'<div class="batch"><p role="status">{ended} of {len(batch.lines)} jobs</p>'
        '<table class="list"><thead><tr><th scope="col">Portrait</th><th scope="col">Driver</th>'
        f'<th scope="col">State</th></tr></thead><tbody>{rows}</tbody></table>{link}</div>'
    )


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
    if line.note:
        state += f"<p>{escape(line.note)}</p>"
    return f"<tr><td>{escape(line.portrait)}</td><td>{escape(line.driver)}</td><td>{state}</td></tr>"
