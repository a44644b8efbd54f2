"""A longer look: small faces in large photographs, and pictures that lie on their side."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from gfla.animate import Animator, InputError, read_image
from gfla.animate.errors import InputWarning
from gfla.animate.face.landmarkers import load_landmarker
from gfla.animate.face.landmarks import Landmarks
from gfla.animate.face.pose import face_pose
from gfla.animate.face.search import find_in_tiles, quarter_turns
from gfla.animate.inspection.file import inspect_file
from gfla.animate.synthetic.talking_head import __file__ as _here
from PIL import Image

Picture = Callable[..., np.ndarray]
MakeVideo = Callable[..., Path]
ASTRONAUT = Path(_here).parents[2] / "assets" / "astronaut.jpg"


class Upright:
    """Finds the head of `head_picture` where it is upright: its mouth is in the lower half; at least 1/20 of
    the picture's side."""

    def find(self, image: np.ndarray) -> list[Landmarks]:
        red = image[..., 0].astype(int) - image[..., 2]
        y, x = np.nonzero(red > 50)
        dark = np.argwhere((image[..., 0] == 120) & (image[..., 1] == 30))
        if len(x) < 50 or not len(dark) or np.ptp(x) < max(image.shape[:2]) / 20:
            return []
        middle, mouth = np.array([y.mean(), x.mean()]), dark.mean(0)
        if not mouth[0] - middle[0] > abs(mouth[1] - middle[1]):
            return []
        from conftest import DiscLandmarker

        return DiscLandmarker().find(image)

    def follow(self, image: np.ndarray, last: Landmarks | None) -> Landmarks | None:
        return next(iter(self.find(image)), None)


@pytest.mark.slow
def test_a_small_face_is_found_in_a_tile():
    """A sixtieth of the picture's side; the finder alone sees faces down to a twenty-fifth."""
    landmarker = load_landmarker("builtin")
    photograph, _ = read_image(ASTRONAUT)
    known = face_pose(landmarker.find(photograph)[0].points)
    scale = 60 / known.size
    small = cv2.resize(photograph, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    large = np.full((2400, 3600, 3), 128, np.uint8)
    left, top = 1130, 740  # across the border of a tile
    large[top : top + len(small), left : left + small.shape[1]] = small
    assert landmarker.find(large) == []
    (face,) = find_in_tiles(landmarker, large)
    pose = face_pose(face.points)
    assert pose.x == pytest.approx(left + known.x * scale, abs=3)
    assert pose.y == pytest.approx(top + known.y * scale, abs=3)
    assert pose.size == pytest.approx(60, rel=0.1)
    upside_down = np.ascontiguousarray(np.rot90(large, 2))
    assert quarter_turns(partial(find_in_tiles, landmarker), upside_down) == 2


@pytest.mark.slow
def test_a_picture_on_its_side_is_known():
    landmarker = load_landmarker("builtin")
    photograph, _ = read_image(ASTRONAUT)
    for turns in (1, 2, 3):
        turned = np.ascontiguousarray(np.rot90(photograph, -turns))
        assert landmarker.find(turned) == []
        assert quarter_turns(landmarker.find, turned) == turns
    assert quarter_turns(landmarker.find, np.full((256, 256, 3), 90, np.uint8)) == 0


@pytest.mark.parametrize(("turns", "word"), [(1, "90 degrees clockwise"), (2, "180 degrees")])
def test_such_a_portrait_is_set_upright(
    animator: Animator, tmp_path: Path, head_picture: Picture, turns: int, word: str
):
    animator.networks.landmarker = Upright()
    told: list[InputWarning] = []
    picture = head_picture(1, 160, 120)
    alpha = np.full((120, 160), 255, np.uint8)
    alpha[:10, :30] = 0
    path = tmp_path / "a.png"
    Image.fromarray(np.rot90(np.dstack([picture, alpha]), -turns)).save(path)
    state = animator.prepare(path, warn=told.append)
    assert state.size == (160, 120)
    assert state.portrait.alpha is not None
    assert np.array_equal(state.portrait.alpha, alpha)
    assert [str(warning) for warning in told] == [
        f"{path}: the face in it is turned by {word}; it is set upright."
    ]
    inspection = inspect_file(path, animator.networks.landmarker)
    assert len(inspection.faces) == 1
    assert f"turned by {word}" in list(inspection.lines())[-1]


def test_such_a_driving_video_is_named(animator: Animator, make_video: MakeVideo, head_picture: Picture):
    animator.networks.landmarker = Upright()
    turned = make_video(
        "a.mp4",
        picture=lambda i, w, h: np.rot90(head_picture(i)),
        size=(128, 128),
        pts=range(3),
        options={"crf": "0"},
        pixels="yuv444p",
    )
    with pytest.raises(InputError, match=r"turned by 90 degrees anticlockwise; turn the video first"):
        animator.record(turned)
    with pytest.raises(InputError, match=r"turned by 90 degrees anticlockwise; turn the video first"):
        animator.render(turned, turned, turned.with_name("out.mp4"))
