"""A batch of sent files: what may be named, what becomes of a cancel, and what is in the zip."""

import csv
import io
import zipfile
from pathlib import Path

import pytest
from batch_stub import load
from gfla.animate import InputError
from gfla.animate.batch.tasks import Event
from gfla.animate.errors import InputWarning
from gfla.animate.options import AnimateOptions, ModelOptions
from gfla.demos.app.tabs.batch import table
from gfla.demos.app.tabs.batch_jobs import Batch, by_name, plan
from gfla.demos.app.visitors.session import Visit
from PIL import Image


@pytest.fixture
def sent(tmp_path: Path, make_video, head_picture) -> dict[str, Path]:
    """Two portraits and two drivers, as gradio would lay them."""
    folder = tmp_path / "cache"
    folder.mkdir()
    for index, name in enumerate(("one.png", "two.png")):
        Image.fromarray(head_picture(3 * index, 128, 112)).save(folder / name)
    files = {name: folder / name for name in ("one.png", "two.png")}
    for name, frames in (("a.mp4", 4), ("b.mp4", 30)):
        files[name] = make_video(name, picture=head_picture, size=(96, 96), pts=range(frames))
    return files


def portraits(sent: dict[str, Path]) -> dict[str, Path]:
    return {name: path for name, path in sent.items() if name.endswith(".png")}


def drivers(sent: dict[str, Path]) -> dict[str, Path]:
    return {name: path for name, path in sent.items() if name.endswith(".mp4")}


def planned(sent: dict[str, Path], folder: Path, text: str | None, name: str = "jobs.csv") -> Batch:
    """The batch that a manifest of this text asks for, every pair if there is none."""
    manifest = None
    if text is not None:
        manifest = folder / name
        manifest.write_text(text)
    return plan(folder / "batch", portraits(sent), drivers(sent), [], manifest, 8)


def test_every_portrait_by_every_driver_and_motion(sent, tmp_path: Path):
    given = tmp_path / "batch", portraits(sent), drivers(sent), ["nod"], None, 8
    made = plan(*given, AnimateOptions(crop_only=True), ModelOptions(device="cpu"))
    assert [(line.portrait, line.driver) for line in made.lines][:3] == [
        ("one.png", "a.mp4"),
        ("one.png", "b.mp4"),
        ("one.png", "nod"),
    ]
    assert len(made.lines) == 6
    jobs = [line.job for line in made.lines]
    assert len({job.key for job in jobs}) == 6
    assert jobs[0].source == str(sent["one.png"])
    assert jobs[2].driving == "nod"
    assert all(Path(job.output).parent == tmp_path / "batch" / "out" for job in jobs)
    assert all(job.options.crop_only for job in jobs)
    assert jobs[0].model.device == "cpu"


def test_a_manifest_names_what_was_sent_wherever_it_lay(sent, tmp_path: Path):
    text = "source,driving,output,motion,crop-only\nfaces/one.png,/videos/a.mp4,videos/x.mp4,absolute,yes\n"
    text += "two.png,nod,y.webm,,\n"
    first, second = (line.job for line in planned(sent, tmp_path, text).lines)
    assert (first.source, first.driving) == (str(sent["one.png"]), str(sent["a.mp4"]))
    assert first.output == str(tmp_path / "batch" / "out" / "x.mp4")
    assert first.options.motion.kind == "absolute"
    assert first.options.crop_only
    assert (second.driving, Path(second.output).name) == ("nod", "y.webm")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("/etc/passwd,a.mp4,x.mp4,", "line 2: no portrait of the name passwd was sent"),
        ("one.png,../../secret.mp4,x.mp4,", "no driving video of the name secret.mp4"),
        ("one.png,https://example.org/c.mp4,x.mp4,", "no driving video of the name c.mp4"),
        ("one.png,-,x.mp4,", "no driving video of the name -"),
        ("one.png,one.png,x.mp4,", "no driving video of the name one.png"),
        ("one.png,a.mp4,frames/%05d.png,", "let the output's name end in"),
        ("one.png,a.mp4,udp://127.0.0.1:5000,", "let the output's name end in"),
        ("one.png,a.mp4,x.mp4,sideways", "line 2: motion: 'sideways': no such choice"),
    ],
)
def test_a_manifest_reaches_nothing_else(sent, tmp_path: Path, row: str, said: str):
    with pytest.raises(InputError, match=r"jobs\.csv") as caught:
        planned(sent, tmp_path, f"source,driving,output,motion\n{row}\n")
    assert said in str(caught.value)
    assert str(tmp_path) not in str(caught.value).split(":")[0]


@pytest.mark.parametrize(
    "column", ["device", "save-motion", "sidecar", "overwrite", "codec", "landmarks", "source "]
)
def test_a_manifest_sets_no_more_than_it_may(sent, tmp_path: Path, column: str):
    with pytest.raises(InputError):
        planned(sent, tmp_path, f"source,driving,output,{column}\none.png,a.mp4,x.mp4,yes\n")


