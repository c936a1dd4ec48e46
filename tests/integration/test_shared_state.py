"""Crawls that share what they learn by a Redis server."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable
from time import monotonic
from typing import Any

import pytest
from scrapy.http import Response
from scrapy.utils.asyncio import call_later
from scrapy.utils.defer import (
    deferred_f_from_coro_f,
    deferred_from_coro,
    maybe_deferred_to_future,
)

from scrapy_proxywhirl import Proxy
from scrapy_proxywhirl.core.journal import Record
from scrapy_proxywhirl.playground import Fault, Playground, ProxySpec
from scrapy_proxywhirl.state import store_for
from tests.crawling import Crawl, crawl
from tests.integration.test_sources import (
    ChangingSpider,
    assert_all_arrived,
    changing,
    messages,
    pause,
    proxies,
    urls,
)
from tests.redis_server import RedisServer

pytestmark = pytest.mark.timed

FAST = ProxySpec(latency=0.02)


def settings(playground: Playground, server: RedisServer, **others: Any) -> dict[str, Any]:
    return {
        "PROXYWHIRL_PROXIES": playground.proxy_urls,
        "PROXYWHIRL_STATE": server.url,
        "PROXYWHIRL_STATE_INTERVAL": 0.02,
        **others,
    }


def records_of(server: RedisServer, crawled: Crawl) -> list[Record]:
    ids = [proxy.id for proxy in crawled.proxies]
    return list(store_for(server.url).exchange([], [], ids).records)


@deferred_f_from_coro_f
async def test_a_crawl_knows_from_its_first_request_what_others_have_learned(
    play: Callable[..., Playground], redis_server: RedisServer
) -> None:
    playground = play(FAST, FAST, ProxySpec(fault=Fault.RESET))
    ours = settings(playground, redis_server, PROXYWHIRL_COOLDOWN=100)

    first = await crawl(ours, urls(playground))
    second = await crawl(ours, urls(playground))

    assert_all_arrived(first, urls(playground))
    assert_all_arrived(second, urls(playground))
    assert second.stat("failures") == 0
    assert second.proxies[2].requests_started == 0
    learned = sum(record.successes for record in records_of(redis_server, second))
    assert learned == first.stat("successes") + second.stat("successes") == 120


@deferred_f_from_coro_f
async def test_crawls_at_a_time_learn_as_one(
    play: Callable[..., Playground], redis_server: RedisServer
) -> None:
    playground = play(*[FAST] * 4)
    ours = settings(playground, redis_server)

    running = [deferred_from_coro(crawl(ours, urls(playground))) for _ in range(3)]
    crawls = [await maybe_deferred_to_future(one) for one in running]

    for crawled in crawls:
        assert_all_arrived(crawled, urls(playground))
    records = {record.proxy_id: record for record in records_of(redis_server, crawls[0])}
    assert sum(record.successes for record in records.values()) == 180
    for proxy in crawls[0].proxies:
        used = sum(
            one.total_successes
            for crawled in crawls
            for one in crawled.proxies
            if one.id == proxy.id
        )
        assert records[proxy.id].successes == used


@deferred_f_from_coro_f
async def test_a_ban_is_heeded_by_those_that_have_not_met_it(
    play: Callable[..., Playground], redis_server: RedisServer
) -> None:
    playground = play(FAST, ProxySpec(fault=Fault.STATUS, status=403))
    ours = settings(playground, redis_server, PROXYWHIRL_COOLDOWN=100)
    bad_id = Proxy(playground.proxy_urls[1]).id

    def is_banned(spider: Any) -> bool:
        (bad,) = (proxy for proxy in proxies(spider) if proxy.id == bad_id)
        cooldowns = bad._shared.cooldowns
        return cooldowns is not None and cooldowns.bans(bad, "127.0.0.1")

    async def other() -> Crawl:
        await pause(0.2)
        return await crawl(ours, urls(playground, 10))

    running = deferred_from_coro(other())
    crawled = await crawl(
        {**ours, "PROXYWHIRL_STRATEGY": "round-robin"},  # which begins with the good one
        urls(playground, 30),
        waiting_after_one_page(is_banned),
    )
    banning = await maybe_deferred_to_future(running)

    assert_all_arrived(crawled, urls(playground, 30)[1:])
    assert banning.stat("bans") >= 1
    assert crawled.stat("bans") == 0


def waiting_after_one_page(is_over: Callable[[Any], bool]) -> type[ChangingSpider]:
    spider = changing(lambda spider: None, is_over)
    spider.at = 0
    return spider


@deferred_f_from_coro_f
async def test_a_server_that_is_stopped_and_started_in_mid_crawl_costs_no_page(
    playground: Playground, redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    def stop(spider: Any) -> None:
        redis_server.stop()
        call_later(0.5, redis_server.start)

    crawled = await crawl(
        settings(playground, redis_server),
        urls(playground, 100),
        changing(stop, lambda spider: "is there again" in caplog.text),
    )

    assert_all_arrived(crawled, urls(playground, 100)[1:])
    warnings = messages(caplog, logging.WARNING).splitlines()
    assert len(warnings) == 1
    assert "cannot be used: ConnectionError" in warnings[0]
    # The server has begun with nothing: the averages are known again, and what came since.
    records = records_of(redis_server, crawled)
    assert len(records) == 3
    for record in records:
        (proxy,) = (one for one in crawled.proxies if one.id == record.proxy_id)
        assert record.ema_ms == pytest.approx(proxy.ema_response_time_ms)


@deferred_f_from_coro_f
async def test_a_server_that_is_not_there_costs_a_warning_and_no_request(
    playground: Playground, redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    redis_server.stop()

    crawled = await crawl(settings(playground, redis_server), urls(playground))

    assert_all_arrived(crawled, urls(playground))
    assert len(messages(caplog, logging.WARNING).splitlines()) == 1


@deferred_f_from_coro_f
async def test_a_server_full_of_garbage_costs_a_warning_and_no_request(
    playground: Playground, redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    from redis import Redis

    with Redis.from_url(redis_server.url) as redis:
        for name in ("proxies", "changed", "rests", "rests_changed", "about"):
            redis.set(f"{{proxywhirl}}:{name}", "\x00garbage")

    crawled = await crawl(settings(playground, redis_server), urls(playground))

    assert_all_arrived(crawled, urls(playground))
    (warning,) = messages(caplog, logging.WARNING).splitlines()
    assert "WRONGTYPE" in warning


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="there is no SIGSTOP here")
@deferred_f_from_coro_f
async def test_a_server_that_does_not_answer_holds_nobody_up(
    playground: Playground,
    redis_server: RedisServer,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from scrapy_proxywhirl.state import redis

    monkeypatch.setattr(redis, "_TIMEOUT", 0.5)
    monkeypatch.setattr(redis.RedisStore, "patience", 0.75)
    assert redis_server._process
    pid = redis_server._process.pid
    took: list[float] = []
    latest: list[float] = []

    def freeze(spider: Any) -> None:
        os.kill(pid, signal.SIGSTOP)
        took.append(monotonic())
        call_later(2.0, os.kill, pid, signal.SIGCONT)

    class TimedSpider(changing(freeze)):  # type: ignore[misc]
        def collect(self, response: Response) -> None:
            super().collect(response)
            latest[:] = [monotonic()]

    first, *others = urls(playground, 60)
    crawled = await crawl(settings(playground, redis_server), [first, *others], TimedSpider)

    assert_all_arrived(crawled, others)
    assert latest[0] - took[0] < 1.5
    assert len(messages(caplog, logging.WARNING).splitlines()) == 1
