"""gfla-render: manifests to jobs, one sentence for bad input, the ledger, resuming, and the exit status."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from importlib.resources import files
from pathlib import Path

import batch_stub
import pytest
from batch_runs import left_over
from gfla.animate import InputError, VideoReader
from gfla.animate.batch.ledger import Ledger
from gfla.animate.batch.manifest import COLUMNS, jobs_of, read_manifest
from gfla.animate.batch.scheduler import Report, render_batch
from gfla.animate.batch.tasks import BatchOptions, Event, Watch
from gfla.animate.cli import animate, render
from gfla.animate.cli.render import main
from gfla.animate.declare import list_options
from gfla.animate.options import AnimateOptions, ModelOptions, MotionOptions
from gfla.animate.streaming.job import Job, stamp
from PIL import Image

Capture = pytest.CaptureFixture[str]
Jobs = list[Job]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict:
    """What the command asks `render_batch` for; nothing is rendered, and every second job fails."""
    given: dict = {}

    def batch(jobs: Jobs, folder: Path, options: BatchOptions, watch: Watch) -> Report:
        given.update(options=options, jobs=jobs, folder=folder)
        for index, job in enumerate(jobs):
            error = InputError(job.output, "because")
            watch(Event("began", job.key, host="here"))
            watch(Event("progress", job.key, 5, 10))
            watch(Event("failed", job.key, note=error) if index % 2 else Event("done", job.key, 10))
        return Report(jobs[::2], [], [(job, InputError(job.output, "because")) for job in jobs[1::2]])

    monkeypatch.setattr("gfla.animate.batch.scheduler.render_batch", batch)
    return given


@pytest.fixture
def manifest(tmp_path: Path) -> Callable[[str], str]:
    def write(rows: str, header: str = "source,driving,output") -> str:
        (tmp_path / "jobs.csv").write_text(f"{header}\n{rows}\n")
        return str(tmp_path / "jobs.csv")

    return write


def sentence(capsys: Capture, arguments: list[str]) -> str:
    """Run with bad input: exit code 2, one line on stderr, which is returned."""
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.endswith(".")
    return line


def test_rows_become_jobs(asked: dict, manifest, tmp_path: Path, capsys: Capture):
    path = manifest(
        "a.png,b.mp4,c.mp4,copy,0:00:01.5,no,\na.png,b.mp4,d.mp4,,,,yes\n",
        header="source,driving,output,motion,start,crop_only,label",
    )
    assert main([path, "--jobs", "3", "--crop-only", "--end", "9", "--resume"]) == 11
    first, second = asked["jobs"]
    assert first.source == str(tmp_path / "a.png")
    copied = MotionOptions("copy")
    assert first.options == AnimateOptions(motion=copied, start=Fraction(3, 2), end=Fraction(9))
    assert second.options == AnimateOptions(crop_only=True, end=Fraction(9), label=True)
    assert first.model == second.model == ModelOptions()
    assert first.where == f"{path} line 2"
    assert asked["folder"] == tmp_path / "jobs.csv.gfla"
    assert asked["options"] == BatchOptions(workers=3, resume=True)
    said = capsys.readouterr()
    assert "1 done, 1 failed" in said.out
    assert "1/2 c.mp4: 10 frames" in said.err
    assert f"failed: d.mp4: {tmp_path / 'd.mp4'}: because." in said.err


def test_globs_become_jobs(asked: dict, tmp_path: Path):
    for name in ("a.png", "b.png", "x.mp4"):
        (tmp_path / name).touch()
    out = tmp_path / "out"
    arguments = [f"{tmp_path}/*.png", f"{tmp_path}/*.mp4", "-o", str(out), "--parallel-segments", "8"]
    assert main([*arguments, "--ray", "auto"]) == 11
    assert [Path(job.output).name for job in asked["jobs"]] == ["a--x.mp4", "b--x.mp4"]
    assert out.is_dir()
    assert (asked["folder"], asked["options"]) == (out / "batch.gfla", BatchOptions(warm=8, ray="auto"))


def test_the_exit_status_counts_to_a_hundred(asked: dict, manifest):
    assert main([manifest("a.png,b.mp4,c.mp4")]) == 0
    rows = "\n".join(f"a.png,b.mp4,{index}.mp4" for index in range(300))
    assert main([manifest(rows)]) == 110


def test_a_row_may_give_every_option_of_an_animation(manifest, tmp_path: Path):
    """The columns are gfla-animate's options but save-motion and stats, and each reaches the job."""
    texts = {"flag": "yes", "time": "1.5", "number": "0.5", "count": "64", "parts": "eyes", "track": "2"}
    texts["text"] = "other.safetensors"
    options = [*list_options(ModelOptions), *list_options(AnimateOptions)]
    given = {
        option.flag: texts.get(option.kind) or next(c for c in option.choices if c != default)
        for option, default in options
    }
    parser = animate._parser()
    flags = {flag.lstrip("-") for action in parser._actions for flag in action.option_strings}
    assert set(given) == flags - {"h", "help", "o", "output", "save-motion", "stats", "quiet"}
    cells = ",".join(given.values())
    (job,) = jobs_of(read_manifest(manifest(f"a.png,b.mp4,c.mp4,{cells}", ",".join([*COLUMNS, *given]))))
    settings = json.loads(job.settings())
    for option, default in options:
        if option.flag not in ("overwrite", "sidecar"):
            assert settings[option.flag] != default, option.flag
    assert job.options.overwrite
    assert job.options.sidecar
    with pytest.raises(InputError, match="line 2: save-motion: there is no such option"):
        jobs_of(read_manifest(manifest("a.png,b.mp4,c.mp4,x.motion", "source,driving,output,save-motion")))


