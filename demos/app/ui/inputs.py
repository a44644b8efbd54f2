"""What people give: a portrait, a driving video, and beside it what they agree to."""

from pathlib import Path
from typing import Any

import gradio as gr

CONSENT = (
    "Give pictures and videos of people who agreed to this, and say of the result that it is synthetic. "
    "What you send stays on this server and is deleted when you leave."
)
RAW: dict[str, Any] = {"preprocess": False}
"""For events that take files: they come as they were sent, so that `uploads` looks at them first."""
_HEIGHT = 270


def portrait_input(label: str, **more: Any) -> gr.Image:
    """A picture: uploaded, pasted or from the webcam."""
    return gr.Image(
        type="filepath",
        image_mode=None,
        sources=["upload", "webcam", "clipboard"],
        buttons=[],
        label=label,
        show_label=False,
        height=_HEIGHT,
        elem_classes="upload",
        **more,
    )


def video_input(label: str, **more: Any) -> gr.Video:
    """A video: uploaded or recorded."""
    return gr.Video(
        sources=["upload", "webcam"],
        buttons=[],
        label=label,
        show_label=False,
        height=_HEIGHT,
        elem_classes="upload",
        **more,
    )


def file_data(path: Path) -> Any:
    """A file for gradio as it tells of files itself: then no component converts it."""
    return {"path": str(path), "orig_name": path.name, "meta": {"_type": "gradio.FileData"}}


def consent() -> None:
    """The line where the uploads are."""
    gr.HTML(f'<p class="consent">{CONSENT}</p>', apply_default_css=False)
