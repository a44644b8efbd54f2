"""Clips from tar files: every one comes, in an order that the seed decides, also after a stop."""

import io
import tarfile

import numpy as np
import pytest
from gfla.animate.errors import InputError
from gfla.train.data import shards
from gfla.train.data.clips import find_dataset, find_shards
from gfla.train.data.faces import FaceSamples
from gfla.train.data.reading.workers import read_ahead
from gfla.train.data.shards import ShardSampler

FRAMES, CLIPS, SHARDS = 6, 5, 4


@pytest.fixture
def folder(make_video, face, tmp_path, monkeypatch):
    """Four tar files of five clips; each clip has a grey of its own."""
    monkeypatch.setattr(shards, "SHUFFLED", 4)
    folder = tmp_path / "set"
    folder.mkdir()
    for shard in range(SHARDS):
        with tarfile.open(folder / f"{shard:02d}.tar", "w") as tar:
            for clip in range(CLIPS):
                grey = 10 * (shard * CLIPS + clip)
                video = make_video(
                    f"{shard}{clip}.mp4",
                    pts=tuple(range(FRAMES)),
                    size=(64, 64),
                    picture=lambda index, w, h, grey=grey: np.full((h, w, 3), grey, np.uint8),
                )
                arrays = io.BytesIO()
                np.savez(arrays, lmk68=np.stack([face() / 4] * FRAMES), moving=np.ones(FRAMES, bool))
                put(tar, f"clips/{clip}.json", b"{}")
                put(tar, f"clips/{clip}.mp4", video.read_bytes())
                put(tar, f"clips/{clip}.npz", arrays.getvalue())
    return folder


def put(tar, name, data):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def sampler_of(folder, **more):
    return ShardSampler(find_shards(folder), 2, FaceSamples(1, 64, edges=False), 5, **more)


def drawn(sampler, numbers, monkeypatch):
    """The names of the clips in these batches."""
    names: list[str] = []
    real = ShardSampler._open
    monkeypatch.setattr(
        ShardSampler, "_open", lambda self, e: names.append(f"{e.shard.stem}/{e.name}") or real(self, e)
    )
    for number in numbers:
        sampler(number)
    monkeypatch.setattr(ShardSampler, "_open", real)
    return names


@pytest.mark.slow
def test_every_clip_comes_as_often(folder, monkeypatch):
    assert find_dataset(folder) == folder
    names = drawn(sampler_of(folder), range(30), monkeypatch)  # three epochs, but for what waits
    counts = {name: names.count(name) for name in names}
    assert len(counts) == SHARDS * CLIPS
    assert all(2 <= count <= 4 for count in counts.values())
    assert names[:20] != sorted(names[:20])


def test_processes_read_different_shards(folder, monkeypatch):
    ranks = [drawn(sampler_of(folder, rank=r, world=2), range(3), monkeypatch) for r in range(2)]
    first = [{name.split("/")[0] for name in names[:4]} for names in ranks]
    assert not first[0] & first[1]


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_a_stream_goes_on_where_it_stopped(folder, workers):
    def batches(first):
        return [b.images.numpy() for b in read_ahead(sampler_of(folder), first, 16, workers, lambda _: None)]

    whole = batches(0)
    assert np.array_equal(batches(13), whole[13:])
    assert not np.array_equal(whole[0], whole[1])


def test_broken_shards_and_clips_are_left_out(folder):
    (folder / "00.tar").write_bytes(b"no tar file" * 100)
    video = b"ftyp"
    with tarfile.open(folder / "01.tar", "w") as tar:
        put(tar, "bad.mp4", video)
        put(tar, "bad.npz", b"")
    sampler = sampler_of(folder)
    for number in range(10):
        sampler(number)
    subjects = {error.subject for error in sampler.left_out()}
    assert subjects == {str(folder / "00.tar"), f"{folder / '01.tar'}:bad.npz"}
    assert np.array_equal(sampler_of(folder)(9).images, sampler(9).images)
    for shard in find_shards(folder):
        shard.write_bytes(b"no tar file" * 100)
    with pytest.raises(InputError, match="no clips in the shards"):
        sampler_of(folder)(0)
