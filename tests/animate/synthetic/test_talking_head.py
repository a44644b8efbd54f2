"""The drawn head: the same for the same seed, its landmarks where the picture has them."""

import csv
import dataclasses
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from cv2.data import haarcascades
from gfla.animate.synthetic.talking_head import (
    Pose,
    TalkingHead,
    act,
    babble,
    render_clip,
    talk,
    write_dataset,
)
from gfla.animate.synthetic.talking_head.acting import SOUND_RATE
from gfla.animate.synthetic.talking_head.shape import pixels


@pytest.fixture(scope="module")
def head() -> TalkingHead:
    return TalkingHead(2)


@pytest.mark.slow
def test_same_seed_same_frames():
    first, second = (list(talk(0.2, seed=5)) for _ in range(2))
    other = next(talk(0.2, seed=6))
    assert len(first) == 5
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.image, b.image)
        np.testing.assert_array_equal(a.points, b.points)
        np.testing.assert_array_equal(a.iris, b.iris)
    assert np.abs(other.image.astype(int) - first[0].image).mean() > 10


def test_rendering_leaves_no_trace(head):
    """A frame depends on its pose alone, not on the frames before."""
    first = head.render(Pose(mouth=0.4))
    head.render(Pose(yaw=12, mouth=1, blink=1))
    np.testing.assert_array_equal(first.image, head.render(Pose(mouth=0.4)).image)


def test_shapes_and_types(head):
    drawn = head.render(Pose())
    assert drawn.image.shape == (256, 256, 3)
    assert drawn.image.dtype == np.uint8
    assert drawn.points.shape == (68, 2)
    assert drawn.iris.shape == (2, 2)
    assert drawn.points.dtype == drawn.iris.dtype == np.float32
    assert drawn.points.min() > 0
    assert drawn.points.max() < 256


TURNS = [Pose(), Pose(yaw=12, pitch=6, roll=5), Pose(yaw=-12, pitch=-6, roll=-5, x=4)]


@pytest.mark.slow
@pytest.mark.parametrize("pose", TURNS)
def test_points_are_where_the_paint_went(pose):
    """Dots put on the nose are seen, in the turned picture, where its points are said to be."""
    head, marked = TalkingHead(3), TalkingHead(3)
    plain = head.render(pose)
    for i in (27, 28, 29, 30, 33):
        marked.texture = head.texture.copy()
        centre = np.rint(pixels(head.points[i]) * 16).astype(int)
        cv2.circle(marked.texture, centre.tolist(), 5 * 16, (0, 255, 0), -1, cv2.LINE_AA, 4)
        change = np.abs(marked.render(pose).image.astype(float) - plain.image).sum(-1)
        y, x = np.mgrid[:256, :256]
        seen = np.array([(change * x).sum(), (change * y).sum()]) / change.sum()
        assert np.linalg.norm(seen - plain.points[i]) < 0.6, i


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 3, 7])
@pytest.mark.parametrize("pose", TURNS)
def test_eyes_and_mouth_are_at_their_points(seed, pose):
    """The iris is darker than the white beside it, the open mouth than the lip below it."""
    drawn = TalkingHead(seed).render(dataclasses.replace(pose, mouth=1.0))
    grey = cv2.cvtColor(drawn.image, cv2.COLOR_RGB2GRAY).astype(float)

    def at(point: np.ndarray) -> float:
        x, y = np.rint(point).astype(int)
        return grey[y - 1 : y + 2, x - 1 : x + 2].mean()

    for eye, iris in ((drawn.points[36:42], drawn.iris[0]), (drawn.points[42:48], drawn.iris[1])):
        assert np.linalg.norm(eye.mean(0) - iris) < 3
        assert at(iris) < 0.75 * min(at(0.45 * corner + 0.55 * iris) for corner in eye[[0, 3]])
    assert at(0.5 * drawn.points[62] + 0.5 * drawn.points[66]) < 0.9 * at(drawn.points[[57, 66]].mean(0))


def test_signs_of_the_angles(head):
    """yaw > 0 turns to the image's right, pitch > 0 down, roll > 0 clockwise."""
    rest = head.render(Pose()).points
    nose, eyes = rest[30], rest[36:48].mean(0)
    turned = head.render(Pose(yaw=10)).points
    assert (turned[30] - turned[36:48].mean(0))[0] > (nose - eyes)[0] + 3
    nodded = head.render(Pose(pitch=6)).points
    assert (nodded[30] - nodded[36:48].mean(0))[1] > (nose - eyes)[1] + 1
    tilt = head.render(Pose(roll=5)).points
    across = tilt[42:48].mean(0) - tilt[36:42].mean(0)
    assert np.degrees(np.arctan2(across[1], across[0])) == pytest.approx(5, abs=0.5)


