"""A driver's motion kept: tracked once, saved as numbers alone, given on, and refused where it is broken."""

import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from gfla.animate import Animator, Frame, InputError, VideoReader
from gfla.animate.errors import Cancelled
from gfla.animate.face.morphable_model import load_face_model
from gfla.animate.ibug68 import EYES
from gfla.animate.motion.controls import CONTROLS, RATE, key_frames
from gfla.animate.motion.person import fit_source
from gfla.animate.motion.presets import SHIPPED
from gfla.animate.motion.recording import DriverMotion, MotionReader, Tracked, motion_of_curves
from gfla.animate.motion.retarget import MotionState, follow_driver
from gfla.animate.motion.template import load_motion, open_motion, save_motion
from gfla.animate.options import AnimateOptions, MotionOptions
from gfla.animate.source_video import Pair
from gfla.animate.stages import Stages
from gfla.animate.streaming.render import RenderHooks
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

MakeVideo = Callable[..., Path]
Picture = Callable[..., np.ndarray]


@pytest.fixture
def video(make_video: MakeVideo, head_picture: Picture, grey_picture: Picture) -> Path:
    """Twelve frames, no face in 4 and 5."""

    def picture(index: int, width: int, height: int) -> np.ndarray:
        return (grey_picture if index in (4, 5) else head_picture)(index, width, height)

    return make_video("driving.mp4", picture=picture, size=(128, 128), sound="aac", pts=range(12))


def shipped(name: str) -> DriverMotion:
    return motion_of_curves(SHIPPED[name](), name)


def source(face, **ways) -> np.ndarray:
    points = face(0.9, 1.0, **ways)
    return np.concatenate([points, [points[eye].mean(0) for eye in EYES]]).astype(np.float32)


def run(points: np.ndarray, recording: DriverMotion) -> tuple[list[np.ndarray], tuple[str, ...]]:
    """The source's points in every frame with a face, and the parts of the motion that were limited."""
    state = MotionState(fit_source(points))
    state = replace(state, reference=recording.reference_signals(state.source))
    moved = []
    for pts in recording.pts.tolist():
        if isinstance(seen := recording.sighting(pts).landmarks, Tracked):
            target, state = follow_driver(points, state, seen.signals)
            moved.append(target.points)
    return moved, state.beyond


def targets(points: np.ndarray, recording: DriverMotion) -> list[np.ndarray]:
    return run(points, recording)[0]


def test_a_video_is_looked_at_once(animator: Animator, landmarker, video: Path, tmp_path: Path, head_picture):
    seen = []
    recording = animator.record(video, progress=lambda *at: seen.append(at))
    assert seen == [(i, 12) for i in range(1, 13)]
    assert recording.found.tolist() == [i not in (4, 5) for i in range(12)]
    assert [recording.sighting(pts).landmarks is None for pts in recording.pts.tolist()] == [
        i in (4, 5) for i in range(12)
    ]
    assert recording.points is not None and recording.points.shape == (10, 70, 2)  # noqa: PT018
    asked = len(landmarker.asked)
    for name in ("a.mp4", "b.mp4"):
        animator.render(head_picture(0), video, tmp_path / name, hooks=RenderHooks(driver=recording))
    assert len(landmarker.asked) == asked
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    held = (recording.points, *recording.signals)
    assert sum(part.nbytes for part in held if not isinstance(part, np.memmap)) / 10 < 1200


def test_a_cancel_before_the_first_face_is_no_bad_video(animator: Animator, video: Path):
    with pytest.raises(Cancelled, match="stopped before the first face"):
        animator.record(video, cancel=lambda: True)


def test_the_reference_frame_is_the_portrait_itself(
    animator: Animator, video: Path, tmp_path: Path, head_picture
):
    """In the frame that is named, the target is the source to the bit."""
    recording = animator.record(video)
    state = animator.follow(animator.prepare(head_picture(3)), recording, 7)
    stages = Stages.of(animator.networks, state)
    with VideoReader(video) as reader:
        for index, frame in enumerate(reader):
            item, _ = stages.track(Pair(frame), state.tracking)
            if item.landmarks is None:
                continue
            item, _ = stages.retarget(item, state.motion)
            assert item.target is not None
            off = np.abs(item.target.points[0, :68].numpy() - state.portrait.points).max()
            assert off < 1e-3 if index == 7 else off > 1e-3


