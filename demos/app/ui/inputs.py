"""Uploads: the inputs for portraits and driving videos, gradio's value of them, and the consent line."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gradio as gr

CONSENT = (
    "Use pictures and videos only of people who agreed to it, and say that the result is synthetic. "
    "Your files stay on this server and are deleted when you leave."
)
Sent = Mapping[str, Any] | None
"""An uploaded file as gradio describes it, its FileData; None without one."""
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


def file_data(path: Path, name: str = "") -> Any:
    """A file as gradio's FileData, which no component converts. name: on the visitor's side."""
    return {"path": str(path), "orig_name": name or path.name, "meta": {"_type": "gradio.FileData"}}


def sent_name(sent: Any, default: str = "") -> str:
    """The name that the file had on the visitor's side; `default` without a file."""
    return str(sent.get("orig_name") or Path(str(sent.get("path"))).name) if sent else default


def consent() -> None:
    """The line below the uploads."""
    gr.HTML(f'<p class="consent">{CONSENT}</p>', apply_default_css=False)
