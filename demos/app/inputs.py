"""What people give: a portrait, a driving video, and before it what they agree to."""

from typing import Any

import gradio as gr

CONSENT = (
    "Give pictures and videos of people who agreed to this, and say of the result that it is synthetic. "
    "What you send stays on this server and is deleted when you leave."
)


class PortraitInput(gr.Image):
    """A picture as the file that was sent: uploaded, pasted or from the webcam. What it is, is looked at later
    (`uploads`), so that a bad one gets a sentence."""

    def __init__(self, **more: Any):
        super().__init__(
            type="filepath",
            image_mode=None,
            sources=["upload", "webcam", "clipboard"],
            buttons=[],
            height=260,
            webcam_options=gr.WebcamOptions(mirror=False),
            **more,
        )

    def get_block_name(self) -> str:
        return "image"

    def preprocess(self, payload: Any) -> Any:
        return payload.path if payload is not None and payload.path else super().preprocess(payload)


class VideoInput(gr.Video):
    """A video as the file that was sent, uploaded or recorded; nothing converts it."""

    def __init__(self, **more: Any):
        super().__init__(
            sources=["upload", "webcam"],
            buttons=[],
            height=220,
            webcam_options=gr.WebcamOptions(mirror=False),
            **more,
        )

    def get_block_name(self) -> str:
        return "video"

    def preprocess(self, payload: Any) -> Any:
        return payload.path if payload is not None else None

    def postprocess(self, value: Any) -> Any:
        return None if value is None else gr.FileData(path=str(value))


def consent() -> None:
    """The line where the uploads are."""
    gr.HTML(f'<p class="consent">{CONSENT}</p>', apply_default_css=False)
