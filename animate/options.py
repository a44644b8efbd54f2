"""The options of a render: the only place where an option is declared.

The command line, a manifest's columns, the sidecar, the app and the Python API all read these fields. To add
an option, declare it here and use it where it acts.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

from .declare import check_options, option
from .errors import InputError, InputWarning

MotionKind = Literal["relative", "absolute", "copy"]
Guidance = Literal["landmarks", "edges"]
NoFace = Literal["hold", "passthrough", "fade", "fail"]
SourceMotion = Literal["keep", "replace"]
AudioTrack = int | Literal["all", "none"] | None
"""Which sound is kept: that of a track, from 1, of all or of none; None: of the default track."""
Quality = Literal["low", "medium", "high", "lossless"]

PARTS = ("head", "eyes", "mouth", "brows", "gaze")
"""The parts of the motion, each with a gain of its own."""


def _gain(part: str) -> Any:
    help = f"gain of the motion of the {part}, 0 to 3 (default 1)"
    return option(1.0, "number", help, "motion", metavar="GAIN", least=0, most=3)


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

    kind: MotionKind = option(
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
    only: tuple[str, ...] | None = option(
        None,
        "parts",
        f"move only these, of {','.join(PARTS)}; '' for none",
        "motion",
        metavar="PARTS",
        caption="Parts that move",
    )
    smoothing: float = option(
        1.0,
        "number",
        "0 is off, 1 the default, up to 10 if the result jitters",
        "motion",
        metavar="S",
        least=0,
        most=10,
    )

    def __post_init__(self) -> None:
        check_options(self)
        for part in self.only or ():
            if part not in PARTS:
                raise InputError(f"--only {part}", "there is no such part", f"choose of {', '.join(PARTS)}")

    def gain(self, part: str) -> float:
        """The gain of a part; 0 if it is not among `only`."""
        return getattr(self, part) if self.only is None or part in self.only else 0.0


@dataclass(frozen=True, kw_only=True)
class AnimateOptions:
    """All options of one render, besides its three files.

    start, end: seconds of the driving video. The other fields are described by their help texts. InputError
    for a value outside its range and for two that do not go together.
    """

    motion: MotionOptions = field(default_factory=MotionOptions)
    reference_frame: int | None = option(
        None,
        "count",
        "frame of DRIVING, from 0, that corresponds to the portrait (default: the one most like it; of a "
        "pipe or URL, which is read only once, the first with a face)",
        "motion",
    )
    guidance: Guidance = option(
        "landmarks",
        "choice",
        "landmarks (default), or the edges of the driving picture, for the same person",
        choices=("landmarks", "edges"),
    )
    crop_only: bool = option(
        False,
        "flag",
        "write the 256 square, not the whole photograph",
        caption="The face alone, 256 x 256, not the whole photograph",
    )
    start: Fraction | float | None = option(None, "time", "begin at this time of DRIVING: seconds or h:mm:ss")
    end: Fraction | float | None = option(None, "time", "end before this time of DRIVING: seconds or h:mm:ss")
    overwrite: bool = option(False, "flag", "replace OUT if it exists")
    detail: float = option(
        1.0,
        "number",
        "how much of a large portrait's own sharpness is laid over the 256 face (default 1)",
        "the picture",
        metavar="0..1",
        least=0,
        most=1,
    )
    no_face: NoFace = option(
        "hold",
        "choice",
        "while the driver's face is not visible: hold the last motion (default), show the portrait still, "
        "fade to rest and back in half a second, or stop with an error",
        "faces",
        caption="Without a face",
        choices=("hold", "passthrough", "fade", "fail"),
    )
    source_face: int | None = option(
        None, "count", "SOURCE's N-th face from the left (default: the largest)", "faces"
    )
    driving_face: int | None = option(
        None, "count", "DRIVING's N-th face from the left in its first frame with a face", "faces"
    )
    source_motion: SourceMotion = option(
        "keep",
        "choice",
        "a SOURCE that is a video keeps its own movement and the driver's is added (default), or its "
        "turning, tilting and speaking are replaced by the driver's",
        "faces",
        caption="If the portrait is a video",
        choices=("keep", "replace"),
    )
    codec: str | None = option(
        None,
        "choice",
        "video codec (default: h264, for .mov prores, for .webm vp9)",
        "stream",
        choices=("h264", "h265", "av1", "prores", "vp9"),
    )
    audio_track: AudioTrack = option(
        None,
        "track",
        "the sound track of DRIVING that is kept, from 1; all of them; or none (default: the one marked "
        "default, else the first)",
        "stream",
        metavar="N|all|none",
    )
    quality: Quality = option(
        "medium",
        "choice",
        "of the file: low, medium (default; no loss that an eye finds, half the size of high), high, or "
        "lossless; what is sent live has its own",
        "stream",
        choices=("low", "medium", "high", "lossless"),
    )
    max_side: int | None = option(
        None,
        "count",
        "shrink a SOURCE whose longer side has more than N pixels, which is faster and makes smaller files",
        "the picture",
        caption="Longest side, pixels",
        least=64,
    )
    label: bool = option(
        False,
        "flag",
        "write AI-generated into every frame",
        "provenance",
        caption="Write “AI-generated” into the picture",
    )
    sidecar: bool = option(
        False, "flag", "write OUT.json beside OUT: hashes of inputs and weights, settings", "provenance"
    )

    def __post_init__(self) -> None:
        if not isinstance(self.motion, MotionOptions):
            raise TypeError(f"motion takes MotionOptions, for example MotionOptions({self.motion!r})")
        check_options(self)
        if self.no_face == "fade" and self.guidance == "edges":
            raise InputError(
                "--no-face fade", "it moves landmarks, and --guidance edges has none", "choose another"
            )

    def warnings(self) -> Iterator[InputWarning]:
        """Warnings about the options themselves."""
        if self.guidance == "edges" and self.motion.kind != "copy":
            reason = "edges carry the driver's face shape along"
            yield InputWarning("--guidance edges", reason, "for another person's portrait take landmarks")


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """What computes: the arguments of `Animator.from_pretrained`."""

    name: str = option(
        "face-256",
        "text",
        "the generator: a weights file of gfla-train or gfla-import (default: the shipped face-256)",
        flag="weights",
        metavar="FILE",
    )
    device: str = option("auto", "choice", "where the network runs", choices=("auto", "cpu", "cuda", "mps"))
    backend: str = option(
        "auto",
        "choice",
        "what runs the network: auto (default) takes OpenVINO where a CPU without AMX computes and it is "
        "installed, in eight bits, which is faster there but takes half a minute more at its first use",
        choices=("auto", "torch", "openvino"),
    )
    landmarks: str = option(
        "builtin", "choice", "what finds the faces", choices=("builtin", "face-alignment")
    )
