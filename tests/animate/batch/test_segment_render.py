"""Rendering in segments: the same frames however it is cut off, and nothing rendered twice."""

import os
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import batch_stub
import numpy as np
import pytest
from gfla.animate import Animator, InputError, VideoReader
from gfla.animate.batch.segment_render import finish_segments, write_segments
from gfla.animate.batch.segments import Segments
from gfla.animate.batch.tasks import LENGTH, SegmentRange
from gfla.animate.errors import InputWarning, ignore
from gfla.animate.options import AnimateOptions, MotionOptions, Quality
from gfla.animate.streaming.job import Job
from gfla.animate.streaming.render import RenderHooks
from PIL import Image

pytestmark = pytest.mark.slow

PTS = [3 + 2 * index + (index % 3 == 0) for index in range(18)]  # uneven, with an offset


@pytest.fixture
def animator() -> Animator:
    return batch_stub.load()


@pytest.fixture
def job(tmp_path: Path, make_video: Callable[..., Path], head_picture: Callable[..., np.ndarray]) -> Job:
    Image.fromarray(head_picture(0, 160, 120)).save(tmp_path / "source.png")
    make_video(
        "driving.mp4",
        picture=head_picture,
        size=(96, 96),
        pts=PTS,
        time_base=Fraction(1, 50),
        sound="aac",
    )
    return Job(tmp_path / "source.png", tmp_path / "driving.mp4", tmp_path / "out.mp4")


@pytest.fixture
def segments(tmp_path: Path) -> Segments:
    (tmp_path / "work").mkdir()
    return Segments(tmp_path / "work", ".mp4")


def aside(job: Job) -> Path:
    """Where the same is rendered as a whole."""
    return Path(job.output).with_name("whole.mp4")


def packets(path: str | os.PathLike) -> tuple[list[tuple], list[tuple]]:
    """(pts, dts, bytes) of the picture's and the sound's packets, exact seconds."""
    found = []
    with av.open(str(path)) as container:
        for stream in (container.streams.video[0], container.streams.audio[0]):
            container.seek(0)
            got = [p for p in container.demux(stream) if p.size]
            found.append(
                [(_seconds(p.pts, p), _seconds(p.pts if p.dts is None else p.dts, p), bytes(p)) for p in got]
            )
    return found[0], found[1]


def _seconds(ticks: int | None, packet: av.Packet) -> Fraction:
    assert ticks is not None
    return ticks * packet.time_base


def pictures(path: str | os.PathLike) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


@pytest.mark.parametrize("part", [(None, None), (Fraction(1, 5), Fraction(3, 5))])
def test_one_segment_is_what_the_animator_writes(animator: Animator, job: Job, segments: Segments, part):
    start, end = part
    cut = replace(job, options=AnimateOptions(start=start, end=end))
    write_segments(animator, cut, segments, LENGTH)
    frames = finish_segments(cut, segments, animator.name, ignore)
    whole = animator.render(job.source, job.driving, aside(job), cut.options).path
    video, sound = packets(job.output)
    assert len(video) == frames == (18 if start is None else 10)
    assert (video, sound) == packets(whole)
    for name in (job.output, whole):
        with av.open(str(name)) as container:
            assert "Synthetic" in container.metadata["comment"]


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mkv", None), ("a.webm", None), ("a.mov", None), ("a.mov", "h264"), ("a.mp4", "h265")],
)
def test_every_container_of_segments(
    animator: Animator, job: Job, tmp_path: Path, name: str, codec: str | None
):
    """Times are those of a whole render to the tick, whatever the container of the segments rounds to."""
    short = replace(job, output=tmp_path / name, options=AnimateOptions(end=0.5, codec=codec))
    (tmp_path / "work").mkdir()
    segments = Segments(tmp_path / "work", Path(name).suffix)
    write_segments(animator, short, segments, length=5)
    frames = finish_segments(short, segments, animator.name, ignore)
    whole = animator.render(job.source, job.driving, tmp_path / f"whole-{name}", short.options).path
    got, wanted = pictures(short.output), pictures(whole)
    assert len(got) == len(wanted) == frames > 10
    assert np.abs(got.astype(int) - wanted).mean() < 2
    (video, sound), (whole_video, whole_sound) = packets(short.output), packets(whole)
    assert sorted(p[0] for p in video) == sorted(p[0] for p in whole_video)
    assert [p[2] for p in sound] == [p[2] for p in whole_sound]


