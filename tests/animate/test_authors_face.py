"""The authors' face network in the engine: streams, saved states and looking inside, as with ours."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from gfla.animate import Animator, Frame, VideoReader
from gfla.animate.batch.saved_state import load_state, save_state
from gfla.animate.inspection.explain import attention_panels, look_inside, panels
from gfla.animate.motion.person import Moved
from gfla.animate.options import AnimateOptions, MotionOptions
from gfla.models import Original, OriginalConfig, save_generator

TINY = OriginalConfig(
    size=64,
    structure_channels=16,
    channels=(8, 8, 16),
    flow_channels=(8, 8, 16, 16),
    attention_hidden=8,
    network="face",
)
TICK = Fraction(1, 25)


@pytest.fixture
def animator(landmarker) -> Animator:
    torch.manual_seed(0)
    return Animator(Original(TINY), landmarker, name="authors-tiny")


def test_a_stream_is_its_frames_and_goes_on_from_a_saved_state(
    animator: Animator, head_picture, make_video, tmp_path
):
    """The pipeline's video, the steps one by one, and the steps after a state on disk."""
    options = AnimateOptions(crop_only=True)
    clip = make_video("driving.mp4", picture=head_picture, size=(128, 128), pts=range(5))
    start = state = animator.follow(animator.prepare(head_picture(0), options), animator.record(clip))
    made = []
    with VideoReader(clip) as reader:
        for frame in reader:
            if frame.pts == 3:
                save_state(tmp_path / "state", state, start)
                state = load_state(tmp_path / "state", start, animator.device)
                assert len(state.memory.previous) == 1
            shown, state = animator.step(frame, state)
            made.append(shown.image)
    animator.render(head_picture(0), clip, tmp_path / "%02d.png", options)
    with VideoReader(str(tmp_path / "%02d.png")) as reader:
        written = [frame.image for frame in reader]
    np.testing.assert_array_equal(written, made)
    assert np.abs(made[0].astype(int) - made[4]).max() > 2


def test_edges_are_the_drivers_own_if_they_guide(animator: Animator, head_picture):
    pytest.importorskip("kornia")
    targets = []
    for options in (AnimateOptions(), AnimateOptions(guidance="edges", motion=MotionOptions("copy"))):
        portrait = animator.prepare(head_picture(0), options).portrait
        driving = np.roll(portrait.face, 7, axis=1)
        still = Moved.none(portrait.places)
        targets.append(animator.networks.target(still, portrait, driving, options.guidance))
    kept, drivers = (target.structure[0] for target in targets)
    assert kept.shape == drivers.shape == (16, 64, 64)
    assert torch.equal(kept[1:], drivers[1:])
    assert not torch.equal(kept[0], drivers[0])


def test_looking_inside_shows_every_picture(animator: Animator, head_picture):
    state = animator.prepare(head_picture(0), AnimateOptions(crop_only=True))
    _, state = animator.step(Frame(head_picture(0), 0, TICK), state)
    inside = look_inside(animator, Frame(head_picture(3), 1, TICK), state)
    assert inside is not None
    shown = {panel.name: panel.picture for panel in panels(inside)}
    captions = {panel.name: panel.caption for panel in panels(inside)}
    assert list(shown)[:2] == ["Source", "Driving"]  # it has no layers to show
    assert "painted" in captions["Output"]
    assert "white takes features of the warped source alone" in captions["Source's share"]
    assert inside.structure.shape == (17, 64, 64)
    assert inside.structure[15].max() <= 1
    assert shown["Structure"].shape == shown["Flow"].shape == (64, 64, 3)
    share = inside.output.motions[0].mask[0].sum(dim=0)  # the rest is the decoder's own
    assert 0 < float(share.min()) <= float(share.max()) < 1
    names = [panel.name.removeprefix("Attention at ") for panel in attention_panels(inside, (32, 32))]
    looks = [f"1/{level} on the {name}" for level in (8, 4) for name in ("source", "frame before")]
    assert names == ["The place", *looks]


def test_auto_takes_torch_for_it_and_says_no_more_of_openvino(tmp_path, monkeypatch):
    monkeypatch.setattr("gfla.animate.compute.backends.find_spec", lambda name: name)
    save_generator(tmp_path / "w.safetensors", Original(TINY))
    animator = Animator.from_pretrained(tmp_path / "w.safetensors", "cpu", backend="auto")
    assert (animator.backend, animator.device_reason) == ("torch", "as asked")
    assert animator.networks.closeups is None  # mouth and eyes are theirs, too
