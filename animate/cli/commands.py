"""`gfla`: what commands there are, one line each."""

import argparse

from .options import run

COMMANDS = {
    "gfla-animate": "make a portrait move like the person in a video",
    "gfla-edit": "change a portrait's pose and expression by numbers",
    "gfla-live": "move a portrait live, from a camera or an address",
    "gfla-render": "many portraits and videos, resumable",
    "gfla-inspect": "say what files offer and what a render will cost",
    "gfla-demo": "all of it in a browser",
    "gfla-pose": "a person in other poses",
    "gfla-turntable": "a thing from other sides",
    "gfla-prepare": "make a dataset from footage",
    "gfla-train": "train weights",
    "gfla-evaluate": "measure weights on people that they have not seen",
    "gfla-import": "read the weights that the paper's authors released",
}


def main(arguments: list[str] | None = None) -> int:
    """Print every command with what it is for."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {purpose}" for name, purpose in COMMANDS.items()]
    parser = argparse.ArgumentParser(
        prog="gfla",
        description="Animate portraits. The commands, each with a --help of its own:\n\n" + "\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )

    def show() -> None:
        parser.parse_args(arguments)
        parser.print_help()

    return run(show)
