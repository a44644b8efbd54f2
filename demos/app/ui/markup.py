"""The page's own pieces of HTML: headings, figures, tables, progress; every text in them is escaped."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import gradio as gr
from gfla.animate.io.timecode import clock
from gfla.demos.app.ui.images import Image, as_source, within
from gfla.demos.app.ui.progress import Progress

Figure = tuple[Image | None, str, str]
"""RGB, or None for one to come; what a screen reader says; the caption."""


def figures(pictures: Iterable[Figure]) -> str:
    """Pictures in a row."""
    made = []
    for image, show_errors, caption in pictures:
        if image is None:
            inner = f'<div class="coming" role="img" aria-label="{escape(show_errors)}"></div>'
        else:
            inner = f'<img src="{as_source(image)}" alt="{escape(show_errors)}">'
        made.append(f"<figure>{inner}<figcaption>{escape(caption)}</figcaption></figure>")
    return f'<div class="figures">{"".join(made)}</div>'


def heading(text: str, number: int | None = None) -> None:
    """A card's."""
    step = "" if number is None else f"<span>{number}</span>"
    gr.HTML(f'<h2 class="heading">{step}{escape(text)}</h2>', apply_default_css=False)


def notes(lines: Iterable[str]) -> str:
    """What is said in the end of a run; the first line is the main one."""
    return "".join(f'<p class="note" role="status">{escape(line)}</p>' for line in lines)


def hint(text: str) -> str:
    """A quiet line."""
    return f'<p class="hint">{escape(text)}</p>'


def quiet(text: str) -> str:
    """A small line."""
    return f'<p class="consent">{escape(text)}</p>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows of plain texts under their heads."""
    heads = "".join(f'<th scope="col">{escape(text)}</th>' for text in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row) + "</tr>" for row in rows)
    return f'<table class="list"><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>'


def bar(words: str, share: float | None, image: Image | None = None) -> str:
    """A progress bar that says where it is. share: 0 to 1, None if unknown. image: the frame under work."""
    now = "" if share is None else f' aria-valuenow="{round(100 * share)}"'
    width = "100%" if share is None else f"{100 * share:.1f}%"
    kind = "bar unknown" if share is None else "bar"
    thumb = ""
    if image is not None:
        thumb = f'<img src="{as_source(within(image, 96), 75)}" alt="The frame under work">'
    values = f'aria-label="Progress" aria-valuemin="0" aria-valuemax="100"{now}'
    return (
        f'<div class="progress">{thumb}<div class="grow"><p role="status">{escape(words)}</p>'
        f'<div class="{kind}" role="progressbar" {values}><div style="width:{width}"></div></div></div></div>'
    )


def run_bar(progress: Progress, image: Image | None) -> str:
    """Of a run: the frame under work, how many there are, the time to go."""
    if progress.looking or not progress.done:
        words = "Looking at the driver" if progress.looking else "Starting"
        return bar(words, progress.share if progress.looking else None)
    of = f" of {progress.expected}" if progress.expected else ""
    rate = (progress.done - 1) / progress.seconds if progress.seconds else 0.0
    words = f"Frame {progress.done}{of} · {rate:.1f} a second"
    if progress.left is not None:
        words += f" · {lasting(progress.left)} to go"
    return bar(words, progress.share, image)


def lasting(seconds: float) -> str:
    """A length of time as people say it: "8 s", "2 min 5 s"."""
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"


def moment(seconds: Any) -> str:
    """A time in a video, to the tenth."""
    return clock(seconds)[:-2]
