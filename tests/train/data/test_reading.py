"""Clips are read compressed: any frame at once, in bounded memory, and broken ones are left out by name."""

import ctypes
import os
import pickle
import shutil
import subprocess
import sys
import time
from dataclasses import replace

import av
import cv2
import numpy as np
import pytest
from conftest import moving_picture
from gfla.animate.errors import InputError
from gfla.train.data.clips import moving_frames
from gfla.train.data.faces import FaceSamples, Sampler
from gfla.train.data.index import LIMIT, LeftOut, load_clips
from gfla.train.data.reading.cache import Cache, free_memory
from gfla.train.data.reading.compressed import CompressedFrames, _packet
from gfla.train.data.reading.workers import Loading, read_ahead
from gfla.train.options import RunOptions

COUNT = 40


def decoded(path) -> np.ndarray:
    """By OpenCV, from begin to end."""
    capture, frames = cv2.VideoCapture(str(path)), []
    while (result := capture.read())[0]:
        frames.append(cv2.cvtColor(result[1], cv2.COLOR_BGR2RGB))
    return np.stack(frames)


@pytest.fixture
def video(make_video):
    """With B-frames, and a keyframe at every twelfth frame."""
    options = {"crf": "18", "preset": "veryfast", "g": "12", "bf": "2"}
    return make_video("clip.mp4", pts=tuple(range(COUNT)), size=(64, 64), options=options)


def test_any_frame_is_that_of_the_whole_clip(video, make_video):
    wanted, cache = decoded(video), Cache(1 << 30)
    frames = CompressedFrames(video, "a", COUNT, cache)
    assert frames.shape == wanted.shape == (COUNT, 64, 64, 3)
    order = np.random.default_rng(0).permutation(COUNT)
    assert np.array_equal(frames[order], wanted[order])
    assert np.array_equal(frames[-1], wanted[-1])
    assert np.array_equal(frames[5:9], wanted[5:9])
    assert np.array_equal(np.stack(list(frames)), wanted)  # pyright: ignore[reportArgumentType]
    from_bytes = CompressedFrames(video.read_bytes(), "b", COUNT, cache)
    assert np.array_equal(from_bytes[17], wanted[17])
    full = make_video("444.mp4", pts=tuple(range(5)), size=(64, 64), pixels="yuv444p")
    assert np.array_equal(CompressedFrames(full, "c", 5, cache)[:], decoded(full))
    assert moving_frames(frames).tolist() == moving_frames(wanted).tolist()


def test_a_look_decodes_what_it_needs_and_the_next_one_the_group(video):
    """The frames are in order I b b P b b P ...: frame 30 is the third of them, from a P before and after."""
    frames = CompressedFrames(video, "a", COUNT, Cache(1 << 30))
    one, packets = 64 * 64 * 3 // 2, sum(len(p.data) for p in frames._coded().packets)  # a frame in planes
    frames[30]
    assert frames.cache.used == packets + one
    frames[np.array([30, 28, 2])]
    assert frames.cache.used == packets + (12 + 1) * one
    before = frames._group(frames._coded(), 2, frozenset((35,)))
    assert before is frames._group(frames._coded(), 2, frozenset((24, 29)))


@pytest.mark.parametrize(
    ("codec", "options"),
    [
        ("libx264", {"g": "12", "bf": "4", "b-pyramid": "normal", "refs": "4"}),
        ("libx264", {"g": "12", "bf": "3", "x264-params": "open-gop=1"}),
        ("libx264", {"g": "250", "bf": "0"}),
        ("libx265", {"g": "12", "x265-params": "log-level=none"}),
        ("libvpx-vp9", {"g": "12", "lag-in-frames": "8", "auto-alt-ref": "1"}),
        ("mpeg4", {"g": "12", "bf": "2"}),
    ],
)
def test_a_frame_alone_is_that_of_the_whole_clip(tmp_path, codec, options):
    """Whatever a frame refers to is decoded, although most of what lies between is not."""
    clip = tmp_path / "clip.mp4"
    with av.open(str(clip), "w") as output:
        stream = output.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for number in range(COUNT):
            picture = av.VideoFrame.from_ndarray(moving_picture(number, 64, 64), format="rgb24")
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
    wanted = CompressedFrames(clip, "a", COUNT, Cache(1 << 30))
    whole = wanted._coded().decode(range(12), "a")
    for number in range(12):
        alone = wanted._coded().decode([number], "a")
        assert np.array_equal(alone.pixels[0], whole.pixels[number])
    assert np.array_equal(wanted[:], decoded(clip))