@pytest.mark.parametrize(
    ("header", "row", "words"),
    [
        (
            "source,driving,output,colour",
            "a.png,b.mp4,c.mp4,red",
            "colour: there is no such option; choose of",
        ),
        (
            "source,driving,output,motion",
            "a.png,b.mp4,c.mp4,wild",
            "motion: 'wild': no such choice",
        ),
        ("source,driving,output,start", "a.png,b.mp4,c.mp4,soon", "start: soon: not a time"),
        (
            "source,driving,output,label",
            "a.png,b.mp4,c.mp4,maybe",
            "label: 'maybe': neither yes nor no",
        ),
        ("source,driving,output", "a.png,b.mp4,c.avi", "let the output's name end in .mp4"),
        ("source,driving,output", "a.png,-,c.mp4", "standard input is read once"),
        ("source,driving,output", "a.png,b.mp4,udp://127.0.0.1:9", "a batch writes files"),
        ("source,driving,output,codec", "a.png,b.mp4,c.mp4,vp9", "--codec vp9 does not go into it"),
        ("source,driving,output", "a.png,b.mp4,none/c.mp4", "does not exist; make it first"),
        ("source,driving,output", "a.png,c.mp4,c.mp4", "an input of"),
        ("source,driving,output", "a.png,b.mp4,there.mp4", "the file exists; pass --overwrite"),
    ],
)
def test_a_bad_row_names_its_line(
    manifest, capsys: Capture, tmp_path: Path, header: str, row: str, words: str
):
    (tmp_path / "there.mp4").write_text("old")
    said = sentence(capsys, [manifest(row, header)])
    assert "jobs.csv line 2: " in said
    assert words in said
    assert not said.rstrip().endswith("..")
    assert (tmp_path / "there.mp4").read_text() == "old"


def test_what_is_no_column_is_said():
    assert "any option of gfla-animate but save-motion and stats" in " ".join(render._EPILOG.split())


def test_bad_arguments(manifest, capsys: Capture, tmp_path: Path):
    assert "no such file" in sentence(capsys, [str(tmp_path / "none.csv")])
    assert "two globs" in sentence(capsys, ["a", "b", "c"])
    assert "-o OUT-FOLDER" in sentence(capsys, ["*.png", "*.mp4"])
    assert "names each output itself" in sentence(capsys, [manifest("a,b,c.mp4"), "-o", "x"])
    assert "no file matches" in sentence(capsys, [f"{tmp_path}/*.png", "*.mp4", "-o", str(tmp_path)])
    assert "--jobs 0: out of range; give 1 or more" in sentence(capsys, [manifest("a,b,c.mp4"), "--jobs=0"])
    said = sentence(capsys, [manifest("a,b,c.mp4"), "--parallel-segments=-1"])
    assert "--parallel-segments -1: out of range; give 0 or more" in said