@pytest.mark.slow
def test_mouth_lids_and_brows_move(head):
    rest = head.render(Pose()).points
    assert np.linalg.norm(head.render(Pose(mouth=1)).points[66] - rest[62]) > 8
    shut = head.render(Pose(blink=1)).points
    assert np.linalg.norm(shut[37] - shut[41]) < 1.5 < np.linalg.norm(rest[37] - rest[41])
    assert (head.render(Pose(brows=1)).points[17:27, 1] < rest[17:27, 1] - 2).all()


def test_motion_is_gentle_smooth_and_starts_from_rest():
    for seed in range(5):
        poses = act(8, seed=seed)
        assert len(poses) == 200
        first = poses[0]
        assert max(map(abs, dataclasses.astuple(first))) < 0.05
        for angle, peak in (("yaw", 12), ("pitch", 6), ("roll", 5)):
            curve = np.array([getattr(pose, angle) for pose in poses])
            assert peak * 0.2 < np.abs(curve).max() <= peak
            assert np.abs(np.diff(curve)).max() < 2
        mouth = np.array([pose.mouth for pose in poses])
        assert mouth.max() > 0.5
        assert mouth.min() < 0.1
        assert max(pose.blink for pose in poses) > 0.5


def test_motion_does_not_depend_on_the_rate():
    fast, slow = act(2, Fraction(50)), act(2, Fraction(25))
    for a, b in zip(fast[::2], slow, strict=True):
        assert dataclasses.astuple(a) == pytest.approx(dataclasses.astuple(b))


@pytest.mark.slow
def test_a_face_finder_finds_it():
    """A cascade trained on real faces sees exactly one face, around the points."""
    finder = cv2.CascadeClassifier(haarcascades + "haarcascade_frontalface_alt2.xml")
    frames = [drawn for seed in (1, 2, 4) for drawn in list(talk(2, Fraction(5), seed))]
    hits = 0
    for drawn in frames:
        found = finder.detectMultiScale(
            cv2.cvtColor(drawn.image, cv2.COLOR_RGB2GRAY), 1.1, 5, minSize=(60, 60)
        )
        if len(found) == 1:
            x, y, w, h = found[0]
            nose = drawn.points[30]
            hits += x < nose[0] < x + w and y < nose[1] < y + h
    assert hits >= 0.95 * len(frames)


@pytest.mark.slow
def test_babble_is_heard_when_the_mouth_is_open():
    poses = act(4, seed=1)
    sound = babble(poses, seed=1)
    assert sound.dtype == np.float32
    assert len(sound) == 4 * SOUND_RATE
    assert np.abs(sound).max() <= 1
    loud = np.sqrt((sound.reshape(len(poses), -1) ** 2).mean(1))
    mouth = np.array([pose.mouth for pose in poses])
    assert loud[mouth > 0.5].mean() > 10 * loud[mouth < 0.02].mean()


@pytest.mark.slow
def test_clip_has_picture_sound_and_landmarks(tmp_path):
    known = render_clip(tmp_path / "clip.mp4", 0.6, seed=4)
    assert known.shape == (15, 70, 2)
    with av.open(str(tmp_path / "clip.mp4")) as clip:
        video, audio = clip.streams.video[0], clip.streams.audio[0]
        assert (video.width, video.height, video.average_rate) == (256, 256, 25)
        assert audio.codec_context.name == "aac"
        assert len(list(clip.decode(video=0))) == 15


@pytest.mark.slow
def test_dataset_layout(tmp_path):
    write_dataset(tmp_path, people=2, seconds=0.4)
    with (tmp_path / "index.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["split"] for row in rows] == ["train", "val"]
    assert len({row["identity"] for row in rows}) == 2
    for row in rows:
        with av.open(str(tmp_path / row["file"])) as clip:
            assert sum(1 for _ in clip.decode(video=0)) == int(row["frames"]) == 10
        known = np.load((tmp_path / row["file"]).with_suffix(".npz"))
        assert known["lmk68"].shape == (10, 68, 2)
        assert known["iris"].shape == (10, 2, 2)
        assert known["lmk68"].dtype == np.float32
        assert float(row["yaw_p1"]) <= float(row["yaw_p99"])
