"""What outlives a crawl."""

from __future__ import annotations

import json
import logging
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from time import sleep, time
from typing import Any

import pytest
from scrapy.utils.defer import (
    deferred_f_from_coro_f,
    deferred_from_coro,
    maybe_deferred_to_future,
)

from scrapy_proxywhirl import HealthStatus, Proxy
from scrapy_proxywhirl.core.journal import Record
from scrapy_proxywhirl.playground import Fault, Playground, ProxySpec
from scrapy_proxywhirl.state import sqlite
from scrapy_proxywhirl.state.sqlite import SqliteStore
from tests.crawling import Crawl, crawl
from tests.integration.crawl_without_reactor import HANDLER
from tests.integration.test_sources import (
    assert_all_arrived,
    changing,
    messages,
    pause,
    proxies,
    urls,
)

pytestmark = pytest.mark.timed

FAST = ProxySpec(latency=0.02)
SLOW = ProxySpec(latency=0.3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


def records_of(path: Path, crawled: Crawl) -> list[Record]:
    store = SqliteStore(path)
    records = store.exchange([], [], [proxy.id for proxy in crawled.proxies]).records
    store.close()
    return list(records)


def slow_attempts(crawled: Crawl) -> int:
    return int(crawled.stat("attempts") - crawled.stat("proxy/fast/attempts"))


@deferred_f_from_coro_f
async def test_a_second_crawl_starts_as_fast_as_the_first_one_ended(
    play: Callable[..., Playground], path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    slower = ProxySpec(latency=1.5)  # than a busy machine makes the other
    playground = play(FAST, *[slower] * 9)
    fast, *slow = playground.proxy_urls
    settings = {
        "PROXYWHIRL_PROXIES": [{"url": fast, "label": "fast"}, *slow],
        "PROXYWHIRL_STATE": f"sqlite:///{path}",
        "PROXYWHIRL_WEIGHT_EXPONENT": 5,
        "PROXYWHIRL_EXPLORATION": 0,
    }

    first = await crawl(settings, urls(playground, 150))
    second = await crawl(settings, urls(playground, 60))

    assert_all_arrived(second, urls(playground, 60))
    # The first has every proxy to try; the second knows which one is fast.
    assert slow_attempts(first) >= 6
    assert slow_attempts(second) <= 2
    assert second.stat("proxies/known") == 10
    assert f"{path} knows 10 of 10 proxies" in messages(caplog)


@deferred_f_from_coro_f
async def test_what_is_kept_is_what_was_learned(
    play: Callable[..., Playground], path: Path
) -> None:
    playground = play(FAST, FAST, ProxySpec(fault=Fault.RESET))

    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": playground.proxy_urls,
            "PROXYWHIRL_STATE": f"sqlite:///{path}",
            "PROXYWHIRL_STATE_INTERVAL": 0.05,
        },
        urls(playground),
    )

    assert_all_arrived(crawled, urls(playground))
    records = {record.proxy_id: record for record in records_of(path, crawled)}
    for proxy in crawled.proxies:
        record = records[proxy.id]
        assert record.ema_ms == pytest.approx(proxy.ema_response_time_ms)
        assert record.failing == proxy.consecutive_failures
        assert (record.successes, record.failures) == (proxy.total_successes, proxy.total_failures)
    assert sum(record.failures for record in records.values()) >= 1


@deferred_f_from_coro_f
async def test_a_proxy_that_rested_does_so_in_the_next_crawl(
    play: Callable[..., Playground], path: Path
) -> None:
    playground = play(FAST, FAST, ProxySpec(fault=Fault.RESET))
    settings = {
        "PROXYWHIRL_PROXIES": playground.proxy_urls,
        "PROXYWHIRL_STATE": f"sqlite:///{path}",
        "PROXYWHIRL_COOLDOWN": 3600,  # a rest is any part of that
        "PROXYWHIRL_COOLDOWN_MAX": 3600,
    }

    await crawl(settings, urls(playground))
    second = await crawl(settings, urls(playground))

    assert_all_arrived(second, urls(playground))
    assert second.stat("failures") == 0
    assert second.stat("proxies/cooling") == 1
    bad = second.proxies[2]
    assert bad.requests_started == 0
    assert bad.health_status is HealthStatus.UNHEALTHY


@deferred_f_from_coro_f
async def test_a_job_keeps_it_in_its_folder(playground: Playground, tmp_path: Path) -> None:
    settings = {"PROXYWHIRL_PROXIES": playground.proxy_urls, "JOBDIR": str(tmp_path / "job")}

    await crawl(settings, urls(playground))
    second = await crawl(settings, [])
    assert second.stat("proxies/known") == 3
    third = await crawl({**settings, "PROXYWHIRL_STATE": False}, [])

    assert (tmp_path / "job" / "proxywhirl.sqlite").exists()
    assert third.stat("proxies/known") == 0


