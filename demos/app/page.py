"""The page: a header and the tabs, each built by a file of its own."""

import gradio as gr
from gfla.demos.app.animate_tab import animate_tab
from gfla.demos.app.edit_tab import edit_tab
from gfla.demos.app.service import Service

TABS = (("Animate", animate_tab), ("Edit", edit_tab))
"""Names and what builds them: `build(service)` is called inside the open tab."""


def page(service: Service) -> gr.Blocks:
    """All of it, not yet served."""
    with gr.Blocks(title="gfla", analytics_enabled=False, delete_cache=(600, 3600)) as blocks:
        with gr.Tabs():
            for name, build in TABS:
                with gr.Tab(name, id=name.lower()):
                    build(service)

        def leave(request: gr.Request) -> None:
            service.visits.close(str(request.session_hash))

        blocks.unload(leave)
    return blocks