@pytest.mark.parametrize(("frame", "words"), [(12, "0 to 11"), (-1, "0 to 11"), (4, "shows no face")])
def test_a_bad_reference_frame_is_one_sentence(animator, video, head_picture, frame: int, words: str):
    with pytest.raises(InputError, match=words):
        animator.follow(animator.prepare(head_picture(0)), animator.record(video), frame)


def test_a_face_in_another_picture_stream_is_said(
    animator: Animator, video: Path, make_video: MakeVideo, grey_picture: Picture, tmp_path: Path
):
    grey = make_video("grey.mp4", picture=grey_picture, size=(128, 128), pts=range(12))
    both = tmp_path / "both.mkv"
    with av.open(str(both), "w") as made:
        for path in (grey, video):
            with av.open(str(path)) as given:
                stream = made.add_stream_from_template(given.streams.video[0])
                stream.disposition = Disposition.default if path == grey else Disposition(0)
        for stream, path in zip(made.streams, (grey, video), strict=True):
            with av.open(str(path)) as given:
                for packet in given.demux():
                    if packet.dts is not None and packet.stream.type == "video":
                        packet.stream = stream
                        made.mux(packet)
    with pytest.raises(InputError, match=r"both\.mkv: no face in the picture stream that is taken, but"):
        animator.record(both)
    with pytest.raises(InputError, match=r"grey\.mp4: no face in any frame"):
        animator.record(grey)


@pytest.mark.parametrize("hours", [0, 10])
def test_a_template_is_at_rest_with_its_clock(animator: Animator, video: Path, tmp_path: Path, hours: int):
    """A template of a video whose clock begins late begins at 0."""
    recording = animator.record(video).ready(1)
    ticks = round(hours * 3600 / recording.time_base)
    late = replace(recording, pts=recording.pts + ticks, zero=recording.zero + hours * 3600)
    save_motion(late, tmp_path / "a.motion")
    again = load_motion(tmp_path / "a.motion")
    assert (again.zero, again.pts.tolist()) == (
        0,
        (recording.pts - round(recording.zero / recording.time_base)).tolist(),
    )


def test_a_template_goes_round(animator: Animator, video: Path, tmp_path: Path, face):
    recording = animator.record(video).ready(1.0)
    path = save_motion(recording, tmp_path / "a.motion")
    again = load_motion(path)
    assert again.pts.tolist() == recording.pts.tolist()
    assert (again.rate, again.time_base, again.zero) == (recording.rate, recording.time_base, recording.zero)
    assert again.points is None
    for a, b in zip(targets(source(face), again), targets(source(face), recording), strict=True):
        np.testing.assert_allclose(a, b, atol=0.02)
    with pytest.raises(InputError, match="exists"):
        save_motion(recording, path)
    assert [p.name for p in tmp_path.glob("*.motion")] == ["a.motion"]


def test_a_template_holds_numbers_alone(animator: Animator, video: Path, tmp_path: Path):
    """No picture, no points of the driver's face, no pickle; a header that people can read."""
    path = save_motion(animator.record(video).ready(0), tmp_path / "a.motion")
    with safe_open(path, "numpy") as file:
        header = json.loads(file.metadata()["gfla"])
    assert (header["format"], header["version"]) == ("gfla motion", 2)
    held = {"pts", "found", "cuts", "angles", "scale", "shift", "expression", "opening", "shoulders"}
    assert set(load_file(path)) == held
    assert path.stat().st_size / 12 < 500
    other = path.with_name("other")
    other.touch()
    assert path.stat().st_mode == other.stat().st_mode, "to be read by whom the folder allows"


