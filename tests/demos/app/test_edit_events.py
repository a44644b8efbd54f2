"""Edits: controls at rest change nothing, key frames and commands agree, the close view holds the face."""

from fractions import Fraction
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from conftest import DiscLandmarker, head_picture
from gfla.animate import Animator, InputError
from gfla.animate.cli.edit import parse_keys
from gfla.animate.face.crop import FaceSquare
from gfla.animate.motion.controls import CONTROLS
from gfla.demos.app.tabs.edit import PRESETS, kept_presets
from gfla.demos.app.tabs.edit_events import (
    Edit,
    EditEvents,
    around,
    changed,
    close_view,
    command,
    draw,
    keys_list,
)
from gfla.demos.app.visitors.session import Visit
from gfla.models import CONFIGS, Generator


@pytest.fixture(scope="module")
def animator():
    return Animator(Generator(CONFIGS["face-tiny"]), DiscLandmarker())


def test_only_what_moved_is_said():
    values = [0.0] * len(CONTROLS)
    assert changed(tuple(values)) == {}
    values[list(CONTROLS).index("smile")] = 0.5
    assert changed(tuple(values)) == {"smile": 0.5}
    values[0] = 500.0
    with pytest.raises(InputError, match="yaw 500: out of range; give a value between"):
        changed(tuple(values))


def test_a_key_frame_without_a_moment_is_a_sentence(tmp_path):
    visit = Visit(tmp_path, tmp_path)
    edit = visit.memory["edit"] = Edit(tmp_path / "me.jpg", "me.jpg", cast(Any, None))
    events, rest = EditEvents(cast(Any, SimpleNamespace(visit=lambda request: visit))), [0.0] * len(CONTROLS)
    asked: Any = None
    for at in (None, -1.0, 31.0):
        assert "a key frame is between 0 and 30 seconds" in events.add_key(asked, at, *rest)[-1]
    assert "yaw 500" in events.add_key(asked, 1.0, 500.0, *rest[1:])[-1]
    assert edit.keys == {}
    emptied: Any = None
    events.add_key(asked, 1.0, 5.0, emptied, *rest[2:])
    (values,) = edit.keys.values()
    assert list(values.values()) == [5.0, *rest[1:]]
    events.add_key(asked, 2.5, *rest)
    one = cast(Any, SimpleNamespace(act="remove", name="5/2"))
    shown, following, _, _ = events.remove_key(one, asked, *rest)
    assert (list(edit.keys), following) == ([Fraction(1)], 2.0)
    assert "2.5 s" not in shown
    events.remove_key(cast(Any, SimpleNamespace(act="all", name="")), asked, *rest)
    assert edit.keys == {}


def test_commands():
    assert (
        command("my face.jpg", {"mouth_open": 0.5}, {})
        == "gfla-edit 'my face.jpg' --mouth-open 0.5 -o out.png"
    )
    keys = {Fraction(0): {"yaw": -5.0, "smile": 0.0}, Fraction(3, 2): {"yaw": 0.0}}
    words = command("me.jpg", {}, keys).split()
    assert words[-2:] == ["-o", "out.mp4"]
    assert parse_keys(words[3:-2:2]) == {Fraction(0): {"yaw": -5.0}, Fraction(3, 2): {"yaw": 0.0}}
    assert "1.5 s" in keys_list(keys)


def test_own_presets_are_not_trusted():
    kept = {"mine": {"smile": 0.5}, "far": {"yaw": 500}, "odd": [1], "loud": {"yaw": "x"}}
    assert kept_presets(kept) == {"mine": {"smile": 0.5}}
    assert kept_presets("nonsense") == {}


def test_presets_are_controls():
    for values in PRESETS.values():
        assert set(values) <= set(CONTROLS)


def test_a_control_changes_the_picture(animator):
    view = close_view(animator, animator.prepare(head_picture(0, 400, 300)))
    still, again = draw(animator, view, {}).image, draw(animator, view, {}).image
    turned = draw(animator, view, {"yaw": 20.0, "mouth_open": 1.0}).image
    assert (still == again).all()
    assert np.abs(still.astype(int) - turned).max() > 5


def test_around_stays_in_the_picture():
    image = np.zeros((100, 120, 3), np.uint8)
    assert around(image, FaceSquare(-10, -10, 40)).shape == (48, 48, 3)
    assert around(image, FaceSquare(40, 30, 40)).shape == (76, 76, 3)
    assert around(image, FaceSquare(0, 0, 200)).shape == image.shape
