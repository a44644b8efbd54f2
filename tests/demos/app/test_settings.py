"""The controls say the same to the Animator and to gfla-animate."""

import shlex
from typing import Any

import pytest
from gfla.animate import InputError
from gfla.animate.cli.animate import _parser, job_of
from gfla.animate.options import PARTS
from gfla.demos.app.ui.settings import PICTURES, Settings, restore_settings


def test_the_usual_is_what_the_command_does_unasked():
    line = Settings().command("me.jpg", "you.mp4")
    assert line == "gfla-animate me.jpg you.mp4 -o out.mp4"


def test_the_command_makes_the_same():
    settings = Settings(
        mode="Absolute", parts=["mouth", "eyes"], mouth=1.2, smoothing=0, detail=0.5, picture=PICTURES[1]
    )
    words = settings.command("my face.jpg", "nod").split()
    assert "'my" in words, "names are quoted for the shell"
    job = job_of(_parser().parse_args(["my face.jpg", *words[3:]]))
    assert job.ways["motion"] == settings.motion
    assert {name: job.ways[name] for name in ("crop_only", "detail")} == {"crop_only": True, "detail": 0.5}


@pytest.mark.parametrize("parts", [[], ["gaze"], list(PARTS)])
def test_the_command_takes_the_parts_as_they_are_ticked(parts):
    settings = Settings(parts=parts)
    _, *words = shlex.split(settings.command("me.jpg", "nod"))
    assert job_of(_parser().parse_args(words)).ways["motion"] == settings.motion


@pytest.mark.parametrize("name", ["mouth", "smoothing", "detail"])
def test_an_emptied_box_is_a_sentence(name):
    values: dict[str, Any] = {name: None}
    with pytest.raises(InputError, match=f"{name}: not a number"):
        Settings(**values)


def test_what_a_browser_kept_is_not_trusted():
    assert restore_settings({"mode": "Absolute", "mouth": 1.5}) == Settings(mode="Absolute", mouth=1.5)
    for nonsense in (None, [], {"mode": "Sideways"}, {"parts": ["tail"]}, {"mouth": "loud"}):
        assert restore_settings(nonsense) == Settings()
