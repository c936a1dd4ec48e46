from __future__ import annotations

import logging
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from scrapy_proxywhirl.core.journal import Change, SharedRest
from scrapy_proxywhirl.state import sqlite, store_for
from scrapy_proxywhirl.state.sqlite import SqliteStore
from scrapy_proxywhirl.state.store import StoreError

KNOWN = Change("a", 0.8, 20.0, 100.0, False, 0, 1, 0, 0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "state.sqlite"
    store = SqliteStore(path)
    store.exchange([KNOWN], [], [])
    store.close()
    return path


def spoil(path: Path) -> None:
    path.write_bytes(b"no database at all" * 500)


def spoil_in_the_middle(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def write(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(statement)
    connection.close()


def make_newer(path: Path) -> None:
    write(path, "PRAGMA user_version = 99")


def make_anothers(path: Path) -> None:
    path.unlink()
    write(path, "CREATE TABLE books (title TEXT)")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (spoil, "file is not a database"),
        (spoil_in_the_middle, "malformed|damaged"),
        (cut, "malformed|damaged"),
        (make_newer, "it is of version 99 and this is version 1"),
    ],
)
def test_a_file_that_cannot_be_read_is_kept_aside_and_a_new_one_begun(
    damage: object, reason: str, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert callable(damage)
    damage(path)
    content = path.read_bytes()
    store = SqliteStore(path)

    assert list(store.exchange([], [], ["a"]).records) == []
    store.exchange([KNOWN], [], [])
    assert len(store.exchange([], [], ["a"]).records) == 1
    store.close()

    (aside,) = (one for one in path.parent.iterdir() if one.name.startswith("state.sqlite.2"))
    assert aside.read_bytes() == content
    (warning,) = caplog.records
    assert warning.levelno == logging.WARNING
    assert str(aside) in warning.getMessage()
    assert any(one in warning.getMessage() for one in reason.split("|"))


@pytest.mark.parametrize(
    "garbage",
    ["ema_ms = 'x'", "ema_ms = x'ff'", "ema_ms = -5.0", "ema_ms = 9e999", "ema_ms = 1e300"],
)
def test_an_average_that_cannot_be_one_is_passed_over_and_overwritten(
    garbage: str, path: Path
) -> None:
    write(path, f"UPDATE proxies SET {garbage}")
    store = SqliteStore(path)

    assert not store.exchange([], [], ["a"]).records
    store.exchange([KNOWN], [], [])

    (record,) = store.exchange([], [], ["a"]).records
    assert record.ema_ms == 100.0
    store.close()


def test_what_cannot_have_been_told_is_passed_over(path: Path) -> None:
    store = SqliteStore(path)
    rests = [SharedRest(one, None, 60.0, 1) for one in ("a", "b")]
    store.exchange([KNOWN._replace(proxy_id=one) for one in ("b", "c")], rests, [])
    store.close()
    write(path, "UPDATE proxies SET used = 'x' WHERE id = 'a'")
    write(path, "UPDATE proxies SET bans = -1 WHERE id = 'b'")
    write(path, "UPDATE rests SET step = 9e999 WHERE id = 'a'")

    answer = store.exchange([], [], ["a", "b", "c"])

    assert [record.proxy_id for record in answer.records] == ["c"]
    assert [rest.proxy_id for rest in answer.rests] == ["b"]
    store.close()


def test_a_database_of_somebody_elses_is_left_as_it_is(path: Path) -> None:
    make_anothers(path)
    content = path.read_bytes()
    store = SqliteStore(path)

    for _ in range(2):
        with pytest.raises(StoreError, match="is a database of somebody else's; name another file"):
            store.exchange([KNOWN], [], [])

    store.close()
    assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_goes_in_the_middle_is_begun_anew_and_told_to_have_forgotten(
    path: Path,
) -> None:
    store = SqliteStore(path)
    store.exchange([], [], [])
    for one in list(path.parent.iterdir()):
        one.unlink()
    store.close()

    answer = store.exchange([KNOWN], [], [])

    assert answer.has_forgotten
    assert not store.exchange([], [], []).has_forgotten
    store.close()


def test_a_file_that_somebody_holds_is_an_error_and_nothing_is_lost(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_BUSY", 0.05)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    store = SqliteStore(path)

    with pytest.raises(StoreError, match="cannot be used: database is locked"):
        store.exchange([KNOWN], [], [])
    holder.execute("ROLLBACK")
    holder.close()

    (record,) = store.exchange([], [], ["a"]).records
    assert record.successes == 1
    store.close()


def test_a_place_where_no_file_can_be_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StoreError, match="cannot be used"):
        SqliteStore(tmp_path / "file" / "state.sqlite").exchange([], [], [])


def test_a_folder_that_is_not_there_is_made(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "a" / "b" / "state.sqlite")
    store.exchange([KNOWN], [], [])
    store.close()

    assert (tmp_path / "a" / "b" / "state.sqlite").exists()


def test_what_was_not_used_for_long_is_forgotten(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("UPDATE proxies SET used = used - 91 * 86400")
    connection.commit()
    connection.close()

    store = SqliteStore(path)

    assert list(store.exchange([], [], ["a"]).records) == []
    store.close()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL here")
def test_a_process_that_is_killed_leaves_a_file_with_all_exchanges(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    code = (
        "import sys; from scrapy_proxywhirl.state.sqlite import SqliteStore;"
        "from tests.state.test_sqlite import KNOWN;"
        f"store = SqliteStore({str(path)!r})\n"
        "while True:\n"
        "    store.exchange([KNOWN], [], [])\n"
        "    print(flush=True)\n"
    )
    for killed in range(1, 6):
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        assert process.stdout
        exchanges = 0
        while exchanges < 20 * killed:
            process.stdout.readline()
            exchanges += 1
        os.kill(process.pid, signal.SIGKILL)
        exchanges += len(process.stdout.readlines())
        process.wait()

        store = SqliteStore(path)
        (record,) = store.exchange([], [], ["a"]).records
        store.close()
        assert exchanges <= record.successes <= exchanges + 1
        path.unlink()
    assert [one.name for one in tmp_path.iterdir()] == []


@pytest.mark.parametrize("url", ["sqlite:///", "sqlite://path", "sqlite:"])
def test_a_url_without_a_path_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="names no file; write 'sqlite:///path'"):
        store_for(url)


@pytest.mark.parametrize("url", ["mysql://user:secret@h/db", "path.sqlite", ""])
def test_what_is_no_store_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match="is no store; write 'sqlite:///path'") as caught:
        store_for(url)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "name"), [("sqlite:///a/b.sqlite", "a/b.sqlite"), ("sqlite:////a.sqlite", "/a.sqlite")]
)
def test_a_path_may_be_relative_or_absolute(url: str, name: str) -> None:
    assert store_for(url).name == name