def test_a_ledger_that_is_none(manifest, capsys: Capture, tmp_path: Path):
    path, folder = manifest("a.png,b.mp4,c.mp4"), tmp_path / "jobs.csv.gfla"
    folder.write_text("a file")
    assert "cannot keep the ledger there" in sentence(capsys, [path])
    folder.unlink()
    folder.mkdir()
    (folder / "ledger.sqlite").write_text("this is not a ledger\n" * 99)
    assert "move it away to start over" in sentence(capsys, [path, "--resume"])
    (folder / "ledger.sqlite").unlink()
    with sqlite3.connect(folder / "ledger.sqlite") as other:
        other.execute("create table songs (name text)")
    other.close()
    assert "no ledger, or that of another version" in sentence(capsys, [path, "--resume"])


def test_help_loads_no_torch():
    code = "import sys; from gfla.animate.cli.render import main\n"
    code += "try: main(['--help'])\nexcept SystemExit: pass\n"
    code += "sys.exit(any(name in sys.modules for name in ('torch', 'cv2', 'av', 'tqdm', 'ray')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Exit status: 0 if every job is done; 10 plus the number of jobs that failed" in done.stdout


def batch(folder: Path, jobs: Jobs, watch: Watch | None = None, **options: object) -> Report:
    given: dict = {"load": batch_stub.load, "length": batch_stub.LENGTH, **options}
    return render_batch(jobs, folder / "batch", BatchOptions(**given), watch)


@pytest.mark.slow
def test_a_batch_from_beginning_to_end(tmp_path: Path):
    """One job fails and the others do not notice; what is done is not done again; what changed is."""
    folder = tmp_path / "work"
    good = batch_stub.write_batch(folder, sources=2, drivers=1, frames=10)
    lost = Job(folder / "none.png", good[0].driving, folder / "out" / "lost.mp4")
    events: list[Event] = []
    report = batch(folder, [good[0], lost, good[1]], events.append, workers=1)
    assert report.done == good
    ((job, error),) = report.failed
    assert (job, str(error)) == (lost, f"{folder / 'none.png'}: no such file.")
    assert [e.frames for e in events if e.kind == "progress" and e.key == good[1].key] == list(range(1, 11))
    assert len(list((folder / "batch" / "tracks").glob("*.safetensors"))) == 1  # one walk for all three
    before = {path.name: path.stat().st_mtime_ns for path in (folder / "out").iterdir()}
    assert sorted(before) == sorted(Path(job.output).name for job in good)

    with pytest.raises(InputError, match="pass --resume to finish it"):
        batch(folder, good)
    Path(str(lost.source)).write_bytes(Path(str(good[0].source)).read_bytes())
    Path(good[1].output).unlink()
    report = batch(folder, [good[0], lost, good[1]], resume=True, workers=2)
    assert sorted(report.done, key=str) == sorted([lost, good[1]], key=str)
    assert report.earlier == [good[0]]
    after = {path.name: path.stat().st_mtime_ns for path in (folder / "out").iterdir()}
    assert after[Path(good[0].output).name] == before[Path(good[0].output).name]
    with Ledger(folder / "batch" / "ledger.sqlite") as ledger:
        entries = ledger.entries()
    assert [entries[job.key].attempts for job in (good[0], lost, good[1])] == [1, 2, 2]
    assert {entry.state for entry in entries.values()} == {"done"}
    assert not list((folder / "batch" / "jobs").iterdir())


@pytest.mark.slow
def test_a_batch_begun_anew_finds_nothing_of_the_old(tmp_path: Path):
    """Not the driver's landmarks, which may be another's by now, and no part of a film that was killed."""
    folder = tmp_path / "work"
    (job,) = batch_stub.write_batch(folder, sources=1, drivers=1, frames=3)
    gif = replace(job, output=Path(job.output).with_suffix(".gif"), options=AnimateOptions(overwrite=True))
    batch(folder, [gif])
    left = [folder / "batch" / "tracks" / "old", folder / "out" / f".{Path(job.output).stem}.9.part.gif"]
    others = [folder / "out" / ".other.9.part.gif"]
    (folder / "batch" / "tracks").mkdir(exist_ok=True)
    for path in (*left, *others):
        path.touch()
    assert batch(folder, [gif]).done == [gif]
    assert [path.exists() for path in (*left, *others)] == [False, False, True]


@pytest.mark.slow
def test_a_job_that_changed_is_made_again_on_resume(tmp_path: Path):
    """In one piece too: what an earlier attempt made is replaced without being asked for."""
    folder = tmp_path / "work"
    (job,) = batch_stub.write_batch(folder, sources=1, drivers=1, frames=3)
    gif = replace(job, output=Path(job.output).with_suffix(".gif"))
    assert batch(folder, [gif]).done == [gif]
    before = Path(gif.output).read_bytes()
    cropped = replace(gif, options=AnimateOptions(crop_only=True, sidecar=True))
    report = batch(folder, [cropped], resume=True)
    assert (report.done, report.failed) == ([cropped], [])
    assert Path(gif.output).read_bytes() != before
    assert json.loads(Path(cropped.sidecar).read_text())["settings"]["crop-only"] is True


