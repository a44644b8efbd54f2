"""What the commands share: times as options, and errors as one sentence, so that all fail alike."""

import argparse
import logging
import sys
from collections.abc import Callable
from fractions import Fraction

from ..errors import InputError, Stopped
from ..io.timecode import parse_time

BAD_INPUT = 2
INTERRUPTED = 130


def time_option(text: str) -> Fraction:
    """For argparse: seconds or h:mm:ss as exact seconds."""
    try:
        return parse_time(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error).removesuffix(".")) from None


def share_option(text: str) -> float:
    """For argparse: a number from 0 to 1."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return number


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
    handler = _Say()
    logger = logging.getLogger("gfla")
    logger.addHandler(handler)
    try:
        command()
    except InputError as error:
        print(error, file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt as stop:
        print(stop if isinstance(stop, Stopped) else "Stopped; no file is left.", file=sys.stderr)
        return INTERRUPTED
    finally:
        logger.removeHandler(handler)
    return 0


def add_computing(parser: argparse.ArgumentParser) -> None:
    """Give `parser` what says where the network is computed, and by what."""
    parser.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")
    add_backend(parser)


def add_backend(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the choice of what computes the network."""
    parser.add_argument(
        "--backend",
        choices=("torch", "openvino"),
        default="torch",
        help="what computes the network: torch (default), or on a CPU OpenVINO, in eight bits, which is "
        "faster; its first use takes half a minute more",
    )


class Bar:
    """A progress bar with frames a second and time to go; `lines` go before it.

    Nothing is shown before the first frame: bad input is to be one sentence.
    """

    def __init__(self, *lines: str) -> None:
        self._lines = lines
        self._bar = None

    def __call__(self, done: int, expected: int | None) -> None:
        if self._bar is None:
            from tqdm import tqdm

            print(*self._lines, sep="\n", file=sys.stderr)
            self._bar = tqdm(unit=" frames", dynamic_ncols=True)
        self._bar.total = expected
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


class _Say(logging.Handler):
    """Warnings as plain lines on stderr, above a progress bar if there is one."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        from tqdm import tqdm

        tqdm.write(self.format(record), file=sys.stderr)


def count_option(text: str) -> int:
    """For argparse: a whole number, 1 or more."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number; write 1 or more")
    return int(text)


def run_command(name: str, work: Callable[[], None]) -> int:
    """The exit code of a command: 0, 2 with one sentence on stderr, 130 for Ctrl-C."""
    try:
        work()
    except (FileExistsError, NotADirectoryError) as error:  # of folders that are made
        print(f"{name}: {error.filename}: a file is where a folder should be; name another.", file=sys.stderr)
        return 2
    except (ValueError, OSError, FloatingPointError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stop:
        left = stop if isinstance(stop, Stopped) else "stopped; what was finished stays."
        print(f"{name}: {left}", file=sys.stderr)
        return 130
    return 0
