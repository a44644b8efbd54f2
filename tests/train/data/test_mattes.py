"""Samples of mattes are exact where a person is laid over another background, and training on them learns."""

import csv
import json

import cv2
import numpy as np
import pytest
import torch
from gfla.animate.errors import InputError
from gfla.animate.synthetic.talking_head import Pose, TalkingHead
from gfla.models import load_matte_net
from gfla.train.cli import main
from gfla.train.data.mattes import MatteSampler, load_portraits
from gfla.train.evaluation.mattes import compare, evaluate, grabcut
from gfla.train.losses.matte import matte_terms


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A dataset of three portraits and a clip of two labelled frames, the mattes beside the faces."""
    home = tmp_path_factory.mktemp("data")
    for name in ("faces/portraits", "faces/clips", "mattes"):
        (home / name).mkdir(parents=True)
    rows = []
    for seed in range(3):
        image = TalkingHead(seed).render(Pose()).image
        cv2.imwrite(str(home / f"faces/portraits/p{seed}.jpg"), image[..., ::-1])
        cv2.imwrite(str(home / f"mattes/p{seed}.jpg"), half())
        rows.append((f"portraits/p{seed}.jpg", "val" if seed == 2 else "train", f"person{seed}", "portrait"))
    video = cv2.VideoWriter(
        str(home / "faces/clips/c_0.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 25, (256, 256)
    )
    for number in range(3):
        video.write(np.full((256, 256, 3), 60 * number, np.uint8))
        if number != 1:
            cv2.imwrite(str(home / f"mattes/c_0.{number:04d}.jpg"), half())
    video.release()
    rows.append(("clips/c_0.mp4", "train", "person1", "clip"))
    with (home / "faces/index.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file", "split", "identity", "kind"), *rows])
    return home / "faces"


def half() -> np.ndarray:
    """A matte (256, 256): the lower half is the person."""
    matte = np.zeros((256, 256), np.uint8)
    matte[128:] = 255
    return matte


def test_portraits_and_frames_come_with_their_mattes(folder):
    people = load_portraits(folder, "train")
    assert {name: [one.name for one in ones] for name, ones in people.items()} == {
        "person0": ["p0"],
        "person1": ["p1", "c_0.0", "c_0.2"],
    }
    last = people["person1"][2]
    assert abs(float(last.image.mean()) - 120) < 3  # the third frame
    assert last.matte[200].min() > 250
    assert np.abs(last.plate.astype(int) - 120).max() < 6


def test_a_folder_without_mattes_is_named(folder, tmp_path):
    (tmp_path / "index.csv").write_text((folder / "index.csv").read_text())
    with pytest.raises(InputError, match="no folder mattes"):
        load_portraits(tmp_path, "train")
    (tmp_path / "mattes").mkdir()
    with pytest.raises(InputError, match="no portrait or clip of split 'train' has mattes"):
        load_portraits(tmp_path, "train")


def test_a_matte_of_another_size_is_named(folder, tmp_path):
    (tmp_path / "mattes").mkdir()
    (tmp_path / "index.csv").write_text("file,split,identity,kind\nportraits/p0.jpg,train,a,portrait\n")
    (tmp_path / "portraits").symlink_to(folder / "portraits")
    cv2.imwrite(str(tmp_path / "mattes/p0.jpg"), half()[:100])
    with pytest.raises(InputError, match=r"mattes.p0\.jpg: not a matte of its picture's size"):
        load_portraits(tmp_path, "train")


def test_samples_depend_on_seed_and_step_alone(folder):
    people = load_portraits(folder, "train")
    one = MatteSampler(people, 3, 64, seed=7)
    for step, batch in enumerate(MatteSampler(people, 3, 64, seed=7).ahead(3, 6), start=3):
        for a, b in zip(one(step), batch, strict=True):
            assert torch.equal(a, b)
        assert batch.images.shape == (3, 3, 64, 64)
        assert -1 <= batch.images.min() <= batch.images.max() <= 1
        assert batch.mattes.shape == (3, 1, 64, 64)
        assert 0 <= batch.mattes.min() <= batch.mattes.max() <= 1
    second = MatteSampler(people, 3, 64, seed=7, rank=1)
    assert torch.equal(second(3).images, MatteSampler(people, 6, 64, seed=7)(3).images[3:])


def test_losses_are_zero_at_the_truth_and_fall_towards_it():
    truth = torch.from_numpy(half()[None, None].astype(np.float32) / 255)
    right = matte_terms((truth - 0.5) * 100, truth)
    assert all(float(value) < 1e-6 for value in right.values())
    near, far = (matte_terms((truth.roll(shift, 2) - 0.5) * 8, truth) for shift in (2, 20))
    assert all(float(near[name]) < float(far[name]) for name in ("l1", "entropy"))
    unsure = matte_terms(torch.zeros_like(truth), truth)
    assert float(unsure["l1"]) == 0.5
    assert float(unsure["entropy"]) == pytest.approx(np.log(2), abs=1e-5)
    # One edge: of 255 rows one differs by 1, of 63 rows at a quarter of the size one, too.
    assert float(unsure["slopes"]) == pytest.approx(1 / 255 + 1 / 63, abs=1e-6)


@pytest.mark.slow
def test_a_run_learns_and_resumes(folder, tmp_path, capsys):
    command = ["--config", "matte-tiny", "--data", str(folder.parent), "--out", str(tmp_path)]
    assert main([*command, "--steps", "20"]) == 0
    assert load_matte_net(tmp_path / "matte.safetensors").config.size == 64
    assert main(command) == 2
    assert "--resume" in capsys.readouterr().err
    assert main([*command, "--steps", "60", "--resume"]) == 0
    assert "continues at step 20 of 60" in capsys.readouterr().out
    log = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in log] == [20, 40, 60]
    assert {"l1", "entropy", "slopes"} <= log[-1].keys()
    assert log[-1]["entropy"] < log[0]["entropy"]


def test_without_data_there_is_a_sentence(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("GFLA_DATA", raising=False)
    assert main(["--config", "matte-tiny", "--out", str(tmp_path)]) == 2
    assert "--data" in capsys.readouterr().err


def test_scores_of_known_mattes():
    label = half().astype(np.float32) / 255
    assert compare(label, label) == (1.0, 0.0, 0.0)
    low = np.roll(label, 64, axis=0)
    low[:64] = 0
    # Half of the person is missing; the band holds 2 x 4 rows at the edge, of which the person's are wrong.
    assert compare(low, label) == (0.5, 0.25, 0.5)


@pytest.mark.slow
def test_grabcut_finds_a_face_before_a_wall_and_people_count_once(folder):
    image, points = TalkingHead(0).render(Pose())[:2]
    found = grabcut(image, points)
    x, y = points[30].astype(int)
    assert found[y, x] == 1
    assert found[5, 5] == 0
    people = load_portraits(folder, "train")
    scores = evaluate(people, {"half": lambda image: half().astype(np.float32) / 255})
    assert set(scores["half"]) == {"person0", "person1"}
    assert scores["half"]["person1"][0] > 0.99
