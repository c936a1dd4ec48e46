from __future__ import annotations

from scrapy.statscollectors import DummyStatsCollector, MemoryStatsCollector, StatsCollector
from scrapy.utils.test import get_crawler

from scrapy_proxywhirl import Proxy, ProxyPool
from scrapy_proxywhirl.outcomes import NEUTRAL, SUCCESS, Outcome, Verdict
from scrapy_proxywhirl.stats import CrawlStats


def pool_of(size: int) -> ProxyPool:
    pool = ProxyPool()
    for port in range(1, size + 1):
        pool.add_proxy(Proxy(f"http://h:{port}"))
    return pool


def collector(kind: type[StatsCollector] = MemoryStatsCollector) -> StatsCollector:
    return kind(get_crawler())


def use(stats: CrawlStats, proxy: Proxy, times: int = 1) -> None:
    for _ in range(times):
        proxy.start_request()
        stats.started(proxy)
        proxy.complete_request(True, 10.0)
        stats.ended(proxy, SUCCESS)


def labels(collected: StatsCollector) -> set[str]:
    return {
        name.split("/")[2] for name in collected.get_stats() if name.startswith("proxywhirl/proxy/")
    }


def test_totals_are_there_at_once_and_figures_of_proxies_with_a_flush() -> None:
    pool, collected = pool_of(3), collector()
    stats = CrawlStats(collected, pool, most=100)
    first, second, _ = pool
    first.cost_per_request = 0.5
    use(stats, first, 3)
    second.start_request()
    stats.started(second)
    second.complete_request(False, banned=True)
    stats.ended(second, Verdict(Outcome.BAN, "403"))
    second.start_request()
    stats.started(second)
    second.abandon_request()
    stats.ended(second, NEUTRAL)
    first.answered(down=2000, up=100)
    first.answered(down=500, up=100)
    stats.spent(0.0123456789)
    stats.measured(10.0)
    stats.measured(20.0)

    assert collected.get_stats() == {
        "proxywhirl/attempts": 5,
        "proxywhirl/successes": 3,
        "proxywhirl/bans": 1,
        "proxywhirl/bans/403": 1,
        "proxywhirl/neutral": 1,
    }

    stats.flush()

    figures = collected.get_stats()
    assert figures["proxywhirl/proxies/total"] == 3
    assert figures["proxywhirl/proxies/known"] == 2
    assert figures["proxywhirl/mean_ms"] == 15.0
    assert figures["proxywhirl/cost"] == 0.012346
    prefix = "proxywhirl/proxy/h:1/"
    assert {
        name.removeprefix(prefix): value
        for name, value in figures.items()
        if name.startswith(prefix)
    } == {
        "attempts": 3,
        "successes": 3,
        "bans": 0,
        "failures": 0,
        "ema_ms": 10.0,
        "bytes": 2700,
        "bytes_down": 2500,
        "bytes_up": 200,
        "cost": 1.0,
        "share": 0.6,
        "state": "healthy",
    }
    assert figures["proxywhirl/proxy/h:2/bans"] == 1
    assert labels(collected) == {"h:1", "h:2"}


def test_only_the_most_used_have_figures_of_their_own() -> None:
    pool, collected = pool_of(10), collector()
    stats = CrawlStats(collected, pool, most=3)
    proxies = list(pool)
    for times, proxy in enumerate(proxies, 1):
        use(stats, proxy, times)
    stats.flush()
    assert labels(collected) == {"h:8", "h:9", "h:10"}

    use(stats, proxies[0], 20)
    collected.set_value("somebody/elses", 1)
    stats.flush()

    assert labels(collected) == {"h:1", "h:9", "h:10"}
    assert collected.get_value("somebody/elses") == 1


def test_of_many_those_are_brought_up_to_date_that_were_used_until_all_are() -> None:
    pool, collected = pool_of(600), collector()
    stats = CrawlStats(collected, pool, most=10_000)
    proxies = list(pool)
    for proxy in proxies:
        use(stats, proxy)
    stats.flush(is_last=False)
    assert len(labels(collected)) == 600

    use(stats, proxies[0], 600)
    stats.flush(is_last=False)
    assert collected.get_value("proxywhirl/proxy/h:1/share") == round(601 / 1200, 4)
    assert collected.get_value("proxywhirl/proxy/h:2/share") == round(1 / 600, 4)

    stats.flush()
    assert collected.get_value("proxywhirl/proxy/h:2/share") == round(1 / 1200, 4)


def test_none_may_have_figures() -> None:
    pool, collected = pool_of(2), collector()
    stats = CrawlStats(collected, pool, most=0)
    for proxy in pool:
        use(stats, proxy)

    stats.flush()

    assert labels(collected) == set()
    assert collected.get_value("proxywhirl/attempts") == 2


def test_known_follows_a_pool_that_changes() -> None:
    pool, collected = pool_of(3), collector()
    stats = CrawlStats(collected, pool, most=100)
    first, second, _ = pool
    first.cost_per_request = 0.5
    use(stats, first)
    use(stats, second)
    stats.flush()
    pool.remove_proxy(first)
    pool.add_proxy(Proxy("http://new:1"))
    stats.flush()

    assert collected.get_value("proxywhirl/proxies/known") == 1
    assert collected.get_value("proxywhirl/proxies/total") == 3


def test_a_collector_that_keeps_nothing_is_no_trouble() -> None:
    pool = pool_of(1)
    stats = CrawlStats(collector(DummyStatsCollector), pool, most=100)
    for proxy in pool:
        use(stats, proxy)

    stats.flush()

    assert stats.summary().startswith("Crawled through 1 of 1 proxies")
