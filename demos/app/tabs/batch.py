"""The tab Batch: many portraits by many drivers, or as a manifest says; a table of jobs, a zip in the end."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from gfla.animate import InputError
from gfla.animate.motion.presets import SHIPPED
from gfla.demos.app.tabs.batch_jobs import MANIFESTS, Batch, Line, by_name, plan
from gfla.demos.app.ui import markup
from gfla.demos.app.ui.events import JOB, UNSEEN
from gfla.demos.app.ui.inputs import RAW, consent
from gfla.demos.app.visitors.service import Service, sentence, show_errors
from gfla.demos.app.visitors.session import Visit
from gfla.demos.app.visitors.uploads import check_driving, check_portrait

_EMPTY = "Send portraits and drivers: every portrait is moved by every driver, or as a manifest says."
_ABOUT = (
    "A manifest is a .csv file with the header source,driving,output and, if wanted, columns for options of "
    "gfla-animate; it names files that are sent above, or the motions."
)
Sent = Sequence[Mapping[str, Any]] | Mapping[str, Any] | None


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
                gr.HTML(f'<p class="consent">{escape(_ABOUT)}</p>', apply_default_css=False)
                crop = gr.Checkbox(label="The face alone, 256 x 256, not the whole photograph")
                label = gr.Checkbox(label="Write “AI-generated” into the picture")
        with gr.Column(scale=7, min_width=320, elem_classes="stage"), gr.Column(elem_classes="card"):
            markup.heading("Jobs", 3)
            jobs = gr.HTML(markup.hint(_EMPTY), elem_id="batch-jobs", apply_default_css=False)
            run = gr.Button("Animate all", variant="primary", elem_id="batch-run")
            stop = gr.Button("Stop and keep what is done", visible=False, elem_id="batch-stop")
            more = gr.Button("Go on with the rest", visible=False, elem_id="batch-more")

    shown = [jobs, run, stop, more]

    @show_errors
    def begin(
        request: gr.Request, portraits: Sent, drivers: Sent, motions: list[str], manifest: Sent, *chosen: bool
    ) -> Iterator[tuple]:
        visit, limits = service.visit(request), service.limits
        sources = by_name(
            [(name, check_portrait(visit.sent(file), limits)) for name, file in _files(portraits)]
        )
        videos = by_name([(name, check_driving(visit.sent(file), limits)) for name, file in _files(drivers)])
        told = next((visit.sent(file) for _, file in _files(manifest)), None)
        arguments = [f"--device={service.animator.device.type}"]
        arguments += [name for name, yes in zip(("--crop-only", "--label"), chosen, strict=True) if yes]
        known = [name for name in SHIPPED if name in (motions or [])]
        with service.job(visit):
            home = visit.folder / "batch"
            visit.kept["batch"] = plan(home, sources, videos, known, told, limits.files, arguments)
            yield from _go(visit)

    @show_errors
    def go_on(request: gr.Request) -> Iterator[tuple]:
        visit = service.visit(request)
        if "batch" not in visit.kept:
            raise InputError("There is no batch any more; send the files again.")
        with service.job(visit):
            yield from _go(visit)

    def _go(visit: Visit) -> Iterator[tuple]:
        batch: Batch = visit.kept["batch"]
        hidden = gr.Button(visible=False)
        yield table(batch, visit), hidden, gr.Button(visible=True), hidden
        for _ in batch.run(visit.cancel.is_set):
            yield table(batch, visit), gr.skip(), gr.skip(), gr.skip()
        whole = table(batch, visit, visit.give(batch.pack()) if batch.outputs else None)
        yield whole, gr.Button(visible=True), hidden, gr.Button(visible=bool(batch.left))

    def halt(request: gr.Request) -> None:
        service.visit(request).cancel.set()

    asked = [portraits, drivers, motions, manifest, crop, label]
    quiet: dict[str, Any] = {"show_progress": "hidden", **UNSEEN}
    run.click(begin, asked, shown, **RAW, **JOB, **quiet)
    more.click(go_on, None, shown, **JOB, **quiet)
    stop.click(halt, queue=False, **quiet)


def _files(sent: Sent) -> list[tuple[str, Mapping[str, Any]]]:
    """Files as gradio tells of them, each with the name that it had."""
    files = [sent] if isinstance(sent, Mapping) else list(sent or ())
    return [(str(file.get("orig_name") or Path(str(file.get("path"))).name), file) for file in files]


def table(batch: Batch, visit: Visit, packed: str | None = None) -> str:
    """The jobs as HTML. packed: address of the zip, once there is one."""
    ended = sum(line.state in ("done", "failed") for line in batch.lines)
    rows = "".join(_row(line, visit) for line in batch.lines)
    link = ""
    if packed:
        link = f'<a class="save" href="{packed}" download="animations.zip">Download what is done as a zip</a>'
    return (
        f'<div class="batch"><p role="status">{ended} of {len(batch.lines)} jobs</p>'
        '<table class="list"><thead><tr><th scope="col">Portrait</th><th scope="col">Driver</th>'
        f'<th scope="col">State</th></tr></thead><tbody>{rows}</tbody></table>{link}</div>'
    )


def _row(line: Line, visit: Visit) -> str:
    share = 100 * line.done / line.expected if line.expected else 0
    state = f'<span class="state {line.state}">{line.state}</span>'
    if line.state == "running":
        of = f" of {line.expected}" if line.expected else ""
        state += (
            f' frame {line.done}{of}<div class="bar"><div style="width:{min(share, 100):.0f}%"></div></div>'
        )
    elif line.state == "done":
        output = Path(line.job.output)
        line.address = line.address or visit.give(output)
        state += f' <a href="{line.address}" download="{escape(output.name)}">Download</a>'
    if line.note:
        state += f"<p>{escape(sentence(InputError(line.note)))}</p>"
    return f"<tr><td>{escape(line.portrait)}</td><td>{escape(line.driver)}</td><td>{state}</td></tr>"