def _broken(path: Path, name: str) -> Path:
    arrays = load_file(path)
    with safe_open(path, "numpy") as file:
        header = json.loads(file.metadata()["gfla"])
    broken = path.with_name(f"{name}.motion")
    if name == "cut":
        broken.write_bytes(path.read_bytes()[:-40])
        return broken
    if name == "text":
        broken.write_text("hello")
        return broken
    if name == "version":
        header["version"] = 1
    elif name == "nan":
        arrays["scale"][0] = np.nan
    elif name == "short":
        arrays["opening"] = arrays["opening"][1:]
    elif name == "order":
        arrays["pts"] = arrays["pts"][::-1].copy()
    elif name == "rate":
        header["rate"] = "1/0"
    elif name == "missing":
        del arrays["shift"]
    metadata = {} if name == "header" else {"gfla": json.dumps(header)}
    save_file(arrays, broken, metadata)
    return broken


@pytest.mark.parametrize(
    "name", ["cut", "text", "version", "nan", "short", "order", "rate", "missing", "header"]
)
def test_a_broken_template_is_one_sentence(tmp_path: Path, name: str):
    path = save_motion(shipped("nod"), tmp_path / "nod.motion")
    assert load_motion(path).found.all()
    with pytest.raises(InputError, match=f"{name}.motion: "):
        load_motion(_broken(path, name))


@pytest.mark.slow
def test_a_template_moves_a_portrait_at_its_own_rate(animator: Animator, tmp_path: Path, head_picture):
    save_motion(shipped("nod"), tmp_path / "nod.motion")
    out, again = tmp_path / "out.mp4", AnimateOptions(overwrite=True)
    for driving in (tmp_path / "nod.motion", "nod"):
        animator.render(head_picture(0), driving, out, again)
        with VideoReader(out) as reader:
            assert [frame.seconds for frame in reader] == [Fraction(i, 25) for i in range(50)]
    animator.render(head_picture(0), "nod", out, replace(again, start=0.5, end=1.0))
    with VideoReader(out) as reader:
        assert [frame.seconds for frame in reader] == [Fraction(i, 25) for i in range(12)]
    with pytest.raises(InputError, match="no motion between"):
        animator.render(head_picture(0), "nod", out, replace(again, start=7, end=8))
    assert open_motion("no-such-motion") is None


@pytest.mark.parametrize(
    "options", [AnimateOptions(motion=MotionOptions("copy")), AnimateOptions(guidance="edges")]
)
def test_a_template_has_nothing_to_copy(animator: Animator, head_picture, options: AnimateOptions):
    pytest.importorskip("kornia")
    with pytest.raises(InputError, match=r"nod: .*leave out"):
        animator.follow(animator.prepare(head_picture(0), options), shipped("nod"))


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_motions_begin_and_end_at_rest_and_stay_in_bounds(name: str, face):
    recording, points = shipped(name), source(face)
    moved, limited = run(points, recording)
    assert not limited, "within what a portrait can show"
    for at in (0, -1):
        np.testing.assert_allclose(moved[at], points, atol=0.25)
    assert max(np.abs(frame - points).max() for frame in moved) > 2
    assert max(np.abs(b - a).max() for a, b in pairwise(moved)) < 12


def test_the_blink_that_we_ship_shuts_the_eyes(face):
    moved = targets(source(face, eye=11), shipped("blink"))
    gaps = [float(frame[[41, 40, 47, 46], 1].mean() - frame[[37, 38, 43, 44], 1].mean()) for frame in moved]
    assert min(gaps) == pytest.approx(0, abs=0.15)
    assert max(gaps) == pytest.approx(11, abs=0.2)


def test_a_driver_who_is_speaking_when_most_alike_opens_a_shut_mouth_all_the_way(face):
    """The frame of the portrait's pose has an open mouth; lips are shut elsewhere, in another pose."""
    curves = {"yaw": np.array([0.0, 0, 12, 12]), "mouth_open": np.array([0.6, 0.8, 0.0, 0.8])}
    recording = replace(motion_of_curves(curves, "speaking"), rest=None)
    portrait = source(face, mouth=0)
    reference = recording.reference_signals(fit_source(portrait))
    assert reference.opening[0, 2] == pytest.approx(recording.signals.opening[2, 2])
    assert recording.reference_signals(fit_source(portrait), 0).opening[0, 2] > 2 * reference.opening[0, 2]
    moved = targets(portrait, recording)
    gaps = [float(frame[[65, 66, 67], 1].mean() - frame[[61, 62, 63], 1].mean()) for frame in moved]
    assert gaps[2] == pytest.approx(0, abs=0.3)
    assert gaps[1] == pytest.approx(gaps[3], rel=0.1)


