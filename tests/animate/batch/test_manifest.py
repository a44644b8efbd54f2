"""Tables of jobs: what they say, and one sentence that names the line for whatever cannot be done."""

from collections.abc import Callable
from pathlib import Path

import pytest
from gfla.animate.batch.manifest import check_jobs, pair_globs, read_manifest
from gfla.animate.errors import InputError
from gfla.animate.streaming.job import Job

Write = Callable[[str], Path]


@pytest.fixture
def csv(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        (tmp_path / "jobs.csv").write_text(text)
        return tmp_path / "jobs.csv"

    return write


def test_a_table_in_csv(csv: Write, tmp_path: Path):
    path = csv(
        "\ufeffsource,driving,output,motion,crop-only\n"
        'a.png,"b, c.mp4",out/a.mp4,copy,yes\n\n/x.png,b.mp4,b.mp4,,\n'
    )
    first, second = read_manifest(path)
    assert first.where == f"{path} line 2"
    assert first.cells == {
        "source": str(tmp_path / "a.png"),
        "driving": str(tmp_path / "b, c.mp4"),
        "output": str(tmp_path / "out/a.mp4"),
        "motion": "copy",
        "crop-only": "yes",
    }
    assert second.where == f"{path} line 4"
    assert second.cells["source"] == "/x.png"
    assert "motion" not in second.cells


def test_a_motion_that_we_ship_keeps_its_name(csv: Write, tmp_path: Path):
    path = csv("source,driving,output\na.png,nod,c.mp4\na.png,blink,d.mp4\n")
    (tmp_path / "blink").touch()
    assert [row.cells["driving"] for row in read_manifest(path)] == ["nod", str(tmp_path / "blink")]


def test_weights_lie_where_the_table_lies_or_are_shipped(csv: Write, tmp_path: Path):
    path = csv("source,driving,output,weights\na.png,nod,c.mp4,own.safetensors\na.png,nod,d.mp4,face-256\n")
    (tmp_path / "own.safetensors").touch()
    own = str(tmp_path / "own.safetensors")
    assert [row.cells["weights"] for row in read_manifest(path)] == [own, "face-256"]


def test_a_table_in_json_lines(tmp_path: Path):
    path = tmp_path / "jobs.jsonl"
    path.write_text(
        '{"source": "a.png", "driving": "b.mp4", "output": "c.mp4", "start": 1.5, "label": true}\n\n'
    )
    (row,) = read_manifest(path)
    assert row.cells["start"] == "1.5"
    assert row.cells["label"] == "True"
    assert row.cells["output"] == str(tmp_path / "c.mp4")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("\n", "line 1: no column source and driving and output"),
        ("source,driving\n", "line 1: no column output"),
        ("source,driving,output,output\n", "'output' stands there twice"),
        ("source,driving,output\n", "no job in it"),
        ("source,driving,output\na.png,b.mp4\n", "line 2: no output"),
        ("source,driving,output\na.png,b.mp4,c.mp4\na.png,b.mp4,c.mp4,d,e\n", "line 3: more cells"),
        ('source,driving,output\na.png,b.mp4,"c.mp4\n', "not CSV"),
    ],
)
def test_a_bad_table(csv: Write, text: str, words: str):
    with pytest.raises(InputError, match=words) as caught:
        read_manifest(csv(text))
    assert "jobs.csv" in str(caught.value)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nonsense\n", "line 1: not JSON"),
        ("\n[1]\n", "line 2: not a JSON object"),
        ('{"source": ["a"], "driving": "b", "output": "c.mp4"}', "source is a list"),
        ('{"source": "a", "driving": null, "output": "c.mp4"}', "line 1: no driving"),
    ],
)
def test_bad_json_lines(tmp_path: Path, text: str, words: str):
    (tmp_path / "jobs.jsonl").write_text(text)
    with pytest.raises(InputError, match=words):
        read_manifest(tmp_path / "jobs.jsonl")


def test_a_manifest_that_is_none(tmp_path: Path):
    with pytest.raises(InputError, match="no such file"):
        read_manifest(tmp_path / "none.csv")
    with pytest.raises(InputError, match="a directory"):
        read_manifest(tmp_path)
    (tmp_path / "a.txt").write_text("source")
    with pytest.raises(InputError, match=r"\.csv or \.jsonl"):
        read_manifest(tmp_path / "a.txt")
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00source")
    with pytest.raises(InputError, match="UTF-8"):
        read_manifest(tmp_path / "a.csv")


def test_globs_are_paired(tmp_path: Path):
    for name in ("b.png", "a.png", "x.mp4", "y.mp4"):
        (tmp_path / name).touch()
    rows = pair_globs(f"{tmp_path}/*.png", f"{tmp_path}/*.mp4", "out")
    assert [row.cells["output"] for row in rows] == [f"out/{s}--{d}.mp4" for s in "ab" for d in "xy"]
    assert rows[1].cells["driving"] == str(tmp_path / "y.mp4")
    with pytest.raises(InputError, match=r"\*\.gif: no file matches"):
        pair_globs(f"{tmp_path}/*.png", f"{tmp_path}/*.gif", "out")


def test_outputs_that_collide(tmp_path: Path):
    a, b = (
        Job("a.png", "b.mp4", tmp_path / name, where=f"line {i}")
        for i, name in enumerate(("x.mp4", "./x.mp4"))
    )
    with pytest.raises(InputError, match=r"line 1: .* the same output as that of line 0"):
        check_jobs([a, b])
    (tmp_path / "d.mp4").touch()
    (tmp_path / "link.mp4").symlink_to(tmp_path / "d.mp4")
    user = Job("a.png", tmp_path / "d.mp4", tmp_path / "out.mp4", where="line 2")
    with pytest.raises(InputError, match=r"line 3: .* an input of line 2"):
        check_jobs([user, Job("a.png", "b.mp4", tmp_path / "link.mp4", where="line 3")])
    with pytest.raises(InputError, match=r"line 4: .*does not exist; make it first"):
        check_jobs([Job("a.png", "b.mp4", tmp_path / "none" / "out.mp4", where="line 4")])


def test_outputs_that_would_replace_numbered_inputs(tmp_path: Path):
    for name in ("00001.png", "2.png"):
        (tmp_path / name).touch()
    for given, output in (("00001.png", "%05d.png"), ("%d.png", "%01d.png")):
        user = Job("a.png", tmp_path / given, tmp_path / "out.mp4", where="line 2")
        with pytest.raises(InputError, match=r"line 3: .* an input of line 2"):
            check_jobs([user, Job("a.png", "b.mp4", tmp_path / output, where="line 3")])
