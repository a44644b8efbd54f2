"""A cut-out portrait stays one: its alpha moves with it and reaches every output that can hold it."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from gfla.animate import Animator, Frame, VideoReader, VideoWriter
from gfla.animate.batch.segment_render import finish_segments, write_segments
from gfla.animate.batch.segments import Segments
from gfla.animate.compositing.alpha import moved_alpha
from gfla.animate.errors import ignore
from gfla.animate.io.image import off_white
from gfla.animate.options import AnimateOptions
from gfla.animate.source_video import SourceVideo, open_source
from gfla.animate.streaming.job import Job
from gfla.animate.video import Encoding
from PIL import Image

Picture = Callable[..., np.ndarray]
MakeVideo = Callable[..., Path]
TICK = Fraction(1, 25)


def four_are_cut_out(path: Path) -> None:
    """That a video has four frames, clear above and solid somewhere."""
    with VideoReader(path) as reader:
        frames = list(reader)
    assert len(frames) == 4
    for frame in frames:
        assert frame.alpha is not None
        assert (frame.alpha[:30] < 5).all()
        assert (frame.alpha > 250).any()


@pytest.fixture
def cut_out(tmp_path: Path, head_picture: Picture) -> Path:
    """A head (200, 320) on nothing."""
    photograph = np.full((200, 320, 3), 90, np.uint8)
    photograph[40:168, 100:228] = head_picture(0)
    alpha = np.where((photograph == 90).all(axis=2), 0, 255).astype(np.uint8)
    Image.fromarray(np.dstack([photograph, alpha])).save(tmp_path / "cut-out.png")
    return tmp_path / "cut-out.png"


@pytest.mark.slow
@pytest.mark.parametrize("alone", [False, True])
def test_alpha_goes_with_the_picture(animator: Animator, cut_out: Path, head_picture: Picture, alone: bool):
    state = animator.prepare(cut_out, AnimateOptions(crop_only=alone))
    frames = [Frame(head_picture(index), index, TICK) for index in range(5)]
    for out in animator.animate(state, frames):
        assert out.alpha is not None
        assert out.alpha.shape == out.image.shape[:2]
        assert out.alpha[0, 0] == 0
        y, x = (length // 2 for length in out.alpha.shape)
        assert out.alpha[y, x] == 255
        assert out.image[y, x].astype(int).max() < 255


def test_alpha_follows_the_flow(animator: Animator, cut_out: Path, head_picture: Picture):
    """A flow that takes everything from four pixels further left moves the outline four pixels right."""
    state = animator.prepare(cut_out, AnimateOptions(crop_only=True))
    _, state = animator.step(Frame(head_picture(0), 0, TICK), state)
    assert state.drawing is not None
    flow = np.zeros_like(state.drawing.flow)
    assert state.portrait.alpha is not None
    own = state.portrait.alpha, state.portrait.square, state.portrait.canvas
    still = moved_alpha(*own, state.drawing._replace(flow=flow), alone=True)
    flow[..., 0] = -4
    moved = moved_alpha(*own, state.drawing._replace(flow=flow), alone=True)
    assert still is not None
    assert moved is not None
    assert (still > 0).any()
    assert (still == 0).any()
    assert np.array_equal(moved[:, 4:], still[:, :-4])


def test_an_opaque_portrait_has_none(animator: Animator, head_picture: Picture):
    state = animator.prepare(head_picture(0))
    out, _ = animator.step(Frame(head_picture(1), 0, TICK), state)
    assert out.alpha is None


def test_colours_off_white_and_on_again():
    colours = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    alpha = np.tile(np.arange(32, dtype=np.uint8) * 8, (32, 1))
    there = Frame(colours, 0, TICK, alpha).on_white()
    back = Frame(off_white(there, alpha), 0, TICK, alpha)
    assert np.abs(back.on_white().astype(int) - there).max() <= 1
    assert np.abs(back.image[:, 24:].astype(int) - colours[:, 24:]).max() <= 2


@pytest.mark.parametrize("name", ["out.mov", "out.webm", "out.webp", "%d.png"])
def test_it_reaches_the_output(
    animator: Animator, cut_out: Path, make_video: MakeVideo, head_picture: Picture, tmp_path: Path, name: str
):
    clip = make_video("driving.mp4", picture=head_picture, size=(128, 128), pts=range(4))
    (tmp_path / "out").mkdir()
    animator.render(cut_out, clip, tmp_path / "out" / name)
    four_are_cut_out(tmp_path / "out" / name)


def test_elsewhere_it_lies_on_white(
    animator: Animator, cut_out: Path, make_video: MakeVideo, head_picture: Picture, tmp_path: Path
):
    clip = make_video("driving.mp4", picture=head_picture, size=(128, 128), pts=range(2))
    with VideoReader(animator.render(cut_out, clip, tmp_path / "out.mp4").path) as reader:
        assert (next(iter(reader)).image[:30] > 250).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["out.mov", "out.webm"])
def test_it_reaches_what_is_made_of_segments(
    animator: Animator, cut_out: Path, make_video: MakeVideo, head_picture: Picture, tmp_path: Path, name: str
):
    clip = make_video("driving.mp4", picture=head_picture, size=(128, 128), pts=range(4))
    (tmp_path / "work").mkdir()
    job, segments = Job(cut_out, clip, tmp_path / name), Segments(tmp_path / "work", Path(name).suffix)
    write_segments(animator, job, segments, length=2)
    finish_segments(job, segments, animator.name, ignore)
    four_are_cut_out(tmp_path / name)


@pytest.mark.slow
def test_a_source_video_keeps_its_alpha(
    animator: Animator, make_video: MakeVideo, head_picture: Picture, tmp_path: Path
):
    """A first frame that is opaque, colours hidden under the clear part, another rate; in segments too."""
    own, driving = (
        tmp_path / "own.mov",
        make_video("d.mp4", picture=head_picture, size=(128, 128), pts=range(4)),
    )
    alpha = np.full((128, 128), 255, np.uint8)
    with VideoWriter(own, (128, 128), Fraction(25), TICK, encoding=Encoding("prores", alpha=True)) as writer:
        for index in range(4):
            hidden = head_picture(index)
            hidden[:30] = (0, 255, 0)
            cut = alpha.copy()
            cut[:30] = 255 * (index == 0)
            writer.write(Frame(hidden, index, TICK, cut))
    job, segments = Job(own, driving, tmp_path / "b.mov"), Segments(tmp_path, ".mov")
    write_segments(animator, job, segments, length=2)
    finish_segments(job, segments, animator.name, ignore)
    animator.render(own, driving, tmp_path / "a.mov")
    animator.render(own, driving, tmp_path / "c.mp4")
    for name in ("a.mov", "b.mov"):
        with VideoReader(tmp_path / name) as reader:
            first, *rest = list(reader)
        assert first.alpha is None
        assert len(rest) == 3
        for frame in rest:
            assert frame.alpha is not None
            assert (frame.alpha[:28] < 5).all()
            assert (frame.alpha[40:] > 250).all()
            assert (frame.image[:28, :, 1] < 250).any() or (frame.image[:28] > 250).all()
    with VideoReader(tmp_path / "c.mp4") as reader:
        for frame in list(reader)[1:]:
            assert (frame.image[:26] > 245).all()


def test_a_source_video_is_shrunk_with_its_alpha(animator: Animator, head_picture: Picture, tmp_path: Path):
    """As numbered pictures, each with another edge."""
    for index in range(3):
        alpha = np.full((160, 160), 255, np.uint8)
        alpha[: 20 * index] = 0
        picture = cv2.resize(head_picture(index), (160, 160))
        Image.fromarray(np.dstack([picture, alpha])).save(tmp_path / f"own{index}.png")
    driving = [Frame(head_picture(0), index, TICK) for index in range(3)]
    with open_source(tmp_path / "own%d.png") as source:
        assert isinstance(source, SourceVideo)
        state = animator.prepare(source, AnimateOptions(max_side=80))
        frames = list(animator.animate(state, source.pair(driving)))
    assert [frame.image.shape for frame in frames] == [(80, 80, 3)] * 3
    for index, frame in enumerate(frames[1:], 1):
        assert frame.alpha is not None
        assert (frame.alpha[: 10 * index - 1] < 5).all()
        assert (frame.alpha[10 * index + 2 :] > 250).all()


def test_a_transparent_gif_is_a_source_on_white(tmp_path: Path, head_picture: Picture):
    frames = []
    for index in range(3):
        picture = Image.fromarray(head_picture(index)).quantize(64)
        picture.info["transparency"] = picture.getpixel((0, 0))
        frames.append(picture)
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], disposal=2, duration=40)
    with SourceVideo(tmp_path / "a.gif") as source:
        assert source.alpha is not None
        assert source.alpha[0, 0] == 0
        assert (source.first[0, 0] == 255).all()
        pairs = list(source.pair([Frame(head_picture(0), index, TICK) for index in range(3)]))
    for pair in pairs[1:]:
        assert pair.source is not None
        assert pair.alpha is not None
        assert (pair.source[pair.alpha == 0] == 255).all()
