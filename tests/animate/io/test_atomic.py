"""Atomic files: whole or absent, and what a killed writer left is known by its name."""

from pathlib import Path

import pytest
from gfla.animate.io.atomic import atomic_file, clear_parts, part_file


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_file_is_whole_or_as_it_was(tmp_path: Path, error: type[BaseException]):
    path = tmp_path / "a film.mp4"
    path.write_text("old")
    with pytest.raises(error), atomic_file(path) as part:
        part.write_text("half")
        raise error
    assert [path] == list(tmp_path.iterdir()) and path.read_text() == "old"
    with atomic_file(path) as part:
        part.write_text("new")
        assert part.suffix == ".mp4" and part.parent == tmp_path and path.read_text() == "old"
    assert [path] == list(tmp_path.iterdir()) and path.read_text() == "new"


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
