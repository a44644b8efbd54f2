"""The commands with the authors' weights, from checkpoint to video: right shapes, times and sound.

The weights are the recipe's, so the pictures are nonsense; the networks are whole.
"""

import errno
import json
import os
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch
from authors import recipe_weights
from gfla.animate import VideoReader
from gfla.animate.cli.animate import main as animate
from gfla.animate.cli.import_weights import main as import_weights
from gfla.animate.cli.pose import main as pose
from gfla.animate.cli.turntable import main as turntable
from gfla.animate.io.image import read_image, write_image
from gfla.animate.synthetic.puppets import draw_pair

ASSETS = Path(__file__).resolve().parents[2] / "animate" / "assets"


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """A function: the weights file of a network, imported by the command, once."""
    folder = tmp_path_factory.mktemp("imported")

    def get(network: str) -> str:
        path = folder / f"{network}.safetensors"
        if not path.exists():
            checkpoint = folder / "latest_net_G.pth"
            torch.save(recipe_weights(network), checkpoint)
            assert import_weights([str(checkpoint), "-o", str(path)]) == 0
            checkpoint.unlink()
        return str(path)

    return get


@pytest.fixture
def person(tmp_path):
    """A drawn person 110 x 88 beside their joints, and OpenPose's folder of four frames: one lacks its file,
    in one is nobody."""
    pair = draw_pair(1, 3, (110, 88))
    write_image(pair.source.image, tmp_path / "somebody.png")
    folder = tmp_path / "poses"
    folder.mkdir()

    def write(path: Path, joints: np.ndarray | None) -> None:
        rows = [] if joints is None else np.hstack([joints, np.ones((18, 1))]).flatten().tolist()
        path.write_text(json.dumps({"people": [{"pose_keypoints_2d": rows}] if rows else []}))

    write(tmp_path / "somebody.json", pair.source.joints)
    write(folder / "frame_8_keypoints.json", pair.source.joints)
    write(folder / "frame_9_keypoints.json", None)
    write(folder / "frame_11_keypoints.json", pair.target.joints)
    return tmp_path / "somebody.png", folder


def frames(path: Path) -> list[np.ndarray]:
    with VideoReader(path) as reader:
        found = list(reader)
    assert [frame.seconds for frame in found] == [Fraction(i, 25) for i in range(len(found))]
    return [frame.image for frame in found]


@pytest.mark.slow
def test_import_says_what_it_found_and_checks_it_on_a_picture(person, tmp_path, capsys):
    checkpoint, out = tmp_path / "latest_net_G.pth", tmp_path / "w.safetensors"
    torch.save(recipe_weights("pose_market") | {"more": torch.zeros(1)}, checkpoint)
    command = [str(checkpoint), "-o", str(out), "--check", str(person[0])]
    assert import_weights(command) == 0
    said = capsys.readouterr().out
    assert "authors-market: 12,926,471 parameters, all there. Licence: CC BY-NC 4.0, non-commercial." in said
    assert "none such: more." in said
    assert "somebody.png drawn as it is: " in said
    assert read_image(tmp_path / "w-check.png")[0].shape == (80, 64, 3)
    assert import_weights(command) == 2
    assert "w.safetensors: the file exists" in capsys.readouterr().err


@pytest.mark.slow
def test_import_refuses_in_a_sentence_and_leaves_nothing(tmp_path, capsys):
    checkpoint, out = tmp_path / "latest_net_D.pth", tmp_path / "w.safetensors"
    torch.save({"block0.weight": torch.zeros(2)}, checkpoint)

    def says(command: list[str], *words: str) -> None:
        assert import_weights([*command, "-o", str(out)]) == 2
        error = capsys.readouterr().err
        assert all(word in error for word in words)
        assert error.count("\n") == 1
        assert not out.exists()

    says([str(checkpoint)], "latest_net_D.pth", "another network", "give a latest_net_G.pth of result.rar.")
    says([str(tmp_path / "none.pth")], "none.pth")
    torch.save(recipe_weights("keypoint"), checkpoint)
    picture = tmp_path / "grey.png"
    write_image(np.full((40, 40, 3), 90, np.uint8), picture)
    says([str(checkpoint), "--check", str(picture)], "--check", "cleaner")
    says([str(checkpoint), "--check", str(tmp_path / "no.png")], "no.png")
    says([str(checkpoint), "--azimuth", "nan"], "--azimuth", "not an angle")
    says([str(checkpoint), "--elevation", "80"], "--elevation", "0 to 20")


@pytest.mark.slow
def test_names_that_a_network_lacks_are_told_in_letters_that_a_terminal_may_see(tmp_path, capsys):
    checkpoint, out = tmp_path / "latest_net_G.pth", tmp_path / "w.safetensors"
    more = {"a\nb\x1b[31m": torch.zeros(1), "x" * 100: torch.zeros(1)}
    torch.save(recipe_weights("keypoint") | more, checkpoint)
    assert import_weights([str(checkpoint), "-o", str(out)]) == 0
    assert rf"none such: a\nb\x1b[31m, {'x' * 80}." in capsys.readouterr().out


