"""One picture in many poses: placed in the network's picture, drawn pose by pose, written by the stream."""

import json
from fractions import Fraction

import numpy as np
import pytest
import torch
from gfla.animate import VideoReader
from gfla.animate.cli.pose import main as pose
from gfla.animate.cli.turntable import main as turntable
from gfla.animate.errors import InputError
from gfla.animate.io.image import read_image, write_image
from gfla.animate.pose_transfer.poser import Poser, fit_picture, follow_person
from gfla.animate.synthetic.puppets import choose_solid, draw_pair, draw_solid
from gfla.models import CONFIGS, Generator, save_generator


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """By task, tiny weights with every branch alive."""
    folder, files = tmp_path_factory.mktemp("weights"), {}
    for task in ("person", "view"):
        torch.manual_seed(0)
        generator = Generator(CONFIGS[f"{task}-tiny"])
        with torch.no_grad():
            for parameter in generator.parameters():
                parameter.add_(torch.randn_like(parameter) * 0.03)
        files[task] = folder / f"{task}.safetensors"
        save_generator(files[task], generator)
    return files


@pytest.fixture
def person(tmp_path):
    """A drawn person 120 x 90 with joints beside the picture, and another pose of theirs."""
    pair = draw_pair(1, 3, (120, 90))
    picture = tmp_path / "somebody.png"
    write_image(pair.source.image, picture)
    target = tmp_path / "target.json"
    for drawn, path in ((pair.source, picture.with_suffix(".json")), (pair.target, target)):
        rows = np.hstack([drawn.joints, np.ones((18, 1))]).flatten().tolist()
        path.write_text(json.dumps({"people": [{"pose_keypoints_2d": rows}]}))
    return picture, target, pair


def test_a_wide_picture_lies_in_the_middle_of_the_networks(weights):
    fit = fit_picture((60, 120), (64, 64))
    assert fit.inner == (16, 48, 0, 64)
    poser = Poser.from_pretrained(weights["person"], "person", "cpu")
    state = poser.prepare(np.full((60, 120, 3), 90, np.uint8), np.full((18, 2), 30, np.float32))
    assert state.size == (64, 32)
    np.testing.assert_allclose(state.points, np.full((18, 2), (15.77, 31.77)), atol=0.01)
    assert poser.step(np.full((18, 2), 40, np.float32), state)[0].shape == (32, 64, 3)


def test_one_by_one_equals_the_video_and_an_unknown_pose_is_held(weights, person, tmp_path):
    _, _, pair = person
    poser = Poser.from_pretrained(weights["person"], "person", "cpu")
    state = poser.prepare(pair.source.image, pair.source.joints)
    unknown = np.full((18, 2), np.nan, np.float32)
    poses = [pair.source.joints, pair.target.joints, unknown]
    pictures = list(poser.animate(state, poses))
    assert np.abs(pictures[0].astype(int) - pictures[1]).max() > 2
    np.testing.assert_array_equal(pictures[1], pictures[2])
    poser.render(state, poses, tmp_path / "%03d.png")
    written = [read_image(path)[0] for path in sorted(tmp_path.glob("0*.png"))]
    np.testing.assert_array_equal(written, pictures)
    out = poser.render(state, poses, tmp_path / "out.mkv", rate=Fraction(10))
    with VideoReader(out) as reader:
        assert [frame.seconds for frame in reader] == [0, Fraction(1, 10), Fraction(2, 10)]


def test_poses_of_another_picture_are_fitted_to_the_trunk():
    own = np.zeros((18, 2), np.float32)
    own[1], own[8], own[11] = (50, 20), (45, 60), (55, 60)
    other = own * 3 + 100
    np.testing.assert_allclose(follow_person([other], own)[0], own, atol=1e-4)
    own[8] = np.nan
    with pytest.raises(InputError, match="neck and hips"):
        follow_person([other], own)


@pytest.mark.slow
def test_pose_writes_a_picture_or_a_video(weights, person, tmp_path, capsys):
    picture, target, _ = person
    command = [str(picture), str(target), "--weights", str(weights["person"]), "--device", "cpu", "--as-is"]
    assert pose([*command, "-o", str(tmp_path / "out.png")]) == 0
    assert read_image(tmp_path / "out.png")[0].shape == (64, 48, 3)
    command[1] = "walk"
    assert pose([*command[:-1], "-o", str(tmp_path / "out.mp4")]) == 0
    with VideoReader(tmp_path / "out.mp4") as reader:
        assert sum(1 for _ in reader) == 50
    assert pose([*command, "-o", str(tmp_path / "many.png")]) == 2
    assert "50 poses" in capsys.readouterr().err


@pytest.mark.slow
def test_drawn_sources_need_no_files(weights, tmp_path):
    common = ["--device", "cpu", "-o"]
    command = ["puppet:3", "turn", "--weights", str(weights["person"])]
    assert pose([*command, *common, str(tmp_path / "turn.mp4")]) == 0
    command = ["solid:3", "--frames", "9", "--weights", str(weights["view"])]
    assert turntable([*command, *common, str(tmp_path / "solid.mp4")]) == 0
    with VideoReader(tmp_path / "solid.mp4") as reader:
        assert sum(1 for _ in reader) == 9


def test_the_shipped_weights_turn_a_thing(tmp_path):
    """The views that come out are nearer to the true ones than the picture that went in."""
    command = ["solid:3", "--frames", "8", "--device", "cpu", "-o", str(tmp_path / "turn.mp4")]
    assert turntable(command) == 0
    with VideoReader(tmp_path / "turn.mp4") as reader:
        made = [frame.image.astype(float) for frame in reader]
    true = [draw_solid(choose_solid(3), 40 + 45 * n, 10, (64, 64)).image for n in range(8)]
    errors = [
        (np.abs(m - t).mean(), np.abs(true[0] - t.astype(float)).mean())
        for m, t in zip(made, true, strict=True)
    ]
    ours, still = np.mean(errors[1:], axis=0)
    assert ours < still


def test_bad_input_is_one_sentence(weights, person, tmp_path, capsys):
    picture, target, _ = person
    common = ["--device", "cpu", "-o", str(tmp_path / "x.mp4")]

    def says(command, *words):
        assert (pose if command[0] != "solid" else turntable)([*command, *common]) == 2
        error = capsys.readouterr().err
        assert all(word in error for word in words)
        assert error.count("\n") == 1
        assert not (tmp_path / "x.mp4").exists()

    says([str(tmp_path / "no.png"), str(target)], "no.png")
    says([str(picture), str(tmp_path / "no.json")], "no.json")
    says([str(picture), str(target), "--weights", str(weights["view"])], "for a view")
    picture.with_suffix(".json").unlink()
    says([str(picture), str(target)], "somebody.json")
    says(["solid", "--elevation", "50", "--weights", str(weights["view"])], "--elevation")
    says(["solid", "--frames", "0", "--weights", str(weights["view"])], "--frames")
