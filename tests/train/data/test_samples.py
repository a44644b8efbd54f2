"""What training reads: repeated frames left out, samples changed alike, bad datasets said in a sentence."""

import shutil
import subprocess
import sys

import numpy as np
import pytest
from gfla.animate.errors import InputError
from gfla.train.config import FACE, TINY, Augmentation
from gfla.train.data.augment import augment
from gfla.train.data.clips import Clip, clip_points, moving_frames
from gfla.train.data.faces import FaceSamples, Sampler
from gfla.train.data.index import Clips, load_clips


def test_repeated_frames_are_known_and_never_sampled(face):
    rng = np.random.default_rng(0)
    scenes = rng.integers(0, 256, (6, 64, 64, 3)).astype(np.uint8)
    frames = scenes[[0, 0, 1, 2, 2, 2, 3, 4, 5]]
    frames[1, 0, 0, 0] ^= 255  # one pixel of 4096 is no movement
    moving = moving_frames(frames)
    assert moving.tolist() == [0, 2, 3, 6, 7, 8]
    clip = Clip("a", "a", frames, np.stack([face() / 4] * 9), moving, np.zeros((9, 2, 2), np.float32))
    sampler = Sampler(Clips.of([clip]), 1, FaceSamples(3, 64, edges=False), seed=0)
    for n in range(12):
        images = sampler(n).images[0, 1:]
        changes = (images[1:] - images[:-1]).abs().mean((1, 2, 3)) * 127.5
        assert (changes > 0.3).all()
    with pytest.raises(InputError, match="more than 6 moving frames"):
        Sampler(Clips.of([clip]), 1, FaceSamples(6, 64), seed=0)


@pytest.mark.slow
def test_a_clip_s_first_frame_can_be_the_reference_and_the_mirror_left_out(face):
    """Frame 0 is dark, the others are not, whatever the colours do; all are darker on the left."""
    levels = np.array([0, *range(120, 200, 10)], np.uint8)
    frames = np.tile(levels[:, None, None, None], (1, 64, 64, 3))
    frames[:, :, 32:] += 40
    irises = np.zeros((len(levels), 2, 2), np.float32)
    clip = Clip("a", "a", frames, np.stack([face() / 4] * len(levels)), np.arange(len(levels)), irises)

    def shares(extra: Augmentation) -> tuple[float, float]:
        sampler = Sampler(Clips.of([clip]), 40, FaceSamples(2, 64, extra, edges=False), seed=0)
        images = sampler(0).images.mean((2, 3))  # (B, 1 + T, W)
        first = images[:, 0].mean(1) < -0.4
        upright = images[:, 1, :24].mean(1) < images[:, 1, 40:].mean(1)
        return first.float().mean().item(), upright.float().mean().item()

    assert shares(Augmentation(first_frame=1.0, mirror=0.0)) == (1.0, 1.0)
    first, upright = shares(Augmentation())
    assert first < 0.5
    assert 0.2 < upright < 0.8


def test_processes_share_one_batch(drawn):
    clips, _ = load_clips(drawn, "train", mattes=True)
    maker = FaceSamples(2, 64, edges=False)
    whole = Sampler(clips, 4, maker, seed=1)(5)
    halves = [Sampler(clips, 2, maker, seed=1, rank=r)(5) for r in range(2)]
    for part, (a, b) in zip(whole, zip(*halves, strict=True), strict=True):
        assert part is not None
        assert np.array_equal(part.numpy(), np.concatenate((np.asarray(a), np.asarray(b))))


def test_augmentation_changes_all_frames_alike(face):
    rng = np.random.default_rng(1)
    images = np.stack([rng.integers(0, 256, (256, 256, 3)).astype(np.uint8)] * 3)
    points = np.stack([face()] * 3)
    plain, _, _ = augment(images, points, 128, np.random.default_rng(4), Augmentation())
    changed, _, _ = augment(images, points, 128, np.random.default_rng(4), Augmentation(blur=1, jpeg=1))
    assert changed.shape == plain.shape == (3, 128, 128, 3)
    assert np.array_equal(changed[0], changed[1])
    assert (
        np.abs(np.diff(changed[0].astype(int), axis=0)).mean()
        < np.abs(np.diff(plain[0].astype(int), axis=0)).mean()
    )


