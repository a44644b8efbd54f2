"""Visitors: each a folder and a token of their own, and nothing left when they go."""

import os
import time

import pytest
from gfla.animate import InputError
from gfla.demos.app.visitors.session import Visits
from gfla.demos.app.visitors.turns import Turn


@pytest.fixture
def visits(tmp_path):
    (tmp_path / "cache").mkdir()
    return Visits(tmp_path / "visits", tmp_path / "cache", idle=60)


def upload(tmp_path, name, text="x"):
    path = tmp_path / "cache" / name
    path.write_text(text)
    return {"path": str(path)}


def test_a_session_is_one_visit_and_two_share_nothing(visits):
    one, two = visits.of("one"), visits.of("two")
    assert visits.of("one") is one
    assert one.folder != two.folder
    assert one.token != two.token
    assert visits.by_token(two.token) is two
    assert visits.by_token("") is None
    assert os.stat(one.folder).st_mode & 0o077 == 0


def test_what_a_visitor_leaves_is_deleted(visits, tmp_path):
    visit, other = visits.of("one"), visits.of("two")
    mine, shared = upload(tmp_path, "mine.jpg"), upload(tmp_path, "shared.jpg")
    for sent in (mine, shared):
        visit.uploaded(sent)
    other.uploaded(shared)
    address = visit.serve(visit.folder / "video.mp4")
    visits.close("one")
    assert not visit.folder.exists()
    assert not os.path.exists(mine["path"])
    assert os.path.exists(shared["path"]), "somebody else sent the same file and is still here"
    assert visits.by_token(address.split("/")[1]) is None
    visits.close("two")
    assert not os.path.exists(shared["path"])


def test_a_file_that_somebody_else_has_just_sent_again_stays(visits, tmp_path):
    """Gradio moves it to the same path; the event that says whose it is comes after the first has left."""
    visit, other = visits.of("one"), visits.of("two")
    sent = upload(tmp_path, "shared.jpg")
    visit.uploaded(sent)
    (tmp_path / "again.jpg").write_text("x")
    os.utime(tmp_path / "again.jpg", ns=(0, 10**9))
    os.replace(tmp_path / "again.jpg", sent["path"])
    visits.close("one")
    other.uploaded(sent)
    visits.close("two")
    assert not os.path.exists(sent["path"])


def test_files_stay_until_the_run_has_ended(visits):
    visit = visits.of("one")
    turn = Turn("animate")
    visit.turns.append(turn)
    visits.begin(visit)
    visits.close("one")
    assert turn.cancel.is_set(), "the run is told to stop"
    assert visit.folder.exists()
    visits.end(visit)
    assert not visit.folder.exists()


@pytest.mark.parametrize("path", ["/etc/hostname", "{cache}/../visits", "{cache}/missing.jpg", "", "{link}"])
def test_only_what_was_sent_is_read(visits, tmp_path, path):
    secret = tmp_path / "secret"
    secret.write_text("x")
    link = tmp_path / "cache" / "link.jpg"
    link.symlink_to(secret)
    with pytest.raises(InputError, match="send it again"):
        visits.of("one").uploaded({"path": path.format(cache=tmp_path / "cache", link=link)})


def test_whoever_is_idle_is_forgotten(visits, monkeypatch):
    visit = visits.of("one")
    monkeypatch.setattr("gfla.demos.app.visitors.session.time.monotonic", lambda: visit.seen + 61)
    visits.of("two")
    assert len(visits) == 1
    assert not visit.folder.exists()


def test_who_reloads_the_page_finds_everything_again(tmp_path):
    visits = Visits(tmp_path / "visits", tmp_path / "cache", grace=60)
    visit = visits.of("before")
    visits.close("before")
    assert visit.folder.exists()
    assert visits.join("after", visit.token) is visit
    assert visits.of("after") is visit
    assert visits.join("stranger", "guess") is not visit
    assert visits.join("window", visit.token) is visit
    visits.close("after")
    assert not visit.closed, "it is open in another window"
    visits.close_all()
    assert visit.closed
    assert not visit.folder.exists()


def test_who_does_not_come_back_is_forgotten(tmp_path):
    visits = Visits(tmp_path / "visits", tmp_path / "cache", grace=0.05)
    visit = visits.of("one")
    visits.close("one")
    end = time.monotonic() + 20
    while visit.folder.exists():
        assert time.monotonic() < end
        time.sleep(0.02)
    assert visits.by_token(visit.token) is None
