"""A driver's landmarks kept for other jobs: the same numbers from memory and from disk, asked for once."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gfla.animate import VideoReader
from gfla.animate.batch.landmark_cache import Recorded, record_track
from gfla.animate.motion.array_log import ArrayLog


@pytest.fixture
def clip(make_video: Callable[..., Path], head_picture, grey_picture) -> Path:
    """A head, away in frames 3 and 4."""

    def picture(index: int, width: int, height: int) -> np.ndarray:
        return (grey_picture if index in (3, 4) else head_picture)(index, width, height)

    return make_video("clip.mp4", picture=picture, size=(128, 128), pts=range(9))


def test_a_track_answers_as_the_landmarker_did(clip: Path, landmarker, tmp_path: Path):
    kept = tmp_path / "track.safetensors"
    walked = record_track(kept, landmarker, clip)
    loaded = record_track(kept, landmarker, clip)
    asked = len(landmarker.asked)
    assert asked == 9
    for track in (walked, loaded):
        recorded, last = Recorded(landmarker, track), None
        with VideoReader(clip) as reader:
            for index, frame in enumerate(recorded.passing(reader)):
                last = recorded.follow(frame.image, last)
                (fresh, *_) = [*landmarker.find(frame.image), None]
                assert (last is None) == (index in (3, 4)) == (fresh is None)
                if last and fresh:
                    assert np.array_equal(last.places, fresh.places)
                    assert last.score == fresh.score
    assert len(landmarker.asked) == asked


def test_what_was_not_walked_is_asked_for(clip: Path, landmarker, tmp_path: Path):
    track = record_track(tmp_path / "track.safetensors", landmarker, clip)
    recorded, asked = Recorded(landmarker, track), len(landmarker.asked)
    with VideoReader(clip) as reader:
        frames = list(recorded.passing(reader))
    recorded.follow(frames[6].image, None)  # there the walk came from a face
    recorded.follow(frames[6].image.copy(), None)  # not the picture that passed
    assert len(landmarker.asked) == asked + 2


@pytest.mark.parametrize("damage", [b"", b"nothing", None])
def test_a_damaged_track_costs_a_walk_alone(clip: Path, landmarker, tmp_path: Path, damage: bytes | None):
    kept = tmp_path / "track.safetensors"
    record_track(kept, landmarker, clip)
    data = kept.read_bytes()
    kept.write_bytes(data[: len(data) // 2] if damage is None else damage)
    record_track(kept, landmarker, clip)
    assert len(landmarker.asked) == 18
    assert kept.read_bytes() == data


def test_rows_give_back_what_was_kept():
    rows, given = ArrayLog(), np.random.default_rng(0).normal(size=(50, 7, 2)).astype(np.float32)
    for row in given:
        rows.keep(row)
    assert len(rows) == 50
    assert np.array_equal(rows.array(), given)
    one = rows[17]
    assert np.array_equal(one, given[17])
    one[...] = 0
    rows.keep(given[0])
    assert np.array_equal(rows[17], given[17])
