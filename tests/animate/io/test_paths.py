"""Paths: an output never takes an input's place, and what a killed writer left is known by its name."""

from pathlib import Path

import pytest
from gfla.animate.errors import InputError
from gfla.animate.io.atomic import clear_parts, part_file
from gfla.animate.io.paths import different_files


def test_an_output_that_would_replace_numbered_inputs(tmp_path: Path):
    for number in (1, 12):
        (tmp_path / f"{number:02d}.png").touch()
    for name, given in (("%02d.png", "01.png"), ("%02d.png", "%d.png"), ("%d.png", "%02d.png")):
        with pytest.raises(InputError, match=r"it would replace .*, an input; give the output another name"):
            different_files(tmp_path / name, None, tmp_path / given)
    for name, given in (("%d.png", "01.png"), ("%03d.png", "%02d.png"), ("%02d.mp4", "01.png")):
        different_files(tmp_path / name, tmp_path / given)


def test_parts_are_told_from_others(tmp_path: Path):
    part_file(tmp_path / "a.gif").touch()
    part_file(tmp_path / "%03d.png").mkdir()
    (part_file(tmp_path / "%03d.png") / "001.png").touch()
    others = {part_file(tmp_path / name) for name in ("a.mp4", "b.a.gif", "%04d.png")} | {tmp_path / "a.gif"}
    for path in others:
        path.touch()
    clear_parts(tmp_path / "a.gif")
    clear_parts(tmp_path / "%03d.png")
    assert set(tmp_path.iterdir()) == others
