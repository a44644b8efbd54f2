"""Atomic files: whole or absent, and what a killed writer left is known by its name."""

from pathlib import Path

import pytest
from gfla.animate.io.atomic import atomic_file, clear_parts, part_file


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_file_is_whole_or_as_it_was(tmp_path: Path, error: type[BaseException]):
    path = tmp_path / "a film.mp4"
    path.write_text("old")

    def fail() -> None:
        with atomic_file(path) as part:
            part.write_text("half")
            raise error

    with pytest.raises(error):
        fail()
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]
    with atomic_file(path) as part:
        part.write_text("new")
        assert (part.suffix, part.parent, path.read_text()) == (".mp4", tmp_path, "old")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["new"]


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
