"""Looking inside shows the frame that the stream shows, and every picture of it says what it is."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from gfla.animate import Animator, Frame
from gfla.animate.compositing.sharpen import sharpen_moved
from gfla.animate.inspection.explain import attention_panels, look_inside, panels
from gfla.animate.inspection.visualize import as_picture
from gfla.animate.options import AnimateOptions
from gfla.demos.look_inside import sheet
from gfla.models import CONFIGS, Generator

TICK = Fraction(1, 25)


@pytest.fixture
def animator(landmarker) -> Animator:
    torch.manual_seed(0)
    generator = Generator(CONFIGS["face-tiny"])
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.03)
    return Animator(generator, landmarker)


def frames(head_picture, count: int) -> list[Frame]:
    return [Frame(head_picture(3 * index), index, TICK) for index in range(count)]


def test_it_is_the_frame_of_the_stream(animator: Animator, head_picture):
    """The third frame, whose memory holds the second."""
    first, second, third = frames(head_picture, 3)
    state = animator.prepare(head_picture(0), AnimateOptions(crop_only=True))
    for frame in (first, second):
        _, state = animator.step(frame, state)
    before = state.drawing
    inside = look_inside(animator, third, state)
    made, after = animator.step(third, state)
    assert inside is not None
    assert after.drawing is not None
    assert np.array_equal(inside.output.motions[2].flow[0, 0].permute(1, 2, 0).numpy(), after.drawing.flow)
    flow, detail = inside.output.motions[2].flow[:, 0], state.portrait.detail
    sharpened = sharpen_moved(inside.output.image, flow, detail)
    apart = np.abs(as_picture(sharpened[0]).astype(int) - made.image)
    assert np.median(apart) == 0  # the eyes are turned afterwards
    assert before is not None
    assert len(inside.references) == 2
    assert np.array_equal(inside.references[0], state.portrait.face)
    assert np.array_equal(inside.references[1], as_picture(state.memory.previous[0].image[0]))
    assert state.drawing is before


def test_a_first_frame_has_no_frame_before_and_a_faceless_one_nothing(
    animator: Animator, head_picture, grey_picture
):
    state = animator.prepare(head_picture(0))
    inside = look_inside(animator, Frame(head_picture(2), 0, TICK), state)
    assert inside is not None
    assert len(inside.references) == 1
    assert "the frame before" not in " ".join(panel.caption for panel in panels(inside))
    assert look_inside(animator, Frame(grey_picture(0), 0, TICK), state) is None


def test_every_panel_is_a_picture_with_words(animator: Animator, head_picture):
    first, second = frames(head_picture, 2)
    _, state = animator.step(first, animator.prepare(head_picture(0)))
    inside = look_inside(animator, second, state)
    assert inside is not None
    shown = panels(inside) + attention_panels(inside, (30.0, 40.0))
    names = [panel.name for panel in shown]
    assert len(set(names)) == len(names)
    for panel in shown:
        assert panel.picture.dtype == np.uint8
        assert panel.picture.shape[2] == 3
        assert panel.caption.endswith(".")
    by_name = {panel.name: panel for panel in shown}
    assert names[:4] == ["Source", "Person", "Background", "With the head"]
    assert inside.layers
    assert np.array_equal(by_name["Background"].picture, inside.layers.plate)
    assert by_name["Flow"].picture.shape == (64, 64, 3)
    assert (by_name["The place"].picture == (255, 0, 0)).all(-1).any()
    assert "Attention at 1/4 on the frame before" in names
    share = inside.output.motions[1].mask[0].mean(dim=(1, 2, 3)).tolist()
    assert f"the source {100 * share[0]:.0f} %" in by_name["Shares at 1/4"].caption


def test_a_sheet_holds_them_all(animator: Animator, head_picture):
    inside = look_inside(animator, frames(head_picture, 1)[0], animator.prepare(head_picture(0)))
    assert inside is not None
    shown = panels(inside)
    page = sheet(shown, columns=4, side=64)
    assert page.shape[1] == 4 * 76 + 12
    assert page.shape[0] > 3 * 64
    assert page[:, :12].min() > 240  # a margin