@pytest.mark.slow
def test_a_full_disk_leaves_nothing(tmp_path, capsys, monkeypatch):
    checkpoint, out = tmp_path / "latest_net_G.pth", tmp_path / "w.safetensors"
    torch.save(recipe_weights("keypoint"), checkpoint)
    out.write_text("kept")

    def full(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[:100])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    assert import_weights([str(checkpoint), "-o", str(out), "--overwrite"]) == 2
    assert capsys.readouterr().err == f"{out}: cannot be written: No space left on device.\n"
    assert out.read_text() == "kept"
    assert {path.name for path in tmp_path.iterdir()} == {checkpoint.name, out.name}


def test_joints_of_the_picture_are_asked_for(person, tmp_path, capsys):
    bare = tmp_path / "bare.png"
    bare.write_bytes(person[0].read_bytes())
    command = [str(bare), str(person[1]), "-o", str(tmp_path / "out.mp4")]
    assert pose(command) == 2
    assert "bare.png: its joints are not beside it" in capsys.readouterr().err
    folder = tmp_path / "away"
    folder.mkdir()
    for number, name in enumerate(("frame_9_keypoints.json", "frame_8_keypoints.json")):
        (folder / f"{number}.json").write_bytes((person[1] / name).read_bytes())
    assert pose([*command, "--source-pose", str(folder)]) == 2
    assert "away: there is nobody in its first frame" in capsys.readouterr().err
    assert turntable(["solid", "-o", str(tmp_path / "out.mp4"), "--azimuth", "inf"]) == 2
    assert "--azimuth: not an angle" in capsys.readouterr().err


@pytest.mark.slow
def test_a_person_of_deepfashion_is_padded_stretched_and_brought_back(imported, person, tmp_path):
    command = [str(person[0]), str(person[1]), "--weights", imported("pose_fashion"), "--device", "cpu"]
    assert pose([*command, "--as-is", "-o", str(tmp_path / "out.mkv")]) == 0
    shown = frames(tmp_path / "out.mkv")
    assert [image.shape for image in shown] == [(220, 176, 3)] * 4
    assert np.abs(shown[0].astype(int) - shown[3]).mean() > 1
    assert np.abs(shown[1].astype(int) - shown[0]).mean() < 1  # who is away stays as they were


@pytest.mark.slow
def test_a_dance_has_previous_frames_and_a_cleaner(imported, person, tmp_path):
    command = [str(person[0]), str(person[1]), "--weights", imported("dance"), "--device", "cpu", "--as-is"]
    assert pose([*command, "-o", str(tmp_path / "plain.mkv")]) == 0
    cleaned = [*command, "--cleaner", imported("keypoint"), "-o", str(tmp_path / "cleaned.mkv")]
    assert pose(cleaned) == 0
    plain, clean = frames(tmp_path / "plain.mkv"), frames(tmp_path / "cleaned.mkv")
    assert [image.shape for image in plain] == [image.shape for image in clean] == [(256, 204, 3)] * 4
    assert np.abs(plain[0].astype(int) - clean[0]).mean() > 0.2
    assert np.abs(plain[1].astype(int) - plain[0]).mean() > 0.2  # the same pose, after another frame


@pytest.mark.slow
def test_a_thing_turns(imported, tmp_path):
    command = ["solid:3", "--weights", imported("shapenet"), "--device", "cpu", "--frames", "3"]
    assert turntable([*command, "-o", str(tmp_path / "out.mp4")]) == 0
    with VideoReader(tmp_path / "out.mp4") as reader:
        shown = [(frame.seconds, frame.image.shape) for frame in reader]
    assert shown == [(Fraction(i, 24), (256, 256, 3)) for i in range(3)]


@pytest.mark.slow
def test_a_portrait_moves_and_keeps_times_and_sound(imported, make_video, tmp_path, capsys):
    portrait = str(ASSETS / "astronaut.jpg")
    face = cv2.resize(read_image(portrait)[0], (256, 256), interpolation=cv2.INTER_AREA)
    driver = make_video(
        "driver.mp4",
        picture=lambda index, *_: np.roll(face, 3 * index, axis=1),
        size=(256, 256),
        sound="aac",
        pts=(0, 1, 3),
    )
    command = [portrait, str(driver), "--weights", imported("face"), "--device", "cpu", "--crop-only"]
    assert animate([*command, "-o", str(tmp_path / "no.mp4"), "--backend", "openvino"]) == 2
    assert "not for the model of these weights" in capsys.readouterr().err
    out = tmp_path / "out.mp4"
    assert animate([*command, "-o", str(out)]) == 0
    with VideoReader(out) as reader:
        shown = list(reader)
    assert [frame.seconds for frame in shown] == [0, Fraction(1, 25), Fraction(3, 25)]
    assert {frame.image.shape for frame in shown} == {(256, 256, 3)}
    sounds = []
    for path in (driver, out):
        with av.open(str(path)) as container:
            sounds.append([bytes(packet) for packet in container.demux(audio=0)])
    assert sounds[0] == sounds[1]
