"""The tab Edit."""

from gfla.demos.app.service import Service


import gradio as gr


def edit_tab(service: Service, page: gr.Blocks) -> None:
    """Build the tab of `page` inside the one that is open."""