@deferred_f_from_coro_f
async def test_no_password_is_in_the_file(
    play: Callable[..., Playground], path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    playground = play(ProxySpec(credentials={"ann": "hunter2"}, latency=0.01))

    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": [playground.proxy_url(0, "ann")],
            "PROXYWHIRL_STATE": f"sqlite:///{path}",
        },
        urls(playground),
    )

    assert_all_arrived(crawled, urls(playground))
    (record,) = records_of(path, crawled)
    assert record.successes == 60
    for file in path.parent.iterdir():
        content = file.read_bytes()
        assert b"hunter2" not in content
        assert b"ann" not in content.replace(b"banned", b"")
        assert b"127.0.0.1" not in content
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize("is_damaged", [False, True])
@deferred_f_from_coro_f
async def test_a_store_that_cannot_be_used_costs_a_warning_and_no_page(
    is_damaged: bool,
    playground: Playground,
    tmp_path: Path,
    path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    if is_damaged:
        path.write_bytes(b"no database" * 1000)
    else:
        path = tmp_path / "file" / "state.sqlite"
        (tmp_path / "file").touch()

    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": playground.proxy_urls,
            "PROXYWHIRL_STATE": f"sqlite:///{path}",
            "PROXYWHIRL_STATE_INTERVAL": 0.02,
        },
        urls(playground),
    )

    assert_all_arrived(crawled, urls(playground))
    assert len(messages(caplog, logging.WARNING).splitlines()) == 1
    if is_damaged:
        assert len(records_of(path, crawled)) == 3


@deferred_f_from_coro_f
async def test_what_was_learned_while_the_store_was_away_is_told_when_it_is_back(
    playground: Playground,
    path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(sqlite, "_BUSY", 0.05)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("CREATE TABLE t (x)")
    holder.execute("DROP TABLE t")
    holder.execute("BEGIN EXCLUSIVE")

    def let_go(spider: Any) -> None:
        holder.execute("ROLLBACK")
        holder.close()

    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": playground.proxy_urls,
            "PROXYWHIRL_STATE": f"sqlite:///{path}",
            "PROXYWHIRL_STATE_INTERVAL": 0.02,
        },
        urls(playground),
        changing(let_go, lambda spider: f"{path} is there again" in caplog.text),
    )

    assert_all_arrived(crawled, urls(playground)[1:])
    assert sum(record.successes for record in records_of(path, crawled)) == 60
    (warning,) = messages(caplog, logging.WARNING).splitlines()
    assert f"{path} cannot be used: database is locked" in warning
    assert f"{path} is there again" in messages(caplog)


@deferred_f_from_coro_f
async def test_two_crawls_at_a_time_learn_as_one(
    play: Callable[..., Playground], path: Path
) -> None:
    playground = play(FAST, ProxySpec(latency=0.2))
    fast, slow = playground.proxy_urls
    state = {
        "PROXYWHIRL_STATE": f"sqlite:///{path}",
        "PROXYWHIRL_STATE_INTERVAL": 0.02,
    }
    seen: list[float | None] = []

    def knows_both(spider: Any) -> bool:
        seen[:] = [proxy.ema_response_time_ms for proxy in proxies(spider)]
        return all(seen)

    async def other() -> None:
        await pause(0.1)
        await crawl({**state, "PROXYWHIRL_PROXIES": [slow]}, urls(playground, 5))

    running = deferred_from_coro(other())
    crawled = await crawl(
        {
            **state,
            "PROXYWHIRL_PROXIES": [fast, slow],
            "PROXYWHIRL_STRATEGY": "round-robin",  # which begins with the first
        },
        urls(playground, 1),
        changing(lambda spider: None, knows_both),
    )
    await maybe_deferred_to_future(running)

    assert crawled.stat("proxies/known") == 2
    assert len(seen) == 2
    assert all(seen)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL here")
@pytest.mark.skipif(
    find_spec(HANDLER) is None, reason="this Scrapy has no handler that needs no reactor"
)
def test_a_crawl_that_is_killed_has_lost_no_more_than_an_interval(
    play: Callable[..., Playground], path: Path
) -> None:
    playground = play(*[FAST] * 3)
    interval = 0.3
    order = {
        "urls": urls(playground, 2000),
        "files": [],
        "copies_meta": False,
        "settings": {
            "PROXYWHIRL_PROXIES": playground.proxy_urls,
            "PROXYWHIRL_STATE": f"sqlite:///{path}",
            "PROXYWHIRL_STATE_INTERVAL": interval,
            "CONCURRENT_REQUESTS": 2,
        },
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.crawl_without_reactor", json.dumps(order)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time() + 30
    while len(playground.origin_log()) < 100 and time() < deadline:
        sleep(0.05)
    before = len(playground.origin_log())
    sleep(2 * interval)

    os.kill(process.pid, signal.SIGKILL)
    process.wait()

    store = SqliteStore(path)
    ids = [Proxy(url).id for url in playground.proxy_urls]
    records = store.exchange([], [], ids).records
    store.close()
    assert len(records) == 3
    assert sum(record.successes for record in records) >= before - 2
    assert [one.name for one in path.parent.iterdir()] == [path.name]
