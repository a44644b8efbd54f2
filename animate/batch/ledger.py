"""What became of every job of a batch, in an SQLite file, so that a second run knows what is missing."""

import os
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, Self

from ..errors import InputError
from ..streaming.job import Job

_VERSION = 1
_TABLES = """
create table jobs (
    key text primary key, source text not null, driving text not null, output text not null,
    asked text not null, fingerprint text not null, state text not null, error text
);
create table attempts (
    key text not null references jobs(key), number integer not null, host text not null, began text not null,
    ended text, frames integer not null default 0, outcome text, error text, primary key (key, number)
);
"""


class Entry(NamedTuple):
    """What the ledger says of a job. state: "waiting", "running", "done" or "failed". fingerprint: of the job
    as it was asked for then."""

    state: str
    fingerprint: str
    attempts: int


class Ledger:
    """The ledger at `path`, made if absent; use it with `with`. One process at a time writes it.

    InputError if the file is not a ledger or cannot be read or written. Times are UTC, ISO 8601.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)
        try:
            self._base = sqlite3.connect(self.path, isolation_level=None)
            try:
                (version,) = self._base.execute("pragma user_version").fetchone()
                (tables,) = self._base.execute("select count(*) from sqlite_master").fetchone()
                if not version and not tables:
                    self._base.executescript(f"begin; {_TABLES} pragma user_version = {_VERSION}; commit;")
                elif version != _VERSION:
                    raise InputError(
                        self.path, "no ledger, or that of another version", "move it away to start over"
                    )
            except BaseException:
                self._base.close()
                raise
        except sqlite3.Error as error:
            raise InputError(
                self.path, f"cannot be used as a ledger ({error})", "move it away to start over"
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._base.close()

    def entries(self) -> dict[str, Entry]:
        """By the jobs' keys."""
        rows = self._base.execute(
            "select key, state, fingerprint, (select count(*) from attempts where attempts.key = jobs.key) "
            "from jobs"
        )
        return {key: Entry(state, fingerprint, attempts) for key, state, fingerprint, attempts in rows}

    def plan(self, jobs: Sequence[Job]) -> None:
        """Enter the jobs as waiting; attempts of earlier runs stay."""
        with self._whole():
            self._base.executemany(
                "insert into jobs values (?, ?, ?, ?, ?, ?, 'waiting', null) on conflict (key) do update set "
                "source = excluded.source, driving = excluded.driving, asked = excluded.asked, "
                "fingerprint = excluded.fingerprint, state = 'waiting', error = null",
                [
                    (
                        job.key,
                        *(str(path) for path in (job.source, job.driving, job.output)),
                        job.settings(),
                        job.fingerprint(),
                    )
                    for job in jobs
                ],
            )
            self._base.execute(
                "update attempts set ended = began, outcome = 'interrupted' where outcome is null"
            )

    def forget(self) -> None:
        """Delete what earlier runs left."""
        with self._whole():
            self._base.execute("delete from attempts")
            self._base.execute("delete from jobs")

    def began(self, key: str, host: str) -> None:
        """A new attempt; one that is still open was lost with its worker."""
        with self._whole():
            self._close(key, "lost", "its worker was lost")
            self._base.execute(
                "insert into attempts (key, number, host, began) select ?, count(*) + 1, ?, ? from attempts "
                "where key = ?",
                (key, host, _now(), key),
            )
            self._base.execute("update jobs set state = 'running' where key = ?", (key,))

    def done(self, key: str, frames: int) -> None:
        with self._whole():
            self._base.execute(
                "update attempts set frames = ? where key = ? and outcome is null", (frames, key)
            )
            self._close(key, "done", None)
            self._base.execute("update jobs set state = 'done', error = null where key = ?", (key,))

    def failed(self, key: str, error: str) -> None:
        with self._whole():
            self._close(key, "failed", error)
            self._base.execute("update jobs set state = 'failed', error = ? where key = ?", (error, key))

    def _close(self, key: str, outcome: str, error: str | None) -> None:
        self._base.execute(
            "update attempts set ended = ?, outcome = ?, error = ? where key = ? and outcome is null",
            (_now(), outcome, error, key),
        )

    def _whole(self) -> "_Transaction":
        return _Transaction(self._base, self.path)


class _Transaction:
    """A transaction; InputError if the disk cannot take it."""

    def __init__(self, base: sqlite3.Connection, path: Path):
        self._base, self._path = base, path

    def __enter__(self) -> None:
        self._run("begin immediate")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, *_: object) -> None:
        if kind is None:
            self._run("commit")
            return
        with suppress(sqlite3.Error):
            self._base.execute("rollback")
        if isinstance(error, sqlite3.Error):
            raise InputError(self._path, f"the ledger cannot be written ({error})") from None

    def _run(self, statement: str) -> None:
        try:
            self._base.execute(statement)
        except sqlite3.Error as error:
            raise InputError(self._path, f"the ledger cannot be written ({error})") from None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
