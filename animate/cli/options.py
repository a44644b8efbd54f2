"""What the commands have in common: options read from their declaration, progress, how errors end them."""

import argparse
import math
import sys
from collections.abc import Callable, Collection
from typing import Any

from ..declare import Option, list_options, make_options
from ..errors import InputError, InputWarning, Stopped
from .memory import lacks_memory
from .progress import ProgressLines
from .terminal import at_terminal, has_terminal

BAD_INPUT = 2
INTERRUPTED = 130
_NO_MEMORY = InputError(
    "memory", "there is not enough of it", "close other programs, raise the limit, or give something smaller"
)


def add_options(parser: argparse.ArgumentParser, kind: type, only: Collection[str] | None = None) -> None:
    """Give `parser` the options that the class `kind` declares, or of these `only` some, by flag."""
    groups: dict[str, argparse._ArgumentGroup | argparse.ArgumentParser] = {"": parser}
    for option, default in list_options(kind):
        if only is not None and option.flag not in only:
            continue
        if option.group not in groups:
            groups[option.group] = parser.add_argument_group(option.group)
        flag, more = f"--{option.flag}", {"help": option.help, "default": default}
        if option.kind == "flag":
            groups[option.group].add_argument(flag, action="store_true", **more)
        else:
            groups[option.group].add_argument(flag, **more, **_reading(option))


def read_options(kind: type, given: argparse.Namespace) -> Any:
    """The options object of the class `kind` that the parsed arguments ask for."""
    return make_options(kind, {name.replace("_", "-"): value for name, value in vars(given).items()})


def count_option(text: str) -> int:
    """For argparse: a whole number from 1 on."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number; write 1 or more")
    return int(text)


def seeded(text: str, word: str) -> int | None:
    """The seed of `word` or `word`:SEED, 0 without one; None if `text` is something else.

    >>> seeded("puppet", "puppet"), seeded("puppet:7", "puppet"), seeded("puppet.png", "puppet")
    (0, 7, None)
    """
    name, _, number = text.partition(":")
    if name != word or not (number.isdecimal() or text == word):
        return None
    return int(number or 0)


def run(command: Callable[[], None]) -> int:
    """The exit code of a command: 0, 2 for bad input with its one sentence on stderr, 130 for Ctrl-C."""
    with at_terminal():
        try:
            _run_whole(command)
        except InputError as error:
            print(error, file=sys.stderr)
            return BAD_INPUT
        except KeyboardInterrupt as stop:
            print(stop if isinstance(stop, Stopped) else "Stopped; no file is left.", file=sys.stderr)
            return INTERRUPTED
        except Exception as error:
            if not lacks_memory(error):
                raise
            print(_NO_MEMORY, file=sys.stderr)
            return BAD_INPUT
        return 0


def run_command(name: str, work: Callable[[], None]) -> int:
    """The exit code of a training command: 0, 2 with one sentence on stderr, 130 for Ctrl-C."""
    with at_terminal():
        try:
            _run_whole(work)
        except (FileExistsError, NotADirectoryError) as error:  # of folders that are made
            reason = "a file is where a folder should be; name another."
            print(f"{name}: {error.filename}: {reason}", file=sys.stderr)
            return BAD_INPUT
        except KeyboardInterrupt as stop:
            left = stop if isinstance(stop, Stopped) else "stopped; what was finished stays."
            print(f"{name}: {left}", file=sys.stderr)
            return INTERRUPTED
        except Exception as error:
            known = isinstance(error, (ValueError, OSError, FloatingPointError))
            if not known and not lacks_memory(error):
                raise
            print(f"{name}: {_NO_MEMORY if lacks_memory(error) else error}", file=sys.stderr)
            return BAD_INPUT
        return 0


def _run_whole(work: Callable[[], None]) -> None:
    try:
        work()
    finally:
        sys.stdout.flush()


def add_view(parser: argparse._ActionsContainer, picture: str) -> None:
    """Give `parser` the options --azimuth and --elevation, from where `picture` shows a thing."""
    parser.add_argument(
        "--azimuth", type=float, default=40, help=f"azimuth of {picture}, degrees (default: %(default)s)"
    )
    parser.add_argument(
        "--elevation", type=float, default=10, help="elevation, 0 to 20 degrees (default: %(default)s)"
    )


def check_view(options: argparse.Namespace) -> None:
    """InputError unless the options of `add_view` are angles that the networks have learnt."""
    if not math.isfinite(options.azimuth):
        raise InputError("--azimuth", "not an angle", "give degrees")
    if not 0 <= options.elevation <= 20:
        raise InputError("--elevation", "out of range", "give 0 to 20 degrees, as the network has learnt")


def add_quiet(parser: argparse._ActionsContainer) -> None:
    """Give `parser` the option --quiet."""
    parser.add_argument("--quiet", action="store_true", help="no progress, only results, warnings and errors")


def show_warning(warning: InputWarning) -> None:
    """A warning as a line on stderr, above a progress bar if there is one."""
    from tqdm import tqdm

    tqdm.write(str(warning), file=sys.stderr)


class Bar:
    """A progress bar with frames a second and time to go; `lines` go before it. Without a terminal a line
    every few seconds; nothing at all if `quiet`.

    Nothing is shown before the first frame: bad input is to be one sentence.
    """

    def __init__(self, *lines: str, quiet: bool = False) -> None:
        self._lines, self._quiet = lines, quiet
        self._bar: Any = None
        self._plain: ProgressLines | None = None

    def __call__(self, done: int, expected: int | None) -> None:
        if self._quiet:
            return
        if self._bar is None and self._plain is None:
            print(*self._lines, sep="\n", file=sys.stderr)
            if has_terminal():
                from tqdm import tqdm

                self._bar = tqdm(unit=" frames", dynamic_ncols=True)
            else:
                self._plain = ProgressLines()
        if self._plain is not None:
            self._plain(done, expected)
        elif self._bar is not None:
            self._bar.total = expected
            self._bar.update(done - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
        if self._plain is not None:
            self._plain.close()


def _reading(option: Option) -> dict[str, Any]:
    """How argparse reads the text of an option that has a value."""
    if option.kind == "choice":
        return {"choices": option.choices}

    def read(text: str) -> Any:
        try:
            return option.read(text)
        except InputError as error:
            raise argparse.ArgumentTypeError(str(error).removesuffix(".")) from None

    usual = {"time": "TIME", "count": "N"}.get(option.kind)
    return {"type": read, "metavar": option.metavar or usual}