@pytest.mark.parametrize("name", CONTROLS)
def test_every_control_moves_what_it_names(name: str, face):
    points = source(face, mouth=10)
    value = {"yaw": 15, "pitch": 15, "roll": 15, "scale": 0.2, "shift_x": 0.2, "shift_y": 0.2}.get(name, 0.8)
    (moved,) = targets(points, motion_of_curves({name: np.array([value])}, "edit"))
    way = moved - points
    (still,) = targets(points, motion_of_curves({name: np.array([0.0])}, "edit"))
    np.testing.assert_allclose(still, points, atol=1e-3)
    signs = {
        "yaw": way[30, 0] - way[:17, 0].mean(),
        "pitch": way[30, 1] - way[27, 1],
        "roll": way[45, 1] - way[36, 1],
        "shift_x": way[:, 0].min(),
        "shift_y": way[:, 1].min(),
        "scale": way[16, 0] - way[0, 0],
        "mouth_open": way[66, 1] - way[62, 1],
        "smile": way[54, 0] - way[48, 0] + way[62, 1] - way[54, 1],
        "pucker": way[48, 0] - way[54, 0],
        "jaw_side": way[8, 0],
        "brows": -way[17:27, 1].mean(),
        "frown": way[21, 0] - way[22, 0],
        "blink": min(way[37, 1] - way[41, 1], way[43, 1] - way[47, 1]),
        "blink_left": way[37, 1] - way[41, 1] - abs(way[43, 1] - way[47, 1]),
        "blink_right": way[43, 1] - way[47, 1] - abs(way[37, 1] - way[41, 1]),
        "gaze_x": way[68:, 0].min(),
        "gaze_y": way[68:, 1].min(),
    }
    assert signs[name] > 0.5


def test_a_kiss_is_a_fifth_narrower_and_fuller(face):
    points = source(face, mouth=0)
    (kiss,) = targets(points, motion_of_curves({"pucker": np.array([1.0])}, "edit"))
    (wide, _), (low, high) = kiss[54] - kiss[48], (kiss - points)[[51, 57], 1]
    assert wide < 0.8 * (points[54] - points[48])[0]
    assert high - low > 0.02 * wide


def test_key_frames_pass_through_their_values():
    keys = {
        Fraction(0): {"yaw": -15.0},
        Fraction(1): {"yaw": 15.0, "smile": 0.5},
        Fraction(2): {"smile": 0.0},
    }
    curves = key_frames(keys)
    assert {name: len(curve) for name, curve in curves.items()} == {"yaw": 51, "smile": 51}
    assert [curves["yaw"][i] for i in (0, 25, 50)] == [-15, 15, 15]
    assert [curves["smile"][i] for i in (0, 25, 50)] == [0.5, 0.5, 0]
    assert np.abs(np.diff(curves["yaw"])).max() < 2
    (one,) = key_frames({Fraction(0): {"yaw": 3.0}}).values()
    assert one.tolist() == [3]


def test_a_motion_reader_gives_frames_without_pictures():
    frames = list(MotionReader(shipped("blink")))
    assert len(frames) == 50
    assert all(isinstance(frame, Frame) and frame.time_base == 1 / RATE for frame in frames)


def test_names_in_the_model_are_the_controls():
    names = set(load_face_model().names)
    assert {name for name in CONTROLS if name not in ("yaw", "pitch", "roll", "scale", "blink")} - names == {
        "shift_x",
        "shift_y",
    }


def test_a_driver_whose_lips_never_shut_opens_shut_lips_from_their_most_shut(face):
    curves = {"mouth_open": np.array([0.3, 0.12, 0.5, 0.2, 0.6])}
    recording = replace(motion_of_curves(curves, "speaking"), rest=None)
    reference = recording.reference_signals(fit_source(source(face, mouth=0)))
    lips = recording.signals.opening[:, 2]
    assert lips.min() <= reference.opening[0, 2] <= np.percentile(lips, 2)
    ajar = recording.reference_signals(fit_source(source(face, mouth=12)))
    assert ajar.opening[0, 2] > np.median(lips)
