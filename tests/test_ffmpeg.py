"""The private ffmpeg and ffprobe: found by name inside the block alone, and they say what the file is."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from gfla.animate.cli.ffprobe import main, probe
from gfla.animate.ffmpeg import ffmpeg_on_path


@pytest.fixture
def bare_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A PATH that leads to neither."""
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return str(folder)


def test_inside_the_block_both_are_found(bare_path: str, talking: Path):
    pytest.importorskip("imageio_ffmpeg")
    with ffmpeg_on_path() as folder:
        assert folder
        assert shutil.which("ffmpeg") == str(folder / "ffmpeg")
        assert shutil.which("ffprobe") == str(folder / "ffprobe")
        told = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True, check=True)
        assert told.stdout.startswith("ffmpeg version")
        asked = ["ffprobe", "-v", "error", "-print_format", "json", "-show_format", "-show_streams", talking]
        done = subprocess.run(asked, capture_output=True, text=True, check=True)
        assert [stream["codec_name"] for stream in json.loads(done.stdout)["streams"]] == ["h264", "aac"]
    assert os.environ["PATH"] == bare_path
    assert not folder.exists()


def test_a_module_of_the_folder_one_is_in_is_not_taken(
    bare_path: str, talking: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    pytest.importorskip("imageio_ffmpeg")
    (tmp_path / "av.py").write_text("raise SystemExit(7)\n")
    monkeypatch.chdir(tmp_path)
    with ffmpeg_on_path():
        subprocess.run(["ffprobe", "-show_format", talking], capture_output=True, check=True)


def test_what_the_system_has_is_left_alone(bare_path: str):
    for name in ("ffmpeg", "ffprobe"):
        Path(bare_path, name).write_text("#!/bin/sh\n")
        Path(bare_path, name).chmod(0o700)
    with ffmpeg_on_path() as folder:
        assert folder is None
        assert os.environ["PATH"] == bare_path


def test_ffmpeg_never_comes_alone(bare_path: str, monkeypatch: pytest.MonkeyPatch):
    """Without the binary there is no ffprobe either: with one of the two Gradio refuses every video."""
    monkeypatch.setattr("gfla.animate.ffmpeg.find_spec", lambda name: None)
    with ffmpeg_on_path() as folder:
        assert folder is None
        assert shutil.which("ffprobe") is None


def test_a_file_is_described(talking: Path):
    found = probe(str(talking))
    video, audio = found["streams"]
    assert (video["codec_type"], video["width"], video["height"]) == ("video", 96, 64)
    assert (video["avg_frame_rate"], video["nb_frames"], video["duration"]) == ("25/1", "50", "2.000000")
    assert (audio["codec_name"], audio["sample_rate"], audio["channels"]) == ("aac", "48000", 1)
    (whole,) = found["format"]
    assert (whole["nb_streams"], whole["size"]) == (2, str(talking.stat().st_size))
    assert float(whole["duration"]) == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize(
    ("select", "kinds"),
    [("v", ["video"]), ("a:0", ["audio"]), ("1", ["audio"]), ("v:1", []), ("s", [])],
)
def test_streams_are_selected(talking: Path, select: str, kinds: list[str]):
    assert [stream["codec_type"] for stream in probe(str(talking), select)["streams"]] == kinds


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("csv=p=0", "2.000000\n"),
        ("csv", "format,2.000000\n"),
        ("compact", "format|duration=2.000000\n"),
        ("default=noprint_wrappers=1:nokey=1", "2.000000\n"),
        ("default", "[FORMAT]\nduration=2.000000\n[/FORMAT]\n"),
        ("json", '{\n    "format": {\n        "duration": "2.000000"\n    }\n}\n'),
    ],
)
def test_the_writers(make_video, capsys: pytest.CaptureFixture[str], form: str, said: str):
    clip = make_video("clip.mp4")
    assert main(["-v", "quiet", "-i", str(clip), "-show_entries", "format=duration", "-of", form]) == 0
    assert capsys.readouterr().out == said


def test_what_is_no_media_is_said(bad_videos: dict[str, Path], capsys: pytest.CaptureFixture[str]):
    for name in ("missing", "text", "folder", "cut"):
        assert main(["-show_format", str(bad_videos[name])]) == 1
        assert str(bad_videos[name]) in capsys.readouterr().err
    assert main(["-v", "quiet", str(bad_videos["text"])]) == 1
    assert capsys.readouterr().err == ""
    assert main(["-select_streams", "x", str(bad_videos["sound"])]) == 1
    assert "Invalid stream specifier: x" in capsys.readouterr().err
    assert main([]) == 1


@pytest.mark.usefixtures("bare_path")
def test_gradio_is_content(talking: Path, make_video):
    gradio = pytest.importorskip("gradio.processing_utils", reason="Gradio is not installed")
    pytest.importorskip("imageio_ffmpeg")
    with ffmpeg_on_path():
        gradio.require_ffmpeg("a test", "ffmpeg", "ffprobe")
        assert gradio.video_is_playable(str(talking))
        assert gradio.get_video_length(str(talking)) == pytest.approx(2, abs=0.05)
        other = make_video("other.mkv")
        assert not gradio.video_is_playable(str(other))
        made = Path(gradio.convert_video_to_playable_mp4(str(other)))
        assert gradio.video_is_playable(str(made))
