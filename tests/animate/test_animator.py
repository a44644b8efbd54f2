"""The whole chain with a tiny generator and a stand-in tracker: frames, times and failures in place."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from gfla.animate import AnimationState, Animator, Frame, InputError, VideoReader
from gfla.animate.errors import InputWarning
from gfla.animate.face.crop import FaceSquare
from gfla.animate.options import AnimateOptions, MotionOptions
from gfla.animate.streaming.render import RenderHooks
from PIL import Image

MakeVideo = Callable[..., Path]
Picture = Callable[..., np.ndarray]
COPY = MotionOptions("copy")
TICK = Fraction(1, 25)


@pytest.fixture
def source(head_picture: Picture) -> np.ndarray:
    """A photograph (200, 320) with the head in its middle."""
    photograph = np.full((200, 320, 3), 90, np.uint8)
    photograph[40:168, 100:228] = head_picture(0)
    return photograph


@pytest.fixture
def frames(head_picture: Picture) -> list[Frame]:
    return [Frame(head_picture(i), i, TICK) for i in range(6)]


def driver(make_video: MakeVideo, picture: Picture, name: str = "driving.mp4", **options) -> Path:
    return make_video(name, picture=picture, size=(128, 128), sound="aac", pts=range(12), **options)


def times(path: Path) -> list[Fraction]:
    with VideoReader(path) as reader:
        return [frame.seconds for frame in reader]


@pytest.mark.slow
def test_a_frame_for_every_frame(animator: Animator, source: np.ndarray, frames: list[Frame]):
    out = list(animator.animate(source, frames))
    assert [(f.pts, f.time_base) for f in out] == [(f.pts, f.time_base) for f in frames]
    assert all(f.image.shape == source.shape and f.image.dtype == np.uint8 for f in out)
    changed = (out[-1].image != source).any(axis=2)
    assert changed.any()
    state = animator.prepare(source)
    square = state.portrait.square
    outside = np.ones(source.shape[:2], bool)
    outside[square.y : square.y + square.side, square.x : square.x + square.side] = False
    assert not changed[outside].any()


@pytest.mark.slow
def test_the_portrait_is_encoded_once(
    animator: Animator, source: np.ndarray, frames: list[Frame], monkeypatch
):
    calls = []
    encode = animator.networks.generator.encode_reference
    monkeypatch.setattr(
        animator.networks.generator, "encode_reference", lambda *a: calls.append(1) or encode(*a)
    )
    list(animator.animate(source, frames))
    assert len(calls) == 1


def test_a_head_may_roll_further_where_nothing_is_around_its_square(animator: Animator, source: np.ndarray):
    alone = animator.prepare(source, AnimateOptions(crop_only=True))
    portrait = animator.prepare(source[40:168, 100:228])
    joined = animator.prepare(source)
    assert [state.motion.motion.roll for state in (alone, portrait, joined)] == [42, 42, 32]


@pytest.mark.slow
def test_streams_do_not_touch_and_state_carries_on(
    animator: Animator, source: np.ndarray, frames: list[Frame]
):
    """Two streams in turns equal each alone; a stream stopped and gone on with equals one run through."""
    whole = [f.image for f in animator.animate(source, frames)]
    one, two = animator.prepare(source), animator.prepare(source[:, ::-1].copy(), AnimateOptions(motion=COPY))
    alone = [f.image for f in animator.animate(two, frames)]
    for index, frame in enumerate(frames):
        first, one = animator.step(frame, one)
        second, two = animator.step(frame, two)
        assert np.array_equal(first.image, whole[index])
        assert np.array_equal(second.image, alone[index])
    states: list[AnimationState] = []
    list(animator.animate(source, frames[:3], lambda _, state: states.append(state)))
    rest = [f.image for f in animator.animate(states[-1], frames[3:])]
    assert all(np.array_equal(a, b) for a, b in zip(rest, whole[3:], strict=True))


def test_the_tracker_gets_the_last_landmarks(animator: Animator, landmarker, source, frames):
    list(animator.animate(source, frames))
    assert len(landmarker.asked) == len(frames) - 1  # the first frame's is found, not followed
    assert all(last is not None for last in landmarker.asked)


def test_crop_only_is_the_square(animator: Animator, source: np.ndarray, frames: list[Frame]):
    state = animator.prepare(source, AnimateOptions(crop_only=True))
    assert state.size == (64, 64)
    assert all(f.image.shape == (64, 64, 3) for f in animator.animate(state, frames))


def test_a_tight_portrait_comes_out_in_exactly_its_frame(
    animator: Animator, head_picture: Picture, frames: list[Frame]
):
    tight = head_picture(0, 64, 64)
    state = animator.prepare(tight, AnimateOptions(detail=0))
    assert state.portrait.square == FaceSquare(0, 0, 64)
    for frame in frames:
        out, state = animator.step(frame, state)
        assert state.drawing is not None
        assert np.array_equal(out.image, state.drawing.face)


@pytest.mark.slow
def test_without_a_face_the_last_motion_holds(
    animator: Animator, source: np.ndarray, frames: list[Frame], grey_picture: Picture
):
    gone = [Frame(grey_picture(0), i, TICK) for i in (6, 7)]
    early, *rest = animator.animate(source, [*gone[:1], *frames, *gone])
    assert np.array_equal(early.image, source)
    assert np.array_equal(rest[-1].image, rest[-3].image)
    assert np.array_equal(rest[-2].image, rest[-3].image)
    assert not np.array_equal(rest[-3].image, rest[-4].image)


@pytest.mark.slow
def test_relative_is_copy_when_the_source_is_the_first_frame(
    animator: Animator, frames: list[Frame], monkeypatch
):
    """The first frame to the bit, the others as far as the face model can say what a stand-in face does: as
    generated, for sharpening makes the noise of an untrained network larger."""
    monkeypatch.setattr("gfla.animate.networks.sharpen_moved", lambda face, flow, detail: face)
    first = frames[0].image
    relative, copied = (
        [
            frame.image.astype(int)
            for frame in animator.animate(animator.prepare(first, AnimateOptions(motion=motion)), frames)
        ]
        for motion in (MotionOptions(smoothing=0), COPY)
    )
    assert np.array_equal(relative[0], copied[0])
    for a, b in zip(relative, copied, strict=True):
        assert np.abs(a - b).mean() < 0.2


def test_edges_guide_alone_and_say_what_they_carry(
    animator: Animator, source: np.ndarray, frames: list[Frame], monkeypatch
):
    pytest.importorskip("kornia")
    options = AnimateOptions(guidance="edges")
    state = animator.prepare(source, options)
    (warning,) = options.warnings()
    assert warning.subject == "--guidance edges"
    assert "driver's face shape" in warning.reason
    seen = []
    first = animator.networks.generator.look_ahead
    monkeypatch.setattr(
        animator.networks.generator, "look_ahead", lambda s, *a: seen.append(s) or first(s, *a)
    )
    animator.step(frames[0], state)
    (structure,) = seen
    assert not structure[:, :16].any()
    assert structure[:, 16].any()
    assert not list(AnimateOptions(guidance="edges", motion=COPY).warnings())


def test_edges_without_kornia_say_what_to_install(animator: Animator, source: np.ndarray, monkeypatch):
    monkeypatch.setattr("gfla.animate.animator.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'gfla\[edges\]'"):
        animator.prepare(source, AnimateOptions(guidance="edges"))


def test_a_device_that_is_not_there_is_one_sentence(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="--device cuda: torch sees no such device"):
        Animator.from_pretrained(device="cuda")
    with pytest.raises(InputError, match="nowhere"):
        Animator.from_pretrained("nowhere", device="cpu")


@pytest.mark.slow
def test_render_keeps_times_and_sound(
    animator: Animator, source: np.ndarray, make_video: MakeVideo, head_picture: Picture, tmp_path: Path
):
    clip = driver(make_video, head_picture)
    seen = []
    hooks = RenderHooks(progress=lambda *at: seen.append(at))
    result = animator.render(source, clip, tmp_path / "out.mp4", hooks=hooks)
    path = result.path
    assert path == tmp_path / "out.mp4"
    assert result.frames == 12
    assert result.warnings == ()
    assert times(path) == times(clip) == [i * TICK for i in range(12)]
    assert seen == [(i, 12) for i in range(1, 13)]
    sounds = []
    for file in (clip, path):
        with av.open(str(file)) as container:
            sounds.append([bytes(p) for p in container.demux(audio=0)])
    assert sounds[0] == sounds[1]
    with VideoReader(path) as reader:
        assert reader.size == (320, 200)
        picture = next(iter(reader)).image
    assert np.abs(picture[:, :40].astype(int) - source[:, :40]).max() <= 4
    with av.open(str(path)) as container:
        assert "Synthetic" in container.metadata["comment"]


def test_render_cuts_and_crops(
    animator: Animator, source: np.ndarray, make_video: MakeVideo, head_picture: Picture, tmp_path: Path
):
    clip = driver(make_video, head_picture)
    options = AnimateOptions(start=Fraction(1, 5), end=0.4, crop_only=True)
    out = animator.render(source, clip, tmp_path / "a.mp4", options).path
    assert times(out) == [i * TICK for i in range(5)]
    with VideoReader(out) as reader:
        assert reader.size == (64, 64)


@pytest.mark.slow
def test_lost_times_are_named_once(
    animator: Animator, source: np.ndarray, make_video: MakeVideo, head_picture, grey_picture, tmp_path
):
    clip = driver(make_video, lambda i, w, h: (grey_picture if i in (4, 5, 11) else head_picture)(i, w, h))
    told: list[InputWarning] = []
    result = animator.render(source, clip, tmp_path / "out.mp4", hooks=RenderHooks(warn=told.append))
    assert len(times(result.path)) == 12
    assert result.warnings == tuple(told)
    assert [str(warning) for warning in told] == [
        f"{clip}: no face from 0:00.160 to 0:00.240 and 0:00.440 to 0:00.480; the portrait holds still there."
    ]


def test_a_driver_without_a_face_leaves_nothing(
    animator: Animator, source: np.ndarray, make_video: MakeVideo, grey_picture: Picture, tmp_path: Path
):
    clip = driver(make_video, grey_picture)
    with pytest.raises(InputError, match="no face in any frame"):
        animator.render(source, clip, tmp_path / "out.mp4")
    assert [p.name for p in tmp_path.iterdir()] == ["driving.mp4"]


def test_a_source_without_a_face_is_one_sentence(animator: Animator, grey_picture: Picture, tmp_path: Path):
    Image.fromarray(grey_picture(0)).save(tmp_path / "grey.png")
    with pytest.raises(InputError, match=r"grey.png: no face found"):
        animator.prepare(tmp_path / "grey.png")
    with pytest.raises(InputError, match="RGB"):
        animator.prepare(np.zeros((5, 5), np.uint8))


def test_a_transparent_source_lies_on_white(animator: Animator, head_picture: Picture, tmp_path: Path):
    head = head_picture(0)
    alpha = np.where((head == 90).all(axis=2), 0, 255).astype(np.uint8)
    Image.fromarray(np.dstack([head, alpha])).save(tmp_path / "cut-out.png")
    image = animator.prepare(tmp_path / "cut-out.png").portrait.image
    assert image[0, 0].tolist() == [255, 255, 255]
    assert np.array_equal(image[alpha == 255], head[alpha == 255])


def test_an_output_that_is_an_input_is_refused(
    animator: Animator, source: np.ndarray, make_video: MakeVideo, head_picture: Picture
):
    clip = driver(make_video, head_picture)
    with pytest.raises(InputError, match="is an input"):
        animator.render(source, clip, clip, AnimateOptions(overwrite=True))


@pytest.mark.slow
def test_a_damaged_driver_is_rendered_with_one_warning(
    animator: Animator, source: np.ndarray, damaged_head: Path, tmp_path: Path
):
    result = animator.render(source, damaged_head, tmp_path / "out.mp4")
    assert len(times(result.path)) >= 35
    (warning,) = result.warnings
    assert warning.subject == str(damaged_head)
    assert "damaged" in str(warning)
    assert "the pictures from 0:0" in str(warning)
