"""How the page looks: our own theme, with the fonts of the system alone, so that nothing is fetched."""

from pathlib import Path

import gradio as gr

CSS = Path(__file__).parent / "style.css"
FONTS = ("ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
MONO = ("ui-monospace", "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", "monospace")


def theme() -> gr.themes.Base:
    """A calm one: paper and ink, one accent."""
    return gr.themes.Base(font=FONTS, font_mono=MONO)
