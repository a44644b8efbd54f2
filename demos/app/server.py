"""The app as a running server: the page, our own routes behind the same login, and nothing left in the end.

gradio is told before its import to speak to nobody.
"""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

import gradio as gr
from gfla.animate import Animator
from gfla.demos.app.page import page
from gfla.demos.app.service import Limits, Service
from gfla.demos.app.theme import CSS, theme
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute


@dataclass(eq=False)
class Server:
    """A running app. address: where the page is."""

    service: Service
    blocks: gr.Blocks
    address: str

    def wait(self) -> None:
        """Until Ctrl-C."""
        self.blocks.block_thread()


@contextmanager
def start(
    animator: Animator | None = None,
    *,
    device: str = "auto",
    host: str = "127.0.0.1",
    port: int | None = None,
    auth: tuple[str, str] | None = None,
    share: bool = False,
    limits: Limits | None = None,
) -> Iterator[Server]:
    """Serve the app until the block ends; then every file of it is deleted.

    animator: default the shipped weights on `device`. port: None takes a free one. InputError if the device
    is not there.
    """
    animator = animator or Animator.from_pretrained(device=device)
    with tempfile.TemporaryDirectory(prefix="gfla-app-") as folder:
        os.environ["GRADIO_TEMP_DIR"] = f"{folder}/cache"  # gradio asks for it whenever it makes a file
        service = Service(animator, Path(folder), limits or Limits())
        blocks = page(service).queue(max_size=service.limits.queue)
        try:
            _, local, public = blocks.launch(
                server_name=host,
                server_port=port,
                auth=auth,
                share=share,
                prevent_thread_lock=True,
                quiet=True,
                theme=theme(),
                css_paths=[CSS],
                max_file_size=service.limits.bytes,
                footer_links=["api"],
                run_history=False,
                app_kwargs={"routes": routes(service)},
            )
            yield Server(service, blocks, public or local)
        finally:
            service.visits.close_all()
            blocks.close(verbose=False)


def routes(service: Service) -> Sequence[BaseRoute]:
    """What is served beside the page: each asks `logged_in` and knows the visitor by token."""
    return []


def logged_in(connection: HTTPConnection) -> bool:
    """Whether whoever asks may see the page: always without --auth, else by gradio's own cookie."""
    app: Any = connection.app
    if app.auth is None:
        return True
    names = (f"access-token-{app.cookie_id}", f"access-token-unsecure-{app.cookie_id}")
    return any(connection.cookies.get(name) in app.tokens for name in names if connection.cookies.get(name))
