"""Cuts are seen and moves are not; the chosen face stays the chosen one."""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from gfla.animate import Frame, InputError
from gfla.animate.face.landmarks import Landmarks
from gfla.animate.face.tracking import Sighting, choose_face, number_faces, sight
from gfla.animate.options import AnimateOptions, MotionOptions

Picture = Callable[..., np.ndarray]

COPIED = AnimateOptions(motion=MotionOptions("copy"))


class Faces:
    """A landmarker that finds a plain face in every block of one red value, the largest first."""

    def __init__(self, face: Callable[..., np.ndarray]):
        self.plain = face()

    def find(self, image: np.ndarray) -> list[Landmarks]:
        faces = []
        for value in np.unique(image[..., 0][image[..., 2] == 0]):
            y, x = np.nonzero((image[..., 0] == value) & (image[..., 2] == 0))
            low, high = np.array([x.min(), y.min()]), np.array([x.max(), y.max()])
            shape = (self.plain - self.plain.min(0)) / np.ptp(self.plain, axis=0)
            points = (shape * (high - low) + low).astype(np.float32)
            faces.append(Landmarks(points, points[[37, 43]], 1.0))
        return sorted(faces, key=lambda face: -float(np.ptp(face.points)))

    def follow(self, image: np.ndarray, last: Landmarks | None) -> Landmarks | None:
        """As a tracker may: the nearest face, wherever it is."""
        faces = self.find(image)
        if last is None:
            return faces[0] if faces else None
        middle = last.points.mean(0)
        return min(faces, key=lambda f: float(np.hypot(*(f.points.mean(0) - middle))), default=None)


def scene(*blocks: tuple[int, int, int, int], background: int = 0) -> np.ndarray:
    """A (120, 200) picture with faces at (x, y, side, red value) before one of two backgrounds."""
    y, x = np.mgrid[0:120, 0:200]
    grey = 128 + 90 * (np.sin(x / 20) if background else np.cos(y / 15 + x / 60))
    image = np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)
    for left, top, side, value in blocks:
        image[top : top + side, left : left + side] = (value, 100, 0)
    return image


@pytest.fixture
def finder(face) -> Faces:
    return Faces(face)


def watch(finder: Faces, pictures: list[np.ndarray], number: int | None = None) -> list[Sighting]:
    seen: list[Sighting] = []
    for picture in pictures:
        seen.append(sight(finder, picture, seen[-1] if seen else None, number))
    return seen


def left_of(seen: Sighting) -> int:
    assert seen.landmarks is not None
    return round(float(seen.landmarks.points[:, 0].min()))


def test_a_cut_is_seen_once_and_where_it_is(finder: Faces):
    first = [scene((40 + i, 40, 40, 200)) for i in range(4)]
    second = [scene((120 - i, 30, 60, 220), background=1) for i in range(4)]
    assert [s.cut for s in watch(finder, first + second)] == [False] * 4 + [True] + [False] * 3


def test_a_cut_to_the_same_background_is_known_by_the_face(finder: Faces):
    """Half the picture is new, and the face is elsewhere and larger."""
    second = scene((110, 20, 80, 220))
    second[:, :100] = scene(background=1)[:, :100]
    assert [s.cut for s in watch(finder, [scene((20, 40, 40, 200)), second])] == [False, True]


def test_fast_moves_flashes_and_losses_are_no_cuts(finder: Faces):
    moves = [scene((20 + 15 * i, 40 + 5 * (i % 2), 40, 200)) for i in range(9)]
    assert not any(s.cut for s in watch(finder, moves))
    flash = [moves[0], np.minimum(moves[0].astype(int) + 60, 255).astype(np.uint8), moves[0]]
    flash[1][..., 2][moves[0][..., 2] == 0] = 0
    assert not any(s.cut for s in watch(finder, flash))
    lost = watch(finder, [moves[0], scene(), scene(), moves[1]])
    assert [s.cut for s in lost] == [False] * 4
    assert [s.landmarks is None for s in lost] == [False, True, True, False]


