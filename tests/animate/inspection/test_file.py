"""gfla-inspect: the file, faces with their numbers, coverage, cuts, a reference, what a render would cost."""

import json
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from gfla.animate import Animator, InputError
from gfla.animate.cli.inspect import main
from gfla.animate.face.landmarks import Landmarks
from gfla.animate.face.morphable_model import Faces, draw, load_face_model, rotation
from gfla.animate.inspection.estimate import estimate
from gfla.animate.inspection.file import draw_face_numbers, fit_neutral, inspect_file
from gfla.animate.inspection.frame_rate import FrameRate
from gfla.animate.io.timecode import Span
from gfla.animate.video.probe import read_media
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
    assert list(found.lines())[2:7] == [
        "  file: mp4, h264, yuv420p",
        "  rate: 25 frames/s, constant",
        "  no sound",
        "  a face in 80.0 % of the frames; none from 0:00.160 to 0:00.240, 0:00.720 to 0:00.800",
        "  1 cut: 0:00.400",
    ]


UNUSUAL = {
    "turned": ({"rotation": 90}, "turned by 270 degrees"),
    "wide pixels": ({"pixel": Fraction(4, 3)}, "pixels 4/3 as wide as high, squared"),
    "ten bits": ({"pixels": "yuv420p10le"}, "10 bits a colour, reduced to 8"),
    "hdr": ({"matrix": 9, "transfer": 16, "primaries": 9, "pixels": "yuv420p10le"}, "HDR (PQ)"),
    "late sound": ({"sound": "aac", "sound_from": 0.4}, "sound: aac, 48000 Hz, 1 channel, from 0:00.378"),
    "sound of mp4": ({"sound": "aac"}, "copied in mp4"),
    "sound of another": ({"sound": "pcm_s16le"}, "turned into aac in mp4"),
    "variable": ({"pts": (0, 1, 2, 4, 5, 9)}, "rate: 13.889 frames/s, variable, from 6.25 to 25"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", UNUSUAL)
def test_what_is_unusual_about_a_file_is_said(make_video, head_picture: Picture, landmarker, name: str):
    options, words = UNUSUAL[name]
    given = {"pts": range(20), "picture": head_picture, "size": (128, 128), **options}
    found = inspect_file(make_video("clip.mkv" if "another" in name else "clip.mp4", **given), landmarker)
    assert words in "\n".join(found.lines())
    usual = [words for _, words in UNUSUAL.values() if words in "\n".join(found.lines())]
    assert len(usual) <= 2
    assert json.dumps(found.as_json())


@pytest.mark.slow
def test_damage_is_named(damaged_head: Path, landmarker):
    found = inspect_file(damaged_head, landmarker)
    assert found.lost
    assert any(line.startswith("  damaged: the pictures from 0:00.8") for line in found.lines())


def test_a_rate_that_only_rounds_is_constant():
    rounded = [round(index * 1001 / 30) for index in range(200)]  # 29.97 in whole milliseconds, as in mkv
    for times, even in ((rounded, True), ([*rounded, rounded[-1] + 36], False), ([5], True)):
        rate = FrameRate(Fraction(1, 1000))
        for pts in times:
            rate.add(pts)
        assert rate.constant is even
    assert FrameRate(Fraction(1, 25)).mean is None


def test_what_is_no_video_has_no_facts(bad_videos: dict[str, Path]):
    for name, words in (("sound", "only sound or data"), ("text", "not a video")):
        with pytest.raises(InputError, match=words):
            read_media(bad_videos[name])


@pytest.mark.slow
def test_an_estimate_is_of_this_machine(
    animator: Animator, clip: Path, head_picture: Picture, tmp_path: Path
):
    """It renders some frames: a network that waits is noticed."""
    Image.fromarray(head_picture(0, 131, 129)).save(tmp_path / "head.png")
    portrait, driving = (
        inspect_file(path, animator.networks.landmarker) for path in (tmp_path / "head.png", clip)
    )
    generate, waited = animator.networks.generate, threading.Event()

    def slow(target, portrait, memory):
        waited.wait(0.1)
        return generate(target, portrait, memory)

    animator.networks.generate = slow
    cost = estimate(animator, portrait, driving)
    assert cost
    assert cost.draw > 0.05  # without the wait a few ms; a busy machine may look up late for the first frame
    assert cost.seconds == pytest.approx(20 * (cost.look + cost.draw))
    assert cost.memory > 2**20
    assert str(clip) in cost.line()
    assert estimate(animator, portrait, portrait) is None


def test_the_system_is_described(monkeypatch, capsys):
    monkeypatch.setattr("gfla.animate.inspection.system.find_spec", lambda name: None)
    assert main(["--system"]) == 0
    said = capsys.readouterr().out
    for words in ("device: cpu", "FFmpeg", "codecs: h264, h265", "weights: face-256", "weights: tracker"):
        assert words in said
    assert "missing: ray, for gfla-render --ray; pip install 'gfla[cluster]'" in said
    assert main(["--system", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["versions"]["torch"]
    assert len(told["weights"]["face-256"]["sha256"]) == 64
    assert all(told["codecs"].values())
    for arguments in ([], ["--system", "a.mp4"]):
        assert main(arguments) == 2
        assert "or ask for --system alone" in capsys.readouterr().err


def test_a_picture_without_a_face(grey_picture: Picture, landmarker, tmp_path: Path):
    Image.fromarray(grey_picture(0)).save(tmp_path / "grey.png")
    found = inspect_file(tmp_path / "grey.png", landmarker)
    assert (found.frames, found.faces, found.reference) == (1, (), None)
    assert list(found.lines()) == [f"{tmp_path / 'grey.png'}: 128x128, picture, no faces"]
    assert np.array_equal(draw_face_numbers(found), grey_picture(0))


def test_the_numbers_are_drawn_at_the_faces(head_picture: Picture, landmarker, tmp_path: Path):
    Image.fromarray(head_picture(0)).save(tmp_path / "head.png")
    found = inspect_file(tmp_path / "head.png", landmarker)
    changed = (draw_face_numbers(found) != found.image).any(axis=2)
    low, high = found.faces[0].points.min(0), found.faces[0].points.max(0)
    rows, columns = np.nonzero(changed)
    assert abs(columns.min() - low[0]) < 3
    assert abs(columns.max() - high[0]) < 3
    assert abs(rows.max() - high[1]) < 3


def test_a_neutral_face_is_nearest_to_neutral():
    """Of the face model's own faces, turned, tilted or with an expression, and whatever frame came before."""
    model = load_face_model()

    def fitted(degrees: tuple[float, ...], moved: str = "", near: Faces | None = None) -> tuple[Faces, float]:
        expression = np.array([[float(name == moved) for name in model.names]])
        pose = Faces(rotation(np.array([degrees])), np.full(1, 60.0), np.full((1, 2), 128.0), expression)
        points = draw(model.mean, pose, model.expression)[0].astype(np.float32)
        return fit_neutral(Landmarks(points[:68], points[68:], 1.0), near)

    _, least = fitted((0, 0, 0))
    others = [fitted(degrees) for degrees in ((20, 0, 0), (0, 15, 0), (0, 0, 15))]
    others += [fitted((0, 0, 0), name) for name in ("blink_left", "mouth_open", "smile")]
    for face, far in others:
        assert far > least + 0.05
        assert fitted((0, 0, 0), near=face)[1] == pytest.approx(least, abs=0.02)
    assert least < 0.01


@pytest.mark.slow
def test_the_command_prints_and_draws(
    clip: Path, head_picture: Picture, animator: Animator, tmp_path: Path, monkeypatch, capsys
):
    Image.fromarray(head_picture(0)).save(tmp_path / "head.png")
    monkeypatch.setattr(Animator, "from_pretrained", lambda **_: animator)
    folder = tmp_path / "new" / "out"
    assert main([str(clip), "-o", str(tmp_path / "head.png")]) == 2
    assert "head.png: no folder can be made there" in capsys.readouterr().err
    files = [str(clip), str(tmp_path / "head.png"), str(tmp_path / "missing.jpg")]
    assert main([*files, "-o", str(folder), "--json"]) == 2
    said = capsys.readouterr()
    assert "missing.jpg: no such file." in said.err
    one, two = json.loads(said.out)
    assert (one["coverage"], one["cuts"], one["frames"]) == (0.8, [0.4], 20)
    assert two["faces"][0]["number"] == 1
    assert one["estimate"]["portrait"] == files[1]
    assert one["estimate"]["seconds"] > 0
    assert "estimate" not in two
    drawn = [f"{name}.{kind}.png" for name in ("clip", "head") for kind in ("faces", "layers")]
    assert sorted(path.name for path in folder.iterdir()) == drawn
    with Image.open(folder / "head.layers.png") as layers:
        assert layers.size == (4 * 128, 128)  # the picture, the person, the plate, what goes with the head
        assert np.array_equal(np.asarray(layers)[:, :128], head_picture(0))
    assert main([files[1], "-o", str(folder)]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main([files[1], "-o", str(folder), "--overwrite"]) == 0
    assert "128x128, picture, 1 face" in capsys.readouterr().out
