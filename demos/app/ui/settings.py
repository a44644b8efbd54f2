"""The options of a render as controls on the page, and as a command line; `api` has them for programs.

No other file of the app but `api` knows an option's name.
"""

import shlex
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import gradio as gr
from gfla.animate import InputError, MotionOptions
from gfla.animate.options import PARTS, AnimateOptions, ModelOptions, command_arguments
from gradio.components import Component

MODES = {
    "Relative": "relative",
    "Absolute": "absolute",
    "Copy": "copy",
}
PICTURES = ("Whole photograph", "Face, 256 x 256")
MANIFEST_OPTIONS = (
    *("motion", "reference-frame", "only", *PARTS, "smoothing", "guidance", "crop-only", "start", "end"),
    *("detail", "no-face", "source-face", "driving-face", "source-motion", "label"),
)
"""Options that a visitor's manifest may set: none of them names a file or a device."""
_MODE_INFO = (
    "Relative: the driver's changes, added to the portrait's own pose. Absolute: the driver's pose and "
    "expression. Copy: the driver's landmarks, for the same person."
)
_LABEL = "Write “AI-generated” into the picture"


@dataclass(frozen=True)
class Settings:
    """Values of the controls, in their order. mode: of MODES. parts: of PARTS. picture: of PICTURES.
    InputError where a number is missing."""

    mode: str = "Relative"
    parts: list[str] = field(default_factory=lambda: list(PARTS))
    head: float = 1.0
    eyes: float = 1.0
    mouth: float = 1.0
    brows: float = 1.0
    gaze: float = 1.0
    smoothing: float = 1.0
    detail: float = 1.0
    picture: str = PICTURES[0]
    label: bool = False

    def __post_init__(self) -> None:
        for name in (*PARTS, "smoothing", "detail"):
            if not isinstance(getattr(self, name), int | float):  # an emptied box
                raise InputError(name, "not a number", "give a number")

    @property
    def motion(self) -> MotionOptions:
        """InputError for values that no control has but a client may send."""
        gains = {part: float(getattr(self, part)) for part in PARTS}
        only = None if set(self.parts) >= set(PARTS) else tuple(self.parts)
        return MotionOptions(MODES[self.mode], **gains, only=only, smoothing=float(self.smoothing))  # type: ignore[arg-type]

    @property
    def crop_only(self) -> bool:
        return self.picture == PICTURES[1]

    @property
    def options(self) -> AnimateOptions:
        """InputError as `motion`."""
        detail = float(self.detail)
        return AnimateOptions(motion=self.motion, crop_only=self.crop_only, detail=detail, label=self.label)

    def command(self, portrait: str, driving: str) -> str:
        """The gfla-animate command that makes the same."""
        options = command_arguments(self.options)
        return shlex.join(["gfla-animate", portrait, driving, "-o", "out.mp4", *options])


def build_settings() -> list[Component]:
    """The controls, in the order of Settings' fields."""
    default = Settings()
    mode = gr.Radio(list(MODES), value=default.mode, label="Motion", info=_MODE_INFO)
    parts = gr.CheckboxGroup(
        [(part.capitalize(), part) for part in PARTS], value=default.parts, label="Parts that move"
    )
    with gr.Accordion("Strength of each part", open=False, elem_classes="plain"):
        gains = [gr.Slider(0, 2, 1, step=0.05, label=part.capitalize()) for part in PARTS]
    smoothing = gr.Slider(
        0, 5, default.smoothing, step=0.1, label="Smoothing", info="0 is off; raise it if the result jitters"
    )
    detail = gr.Slider(
        0,
        1,
        default.detail,
        step=0.05,
        label="Detail",
        info="how much of a large portrait's own sharpness is kept",
    )
    picture = gr.Radio(list(PICTURES), value=default.picture, label="Picture")
    label = gr.Checkbox(default.label, label=_LABEL)
    return [mode, parts, *gains, smoothing, detail, picture, label]


def build_batch_settings() -> list[Component]:
    """The controls of a batch: their values are the arguments of `batch_arguments` after the device."""
    crop_only = gr.Checkbox(label="The face alone, 256 x 256, not the whole photograph")
    return [crop_only, gr.Checkbox(label=_LABEL)]


def batch_arguments(device: str, crop_only: bool, label: bool) -> list[str]:
    """The options of gfla-animate for all jobs of a batch."""
    options = AnimateOptions(crop_only=bool(crop_only), label=bool(label))
    return [*command_arguments(ModelOptions(device=device)), *command_arguments(options)]


def restore_settings(stored: Any) -> Settings:
    """Settings from a browser's storage; the defaults where that makes no sense any more."""
    default = asdict(Settings())
    if not isinstance(stored, dict):
        return Settings()
    known = {name: stored[name] for name in default if isinstance(stored.get(name), type(default[name]))}
    settings = Settings(**(default | known))
    valid = settings.mode in MODES and settings.picture in PICTURES and set(settings.parts) <= set(PARTS)
    return settings if valid else Settings()


NAMES = tuple(each.name for each in fields(Settings))
