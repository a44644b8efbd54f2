"""The page's own HTML: headings, figures, tables, progress; every text in it is escaped."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import gradio as gr
from gfla.animate.io.timecode import clock
from gfla.demos.app.ui.images import Image, data_url
from gfla.demos.app.ui.progress import Progress

Figure = tuple[Image | None, str, str]
"""RGB, or None while it is computed; alternative text; caption."""


def figures(pictures: Iterable[Figure | None]) -> str:
    """Pictures in a row; None leaves a quiet place."""
    made = []
    for each in pictures:
        if each is None:
            made.append('<figure aria-hidden="true"><div class="place"></div></figure>')
            continue
        image, alt, caption = each
        if image is None:
            inner = f'<div class="coming" role="img" aria-label="{escape(alt)}"></div>'
        else:
            inner = f'<img src="{data_url(image)}" alt="{escape(alt)}">'
        made.append(f"<figure>{inner}<figcaption>{escape(caption)}</figcaption></figure>")
    return f'<div class="figures">{"".join(made)}</div>'


def heading(text: str, number: int | None = None) -> None:
    """Heading of a card."""
    step = "" if number is None else f"<span>{number}</span>"
    gr.HTML(f'<h2 class="heading">{step}{escape(text)}</h2>', apply_default_css=False)


def notes(lines: Iterable[str]) -> str:
    """Lines below a finished render; the first is the main one."""
    return "".join(f'<p class="note" role="status">{escape(line)}</p>' for line in lines)


def wrong(text: str) -> str:
    """An error, below what caused it; it stays until that is replaced."""
    return f'<p class="wrong" role="alert">{escape(text)}</p>'


def waiting(before: int) -> str:
    """A place in the queue."""
    renders = "render" if before == 1 else "renders"
    return bar(f"Waiting: {before} {renders} before yours", None)


def hint(text: str) -> str:
    """A line in a quiet color."""
    return f'<p class="hint">{escape(text)}</p>'


def small(text: str) -> str:
    """A line in small print."""
    return f'<p class="consent">{escape(text)}</p>'


def removable(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows of plain text below their column heads; the last cell of a row is the name that its button for
    removing it carries (script `buttons`)."""
    heads = "".join(f'<th scope="col">{escape(text)}</th>' for text in head)
    body = ""
    for *cells, name in rows:
        shown = "".join(f"<td>{escape(text)}</td>" for text in cells)
        body += f"<tr>{shown}<td>{_remove(name, cells[0])}</td></tr>"
    all_of_them = '<button type="button" class="quiet" data-name="" data-act="all">Remove all</button>'
    return (
        f'<table class="list"><thead><tr>{heads}<th><span class="sr">Remove</span></th></tr></thead>'
        f"<tbody>{body}</tbody></table>{all_of_them}"
    )


def chips(names: Iterable[str]) -> str:
    """Buttons by name, each with one that removes it (script `buttons`)."""
    return "".join(
        f'<span class="chip"><button type="button" data-name="{escape(name)}">{escape(name)}</button>'
        f"{_remove(name, name)}</span>"
        for name in names
    )


def _remove(name: str, shown: str) -> str:
    return (
        f'<button type="button" class="remove" data-name="{escape(name)}" data-act="remove" '
        f'aria-label="Remove {escape(shown)}">&times;</button>'
    )


def bar(text: str, fraction: float | None) -> str:
    """A progress bar with a text. fraction: 0 to 1, None if unknown."""
    now = "" if fraction is None else f' aria-valuenow="{round(100 * fraction)}"'
    width = "100%" if fraction is None else f"{100 * fraction:.1f}%"
    kind = "bar unknown" if fraction is None else "bar"
    values = f'aria-label="Progress" aria-valuemin="0" aria-valuemax="100"{now}'
    return (
        f'<div class="progress"><div class="grow"><p role="status">{escape(text)}</p>'
        f'<div class="{kind}" role="progressbar" {values}><div style="width:{width}"></div></div></div></div>'
    )


def cut_bar(progress: Progress) -> str:
    """Progress of cutting the framed part of a driver."""
    return bar("Cutting the driver", progress.fraction if progress.done else None)


def render_bar(progress: Progress, stopping: bool = False) -> str:
    """Progress of a render: the count, the time to go. stopping: it was asked to, and ends what it began."""
    if stopping:
        return bar(f"Stopping; frame {progress.done}", None)
    if progress.tracking:
        return bar("Tracking the driver", progress.fraction)
    if not progress.done:
        return bar("Starting", None)
    of = f" of {progress.expected}" if progress.expected else ""
    text = f"Frame {progress.done}{of} · {progress.rate:.1f} a second"
    if progress.left is not None:
        text += f" · {duration(progress.left)} to go"
    return bar(text, progress.fraction)


def duration(seconds: float) -> str:
    """A length of time: "8 s", "2 min 5 s"."""
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"


def moment(seconds: Any) -> str:
    """A time in a video, to a tenth of a second."""
    return clock(seconds)[:-2]
