"""The page's own pieces of HTML: figures, progress, the player, things to pick; every text in them escaped."""

import json
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import gradio as gr
from gfla.animate.times import clock
from gfla.demos.app.making import Progress
from gfla.demos.app.pictures import Image, as_source, within
from gfla.demos.app.samples import Sample


def figures(pictures: Iterable[tuple[Image | None, str, str]]) -> str:
    """Pictures in a row: (RGB or None for one to come, what a screen reader says, the caption)."""
    made = []
    for image, spoken, caption in pictures:
        if image is None:
            inner = f'<div class="coming" role="img" aria-label="{escape(spoken)}"></div>'
        else:
            inner = f'<img src="{as_source(image)}" alt="{escape(spoken)}">'
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


def bar(words: str, share: float | None, image: Image | None = None) -> str:
    """A progress bar that says where it is. share: 0 to 1, None if unknown. image: the frame under work."""
    now = "" if share is None else f' aria-valuenow="{round(100 * share)}"'
    width = "100%" if share is None else f"{100 * share:.1f}%"
    kind = "bar unknown" if share is None else "bar"
    thumb = (
        "" if image is None else f'<img src="{as_source(within(image, 96), 75)}" alt="the frame under work">'
    )
    return (
        f'<div class="progress">{thumb}<div class="grow"><p role="status">{escape(words)}</p>'
        f'<div class="{kind}" role="progressbar" aria-label="Progress" aria-valuemin="0" aria-valuemax="100"{now}>'
        f'<div style="width:{width}"></div></div></div></div>'
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


class Picks(gr.HTML):
    """Pictures to pick one of, as buttons; the event `pick` carries the name."""

    def __init__(self, samples: Sequence[Sample], label: str, **more: Any):
        buttons = "".join(
            f'<button type="button" class="pick" data-name="{escape(each.name)}" aria-pressed="false">'
            f'<img src="{each.thumb}" alt=""><span>{escape(each.name)}</span></button>'
            for each in samples
        )
        super().__init__(
            "",
            html_template=f'<div class="picks" role="group" aria-label="{escape(label)}">{buttons}</div>',
            js_on_load=_PICK,
            apply_default_css=False,
            **more,
        )

    def get_block_name(self) -> str:
        return "html"


_PICK = """
const mark = () => element.querySelectorAll('.pick').forEach(
    (each) => each.setAttribute('aria-pressed', String(each.dataset.name === props.value)));
element.addEventListener('click', (event) => {
    const button = event.target.closest('.pick');
    if (!button) return;
    props.value = button.dataset.name;
    mark();
    trigger('pick', {name: button.dataset.name});
});
watch('value', mark);
mark();
"""


class Player(gr.HTML):
    """A video. Its value is `film(...)`: a film in the making is followed, and when it is done it plays on from
    there."""

    def __init__(self, **more: Any):
        super().__init__(
            "{}",
            html_template='<div class="player"></div>',
            js_on_load=_PLAY,
            apply_default_css=False,
            **more,
        )

    def get_block_name(self) -> str:
        return "html"


def film(address: str | None, *, making: bool = False, name: str = "", label: str = "") -> str:
    """What a Player shows. address: where the video is, None for nothing. making: it is still growing. name: of
    the file to save it as. label: what a screen reader says."""
    return json.dumps({"address": address, "making": making, "name": name, "label": label})


_PLAY = """
let shown = null;
const place = () => {
    let box = element.querySelector('.player');
    if (!box) { box = document.createElement('div'); box.className = 'player'; element.append(box); }
    return box;
};
const show = () => {
    const film = JSON.parse(props.value || '{}');
    const box = place();
    if (shown && shown.address === film.address && box.firstChild) return;
    const old = box.querySelector('video');
    const at = old && shown && shown.making && !film.making ? old.currentTime : 0;
    const still = old ? old.paused && !old.ended : false;
    shown = film;
    if (old) { old.pause(); old.removeAttribute('src'); old.load(); }
    box.replaceChildren();
    if (!film.address) return;
    const video = document.createElement('video');
    video.controls = true;
    video.playsInline = true;
    video.autoplay = !still;
    video.muted = film.making;
    video.loop = !film.making;
    video.dataset.making = String(film.making);
    video.setAttribute('aria-label', film.label || 'The animated portrait');
    video.addEventListener('loadedmetadata', () => { if (at && at < video.duration) video.currentTime = at; });
    video.src = film.address;
    box.append(video);
    if (!film.making && film.name) {
        const link = document.createElement('a');
        link.className = 'save';
        link.href = film.address;
        link.download = film.name;
        link.textContent = 'Download ' + film.name;
        box.append(link);
    }
};
watch('value', show);
show();
"""
