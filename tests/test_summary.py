from __future__ import annotations

from time import monotonic

from scrapy_proxywhirl import PoolCooldowns, Proxy, ProxyPool
from scrapy_proxywhirl.summary import table


def used(pool: ProxyPool, label: str, *times: float, failures: int = 0, bans: int = 0) -> Proxy:
    proxy = Proxy(f"http://ann:hunter2@p{len(pool)}.example:8080", label=label)
    pool.add_proxy(proxy)
    for ms in times:
        proxy.start_request()
        proxy.complete_request(True, ms)
    for banned in [True] * bans + [False] * failures:
        proxy.start_request()
        proxy.complete_request(False, banned=banned, domain="shop.example" if banned else None)
    return proxy


def pool() -> ProxyPool:
    return ProxyPool(cooldowns=PoolCooldowns(60.0, 300.0, monotonic))


def test_the_best_the_worst_and_those_that_rest_are_shown_each_once() -> None:
    proxies = pool()
    used(proxies, "paris", *[40.0] * 94)
    used(proxies, "oslo", 90.0)
    used(proxies, "rome", 80.0, bans=1)
    used(proxies, "slow", 1_234.56)
    used(proxies, "dead", failures=1)
    used(proxies, "wrong", failures=1)

    assert table(list(proxies)).split("\n") == [
        "       proxy  attempts  share  failed   ema ms  state",
        "best   paris        94  94.0%    0.0%     40.0  healthy",
        "       rome          2   2.0%   50.0%     80.0  healthy",
        "       oslo          1   1.0%    0.0%     90.0  healthy",
        "worst  dead          1   1.0%  100.0%    340.0  cooling",
        "       wrong         1   1.0%  100.0%    340.0  cooling",
        "       slow          1   1.0%    0.0%  1,234.6  healthy",
    ]


def test_of_more_that_rest_those_are_shown_that_were_used_most() -> None:
    proxies = pool()
    for place in range(8):
        used(proxies, f"dead{place}", failures=place + 1)

    kinds = [line.split("  ")[0].strip() for line in table(list(proxies)).split("\n")]
    rows = [line.split() for line in table(list(proxies)).split("\n")]

    assert kinds == ["", "worst", "", "", "cooling", "", ""]
    assert [row[-1] for row in rows[1:]] == ["cooling"] * 6
    attempts = [int(row[-5]) for row in rows[4:]]
    assert attempts == sorted(attempts, reverse=True)


def test_nothing_is_shown_where_nothing_was_used() -> None:
    assert table([]) == ""


def test_no_credentials_are_shown() -> None:
    proxies = ProxyPool()
    used(proxies, "", 40.0)

    assert "hunter2" not in table(list(proxies))
    assert "ann" not in table(list(proxies))


def test_ten_thousand_proxies_make_a_table_of_nine_rows_at_most() -> None:
    proxies = pool()
    for place in range(10_000):
        used(proxies, f"p{place}", 40.0 + place, failures=place % 2)

    assert len(table(list(proxies)).split("\n")) == 10
