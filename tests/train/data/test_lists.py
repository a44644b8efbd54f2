"""Tables and the published lists name stretches of videos and persons; the videos are found in a folder."""

import json
from fractions import Fraction

import pytest
from gfla.animate.errors import InputError
from gfla.train.data.prepare.lists import find_footage

TRACK = """Identity  : \tid10001
Reference : \t5r0dWxy17C8
Offset    : \t-2
FV Conf   : \t16.3\t(1)
ASD Conf  : \t4.1

FRAME \tX \tY \tW \tH
000100 \t132 \t105 \t90 \t90
000101 \t133 \t105 \t90 \t90
000174 \t133 \t105 \t90 \t90
"""


@pytest.fixture
def shelf(tmp_path):
    folder = tmp_path / "shelf"
    folder.mkdir()
    return folder


def found(given, shelf):
    footage, missing = find_footage([given], shelf)
    return [(f.path.name, f.identity, f.start, f.end) for f in footage], [name for _, name in missing]


def test_a_table_of_ours(tmp_path, shelf):
    (shelf / "A talk [aaaaaaaaaaa].mp4").touch()
    (tmp_path / "b.mp4").touch()
    table = tmp_path / "t.csv"
    table.write_text(
        "file,start,end,identity\nhttps://www.youtube.com/watch?v=aaaaaaaaaaa,1:02.5,70,anna\nb.mp4,,,\n"
        "b.mp4,5,,bob\ngone.mp4,,,\n"
    )
    footage, missing = found(table, shelf)
    assert footage == [
        ("A talk [aaaaaaaaaaa].mp4", "anna", Fraction(125, 2), 70),
        ("b.mp4", "b", None, None),
        ("b.mp4", "bob", 5, None),
    ]
    assert missing == ["gone.mp4"]


def test_voxceleb(tmp_path, shelf):
    (shelf / "5r0dWxy17C8.mkv").touch()
    track = tmp_path / "txt" / "id10001" / "5r0dWxy17C8" / "00001.txt"
    track.parent.mkdir(parents=True)
    track.write_text(TRACK)
    track.with_name("00002.txt").write_text(TRACK.replace("5r0dWxy17C8", "missing-one"))
    footage, missing = found(tmp_path / "txt", shelf)
    assert footage == [("5r0dWxy17C8.mkv", "id10001", 4, 7)]
    assert missing == ["missing-one"]


def test_hdtf(tmp_path, shelf):
    for name in ("WDA_AnnaB2.mp4", "yyyyyyyyyyy.mp4", "Radio11_1.mp4"):
        (shelf / name).touch()
    (tmp_path / "WDA_annotion_time.txt").write_text(
        "AnnaB2.mp4 00:30-01:00 01:30-02:30\nCarl0.mp4 00:10-00:20\n"
    )
    (tmp_path / "WDA_video_url.txt").write_text("Carl0 https://www.youtube.com/watch?v=yyyyyyyyyyy\n")
    (tmp_path / "RD_annotion_time.txt").write_text("Radio11.mp4 00:00-00:05 00:07-00:09\n")
    footage, missing = found(tmp_path, shelf)
    assert footage == [
        ("Radio11_1.mp4", "Radio11", None, None),  # cut already: the whole file is the second stretch
        ("WDA_AnnaB2.mp4", "AnnaB", 30, 60),
        ("WDA_AnnaB2.mp4", "AnnaB", 90, 150),
        ("yyyyyyyyyyy.mp4", "Carl", 10, 20),
    ]
    assert missing == ["Radio11"]


def test_celebv_hq(tmp_path, shelf):
    (shelf / "M2Ohb0FAaJU.mp4").touch()
    clip = {"ytb_id": "M2Ohb0FAaJU", "duration": {"start_sec": 81.62, "end_sec": 86.17}, "bbox": {"top": 0.1}}
    table = tmp_path / "celebvhq_info.json"
    table.write_text(json.dumps({"meta_info": {}, "clips": {"M2Ohb0FAaJU_1": clip}}))
    assert found(table, shelf) == (
        [("M2Ohb0FAaJU.mp4", "M2Ohb0FAaJU", Fraction(8162, 100), Fraction(8617, 100))],
        [],
    )


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("t.csv", "file,start,end\nb.mp4,9,3\n", r"t\.csv, line 2: the end is not after the start"),
        ("t.csv", "file,start\nb.mp4,soon\n", r"t\.csv, line 2: soon: not a time"),
        ("t.csv", "name\nb.mp4\n", "no column 'file'"),
        ("x_annotion_time.txt", "a.mp4 00:30\n", r"line 1: '00:30' is not a stretch of time"),
        ("l.json", '{"clips": {"a": {"ytb_id": "a"}}}', "not CelebV-HQ's list"),
        ("l.txt", "some words\n", "neither VoxCeleb's nor HDTF's list"),
        ("l.txt", "Identity : id1\n\nFRAME X Y W H\n", "not a whole track of VoxCeleb"),
        ("t.csv", "file\ngone.mp4\n", "none of the 1 videos listed is in .*, such as gone.mp4; name"),
    ],
)
def test_a_bad_list_is_one_sentence(name, text, says, tmp_path, shelf):
    (tmp_path / "b.mp4").touch()
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=says):
        find_footage([tmp_path / name], shelf)
