"""The page's own HTML: headings, figures, tables, progress; every text in it is escaped."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import gradio as gr
from gfla.animate.io.timecode import clock
from gfla.demos.app.ui.images import Image, data_url, shrink
from gfla.demos.app.ui.progress import Progress

Figure = tuple[Image | None, str, str]
"""RGB, or None while it is computed; alternative text; caption."""


def figures(pictures: Iterable[Figure]) -> str:
    """Pictures in a row."""
    made = []
    for image, alt, caption in pictures:
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


def hint(text: str) -> str:
    """A line in a quiet color."""
    return f'<p class="hint">{escape(text)}</p>'


def small(text: str) -> str:
    """A line in small print."""
    return f'<p class="consent">{escape(text)}</p>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows of plain text below their column heads."""
    heads = "".join(f'<th scope="col">{escape(text)}</th>' for text in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row) + "</tr>" for row in rows)
    return f'<table class="list"><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>'


def bar(text: str, fraction: float | None, image: Image | None = None) -> str:
    """A progress bar with a text. fraction: 0 to 1, None if unknown. image: the newest frame."""
    now = "" if fraction is None else f' aria-valuenow="{round(100 * fraction)}"'
    width = "100%" if fraction is None else f"{100 * fraction:.1f}%"
    kind = "bar unknown" if fraction is None else "bar"
    thumb = ""
    if image is not None:
        thumb = f'<img src="{data_url(shrink(image, 96), 75)}" alt="The newest frame">'
    values = f'aria-label="Progress" aria-valuemin="0" aria-valuemax="100"{now}'
    return (
        f'<div class="progress">{thumb}<div class="grow"><p role="status">{escape(text)}</p>'
        f'<div class="{kind}" role="progressbar" {values}><div style="width:{width}"></div></div></div></div>'
    )


def render_bar(progress: Progress, image: Image | None) -> str:
    """Progress of a render: its newest frame, the count, the time to go."""
    if progress.tracking:
        return bar("Tracking the driver", progress.fraction)
    if not progress.done:
        return bar("Starting", None)
    of = f" of {progress.expected}" if progress.expected else ""
    text = f"Frame {progress.done}{of} · {progress.rate:.1f} a second"
    if progress.left is not None:
        text += f" · {duration(progress.left)} to go"
    return bar(text, progress.fraction, image)


def duration(seconds: float) -> str:
    """A length of time: "8 s", "2 min 5 s"."""
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"


def moment(seconds: Any) -> str:
    """A time in a video, to a tenth of a second."""
    return clock(seconds)[:-2]
