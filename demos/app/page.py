"""The page: a header, the tabs, each built by a file of its own, and a footer."""

import gradio as gr
from gfla.demos.app.api import add_api
from gfla.demos.app.tabs.animate import animate_tab
from gfla.demos.app.tabs.batch import batch_tab
from gfla.demos.app.tabs.edit import edit_tab
from gfla.demos.app.tabs.inside import inside_tab
from gfla.demos.app.tabs.live import live_tab
from gfla.demos.app.ui.header import footer, header
from gfla.demos.app.visitors.service import Service

TABS = (
    ("Animate", animate_tab),
    ("Edit", edit_tab),
    ("Live", live_tab),
    ("Look inside", inside_tab),
    ("Batch", batch_tab),
)
"""Each tab's name and its builder: `build(service, page)` is called inside the open tab."""


def page(service: Service) -> gr.Blocks:
    """The whole page, not yet served."""
    with gr.Blocks(title="gfla", analytics_enabled=False, delete_cache=(600, 3600)) as blocks:
        header(service.animator)
        with gr.Tabs():
            for name, build in TABS:
                with gr.Tab(name, id=name.lower().replace(" ", "-")):
                    build(service, blocks)
        footer()
        add_api(service)

        def leave(request: gr.Request) -> None:
            service.visits.close(str(request.session_hash))

        blocks.unload(leave)
    return blocks
