"""The header and footer of the page: what this is, what it runs on, light or dark."""

from html import escape

import gradio as gr
from gfla.animate import Animator
from gfla.demos.app.ui.widgets import scripted

_MARK = """<svg class="mark" viewBox="0 0 40 40" fill="none" stroke="currentColor" stroke-width="2.2"
 stroke-linecap="round" aria-hidden="true">
<path d="M8 14c0-6 5-10 12-10s12 4 12 10c0 12-5 21-12 21S8 26 8 14Z"/>
<path d="M13.5 15.5q2.2-1.8 4.4 0M22.1 15.5q2.2-1.8 4.4 0M15 25q5 4 10 0"/>
<path d="M20 17.5v3" opacity=".6"/></svg>"""
_NIGHT = """<svg class="moon" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2"
 stroke-linecap="round" aria-hidden="true">
<path d="M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5Z"/></svg>
<svg class="sun" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round"
 aria-hidden="true"><circle cx="12" cy="12" r="4.5"/>
<path d="M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6 19 19M19 5l-1.4 1.4M6.4 17.6 5 19"/></svg>"""


def header(animator: Animator) -> None:
    """Above the tabs."""
    device = f"{animator.device.type.upper()} · {animator.name or 'own weights'}"
    scripted(
        f"""<header class="head">{_MARK}<div class="grow"><h1>gfla</h1>
        <p>A portrait that moves like the person in a video.</p></div>
        <span class="chip" title="{escape(animator.device_reason)}">{escape(device)}</span>
        <button type="button" class="night" aria-label="Dark page">{_NIGHT}</button></header>""",
        "night",
    )
    scripted("", "tabs")


def footer() -> None:
    """Below the tabs."""
    gr.HTML(
        '<footer class="foot">Every video is marked as synthetic in its metadata. '
        "Do not use this to deceive, impersonate or harass.</footer>",
        apply_default_css=False,
    )
