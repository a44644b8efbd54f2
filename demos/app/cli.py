"""gfla-demo: the app in a browser, only on this machine unless --host or --share says otherwise."""

import argparse
import sys
from collections.abc import Sequence
from importlib.util import find_spec

from gfla.animate import InputError
from gfla.animate.cli.options import run


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (default: the command line's); returns the exit code."""
    return run(lambda: _serve(_parser().parse_args(arguments)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gfla-demo", description="Animate portraits in a browser; nothing leaves this machine."
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 lets others in")
    parser.add_argument("--port", type=int, default=7860, help="default 7860")
    parser.add_argument("--auth", metavar="NAME:PASSWORD", help="ask for these before showing anything")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")
    parser.add_argument(
        "--share", action="store_true", help="a public address for 72 hours, through gradio's servers"
    )
    return parser


def _serve(options: argparse.Namespace) -> None:
    if find_spec("gradio") is None:
        raise InputError("gfla-demo", "it needs gradio", "install it with: pip install 'gfla[app]'")
    name, separator, password = (options.auth or "").partition(":")
    if options.auth is not None and not (name and separator and password):
        raise InputError("--auth", "a name or password is missing", "write NAME:PASSWORD")

    from gfla.demos.app.server import start

    with start(
        device=options.device,
        host=options.host,
        port=options.port,
        auth=(name, password) if options.auth else None,
        share=options.share,
    ) as server:
        animator = server.service.animator
        print(f"device: {animator.device.type} ({animator.device_reason})", file=sys.stderr)
        print(f"weights: {animator.name}", file=sys.stderr)
        print(server.address, flush=True)  # a log is to have it before the end
        server.wait()
