"""The page: a header, the tabs, each built by a file of its own, and a footer."""

from pathlib import Path

import gradio as gr
from gfla.demos.app.api import add_api
from gfla.demos.app.tabs.animate import animate_tab
from gfla.demos.app.tabs.batch import batch_tab
from gfla.demos.app.tabs.edit import edit_tab
from gfla.demos.app.tabs.inside import inside_tab
from gfla.demos.app.tabs.live import live_tab
from gfla.demos.app.ui.events import QUIET, RAW
from gfla.demos.app.ui.header import footer, header
from gfla.demos.app.ui.inputs import Sent, file_data, sent_name
from gfla.demos.app.ui.pickers import PortraitCard
from gfla.demos.app.visitors.service import Service

TABS = (
    ("Animate", animate_tab),
    ("Edit", edit_tab),
    ("Live", live_tab),
    ("Look inside", inside_tab),
    ("Batch", batch_tab),
)
"""Each tab's name and its builder: `build(service, page)` is called inside the open tab and returns its card
with the portrait, if it has one."""


def page(service: Service) -> gr.Blocks:
    """The whole page, not yet served."""
    with gr.Blocks(title="gfla", analytics_enabled=False, delete_cache=(600, 3600)) as blocks:
        header(service.animator)
        with gr.Tabs():
            for name, build in TABS:
                with gr.Tab(name, id=name.lower().replace(" ", "-")) as tab:
                    card = build(service, blocks)
                if card is not None:
                    share_portrait(service, tab, card)
        footer()
        add_api(service)

        def leave(request: gr.Request) -> None:
            service.visits.close(str(request.session_hash))

        blocks.unload(leave)
    return blocks


def share_portrait(service: Service, tab: gr.Tab, card: PortraitCard) -> None:
    """When the tab is opened, its portrait is the one that was chosen last, in whichever tab."""

    def fetch(request: gr.Request, own: Sent) -> tuple:
        sent: Sent = service.visit(request).memory.get("portrait")
        if not sent or (own and own.get("path") == sent.get("path")):
            return gr.skip(), gr.skip()
        name = sent_name(sent)
        picked = (each.name for each in service.samples.portraits if each.file and each.file.name == name)
        return file_data(Path(str(sent.get("path"))), name), next(picked, "")

    own = card.portrait
    tab.select(fetch, own, [own, card.picks], postprocess=False, queue=False, **RAW, **QUIET)
