"""gfla-prepare: raw videos become a dataset that training reads, bad ones are said, a second run goes on."""

import csv
import os
import resource
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from gfla.animate.errors import InputError
from gfla.animate.video import VideoReader
from gfla.train.cli import prepare as command
from gfla.train.data.index import load_clips
from gfla.train.data.prepare.footage import find_tracks, head_yaw, ticks
from gfla.train.data.prepare.lists import find_footage
from gfla.train.data.prepare.options import PrepareOptions
from gfla.train.data.prepare.run import prepare as prepare_footage

SIZE = 64


def prepare(given, out, landmarker, *, size=SIZE, **more) -> int:
    """The number of clips in the dataset afterwards."""
    return prepare_footage(given, out, PrepareOptions(size=size), lambda: landmarker, **more)["clips"]


def read_index(folder):
    with (folder / "index.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def footage(make_video, head_picture, grey_picture, tmp_path):
    """A folder: two videos of anna, one of `bob`, one without a face, one that is no video."""
    folder = tmp_path / "footage"
    (folder / "anna").mkdir(parents=True)
    size = (128, 128)
    for name in ("anna/one.mp4", "anna/two.mp4", "bob.mp4"):
        make_video(f"footage/{name}", picture=head_picture, size=size, pts=tuple(range(30)))
    make_video("footage/empty_room.mp4", picture=grey_picture, size=size)
    (folder / "text.mp4").write_text("no video")
    return folder


@pytest.fixture
def two_shots(make_video, head_picture):
    """The head is elsewhere and the room is bright from frame 30 on: two tracks, none across."""

    def picture(index, width, height):
        head = head_picture(index, width, height)
        if index < 30:
            return head
        return np.where((head == 90).all(axis=2, keepdims=True), np.uint8(240), np.roll(head, 20, axis=1))

    return make_video("cut.mp4", picture=picture, size=(128, 128), pts=tuple(range(60)))


@pytest.mark.slow
def test_footage_becomes_a_dataset_that_loads(footage, landmarker, tmp_path):
    out, said = tmp_path / "set", []
    assert prepare([footage], out, landmarker, size=SIZE, say=said.append) == 3
    rows = read_index(out)
    assert {(row["identity"], row["split"]) for row in rows} == {("anna", "train"), ("bob", "val")}
    assert all(row["kind"] == "clip" and int(row["frames"]) == 30 for row in rows)
    skipped = [line for line in said if line.startswith("skipped")]
    assert len(skipped) == 2
    assert "no face" in "".join(skipped)
    assert "text.mp4" in "".join(skipped)
    clips, _ = load_clips(out, "train")
    assert [clip.frames.shape for clip in clips] == [(30, SIZE, SIZE, 3)] * 2
    for clip in clips:  # the points lie on the head, in every frame of the crop
        for number, points in enumerate(clip.points):
            frame = clip.frames[number]
            x, y = points[30].round().astype(int)
            assert int(frame[y, x, 0]) - int(frame[y, x, 2]) > 50
    assert (out / "sheet_train_0.png").is_file()
    assert (out / "sheet_val_0.png").is_file()


def test_a_person_is_the_outermost_sub_folder(tmp_path):
    for name in ("alice/day1/a", "alice/day2/b", "bob/day1/c", "dora"):
        path = tmp_path / f"{name}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    people = {footage.path.stem: footage.identity for footage in find_footage([tmp_path])[0]}
    assert people == {"a": "alice", "b": "alice", "c": "bob", "dora": "dora"}


@pytest.mark.slow
def test_a_second_run_does_only_what_is_new(footage, landmarker, make_video, head_picture, tmp_path):
    out = tmp_path / "set"
    prepare([footage], out, landmarker, size=SIZE, say=lambda _: None)
    before, times = read_index(out), {p: p.stat().st_mtime_ns for p in (out / "clips").iterdir()}
    ledger = out / "prepared.jsonl"
    ledger.write_text(ledger.read_text() + '{"video": ["cut o')  # a run that was killed while it wrote
    make_video("footage/carl.mp4", picture=head_picture, size=(128, 128), pts=tuple(range(30)))
    said = []
    assert prepare([footage], out, landmarker, size=SIZE, say=said.append) == 4
    assert len(said) == 1
    assert read_index(out)[:3] == before
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())
    with pytest.raises(InputError, match="64"):
        prepare([footage], out, landmarker, size=128)


