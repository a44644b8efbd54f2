"""How a render is to be made: the only place where an option is declared.

The command line, a manifest's columns, the sidecar, the app and the Python API all read these fields. To add
an option, declare it here and use it where it acts.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from fractions import Fraction
from typing import Any, Literal, NamedTuple

from .errors import InputError, InputWarning

MotionKind = Literal["relative", "absolute", "copy"]
Guidance = Literal["landmarks", "edges"]
NoFace = Literal["hold", "passthrough", "fade", "fail"]
SourceMotion = Literal["keep", "replace"]
Kind = Literal["choice", "flag", "time", "fraction", "gain", "number", "parts", "text"]

PARTS = ("head", "eyes", "mouth", "brows", "gaze")
"""The parts of the motion, each with a gain of its own."""


class Option(NamedTuple):
    """How one field is shown and read.

    flag: its name on the command line, without the dashes, and as a manifest's column. kind: what its text
    is: one of `choices`, a flag without a value, a time (seconds or h:mm:ss), a fraction (0 to 1), a gain,
    a whole number, names of parts, or any text. help, group, metavar: for `--help`.
    """

    flag: str
    kind: Kind
    help: str
    group: str = ""
    choices: tuple[str, ...] = ()
    metavar: str | None = None


def _option(default: Any, kind: Kind, help: str, group: str = "", **more: Any) -> Any:
    flag = more.pop("flag", "")
    return field(default=default, metadata={"option": Option(flag, kind, help, group, **more)})


def _gain(part: str) -> Any:
    return _option(1.0, "gain", f"gain of the motion of the {part}", "motion", metavar="GAIN")


@dataclass(frozen=True)
class MotionOptions:
    """How driving motion is applied.

    kind:
        relative: the driver's changes since its reference frame, on the source's own face.
        absolute: the driver's pose and expression, on the source's own face.
        copy: the driver's own landmarks, smoothed, limited only where they would fold the face.
    head, eyes, mouth, brows, gaze: gains in [0, 3]; 1 as the driver, 0 not at all.
    only: the parts that move; None for all.
    smoothing: 0 (off) to 10; 1 suits our tracker's noise.
    InputError for a value outside its range.
    """

    kind: MotionKind = _option(
        "relative",
        "choice",
        "relative (default): the driver's changes since its reference frame, on the source's own face; "
        "absolute: the driver's pose and expression, on the source's face; copy: the driver's landmarks "
        "themselves, for the same person",
        flag="motion",
        choices=("relative", "absolute", "copy"),
    )
    head: float = _gain("head")
    eyes: float = _gain("eyes")
    mouth: float = _gain("mouth")
    brows: float = _gain("brows")
    gaze: float = _gain("gaze")
    only: tuple[str, ...] | None = _option(
        None, "parts", f"move only these, of {','.join(PARTS)}; '' for none", "motion", metavar="PARTS"
    )
    smoothing: float = _option(
        1.0, "gain", "0 off, 1 (default), more if the result trembles", "motion", metavar="S"
    )

    def __post_init__(self) -> None:
        _check_choices(self)
        for part in PARTS:
            if not 0 <= getattr(self, part) <= 3:
                raise InputError(f"--{part} {getattr(self, part):g}", "a gain lies between 0 and 3")
        if not 0 <= self.smoothing <= 10:
            raise InputError(f"--smoothing {self.smoothing:g}", "out of range", "give 0 (off) to 10")
        for part in self.only or ():
            if part not in PARTS:
                raise InputError(f"--only {part}", "there is no such part", f"choose of {', '.join(PARTS)}")

    def gain(self, part: str) -> float:
        """The gain of a part; 0 if it is not among `only`."""
        return getattr(self, part) if self.only is None or part in self.only else 0.0


@dataclass(frozen=True, kw_only=True)
class AnimateOptions:
    """Everything that can be said of one render beside its three files.

    start, end: seconds of the driving video. The other fields say in their help what they are. InputError for
    a value outside its range and for two that do not go together.
    """

    motion: MotionOptions = field(default_factory=MotionOptions)
    reference_frame: int | None = _option(
        None,
        "number",
        "frame of DRIVING, from 0, in which it is as the portrait (default: the one most like it; of a pipe "
        "or URL, which is read once, the first with a face)",
        "motion",
    )
    guidance: Guidance = _option(
        "landmarks",
        "choice",
        "landmarks (default), or the driving picture's edges, for the same person",
        choices=("landmarks", "edges"),
    )
    crop_only: bool = _option(False, "flag", "write the 256 square, not the whole photograph")
    start: Fraction | float | None = _option(None, "time", "seconds or h:mm:ss of DRIVING")
    end: Fraction | float | None = _option(None, "time", "seconds or h:mm:ss of DRIVING")
    overwrite: bool = _option(False, "flag", "replace OUT if it exists")
    detail: float = _option(
        1.0,
        "fraction",
        "how much of a large portrait's own sharpness is laid over the 256 face (default 1)",
        "the picture",
        metavar="0..1",
    )
    no_face: NoFace = _option(
        "hold",
        "choice",
        "while the driver's face is away: hold the last motion (default), show the portrait unmoved, fade to "
        "rest and back in half a second, or stop with an error",
        "faces",
        choices=("hold", "passthrough", "fade", "fail"),
    )
    source_face: int | None = _option(
        None, "number", "SOURCE's N-th face from the left (default: the largest)", "faces"
    )
    driving_face: int | None = _option(
        None, "number", "DRIVING's N-th face from the left, where faces first appear in it", "faces"
    )
    source_motion: SourceMotion = _option(
        "keep",
        "choice",
        "a SOURCE that is a video keeps its own movement and the driver's is added (default), or its "
        "turning, tilting and speaking are replaced by the driver's",
        "faces",
        choices=("keep", "replace"),
    )
    codec: str | None = _option(
        None,
        "choice",
        "another than the output's usual one: h264, for .mov prores, for .webm vp9",
        "stream",
        choices=("h264", "h265", "av1", "prores", "vp9"),
    )
    label: bool = _option(False, "flag", "write AI-generated into every frame", "provenance")
    sidecar: bool = _option(
        False, "flag", "write OUT.json beside OUT: hashes of inputs and weights, all settings", "provenance"
    )

    def __post_init__(self) -> None:
        if not isinstance(self.motion, MotionOptions):
            raise TypeError(f"motion takes MotionOptions, for example MotionOptions({self.motion!r})")
        _check_choices(self)
        if not 0 <= self.detail <= 1:
            raise InputError(f"--detail {self.detail:g}", "out of range", "give 0 to 1")
        if self.no_face == "fade" and self.guidance == "edges":
            raise InputError(
                "--no-face fade", "it moves landmarks, and --guidance edges has none", "choose another"
            )

    def warnings(self) -> Iterator[InputWarning]:
        """What to consider about the options themselves."""
        if self.guidance == "edges" and self.motion.kind != "copy":
            reason = "edges carry the driver's face shape along"
            yield InputWarning("--guidance edges", reason, "for another person's portrait take landmarks")


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """What computes: the arguments of `Animator.from_pretrained`."""

    name: str = _option(
        "face-256",
        "text",
        "the generator: a weights file of gfla-train or gfla-import (default: the shipped face-256)",
        flag="weights",
        metavar="FILE",
    )
    device: str = _option(
        "auto", "choice", "where the network is computed", choices=("auto", "cpu", "cuda", "mps")
    )
    backend: str = _option(
        "torch",
        "choice",
        "what computes the network: torch (default), or on a CPU OpenVINO, in eight bits, which is faster; "
        "its first use takes half a minute more",
        choices=("torch", "openvino"),
    )
    landmarks: str = _option(
        "builtin", "choice", "what finds the faces", choices=("builtin", "face-alignment")
    )


def list_options(kind: type) -> Iterator[tuple[Option, Any]]:
    """Every option of an options class, nested ones too, with its default, in the order of declaration."""
    for each in fields(kind):
        if "option" in each.metadata:
            option: Option = each.metadata["option"]
            yield option._replace(flag=option.flag or each.name.replace("_", "-")), each.default
        elif each.default_factory is MotionOptions:
            yield from list_options(MotionOptions)


def option_values(options: Any) -> dict[str, Any]:
    """The values of an options object by flag, nested ones too.

    >>> option_values(AnimateOptions(motion=MotionOptions("copy")))["motion"]
    'copy'
    """
    values = {}
    for each in fields(options):
        value = getattr(options, each.name)
        if is_dataclass(value):
            values |= option_values(value)
        elif "option" in each.metadata:
            values[each.metadata["option"].flag or each.name.replace("_", "-")] = value
    return values


def command_arguments(options: Any) -> list[str]:
    """The arguments with which a command makes this options object: the values that differ from the defaults.

    >>> command_arguments(AnimateOptions(motion=MotionOptions("copy", only=()), end=2.5, label=True))
    ['--motion=copy', '--only=', '--end=2.5', '--label']
    """
    words, values = [], option_values(options)
    for option, default in list_options(type(options)):
        value = values[option.flag]
        if value == default:
            continue
        if option.kind == "flag":
            words.append(f"--{option.flag}")
        elif option.kind == "parts":
            words.append(f"--{option.flag}={','.join(value)}")
        elif option.kind == "time":
            words.append(f"--{option.flag}={float(value)!r}")
        else:
            words.append(f"--{option.flag}={value}")
    return words


def make_options(kind: type, values: Mapping[str, Any]) -> Any:
    """An options object of `kind` from values by flag: what `option_values` undoes. Flags of others are
    left alone."""
    given: dict[str, Any] = {}
    for each in fields(kind):
        if "option" not in each.metadata:
            given[each.name] = make_options(MotionOptions, values)
            continue
        flag = each.metadata["option"].flag or each.name.replace("_", "-")
        if flag in values:
            given[each.name] = values[flag]
    return kind(**given)


def _check_choices(options: Any) -> None:
    for each in fields(options):
        option: Option | None = each.metadata.get("option")
        value = getattr(options, each.name)
        if option and option.choices and value is not None and value not in option.choices:
            flag = option.flag or each.name.replace("_", "-")
            raise InputError(f"--{flag} {value}", "unknown", f"take {' or '.join(option.choices)}")
