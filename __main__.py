"""`python -m gfla`: the list of commands, as `gfla` prints it, where the scripts are not on the PATH."""

from gfla.animate.cli.commands import main

if __name__ == "__main__":
    raise SystemExit(main())