@pytest.mark.slow
def test_people_come_from_a_table_where_there_is_one(footage, landmarker, tmp_path):
    table = tmp_path / "who.csv"
    table.write_text("file,identity\nbob.mp4,anna\n")
    prepare([footage], tmp_path / "set", landmarker, size=SIZE, identities=table, say=lambda _: None)
    assert {(row["identity"], row["split"]) for row in read_index(tmp_path / "set")} == {("anna", "train")}
    table.write_text("name\nbob\n")
    with pytest.raises(InputError, match="no column 'file'"):
        prepare([footage], tmp_path / "other", landmarker, size=SIZE, identities=table)


@pytest.mark.slow
def test_a_table_that_comes_later_moves_people(footage, landmarker, tmp_path):
    out, table, said = tmp_path / "set", tmp_path / "who.csv", []
    prepare([footage], out, landmarker, size=SIZE, say=lambda _: None)
    times = {path: path.stat().st_mtime_ns for path in (out / "clips").iterdir()}
    table.write_text("file,identity\nbob.mp4,anna\nnobody.mp4,carl\n", encoding="utf-8-sig")
    assert prepare([footage], out, landmarker, size=SIZE, identities=table, say=said.append) == 3
    assert {(row["identity"], row["split"]) for row in read_index(out)} == {("anna", "train")}
    warned, moved = said
    assert "nobody.mp4" in warned
    assert "bob.mp4: anna now" in moved
    assert {path: path.stat().st_mtime_ns for path in (out / "clips").iterdir()} == times
    assert prepare([footage], out, landmarker, size=SIZE, say=said.append) == 3
    assert {row["identity"] for row in read_index(out)} == {"anna"}, "what a table said stays without it"


def test_a_table_with_half_a_row_is_a_sentence(footage, landmarker, tmp_path):
    table = tmp_path / "who.csv"
    table.write_text("file,identity\nbob.mp4,bob\n\nempty_room.mp4\n")
    with pytest.raises(InputError, match=r"who\.csv, line 4"):
        prepare([footage], tmp_path / "set", landmarker, size=SIZE, identities=table)


@pytest.mark.slow
def test_a_changed_video_takes_the_place_of_what_it_was(footage, landmarker, tmp_path):
    out, video = tmp_path / "set", footage / "bob.mp4"
    prepare([footage], out, landmarker, size=SIZE, say=lambda _: None)
    (footage / "bob-2.mp4").write_bytes(video.read_bytes())  # a name that bob's clips might be given
    prepare([footage], out, landmarker, size=SIZE, say=lambda _: None)
    before = {row["source_path"]: row["split"] for row in read_index(out)}
    for number in range(3):
        os.utime(video, ns=(number, number))
        assert prepare([footage], out, landmarker, size=SIZE, say=lambda _: None) == 4
        rows = read_index(out)
        assert {row["source_path"]: row["split"] for row in rows} == before
        listed = {Path(row["file"]).stem for row in rows}
        assert len(listed) == 4
        assert {path.stem for path in (out / "clips").iterdir()} == listed


@pytest.mark.slow
def test_a_video_that_broke_keeps_its_clips(footage, landmarker, tmp_path):
    out, said = tmp_path / "set", []
    prepare([footage], out, landmarker, size=SIZE, say=lambda _: None)
    before = read_index(out)
    (footage / "bob.mp4").write_text("no video any more")
    assert prepare([footage], out, landmarker, size=SIZE, say=said.append) == 3
    assert "bob.mp4" in "".join(said)
    assert read_index(out) == before
    assert all((out / row["file"]).is_file() for row in before)