def test_runs_have_the_length_that_is_asked():
    for steps in (1, 2, 3, 7, 100, 4121):
        assert FACE.scaled(steps).steps == steps
        assert TINY.scaled(steps).steps == steps
    assert [stage.name for stage in FACE.scaled(100).stages] == ["flow", "image", "sharp", "video"]
    with pytest.raises(ValueError, match="one step"):
        FACE.scaled(0)


def test_bad_datasets_are_sentences(drawn, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(drawn, copy)

    def opened(split="train"):
        clips, _ = load_clips(copy, split)
        return clips[0].frames[0]

    (copy / "clips" / "drawn000_0.npz").unlink()
    with pytest.raises(InputError, match=r"missing: clips/drawn000_0\.npz"):
        opened()
    (copy / "clips" / "drawn000_0.npz").write_bytes(b"no archive")
    with pytest.raises(InputError, match="no landmarks"):
        opened()
    (copy / "clips" / "drawn000_0.npz").write_bytes(b"")
    with pytest.raises(InputError, match=r"drawn000_0\.npz: no landmarks lmk68 \(the file is empty\)"):
        opened()
    far = dict(np.load(drawn / "clips" / "drawn000_0.npz"))
    far["lmk68"][3, 5] = 1e5, 20
    np.savez(copy / "clips" / "drawn000_0.npz", **far)
    with pytest.raises(InputError, match=r"drawn000_0\.npz: the landmarks of frame 3 lie far outside"):
        opened()
    with pytest.raises(InputError, match="no clips of split"):
        opened("test")
    (copy / "clips" / "drawn001_0.mp4").write_bytes(b"no video")
    with pytest.raises(InputError, match="cannot be decoded"):
        opened("val")
    (copy / "index.csv").write_text("file,split\na,train\n")
    with pytest.raises(InputError, match="no column 'kind'"):
        opened()
    (copy / "index.csv").write_text("file,split\na,train\n", encoding="utf-16")
    with pytest.raises(InputError, match=r"index\.csv: cannot be read as a table"):
        opened()


def test_landmarks_of_another_kind_are_a_sentence(tmp_path):
    np.savez(tmp_path / "five.npz", lmk68=np.zeros((4, 5, 2)))
    with pytest.raises(InputError, match=r"five\.npz: lmk68 has the shape \(4, 5, 2\)"):
        clip_points(tmp_path / "five.mp4")
    np.savez(tmp_path / "lost.npz", lmk68=np.full((4, 68, 2), np.nan))
    with pytest.raises(InputError, match=r"lost\.npz: lmk68 has points that are not finite"):
        clip_points(tmp_path / "lost.mp4")


def test_an_index_that_excel_saved_is_read(drawn, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(drawn, copy)
    (copy / "index.csv").write_text((drawn / "index.csv").read_text(), encoding="utf-8-sig")
    clips, _ = load_clips(copy, "train")
    assert len(clips) == 1


@pytest.mark.slow
def test_training_does_not_need_kornia(drawn, squeezenet, tmp_path):
    """Without kornia landmarks alone guide; without tensorboard there is no board."""
    code = """
import sys
for name in ("kornia", "gradio", "tensorboard", "skimage"):
    sys.modules[name] = None
import importlib.util as u
find = u.find_spec
u.find_spec = lambda name, *more: None if name in ("kornia", "tensorboard") else find(name, *more)
from gfla.train.cli import main
raise SystemExit(main(sys.argv[1:]))
"""
    arguments = ["--config", "tiny", "--data", str(drawn), "--perceptual", str(squeezenet), "--workers", "0"]
    command = [sys.executable, "-c", code, *arguments, "--steps", "4", "--out", str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "generator.safetensors").is_file()
