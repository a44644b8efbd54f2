"""How a portrait is to follow, as plain controls: what they say to the Animator and as a command line."""

import shlex
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import gradio as gr
from gfla.animate import InputError, MotionOptions
from gfla.animate.options import PARTS
from gradio.components import Component

MODES = {
    "Relative": "relative",
    "Absolute": "absolute",
    "Copy": "copy",
}
PICTURES = ("Whole photograph", "Face, 256 x 256")
_MODE_INFO = (
    "Relative: the driver's changes, on the portrait's own pose. Absolute: the driver's pose and expression. "
    "Copy: the driver's landmarks, for the same person."
)


@dataclass(frozen=True)
class Settings:
    """Values of the controls, in their order. mode: of MODES. parts: of PARTS. picture: of PICTURES.
    InputError where a number is none."""

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
            if not isinstance(getattr(self, name), int | float):  # a box that was emptied
                raise InputError(f"{name}: give a number.")

    @property
    def manner(self) -> MotionOptions:
        """InputError for what no control can say, but a client may."""
        gains = {part: float(getattr(self, part)) for part in PARTS}
        only = None if set(self.parts) >= set(PARTS) else tuple(self.parts)
        return MotionOptions(MODES[self.mode], **gains, only=only, smoothing=float(self.smoothing))  # type: ignore[arg-type]

    @property
    def ways(self) -> dict[str, Any]:
        """The keyword arguments of `Animator.prepare`."""
        return {"motion": self.manner, "crop_only": self.crop_only, "detail": float(self.detail)}

    @property
    def crop_only(self) -> bool:
        return self.picture == PICTURES[1]

    def command(self, portrait: str, driving: str) -> str:
        """The gfla-animate line that makes the same."""
        words = ["gfla-animate", portrait, driving, "-o", "out.mp4"]
        usual = Settings()
        if self.mode != usual.mode:
            words += ["--motion", MODES[self.mode]]
        if self.manner.only is not None:
            words += ["--only", ",".join(self.manner.only)]
        for name in (*PARTS, "smoothing", "detail"):
            if getattr(self, name) != getattr(usual, name):
                words += [f"--{name}", f"{getattr(self, name):g}"]
        words += ["--crop-only"] * self.crop_only + ["--label"] * self.label
        return shlex.join(words)


def build_settings() -> list[Component]:
    """The controls, in the order of Settings' fields."""
    usual = Settings()
    mode = gr.Radio(list(MODES), value=usual.mode, label="Motion", info=_MODE_INFO)
    parts = gr.CheckboxGroup(
        [(part.capitalize(), part) for part in PARTS], value=usual.parts, label="What moves", type="value"
    )
    with gr.Accordion("How much of each", open=False, elem_classes="plain"):
        gains = [gr.Slider(0, 2, 1, step=0.05, label=part.capitalize()) for part in PARTS]
    smoothing = gr.Slider(
        0, 5, usual.smoothing, step=0.1, label="Smoothing", info="0 is off; more if it trembles"
    )
    detail = gr.Slider(
        0,
        1,
        usual.detail,
        step=0.05,
        label="Detail",
        info="how much of a large portrait's own sharpness is kept",
    )
    picture = gr.Radio(list(PICTURES), value=usual.picture, label="Picture")
    label = gr.Checkbox(usual.label, label="Write “AI-generated” into the picture")
    return [mode, parts, *gains, smoothing, detail, picture, label]


def remembered(kept: Any) -> Settings:
    """Settings of what a browser kept; the usual ones where it makes no sense any more."""
    usual = asdict(Settings())
    if not isinstance(kept, dict):
        return Settings()
    known = {name: kept[name] for name in usual if isinstance(kept.get(name), type(usual[name]))}
    made = Settings(**(usual | known))
    sane = made.mode in MODES and made.picture in PICTURES and set(made.parts) <= set(PARTS)
    return made if sane else Settings()


NAMES = tuple(each.name for each in fields(Settings))