def test_zeros_follow_a_packet(video):
    """Decoders read on past its end, and what happened to lie there made other pictures of it."""
    for coded in CompressedFrames(video, "a", COUNT, Cache(1 << 30))._coded().packets:
        packet = _packet(coded)
        assert ctypes.string_at(packet.buffer_ptr, packet.size + 64) == coded.data + bytes(64)


def test_a_broken_frame_is_broken_whatever_is_in_the_cache(video):
    """Samples must not depend on the cache: the frames beside it can be read at the first look and later."""
    frames = CompressedFrames(video, "a", COUNT, Cache(1 << 30))
    whole, coded = frames[:], frames._coded()
    unused = [i for i, p in enumerate(coded.packets) if not p.data[4] & 0x60]  # no frame refers to them
    place = next(i for i in unused if coded.packets[i].time > coded.order[12])
    broken = coded.order.index(coded.packets[place].time)
    coded.packets[place] = replace(coded.packets[place], data=b"\0\0\0\4\x01\x9a\xff\xff")
    for limit in (0, 1 << 30):
        again = replace(frames, cache=Cache(limit))
        again.cache.keep(("a", "packets"), coded, 0)
        again.cache.limit = limit
        for number in (12, broken + 1, broken, 23, 12, broken):
            if number == broken:
                with pytest.raises(InputError, match="a: cannot be decoded"):
                    again[number]
            else:
                assert np.array_equal(again[number], whole[number])


def test_a_clip_that_is_not_whole_is_a_sentence(video, tmp_path):
    with pytest.raises(InputError, match="a: 40 frames, but landmarks of 41"):
        CompressedFrames(video, "a", 41, Cache(0))[0]
    (tmp_path / "cut.mp4").write_bytes(video.read_bytes()[:400])
    for path in (tmp_path / "cut.mp4", tmp_path / "none.mp4"):
        with pytest.raises(InputError, match="a: cannot be decoded"):
            CompressedFrames(path, "a", COUNT, Cache(0))[0]


def test_the_cache_keeps_what_was_used_last():
    cache = Cache(100)
    for name in "abc":
        cache.keep(name, name.upper(), 30)
    assert cache.find("a") == "A"
    cache.keep("d", "D", 30)
    assert [cache.find(name) for name in "abcd"] == ["A", None, "C", "D"]
    assert cache.keep("large", 1, 101) == 1
    assert cache.find("large") is None
    assert cache.used == 90
    cache.keep("a", "again", 70)
    assert (cache.used, cache.find("a")) == (100, "again")
    empty = pickle.loads(pickle.dumps(cache))
    assert (empty.limit, empty.used) == (100, 0)


