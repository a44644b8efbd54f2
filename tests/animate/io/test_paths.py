"""Paths: an output never takes an input's place, and an address is no file."""

from pathlib import Path

import pytest
from gfla.animate.errors import InputError
from gfla.animate.io.paths import check_not_input, existing_file


def test_an_output_that_would_replace_numbered_inputs(tmp_path: Path):
    for number in (1, 12):
        (tmp_path / f"{number:02d}.png").touch()
    for name, given in (("%02d.png", "01.png"), ("%02d.png", "%d.png"), ("%d.png", "%02d.png")):
        with pytest.raises(InputError, match=r"it would replace .*, an input; give the output another name"):
            check_not_input(tmp_path / name, None, tmp_path / given)
    for name, given in (("%d.png", "01.png"), ("%03d.png", "%02d.png"), ("%02d.mp4", "01.png")):
        check_not_input(tmp_path / name, tmp_path / given)


def test_an_address_where_a_file_is_needed():
    with pytest.raises(InputError, match=r"^https://host/p\.jpg: an address, and a file is needed"):
        existing_file("https://host/p.jpg")
