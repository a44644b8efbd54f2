"""demos/batch.py: every portrait by every video, and a second run that has nothing to do."""

import runpy
import shutil
import sys
from importlib.resources import files
from pathlib import Path

import av
import pytest
from gfla.demos.batch import main


@pytest.mark.slow
def test_every_portrait_by_every_video(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assets = files("gfla.animate") / "assets"
    for folder in ("portraits", "videos"):
        (tmp_path / folder).mkdir()
    shutil.copy(str(assets / "astronaut.jpg"), tmp_path / "portraits")
    (tmp_path / "portraits" / "text.png").write_text("not a picture")
    with av.open(str(assets / "driver.mp4")) as whole, av.open(str(tmp_path / "videos/a.mp4"), "w") as cut:
        stream = cut.add_stream_from_template(whole.streams.video[0])
        for packet, _ in zip(whole.demux(video=0), range(3), strict=False):
            packet.stream = stream
            cut.mux(packet)
    folders = [str(tmp_path / name) for name in ("portraits", "videos", "out")]
    assert main(*folders) == 1
    said = capsys.readouterr().out
    assert "frame 3 of 3" in said
    assert "text.png: not a picture" in said
    assert (tmp_path / "out" / "astronaut-a.mp4").is_file()
    assert main(*folders) == 1
    assert "frame" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["animate", "batch", "client", "webcam"])
def test_a_script_without_arguments_says_what_it_takes(name: str, monkeypatch: pytest.MonkeyPatch):
    if name == "client":
        pytest.importorskip("gradio_client", reason="gradio is not installed")
    monkeypatch.setattr(sys, "argv", [name])
    with pytest.raises(SystemExit, match=rf"python -m gfla\.demos\.{name} [A-Z]"):
        runpy.run_path(str(files("gfla.demos") / f"{name}.py"), run_name="__main__")