def test_an_outputs_name_leaves_no_folder(sent, tmp_path: Path):
    rows = "source,driving,output\none.png,a.mp4,../../../x y%.mp4\n"
    (line,) = planned(sent, tmp_path, rows).lines
    assert line.job.output == str(tmp_path / "batch" / "out" / "x-y.mp4")


@pytest.mark.slow
def test_a_manifest_that_is_refused_deletes_no_video_of_the_batch_before(sent, tmp_path: Path):
    rows = "source,driving,output,motion\n"
    (line,) = planned(sent, tmp_path, f"{rows}one.png,a.mp4,x.mp4,\n").lines
    video = Path(line.job.output)
    video.parent.mkdir(parents=True)
    video.write_bytes(b"video")
    for row in ("nobody.png,a.mp4,y.mp4,", "one.png,a.mp4,y.mp4,sideways"):
        with pytest.raises(InputError):
            planned(sent, tmp_path, f"{rows}{row}\n")
        assert video.read_bytes() == b"video"
    after = planned(sent, tmp_path, f"{rows}one.png,a.mp4,y.mp4,\n")
    assert video.exists(), "planned is not begun"
    list(after.run(lambda: True, load))
    assert video.parent.is_dir()
    assert not video.exists()


def test_what_is_too_much_or_nothing_is_a_sentence(sent, tmp_path: Path):
    with pytest.raises(InputError, match="these are 4 jobs, and at most 3"):
        plan(tmp_path / "batch", portraits(sent), drivers(sent), [], None, 3)
    with pytest.raises(InputError, match="at least one portrait"):
        plan(tmp_path / "batch", {}, drivers(sent), [], None, 3)
    with pytest.raises(InputError, match="two files of that name"):
        by_name([("a/x.png", Path("1")), ("b\\x.png", Path("2"))])


@pytest.mark.slow
def test_a_cancel_keeps_what_is_done_and_a_further_run_goes_on(sent, tmp_path: Path):
    text = (
        "source,driving,output\none.png,a.mp4,first.mp4\none.png,b.mp4,second.mp4\ntwo.png,a.mp4,=third.mp4\n"
    )
    batch = planned(sent, tmp_path, text)
    first, second, third = batch.lines
    seen = set()
    for _ in batch.run(lambda: first.state == "done", load, every=0.01):
        seen.add(first.state)
    assert seen == {"waiting", "running", "done"} or seen == {"running", "done"}
    assert (first.state, second.state, third.state) == ("done", "stopped", "stopped")
    assert batch.outputs == [Path(first.job.output)]
    assert Path(first.job.output).is_file()
    assert not Path(second.job.output).exists()
    before = Path(first.job.output).stat().st_mtime_ns

    for _ in batch.run(lambda: False, load):
        pass
    assert [line.state for line in batch.lines] == ["done"] * 3
    assert (first.done, second.done) == (4, 30)
    assert Path(first.job.output).stat().st_mtime_ns == before
    packed = batch.pack()
    with zipfile.ZipFile(packed) as archive:
        assert archive.namelist() == ["first.mp4", "second.mp4", "third.mp4", "jobs.csv"]
        assert archive.read("first.mp4") == Path(first.job.output).read_bytes()
        rows = list(csv.DictReader(io.StringIO(archive.read("jobs.csv").decode())))
    assert [row["state"] for row in rows] == ["done"] * 3
    assert rows[0]["source"] == "one.png"


def test_a_job_keeps_each_of_its_warnings_under_the_visitors_names(sent, tmp_path: Path):
    """Also where a warning names our shrunk copy of a portrait, without its folder."""
    given = {"IMG 1 (2).HEIC": sent["one.png"]}, {"a.mp4": sent["a.mp4"], "b.mp4": sent["b.mp4"]}
    batch = plan(tmp_path / "batch", *given, [], None, 8)
    first, second = batch.lines
    remedy = "it is held back there; a smaller gain of that part avoids it"
    beyond = InputWarning(str(sent["a.mp4"]), "turning goes beyond what a portrait can show", remedy)
    for note in (InputWarning("one.png", "the end of the file is missing"), beyond):
        first.update(Event("warning", first.job.key, note=note))
    assert first.notes == [
        "IMG 1 (2).HEIC: the end of the file is missing.",
        f"a.mp4: turning goes beyond what a portrait can show; {remedy}.",
    ]
    assert second.notes == []
    shown = table(batch, Visit(tmp_path, tmp_path))
    assert [shown.count(f"<p>{note}</p>") for note in first.notes] == [1, 1]
    assert "; ".join(first.notes) in next(csv.reader(io.StringIO(batch.table().splitlines()[1])))


@pytest.mark.slow
def test_one_that_fails_stops_no_other(sent, tmp_path: Path, grey_picture):
    Image.fromarray(grey_picture(0)).save(sent["two.png"])
    text = "source,driving,output\ntwo.png,a.mp4,bad.mp4\none.png,a.mp4,good.mp4\n"
    batch = planned(sent, tmp_path, text)
    for _ in batch.run(lambda: False, load):
        pass
    bad, good = batch.lines
    assert (bad.state, good.state) == ("failed", "done")
    assert [note[:23] for note in bad.notes] == ["two.png: no face found;"]
    assert batch.left == 1
