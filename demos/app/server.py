"""The app as a running server: the page, our own routes behind the same login, and no file left at the end.

Gradio's telemetry is switched off before its import.
"""

import errno
import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

import gradio as gr
from gfla.animate import Animator, InputError
from gfla.demos.app.page import page
from gfla.demos.app.tabs.live_session import live_routes
from gfla.demos.app.ui.theme import style, theme
from gfla.demos.app.visitors.folder import server_folder
from gfla.demos.app.visitors.limits import Limits
from gfla.demos.app.visitors.service import Service
from gfla.demos.app.visitors.video_routes import video_routes
from starlette.routing import BaseRoute


@dataclass(eq=False)
class Server:
    """A running app. address: of the page."""

    service: Service
    blocks: gr.Blocks
    address: str

    def wait(self) -> None:
        """Block until Ctrl-C, or a signal that does the same."""
        with suppress(KeyboardInterrupt):
            while self.blocks.is_running:
                time.sleep(0.1)


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
    """Serve the app until the `with` block ends; then all its files are deleted.

    animator: default the shipped weights on `device`. port: None takes a free one. InputError if there is no
    such device, or the host and port cannot be listened on.
    """
    check_address(host, port)
    # Converting for OpenVINO would hold the first visitor up for half a minute.
    animator = animator or Animator.from_pretrained(device=device, backend="torch")
    with server_folder() as folder:
        service = Service(animator, folder, limits or Limits())
        before = os.environ.get("GRADIO_TEMP_DIR")
        os.environ["GRADIO_TEMP_DIR"] = str(service.cache)  # gradio reads it whenever it makes a file
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
                head=style(),
                max_file_size=service.limits.bytes,
                footer_links=["api"],
                run_history=False,
                app_kwargs={"routes": routes(service)},
            )
            yield Server(service, blocks, public or local)
        finally:
            service.visits.close_all()
            blocks.close(verbose=False)
            if before is None:
                del os.environ["GRADIO_TEMP_DIR"]
            else:
                os.environ["GRADIO_TEMP_DIR"] = before


def check_address(host: str, port: int | None) -> None:
    """InputError if this process may not listen there; gradio's own error is not for users. port: None is
    any."""
    if port is not None and not 0 < port < 2**16:
        raise InputError(f"--port {port}", "out of range", f"give a number from 1 to {2**16 - 1}")
    try:
        found = socket.getaddrinfo(host.strip("[]"), port or 0, type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(address)
    except (OSError, UnicodeError) as error:
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise InputError(
                f"--port {port}", "it is taken", "choose another, or stop the program that has it"
            ) from None
        why = getattr(error, "strerror", None) or error
        where = f"--host {host}" + (f" --port {port}" if port else "")
        raise InputError(where, f"cannot listen there ({why})", "choose another") from None


def routes(service: Service) -> Sequence[BaseRoute]:
    """The routes beside the page: each checks `access.logged_in` and finds the visitor by token."""
    return [*live_routes(service), *video_routes(service)]