@pytest.mark.parametrize(("quality", "most"), [("medium", 1.0), ("lossless", 0.0)])
def test_segments_join_without_a_seam_in_time(
    animator: Animator, job: Job, segments: Segments, quality: Quality, most: float
):
    job = replace(job, options=AnimateOptions(quality=quality))
    write_segments(animator, job, segments, length=4)
    assert finish_segments(job, segments, animator.name, ignore) == 18
    whole = animator.render(job.source, job.driving, aside(job), job.options).path
    (video, sound), (wanted, wanted_sound) = packets(job.output), packets(whole)
    with VideoReader(job.driving) as reader:
        times = [at * Fraction(1, 50) - reader.zero for at in PTS]
    assert sorted(p[0] for p in video) == sorted(p[0] for p in wanted) == times
    decoding = [p[1] for p in video]
    assert decoding == sorted(set(decoding))
    assert all(dts <= pts for pts, dts, _ in video)
    assert sound == wanted_sound
    assert np.abs(pictures(job.output).astype(int) - pictures(whole)).mean() <= most


def test_a_render_that_was_cut_off_goes_on_at_the_boundary(
    animator: Animator, job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Cut off after frame `at`: only frames from the last boundary on are generated again; all are equal."""
    (tmp_path / "other").mkdir()
    whole = replace(job, output=tmp_path / "whole.mp4")
    other = Segments(tmp_path / "other", ".mp4")
    write_segments(animator, whole, other, length=4)
    finish_segments(whole, other, animator.name, ignore)
    generated = []
    generate = animator.networks.generate
    monkeypatch.setattr(animator.networks, "generate", lambda *given: generated.append(1) or generate(*given))

    for at in (1, 8, 15):

        def stop(done: int, expected: int | None, at: int = at) -> None:
            assert expected == 18
            if done == at:
                raise KeyboardInterrupt

        cut = replace(job, output=tmp_path / f"{at}.mp4")
        (tmp_path / f"work-{at}").mkdir()
        segments = Segments(tmp_path / f"work-{at}", ".mp4")
        with pytest.raises(KeyboardInterrupt):
            write_segments(animator, cut, segments, length=4, hooks=RenderHooks(progress=stop))
        generated.clear()
        write_segments(batch_animator(animator), cut, segments, length=4)
        assert len(generated) == 18 - (at - 1) // 4 * 4  # a segment is whole a little after its last frame
        finish_segments(cut, segments, animator.name, ignore)
        assert np.array_equal(pictures(cut.output), pictures(whole.output))
        assert packets(cut.output) == packets(whole.output)
        generated.clear()
        write_segments(animator, cut, segments, length=4)
        assert not generated


def batch_animator(animator: Animator) -> Animator:
    """The same again, as a new process would have it, with `animator`'s count of frames."""
    fresh = batch_stub.load()
    fresh.networks.generate = animator.networks.generate  # type: ignore[method-assign]
    return fresh


def test_a_damaged_state_costs_time_alone(animator: Animator, job: Job, segments: Segments):
    write_segments(animator, job, segments, length=4)
    finish_segments(job, segments, animator.name, ignore)
    first = pictures(job.output)
    (segments.folder / "end.json").unlink()
    segments.video(4).unlink()
    segments.state(3).write_bytes(b"nothing")
    told: list[InputWarning] = []
    write_segments(animator, job, segments, length=4, hooks=RenderHooks(warn=told.append))
    assert [w.remedy for w in told if w.subject == str(job.output)] == ["it starts from the beginning"]
    finish_segments(job, segments, animator.name, ignore)
    assert np.array_equal(pictures(job.output), first)


def test_what_was_lost_is_named_as_a_render_names_it(
    animator: Animator, job: Job, segments: Segments, make_video, head_picture, grey_picture
):
    gone = (5, 6, 7, 8, 15)
    make_video(
        "driving.mp4",
        pts=range(16),
        size=(96, 96),
        picture=lambda i, w, h: (grey_picture if i in gone else head_picture)(i, w, h),
    )
    told: list[InputWarning] = []
    write_segments(animator, job, segments, length=4, hooks=RenderHooks(warn=told.append))
    assert finish_segments(job, segments, animator.name, told.append) == 16
    result = animator.render(job.source, job.driving, job.output, AnimateOptions(overwrite=True))
    assert tuple(told) == result.warnings
    assert "no face from 0:00.200 to 0:00.360 and 0:00.600 to 0:00.640" in str(told[0])


def test_no_face_at_all_is_bad_input(
    animator: Animator, job: Job, segments: Segments, make_video, grey_picture
):
    make_video("driving.mp4", pts=range(9), size=(96, 96), picture=grey_picture)
    with pytest.raises(InputError, match="no face in any frame"):
        write_segments(animator, job, segments, length=4)
    copied = replace(job, options=AnimateOptions(motion=MotionOptions("copy")))  # not looked through before
    write_segments(animator, copied, segments, length=4)
    with pytest.raises(InputError, match="no face in any frame"):
        finish_segments(copied, segments, animator.name, ignore)
    assert not Path(job.output).exists()


def test_parts_side_by_side_differ_little_and_less_when_warmed(animator: Animator, job: Job, tmp_path: Path):
    """Every segment is somebody's; the first is exact; what warming leaves of the difference is measured."""
    found = {}
    for name, warm in (("order", None), ("cold", 0), ("warm", 6)):
        folder = tmp_path / name
        folder.mkdir()
        segments = Segments(folder, ".mp4")
        parts = [None] if warm is None else [SegmentRange(index, 2, warm) for index in range(2)]
        for part in parts:
            assert segments.whole() is None
            write_segments(animator, job, segments, length=6, part=part)
        finish_segments(job, segments, animator.name, ignore)
        found[name] = pictures(job.output).astype(int)
    off = {name: np.abs(found[name] - found["order"]).mean(axis=(1, 2, 3)) for name in ("cold", "warm")}
    assert not off["cold"][:6].any()
    assert not off["warm"][:6].any()
    assert off["cold"].max() < 3
    assert off["warm"].max() < 1
    assert off["warm"][6] < off["cold"][6]


@pytest.fixture
def moving_source(job: Job, make_video: Callable[..., Path], head_picture: Callable[..., np.ndarray]) -> Job:
    """A job whose source is a video of another rate, with a cut in which its face is elsewhere.

    In ProRes: x264 does not always make the same packets of these same frames.
    """

    def picture(index: int, width: int, height: int) -> np.ndarray:
        return np.roll(head_picture(2 * index, width, height), 40 if index > 9 else 0, axis=1)

    own = make_video("own.mp4", picture=picture, size=(160, 120), pts=range(14), rate=Fraction(25))
    return replace(job, source=own, output=Path(job.output).with_suffix(".mov"))


@pytest.mark.parametrize("kind", ["keep", "replace"])
def test_a_source_video_goes_on_at_the_boundary(
    animator: Animator, moving_source: Job, tmp_path: Path, kind: Literal["keep", "replace"]
):
    """Its pictures are paired again by time, its portrait of the boundary is in the saved state."""
    job = replace(moving_source, options=AnimateOptions(source_motion=kind))
    (tmp_path / "other").mkdir()
    whole, other = replace(job, output=tmp_path / "whole.mov"), Segments(tmp_path / "other", ".mov")
    told: list[InputWarning] = []
    write_segments(animator, whole, other, length=5, hooks=RenderHooks(warn=told.append))
    finish_segments(whole, other, animator.name, ignore)
    assert [w.reason for w in told if "beyond" not in w.reason] == ["it ends at 0:00.560"]

    rendered = pictures(animator.render(job.source, job.driving, tmp_path / "r.mov", job.options).path)
    cut, segments = replace(job, output=tmp_path / "cut.mov"), Segments(tmp_path / "work", ".mov")
    segments.folder.mkdir()
    for at in (8, 17):

        def stop(done: int, expected: int | None, at: int = at) -> None:
            if done == at:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            write_segments(batch_stub.load(), cut, segments, length=5, hooks=RenderHooks(progress=stop))
        assert segments.read((at - 1) // 5) is None
        assert segments.read((at - 1) // 5 - 1) is not None
    write_segments(batch_stub.load(), cut, segments, length=5)
    finish_segments(cut, segments, animator.name, ignore)
    assert packets(cut.output) == packets(whole.output)
    assert np.abs(pictures(cut.output).astype(int) - rendered).mean() < 1


def test_the_first_part_does_all_of_a_source_video(animator: Animator, moving_source: Job, tmp_path: Path):
    """It is paired in order, so the other parts leave it."""
    segments = Segments(tmp_path / "work", ".mov")
    segments.folder.mkdir()
    write_segments(animator, moving_source, segments, 4, SegmentRange(1, 2, 3))
    assert segments.read(0) is segments.read(1) is None
    write_segments(animator, moving_source, segments, 4, SegmentRange(0, 2, 3))
    assert finish_segments(moving_source, segments, animator.name, ignore) == 18
    (tmp_path / "other").mkdir()
    order, other = replace(moving_source, output=tmp_path / "order.mov"), Segments(tmp_path / "other", ".mov")
    write_segments(animator, order, other, 4)
    finish_segments(order, other, animator.name, ignore)
    assert packets(order.output) == packets(moving_source.output)


def test_what_is_told_of_segments_names_the_output_once(
    animator: Animator, job: Job, segments: Segments, tmp_path: Path, head_picture
):
    """As a render in one piece tells it."""
    Image.fromarray(head_picture(0, 160, 121)).save(tmp_path / "source.png")
    told: list[InputWarning] = []
    write_segments(animator, job, segments, 4, hooks=RenderHooks(warn=told.append))
    finish_segments(job, segments, animator.name, told.append)
    result = animator.render(job.source, job.driving, job.output, AnimateOptions(overwrite=True))
    assert tuple(told) == result.warnings
    (once,) = (warning for warning in told if warning.subject == str(job.output))
    assert "160x121" in str(once)