def test_memory_is_shared_out(monkeypatch):
    assert 1 << 20 < free_memory() < 1 << 50
    monkeypatch.setattr("gfla.train.data.reading.workers.free_memory", lambda: 8000)
    assert Loading(workers=4).cache_of_one == 500
    assert Loading(workers=0).cache_of_one == 2000
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert Loading(workers=2).cache_of_one == 500
    assert Loading(1_500_000_000, 3).cache_of_one == 500_000_000
    for wrong in ({"cache": -1.0}, {"cache": float("nan")}, {"workers": -1}, {"workers": 1025}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            replace(RunOptions(), **wrong)


@pytest.fixture
def many(video, face, tmp_path):
    """40 people with the same clip."""
    data = tmp_path / "data"
    data.mkdir()
    still = np.stack([face() / 4] * COUNT)
    lines = ["file,split,identity,kind,frames"]
    for n in range(40):
        shutil.copy(video, data / f"{n}.mp4")
        np.savez(data / f"{n}.npz", lmk68=still, moving=np.ones(COUNT, bool))
        lines.append(f"{n}.mp4,train,{n},clip,{COUNT}")
    (data / "index.csv").write_text("\n".join(lines))
    return data


@pytest.mark.slow
def test_a_few_broken_clips_are_left_out_and_named(many):
    (many / "3.npz").unlink()
    (many / "5.mp4").write_bytes((many / "5.mp4").read_bytes()[:500])
    said: list[str] = []
    runs = []
    for workers in (0, 2):
        clips, left_out = load_clips(many, "train", Cache(1 << 24), warn=lambda w: said.append(str(w)))
        assert len(clips) == 39
        sampler = Sampler(clips, 8, FaceSamples(1, 64, edges=False), 1)
        runs.append([batch.images.numpy() for batch in read_ahead(sampler, 0, 24, workers, left_out.add)])
        assert set(left_out.found) == {"3.npz", str(many / "5.mp4")}
    assert np.array_equal(runs[0], runs[1])
    assert len(said) == 4
    assert said[0] == f"{many / 'index.csv'}: 1 of 40 clips are missing and left out: 3.npz."
    assert said[1].startswith(f"{many / '5.mp4'}: cannot be decoded")
    assert said[1].endswith("it is left out.")


@pytest.mark.parametrize("workers", [0, 1])
def test_too_many_broken_clips_end_the_run(many, workers):
    for n in range(0, 40, 2):
        (many / f"{n}.npz").write_bytes(b"no archive")
    clips, left_out = load_clips(many, "train", Cache(1 << 24))
    sampler = Sampler(clips, 4, FaceSamples(1, 64, edges=False), 1)
    with pytest.raises(InputError, match=r"index\.csv: \d of 40 clips are missing or broken: .*npz"):
        list(read_ahead(sampler, 0, 50, workers, left_out.add))
    for n in range(0, 40, 2):
        (many / f"{n}.npz").unlink()
    with pytest.raises(InputError, match=r"files are missing: 0\.npz, 2\.npz, 4\.npz and 17 more"):
        load_clips(many, "train")


def test_the_limit_is_a_share(tmp_path):
    left_out = LeftOut(tmp_path, 100, print)
    allowed = [InputError(n, "broken") for n in range(round(100 * LIMIT))]
    left_out.add(allowed)
    left_out.add(allowed)
    with pytest.raises(InputError, match="6 of 100 clips"):
        left_out.add([InputError("one more", "broken")])


def test_persons_and_clips_come_as_the_index_says(many):
    clips, _ = load_clips(many, "train")
    people = clips.people(COUNT - 1)
    assert [clips.identities[numbers[0]] for numbers in people] == sorted(str(n) for n in range(40))
    assert clips.people(COUNT) == []


_READS = """
import os
from gfla.train.data.reading.workers import read_ahead


class Source:
    in_order = False

    def __call__(self, number):
        return os.getpid()

    def left_out(self):
        return []


if __name__ == "__main__":
    for pid in read_ahead(Source(), 0, 1000, 2, lambda _: None):
        print(pid, flush=True)
        input()
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs kill -9")
def test_workers_end_with_a_killed_run(tmp_path):
    script = tmp_path / "reads.py"
    script.write_text(_READS)
    run = subprocess.Popen([sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with run:
        assert run.stdin
        assert run.stdout
        workers = {int(run.stdout.readline())}
        run.stdin.write("\n")
        run.stdin.flush()
        workers.add(int(run.stdout.readline()))
        assert len(workers) == 2
        run.kill()
    end = time.monotonic() + 30
    while any(_alive(pid) for pid in workers):
        assert time.monotonic() < end
        time.sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