def test_a_black_frame_between_two_shots_hides_no_cut(finder: Faces):
    black, one, two = np.zeros_like(scene()), scene((40, 40, 40, 200)), scene((50, 40, 40, 200), background=1)
    assert [s.cut for s in watch(finder, [black, one, black, one])] == [False] * 4
    assert [s.cut for s in watch(finder, [black, one, black, two])] == [False, False, False, True]


def test_a_fast_head_is_no_cut(landmarker, head_picture: Picture):
    """The drawn head at four times its speed."""
    seen: Sighting | None = None
    for index in range(0, 80, 4):
        seen = sight(landmarker, head_picture(index), seen, None)
        assert not seen.cut


def test_faces_are_numbered_from_the_left(finder: Faces):
    image = scene((130, 40, 50, 200), (10, 40, 30, 210), (70, 40, 40, 220))
    lefts = [round(float(face.points[:, 0].min())) for face in number_faces(finder.find(image))]
    assert lefts == [10, 70, 130]
    largest, second = (choose_face(finder.find, image, n, "a.png", "--source-face") for n in (None, 2))
    assert largest is not None
    assert second is not None
    assert (largest.points[:, 0].min(), second.points[:, 0].min()) == (130, 70)
    for number in (0, 4):
        with pytest.raises(InputError, match=rf"a.png: it shows 3 faces, and --source-face is {number};"):
            choose_face(finder.find, image, number, "a.png", "--source-face")
    with pytest.raises(InputError, match="only one face"):
        choose_face(finder.find, scene((10, 40, 30, 210)), 2, "a.png", "--source-face")
    assert choose_face(finder.find, scene(), 2, "a.png", "--source-face") is None


def test_the_chosen_face_is_followed_and_found_again(finder: Faces):
    """It is hidden for two frames, in which the other's face must not be taken for it."""
    both = [scene((20 + i, 40, 30, 210), (120, 40, 50, 200)) for i in range(3)]
    hidden = [scene((120, 40, 50, 200))] * 2
    seen = watch(finder, [*both, *hidden, both[2]], number=1)
    assert [left_of(s) for s in seen[:3]] == [20, 21, 22]
    assert seen[3].landmarks is None
    assert seen[4].landmarks is None
    assert left_of(seen[5]) == 22
    assert [left_of(s) for s in watch(finder, both)] == [120, 120, 120]


def test_a_number_waits_for_the_first_face_and_then_must_exist(finder: Faces):
    seen = watch(finder, [scene(), scene((20, 40, 30, 210))], number=1)
    assert seen[0].landmarks is None
    assert left_of(seen[1]) == 20
    with pytest.raises(InputError, match=r"the driving video's first frame with a face"):
        watch(finder, [scene(), scene((20, 40, 30, 210))], number=2)


@pytest.mark.slow
def test_no_smear_across_a_cut(animator, head_picture: Picture):
    """After the cut the frames are those of a stream that had reached the cut with no memory; a stream that
    keeps its memory differs."""

    def shot(index: int) -> Frame:
        picture = head_picture(index)
        if index >= 3:
            picture = np.roll(picture[:, ::-1], 20, axis=0)
            picture[picture[..., 0] == 90] = 30
            picture[:24] = np.linspace(0, 255, 24, dtype=np.uint8)[:, None, None]
        return Frame(picture, index, Fraction(1, 25))

    state = animator.prepare(head_picture(0), COPIED)
    for index in range(3):
        _, state = animator.step(shot(index), state)
    assert state.memory.previous
    out, after = animator.step(shot(3), state)
    assert after.tracking.driver is not None
    assert after.tracking.driver.cut
    fresh, _ = animator.step(shot(3), animator.prepare(head_picture(0), COPIED))
    assert np.array_equal(out.image, fresh.image)
    _, again = animator.step(shot(4), after)
    assert again.tracking.driver is not None
    assert not again.tracking.driver.cut
