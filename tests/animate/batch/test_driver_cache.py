"""A driver's motion kept for other jobs: the same numbers from memory and from disk, tracked once."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from gfla.animate import VideoReader
from gfla.animate.batch.driver_cache import cached_motion
from gfla.animate.motion.recording import DriverMotion, track_driver


@pytest.fixture
def track(
    make_video: Callable[..., Path], head_picture, grey_picture, landmarker
) -> Callable[[], DriverMotion]:
    """Tracks a clip of a head that is away in frames 3 and 4."""

    def picture(index: int, width: int, height: int) -> np.ndarray:
        return (grey_picture if index in (3, 4) else head_picture)(index, width, height)

    clip = make_video("clip.mp4", picture=picture, size=(128, 128), pts=range(9))

    def now() -> DriverMotion:
        with VideoReader(clip) as reader:
            return track_driver(landmarker, reader)

    return now


def test_the_motion_is_tracked_once_and_read_back_to_the_bit(track, landmarker, tmp_path: Path):
    file = tmp_path / "motion.safetensors"
    first = cached_motion(file, track)
    asked = len(landmarker.asked)
    again = cached_motion(file, track)
    assert len(landmarker.asked) == asked
    assert first.found.tolist() == [index not in (3, 4) for index in range(9)]
    for field in fields(DriverMotion):
        a, b = getattr(first, field.name), getattr(again, field.name)
        if field.name == "signals":
            assert all(np.array_equal(p, q) and p.dtype == q.dtype for p, q in zip(a, b, strict=True))
        elif isinstance(a, np.ndarray):
            assert np.array_equal(a, b)
            assert a.dtype == b.dtype
        else:
            assert a == b


@pytest.mark.parametrize("damage", [b"", b"nothing", None])
def test_a_damaged_file_costs_one_more_walk(track, landmarker, tmp_path: Path, damage: bytes | None):
    file = tmp_path / "motion.safetensors"
    cached_motion(file, track)
    data, asked = file.read_bytes(), len(landmarker.asked)
    file.write_bytes(data[: len(data) // 2] if damage is None else damage)
    cached_motion(file, track)
    assert len(landmarker.asked) == 2 * asked
    assert file.read_bytes() == data