@pytest.mark.slow
@pytest.mark.parametrize("spread", [{}, {"workers": 2, "warm": 0}])
def test_the_sidecar_names_the_reference_frame(tmp_path: Path, spread: dict):
    """As that of a render in one piece, also where the one who joins the segments rendered none."""
    folder = tmp_path / "work"
    (job,) = batch_stub.write_batch(folder, sources=1, drivers=1, frames=20)
    asked = replace(job, options=AnimateOptions(sidecar=True, start=0.2))
    assert batch(folder, [asked], **spread).done == [asked]
    whole = batch_stub.load().render(job.source, job.driving, tmp_path / "whole.mp4", asked.options).path
    entries = [json.loads(Path(f"{x}.json").read_text())["reference_frame"] for x in (job.output, whole)]
    assert entries[0] == entries[1]
    assert 0.2 <= entries[0]["seconds"] < 0.8
    assert left_over(folder) == [f"{Path(job.output).name}.json"]


def test_a_job_knows_when_its_numbered_pictures_change(tmp_path: Path):
    for number in range(3):
        (tmp_path / f"{number:03d}.png").write_bytes(bytes(number + 1))
    job = Job("a.png", tmp_path / "%03d.png", "out.mp4")
    before = job.fingerprint()
    assert stamp(str(job.driving))[1::3] == [1, 2, 3]
    assert job.fingerprint() == before
    (tmp_path / "001.png").write_bytes(bytes(9))
    assert job.fingerprint() != before


@pytest.mark.slow
def test_a_worker_that_dies_each_time_costs_its_job_alone(tmp_path: Path):
    folder = tmp_path / "work"
    (job,) = batch_stub.write_batch(folder, sources=1, drivers=1, frames=9)
    report = batch(folder, [job], load=batch_stub.die)
    ((failed, error),) = report.failed
    assert (failed, str(error)) == (job, f"{job.output}: the worker died of exit status 3, 2 times.")
    with sqlite3.connect(folder / "batch" / "ledger.sqlite") as base:
        outcomes = base.execute("select outcome, ended is not null, host from attempts order by number")
        assert [row[0] for row in outcomes] == ["lost", "failed"]
    base.close()


@pytest.mark.slow
def test_one_batch_at_a_time(tmp_path: Path):
    folder = tmp_path / "work"
    jobs = batch_stub.write_batch(folder, sources=1, drivers=1, frames=9)

    def second(event: Event) -> None:
        if event.kind == "began":
            with pytest.raises(InputError, match="another gfla-render works there"):
                batch(folder, jobs, resume=True)
            tried.append(event)

    tried: list[Event] = []
    batch(folder, jobs, second)
    assert tried


@pytest.mark.slow
def test_the_real_thing(tmp_path: Path, capsys: Capture):
    """The shipped weights, a sidecar, a label and a failure."""
    assets = files("gfla.animate") / "assets"
    (tmp_path / "jobs.csv").write_text(
        "source,driving,output,end,sidecar,label\n"
        f"{assets / 'astronaut.jpg'},{assets / 'driver.mp4'},a.mp4,0.2,yes,\n"
        f"{assets / 'astronaut.jpg'},none.mp4,b.mp4,,,yes\n"
    )
    assert main([str(tmp_path / "jobs.csv")]) == 11
    said = capsys.readouterr()
    assert said.out == f"1 done, 1 failed: {tmp_path / 'jobs.csv.gfla' / 'ledger.sqlite'}\n"
    assert f"failed: b.mp4: {tmp_path / 'none.mp4'}: no such file." in said.err
    told = json.loads((tmp_path / "a.mp4.json").read_text())
    assert (len(told["weights"]["sha256"]), told["settings"]["end"]) == (64, "1/5")
    with VideoReader(str(assets / "driver.mp4"), end=0.2) as wanted, VideoReader(tmp_path / "a.mp4") as got:
        assert [frame.seconds for frame in got] == [frame.seconds for frame in wanted]
    with Image.open(str(assets / "astronaut.jpg")) as portrait:
        assert got.size == portrait.size
