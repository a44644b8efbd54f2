"""Sources in layers: a head moved by hand is where its landmarks say, and its surroundings rest."""

import cv2
import gfla.train.data.clips as clips_module
import numpy as np
import pytest
from gfla.animate.synthetic.talking_head import Pose, TalkingHead
from gfla.train.config import Augmentation
from gfla.train.data.clips import MATTE_STEP, Clip
from gfla.train.data.faces import FaceSamples, Sampler
from gfla.train.data.index import load_clips
from gfla.train.data.layers import moved_head


@pytest.fixture(scope="module")
def portrait():
    """A drawn face (256, 256, 3), its landmarks, and a matte: an ellipse over the head, a block under it."""
    image, points = TalkingHead(3).render(Pose())[:2]
    matrix = np.array([[0.6, 0, 50], [0, 0.6, 20]])
    image = cv2.warpAffine(image, matrix, (256, 256), borderMode=cv2.BORDER_REPLICATE)
    points = points[:68] @ matrix[:, :2].T + matrix[:, 2]
    matte = np.zeros((256, 256), np.uint8)
    centre = points.mean(0)
    cv2.ellipse(matte, (int(centre[0]), int(centre[1]) - 12), (48, 64), 0, 0, 360, 255, -1)
    matte[200:] = 255
    return image, points.astype(np.float32), matte


def test_a_moved_head_is_where_its_landmarks_are(portrait):
    image, points, matte = portrait
    marked = image.copy()
    for x, y in points[[30, 36, 45]]:
        cv2.circle(marked, (round(float(x)), round(float(y))), 3, (255, 0, 255), -1)
    for seed in range(6):
        target, moved = moved_head(marked, matte, points, np.random.default_rng(seed))
        for x, y in moved[[30, 36, 45]]:
            if 4 < x < 252 and 4 < y < 252:
                red, green, blue = target[round(float(y)), round(float(x))].astype(int)
                assert red > 150 and blue > 150 and green < 100  # noqa: PT018


def test_only_the_head_moves(portrait):
    image, points, matte = portrait
    target, moved = moved_head(image, matte, points, np.random.default_rng(1))
    assert np.abs(moved - points).mean() > 3
    assert np.abs(target[-3:].astype(int) - image[-3:]).mean() < 3  # the body
    assert np.abs(target[:12, :12].astype(int) - image[:12, :12]).mean() < 3  # the background


def test_far_frames_are_chosen():
    """Of a face that walks across the picture, the targets asked to be far are further than others."""
    walk = np.linspace(0, 60, 41)
    points = np.tile(np.random.default_rng(0).uniform(80, 120, (1, 68, 2)), (41, 1, 1)).astype(np.float32)
    points[:, :, 0] += walk[:, None]
    frames = np.random.default_rng(1).integers(0, 255, (41, 64, 64, 3), dtype=np.uint8)
    mattes = np.full((1 + 40 // MATTE_STEP, 64, 64), 255, np.uint8)
    clip = Clip("walk", "one", frames, points, np.arange(41), points[:, :2], mattes)

    def mean_distance(far):
        maker = FaceSamples(1, 64, Augmentation(far=far))
        pairs = [maker.frames(clip, np.random.default_rng(seed)) for seed in range(200)]
        assert all(reference % MATTE_STEP == 0 for reference, _ in pairs)
        return np.mean([abs(walk[a] - walk[b]) for a, b in pairs])

    assert mean_distance(1.0) > 1.25 * mean_distance(0.0)


def test_persons_are_found_when_they_are_needed(drawn, monkeypatch):
    """Once for a frame, and not to draw which frame is the reference."""
    found = []
    real = clips_module.portrait_matte
    monkeypatch.setattr(clips_module, "portrait_matte", lambda image: found.append(1) or real(image))
    clips, _ = load_clips(drawn, "train", mattes=True)
    (clip,) = clips
    assert clip.mattes is not None
    assert len(clip.mattes) == 1 + (len(clip.frames) - 1) // MATTE_STEP
    FaceSamples(1, 64).frames(clip, np.random.default_rng(0))
    assert not found
    assert clip.mattes[1].shape == clip.frames.shape[1:3]
    assert np.array_equal(clip.mattes[1], clips[0].mattes[1])  # pyright: ignore[reportOptionalSubscript]
    assert len(found) == 1
    batch = Sampler(clips, 2, FaceSamples(1, 64, edges=False), 0)(0)
    assert batch.matte is not None
    assert batch.plate is not None
    assert batch.matte.shape == (2, 1, 64, 64)
    assert batch.plate.shape == (2, 3, 64, 64)