@pytest.mark.slow
def test_a_video_of_two_tracks_is_read_once_to_be_written(two_shots, landmarker, tmp_path, monkeypatch):
    read = []

    def counted(reader):
        for picture in ticks(reader):
            read.append(1)
            yield picture

    monkeypatch.setattr("gfla.train.data.prepare.clip_files.ticks", counted)
    assert prepare([two_shots], tmp_path / "set", landmarker, size=SIZE, say=lambda _: None) == 2
    assert [(row["source_start_frame"], row["frames"]) for row in read_index(tmp_path / "set")] == [
        ("0", "30"),
        ("30", "30"),
    ]
    assert len(read) == 60


def test_a_cut_ends_a_track(two_shots, landmarker):
    with VideoReader(two_shots) as reader:
        tracks, left_out = find_tracks(reader, landmarker, PrepareOptions(size=SIZE))
    assert [(track.first, len(track.points)) for track in tracks] == [(0, 30), (30, 30)]
    assert not left_out


@pytest.mark.parametrize(
    ("frames", "rate", "repeated"), [(15, Fraction(25, 2), 0.5), (60, Fraction(50), 0.0)]
)
def test_every_rate_becomes_25_frames_a_second(
    frames, rate, repeated, make_video, landmarker, tmp_path, head_picture
):
    times = {"pts": tuple(range(frames)), "time_base": 1 / rate, "rate": rate}
    path = make_video("v.mp4", picture=head_picture, size=(128, 128), **times)
    with VideoReader(path) as reader:
        assert len(list(ticks(reader))) in (29, 30)
    prepare([path], tmp_path / "set", landmarker, size=SIZE, say=lambda _: None)
    (row,) = read_index(tmp_path / "set")
    assert float(row["repeated"]) == pytest.approx(repeated, abs=0.1)


def test_small_and_short_faces_are_left_out_with_the_reason(make_video, landmarker, head_picture, tmp_path):
    path = make_video("v.mp4", picture=head_picture, size=(128, 128), pts=tuple(range(30)))
    short = make_video("short.mp4", picture=head_picture, size=(128, 128), pts=tuple(range(9)))
    said = []
    assert prepare([path, short], tmp_path / "set", landmarker, size=512, say=said.append) == 0
    assert "too small" in said[0]
    assert "too short" in said[1]


def test_yaw_is_read_from_the_points(face):
    frontal = face(roll=20)
    assert head_yaw(frontal) == pytest.approx(0, abs=1)
    turned = face()
    turned[30, 0] += 31  # a quarter of the face's width
    assert head_yaw(turned) == pytest.approx(74 / 4, abs=0.5)


@pytest.mark.slow
def test_a_full_disk_is_a_sentence_and_loses_nothing(footage, landmarker, tmp_path):
    out = tmp_path / "set"
    prepare([footage / "bob.mp4"], out, landmarker, size=SIZE, say=lambda _: None)
    before = read_index(out)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        with pytest.raises((InputError, OSError)):
            prepare([footage], out, landmarker, size=SIZE, say=lambda _: None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert read_index(out) == before
    assert prepare([footage], out, landmarker, size=SIZE, say=lambda _: None) == 3


def test_bad_commands_are_one_sentence(tmp_path, capsys):
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "index.csv").write_text("file\n")
    assert command([str(tmp_path / "none.mp4"), "-o", str(foreign)]) == 2
    assert "another folder" in capsys.readouterr().err
    assert command([str(tmp_path / "none.mp4"), "-o", str(tmp_path / "new")]) == 2
    assert "none.mp4" in capsys.readouterr().err
    (tmp_path / "file").touch()
    assert command([str(tmp_path / "none.mp4"), "-o", str(tmp_path / "file")]) == 2
    assert "a file is where a folder should be; name another." in capsys.readouterr().err
