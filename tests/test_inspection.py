"""gfla-inspect: faces with their numbers, coverage, cuts and a reference, as text, JSON and a picture."""

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from gfla.animate.cli.inspect import main
from gfla.animate.inspection import inspect_file, numbered, strain
from gfla.animate.times import Span
from PIL import Image

Picture = Callable[..., np.ndarray]


@pytest.fixture
def clip(make_video, head_picture: Picture, grey_picture: Picture) -> Path:
    """A head, away in frames 4 to 5 and 18 to 19, and from frame 10 on in another picture."""

    def picture(index: int, width: int, height: int) -> np.ndarray:
        shown = (grey_picture if index in (4, 5, 18, 19) else head_picture)(index, width, height)
        if index >= 10:
            shown = np.roll(shown[:, ::-1], 30, axis=0)
            shown[shown[..., 0] == 90] = 20
            shown[:30] = np.linspace(0, 255, 30, dtype=np.uint8)[:, None, None]
        return shown

    return make_video("clip.mp4", picture=picture, size=(128, 128), pts=range(20))


def test_a_video_is_looked_through(clip: Path, landmarker):
    seen: list[tuple[int, int | None]] = []
    found = inspect_file(clip, landmarker, lambda *at: seen.append(at))
    tick = Fraction(1, 25)
    assert (found.frames, found.found, len(found.faces)) == (20, 16, 1)
    assert found.away == (Span(4 * tick, 6 * tick), Span(18 * tick, 20 * tick))
    assert found.cuts == (10 * tick,)
    assert found.reference is not None
    assert found.reference[0] not in (4, 5, 18, 19)
    assert found.reference[1] == found.reference[0] * tick
    assert seen[-1] == (20, 20)
    assert list(found.lines())[2:4] == [
        "  a face in 80.0 % of the frames; none from 0:00.160 to 0:00.240, 0:00.720 to 0:00.800",
        "  1 cut: 0:00.400",
    ]


def test_a_picture_without_a_face(grey_picture: Picture, landmarker, tmp_path: Path):
    Image.fromarray(grey_picture(0)).save(tmp_path / "grey.png")
    found = inspect_file(tmp_path / "grey.png", landmarker)
    assert (found.frames, found.faces, found.reference) == (1, (), None)
    assert list(found.lines()) == [f"{tmp_path / 'grey.png'}: 128x128, picture, no faces"]
    assert np.array_equal(numbered(found), grey_picture(0))


def test_the_numbers_are_drawn_at_the_faces(head_picture: Picture, landmarker, tmp_path: Path):
    Image.fromarray(head_picture(0)).save(tmp_path / "head.png")
    found = inspect_file(tmp_path / "head.png", landmarker)
    changed = (numbered(found) != found.image).any(axis=2)
    low, high = found.faces[0].points.min(0), found.faces[0].points.max(0)
    rows, columns = np.nonzero(changed)
    assert abs(columns.min() - low[0]) < 3
    assert abs(columns.max() - high[0]) < 3
    assert abs(rows.max() - high[1]) < 3


def test_a_neutral_face_strains_least(face: Picture):
    plain = face(mouth=0.0)
    for other in (face(mouth=25.0), face(mouth=0.0, roll=15.0), face(mouth=0.0, eye=0.5)):
        assert strain(other) > strain(plain) + 0.05
    turned = plain.copy()
    turned[27:36, 0] += 12
    assert strain(turned) > strain(plain) + 0.05


def test_the_command_prints_and_draws(
    clip: Path, head_picture: Picture, landmarker, tmp_path: Path, monkeypatch, capsys
):
    monkeypatch.setattr("gfla.animate.landmarks.load_landmarker", lambda name: landmarker)
    Image.fromarray(head_picture(0)).save(tmp_path / "head.png")
    folder = tmp_path / "out"
    assert main([str(clip), "-o", str(folder)]) == 2
    assert "no such folder" in capsys.readouterr().err
    folder.mkdir()
    files = [str(clip), str(tmp_path / "head.png"), str(tmp_path / "missing.jpg")]
    assert main([*files, "-o", str(folder), "--json"]) == 2
    said = capsys.readouterr()
    assert "missing.jpg: no such file." in said.err
    one, two = json.loads(said.out)
    assert (one["coverage"], one["cuts"], one["frames"]) == (0.8, [0.4], 20)
    assert two["faces"][0]["number"] == 1
    assert sorted(p.name for p in folder.iterdir()) == ["clip.faces.png", "head.faces.png"]
    assert main([files[1], "-o", str(folder)]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main([files[1], "-o", str(folder), "--overwrite"]) == 0
    assert "128x128, picture, 1 face" in capsys.readouterr().out
