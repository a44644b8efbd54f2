"""The controls say the same to the Animator and to gfla-animate."""

import shlex
from typing import Any

import gradio as gr
import pytest
from gfla.animate import InputError
from gfla.animate.cli.animate import _parser, job_of
from gfla.animate.options import PARTS, AnimateOptions, MotionOptions
from gfla.demos.app.ui.settings import (
    BATCH_SETTINGS,
    SETTINGS,
    build_controls,
    command,
    default_values,
    read_controls,
    read_sent,
    restore_values,
)


def chosen(**values: Any) -> list[Any]:
    """The controls' values, these changed."""
    known = dict(zip(SETTINGS, default_values(), strict=True))
    changed = {name.replace("_", "-"): value for name, value in values.items()}
    assert changed.keys() <= known.keys()
    return list((known | changed).values())


def test_the_usual_is_what_the_command_does_unasked():
    assert read_controls(default_values()) == AnimateOptions()
    assert command(AnimateOptions(), "me.jpg", "you.mp4") == "gfla-animate me.jpg you.mp4 -o out.mp4"


def test_the_command_makes_the_same():
    options = read_controls(
        chosen(motion="absolute", only=["mouth", "eyes"], mouth=1.2, smoothing=0, detail=0.5, crop_only=True)
    )
    words = command(options, "my face.jpg", "nod").split()
    assert "'my" in words, "names are quoted for the shell"
    job = job_of(_parser().parse_args(["my face.jpg", *words[3:]]))
    motion = MotionOptions("absolute", mouth=1.2, only=("mouth", "eyes"), smoothing=0)
    assert job.options == options == AnimateOptions(motion=motion, detail=0.5, crop_only=True)


@pytest.mark.parametrize("parts", [[], ["gaze"], list(PARTS)])
def test_the_command_takes_the_parts_as_they_are_ticked(parts):
    options = read_controls(chosen(only=parts))
    _, *words = shlex.split(command(options, "me.jpg", "nod"))
    assert job_of(_parser().parse_args(words)).options == options


def test_controls_are_made_of_the_declarations():
    with gr.Blocks():
        controls = build_controls()
        few = build_controls(BATCH_SETTINGS)
    assert [control.value for control in controls] == default_values()
    by_flag: dict[str, Any] = dict(zip(SETTINGS, controls, strict=True))
    assert [value for _, value in by_flag["motion"].choices] == ["relative", "absolute", "copy"]
    assert (by_flag["mouth"].minimum, by_flag["mouth"].maximum) == (0, 3)
    assert (by_flag["smoothing"].minimum, by_flag["smoothing"].maximum) == (0, 10)
    assert [control.label for control in few] == [by_flag[flag].label for flag in BATCH_SETTINGS]


def test_what_a_program_sends_is_read_by_name():
    sent = {"motion": "copy", "mouth": 1.2, "crop_only": True, "only": ["eyes", "mouth"], "end": 2.5}
    motion = MotionOptions("copy", mouth=1.2, only=("eyes", "mouth"))
    assert read_sent(sent) == AnimateOptions(motion=motion, crop_only=True, end=2.5)


@pytest.mark.parametrize("name", ["mouth", "smoothing", "detail"])
def test_an_emptied_box_is_a_sentence(name):
    with pytest.raises(InputError, match=f"{name}: not a number"):
        read_controls(chosen(**{name: None}))


def test_what_a_browser_kept_is_not_trusted():
    assert restore_values({"motion": "absolute", "mouth": 1.5}) == chosen(motion="absolute", mouth=1.5)
    for nonsense in (None, [], {"motion": "sideways"}, {"only": ["tail"]}, {"mouth": "loud"}, {"label": 1}):
        assert restore_values(nonsense) == default_values()
