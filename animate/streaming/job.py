"""One animation to make, as a value: what a command line or a manifest's row asks for."""

import hashlib
import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..declare import option_values
from ..io.paths import input_files
from ..options import AnimateOptions, ModelOptions

if TYPE_CHECKING:
    from ..state import Source


@dataclass(frozen=True, eq=False)
class Job:
    """A portrait, a driving video and the file to make of them.

    source: a path, or RGB (H, W, 3) uint8. driving: a path, an address, "-", or a motion. model: what
    computes. save_motion: a motion template to write beside the output. where: the job's place in a
    manifest, for messages.
    """

    source: "Source"
    driving: str | os.PathLike
    output: str | os.PathLike
    options: AnimateOptions = field(default_factory=AnimateOptions)
    model: ModelOptions = field(default_factory=ModelOptions)
    save_motion: str | os.PathLike | None = None
    where: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.output}" if self.where else str(self.output)

    @property
    def key(self) -> str:
        """A short name made from the output's whole path: unique within a batch."""
        return hashlib.sha256(os.path.abspath(self.output).encode()).hexdigest()[:16]

    @property
    def sidecar(self) -> str:
        """The sidecar's path: OUT.mp4 has OUT.mp4.json."""
        return f"{self.output}.json"

    def settings(self) -> str:
        """Every option that changes the output, by flag, as JSON."""
        values = option_values(self.options) | option_values(self.model)
        for name in ("overwrite", "sidecar"):
            del values[name]
        return json.dumps(values, sort_keys=True, default=str)

    def fingerprint(self) -> str:
        """A hash that changes with the options and with an input's size or date."""
        inputs = [stamp(str(path)) for path in (self.source, self.driving)]
        return hashlib.sha256(json.dumps([self.settings(), inputs]).encode()).hexdigest()


def stamp(path: str) -> list[str | int]:
    """A file's whole name, size and date; of a pattern, those of all its files; the name alone if there is
    none. It changes when a file does."""
    stamps: list[str | int] = []
    for file in input_files(path):
        try:
            found = os.stat(file)
        except OSError:
            continue
        stamps += [os.path.realpath(file), found.st_size, found.st_mtime_ns]
    return stamps or [path]
