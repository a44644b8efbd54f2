"""One animation to make, as a value: what a command line or a manifest's row asks of any worker."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, Self

from ..io.paths import stands_for


@dataclass(frozen=True)
class Job:
    """A portrait, a driving video and the file to make of them.

    loading: keyword arguments of `Animator.from_pretrained`. ways: of `Animator.prepare`. start, end:
    seconds, what to take of `driving`. overwrite: replace `output` if it is there. codec: another than is
    usual for its name. source_motion: as `Animator.render` takes it. label: draw into every
    frame that it is synthetic. sidecar: write a JSON of all this beside the output. where: its place in a
    manifest. reference_frame: as `Animator.render` takes it.
    """

    source: str
    driving: str
    output: str
    loading: Mapping[str, Any] = field(default_factory=dict)
    ways: Mapping[str, Any] = field(default_factory=dict)
    start: Fraction | float | None = None
    end: Fraction | float | None = None
    overwrite: bool = False
    codec: str | None = None
    source_motion: Literal["keep", "replace"] = "keep"
    label: bool = False
    sidecar: bool = False
    where: str = ""
    reference_frame: int | None = None

    @classmethod
    def of(cls, source: str | Path, driving: str | Path, output: str | Path, **more: Any) -> Self:
        """The same from paths of any kind."""
        return cls(str(source), str(driving), str(output), **more)

    def __str__(self) -> str:
        return f"{self.where}: {self.output}" if self.where else self.output

    @property
    def key(self) -> str:
        """A short name made of the output's whole path: two jobs of a batch never share it."""
        return hashlib.sha256(os.path.abspath(self.output).encode()).hexdigest()[:16]

    @property
    def record(self) -> str:
        """The sidecar's path: OUT.mp4 has OUT.mp4.json."""
        return f"{self.output}.json"

    def settings(self) -> str:
        """What is asked for beside the three files, as JSON."""
        asked = asdict(self)
        for name in ("source", "driving", "output", "overwrite", "sidecar", "where"):
            del asked[name]
        return json.dumps(asked, sort_keys=True, default=str)

    def fingerprint(self) -> str:
        """Changes when what is asked for changes, or the size or date of an input file."""
        inputs = [stamp(path) for path in (self.source, self.driving)]
        return hashlib.sha256(json.dumps([self.settings(), inputs]).encode()).hexdigest()


def stamp(path: str) -> list[str | int]:
    """A file's whole name, size and date, of a pattern those of all its files, the name alone if there is
    none: changes when a file does."""
    told: list[str | int] = []
    for file in stands_for(path):
        try:
            found = os.stat(file)
        except OSError:
            continue
        told += [os.path.realpath(file), found.st_size, found.st_mtime_ns]
    return told or [path]
