"""Commands end well whatever they run in: without stderr, on a full device, under signals, in a C locale."""

import errno
import os
import signal
import subprocess
import sys
import time
import tomllib
from importlib import import_module
from pathlib import Path

import cv2
import pytest
from gfla.animate.cli import progress
from gfla.animate.cli.memory import lacks_memory
from gfla.animate.cli.options import Bar, run
from gfla.animate.cli.terminal import has_terminal
from gfla.animate.io.stops import StopSignal

COMMAND = """
import argparse, os, sys, time
from gfla.animate.cli.options import Bar, add_quiet, run
parser = argparse.ArgumentParser(prog="x")
parser.add_argument("--wait", action="store_true")
parser.add_argument("--says", default="result")
add_quiet(parser)
def work():
    given = parser.parse_args()
    with open(os.devnull) as file:
        assert file.fileno() > 2
    try:
        os.write(2, b"a library's message")
    except OSError:
        pass
    bar = Bar("device: x", quiet=given.quiet)
    for index in range(3):
        bar(index + 1, 3)
    bar.close()
    print(os.fsdecode(os.fsencode(given.says)))
    if given.wait:
        sys.stdout.flush()
        time.sleep(20)
raise SystemExit(run(work))
"""


def shell(redirect: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    line = f'exec "$@" {redirect}'
    command = ["sh", "-c", line, "sh", sys.executable, "-c", COMMAND, *arguments]
    return subprocess.run(command, capture_output=True, env=os.environ | environment, timeout=60, check=False)


def test_without_stderr_only_the_result_is_on_stdout():
    done = shell("2>&-")
    assert (done.returncode, done.stdout) == (0, b"result\n")
    done = shell("2>&-", "--wrong")
    assert (done.returncode, done.stdout) == (2, b"")


SCRIPTS = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]["scripts"]


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_command_says_on_stdout_what_is_wrong(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    module, _, function = SCRIPTS[name].partition(":")
    main = getattr(import_module(module), function)
    monkeypatch.setattr(sys, "stderr", None)
    with pytest.raises(SystemExit) as caught:
        main(["--there-is-no-such-option"])
    assert (caught.value.code, capsys.readouterr().out) == (2, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a full device")
def test_messages_that_nobody_can_take_are_no_error():
    assert shell("2>/dev/full").returncode == 0
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-c", COMMAND]
    done = subprocess.run(command, stderr=write, stdout=subprocess.PIPE, timeout=60, check=False)
    os.close(write)
    assert (done.returncode, done.stdout) == (0, b"result\n")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a full device")
@pytest.mark.parametrize("says", ["short", "long " * 5000])
def test_a_result_that_does_not_arrive_is_an_error(says: str):
    done = shell(">/dev/full", f"--says={says}")
    assert done.returncode == 2
    sentence = b"standard output: cannot be written: No space left on device."
    assert done.stderr.splitlines()[-1] == sentence
    done = shell(">/dev/full", "--help")
    assert done.returncode == 2
    assert done.stderr == sentence + b"\n"
    for words in ("--says=x", "--help"):
        done = shell(">&-", words)
        assert done.returncode == 2
        assert done.stderr.splitlines()[-1] == b"standard output: cannot be written: Bad file descriptor."
    assert shell(">&- 2>&-").returncode == 2


def test_a_command_without_a_result_needs_no_stdout():
    code = "from gfla.animate.cli.options import run; raise SystemExit(run(lambda: None))"
    for redirect in (">&-", ">&- 2>&-", "<&- >&- 2>&-"):
        line = f'exec "$@" {redirect}'
        done = subprocess.run(["sh", "-c", line, "sh", sys.executable, "-c", code], timeout=60, check=False)
        assert done.returncode == 0


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_signals_are_ctrl_c(name: str):
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, "--wait"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout
        assert child.stderr
        child.stdout.readline()
        child.send_signal(getattr(signal, name))
        child.send_signal(signal.SIGHUP)  # a terminal that closes sends several
        assert child.wait(10) == 130
        assert child.stderr.read().splitlines()[-1] == b"Stopped; no file is left."


def test_a_signal_that_is_ignored_stays_ignored():
    with subprocess.Popen(
        ["nohup", sys.executable, "-c", COMMAND, "--wait"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as child:
        assert child.stdout
        child.stdout.readline()
        child.send_signal(signal.SIGHUP)
        time.sleep(0.2)
        assert child.poll() is None
        child.terminate()
        assert child.wait(10) == 130


def test_signals_that_come_together_count_once(monkeypatch: pytest.MonkeyPatch):
    now = [10.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    stop = StopSignal()
    with pytest.raises(KeyboardInterrupt):
        stop(15, None)
    now[0] += 0.5
    stop(1, None)
    now[0] += 2
    with pytest.raises(KeyboardInterrupt):
        stop(15, None)


def test_handlers_and_streams_are_put_back():
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)]
    streams = sys.stdout, sys.stderr
    assert run(lambda: None) == 0
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)] == before
    assert (sys.stdout, sys.stderr) == streams


def test_any_path_can_be_printed():
    """A letter that the encoding lacks is escaped; a byte that is no text comes out as it is."""
    plain = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "1"}
    assert shell("", "--says=\xe9\u4eba.mp4", **plain).stdout == b"\\xe9\\u4eba.mp4\n"
    assert shell("", os.fsdecode(b"--says=\xff.mp4"), PYTHONUTF8="1").stdout == b"\xff.mp4\n"


def test_progress_without_a_terminal_is_plain_lines():
    said = shell("").stderr.decode()
    assert "\r" not in said
    assert "\x1b" not in said
    assert "device: x\n3/3 frames, " in said
    assert shell("", "--quiet").stderr == b"a library's message"


def test_a_line_every_few_seconds(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    bar = Bar()
    for done in range(1, 101):
        now[0] += 0.125
        bar(done, 200 if done > 50 else None)
    bar.close()
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "",
        "41 frames, 8.2 frames/s",
        "81/200 frames, 8.1 frames/s, 0:14 left",
        "100/200 frames, 8.1 frames/s, 0:12 left",
    ]


def test_a_terminal_may_ask_for_plain_lines(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    assert has_terminal()
    monkeypatch.setenv("NO_COLOR", "1")
    assert not has_terminal()
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not has_terminal()


def test_too_little_memory_is_said_as_such(capsys: pytest.CaptureFixture[str]):
    errors = [MemoryError(), OSError(errno.ENOMEM, "x"), RuntimeError("can't start new thread")]
    errors.append(RuntimeError("could not create a primitive"))  # of oneDNN, without room for its code
    for error in errors:
        assert lacks_memory(error)

        def fail(error: Exception = error) -> None:
            raise error

        assert run(fail) == 2
        assert capsys.readouterr().err.startswith("memory: there is not enough of it; close other programs")
    assert not lacks_memory(RuntimeError("shapes differ"))
    assert not lacks_memory(cv2.error("x"))
    with pytest.raises(RuntimeError, match="shapes differ"):
        run(lambda: (_ for _ in ()).throw(RuntimeError("shapes differ")))
