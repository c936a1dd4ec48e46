from __future__ import annotations

import gc
from collections.abc import Callable

import pytest

from scrapy_proxywhirl import (
    DuplicateProxyError,
    HealthStatus,
    PerformanceBasedStrategy,
    Proxy,
    ProxyFilter,
    ProxyPool,
)


def test_proxies_join_are_found_and_leave() -> None:
    pool = ProxyPool()
    proxies = [Proxy(f"http://h:{port}") for port in range(1, 6)]
    for proxy in proxies:
        pool.add_proxy(proxy)

    pool.remove_proxy(proxies[1])

    left = [proxies[place] for place in (0, 2, 3, 4)]
    assert set(pool) == set(left)
    assert len(pool) == 4
    assert all(pool.get_proxy(proxy.id) is proxy and proxy in pool for proxy in left)
    assert pool.get_proxy(proxies[1].id) is None
    assert proxies[1] not in pool
    assert "something else" not in pool


def test_the_same_identity_joins_once() -> None:
    pool = ProxyPool(name="mine")
    pool.add_proxy(Proxy("http://user:secret@h:1"))

    with pytest.raises(DuplicateProxyError, match="'mine' has 'h:1' already") as caught:
        pool.add_proxy(Proxy("h:1", username="user", password="secret"))

    assert "secret" not in str(caught.value)
    assert len(pool) == 1


def test_a_proxy_is_in_one_pool_at_most() -> None:
    first, second = ProxyPool(), ProxyPool()
    proxy = Proxy("http://h:1")
    first.add_proxy(proxy)

    with pytest.raises(ValueError, match="in another pool"):
        second.add_proxy(proxy)

    first.remove_proxy(proxy)
    second.add_proxy(proxy)
    assert proxy in second


def test_what_is_not_in_cannot_leave() -> None:
    pool = ProxyPool()
    pool.add_proxy(Proxy("http://h:1"))

    with pytest.raises(KeyError):
        pool.remove_proxy(Proxy("http://h:1"))

    assert len(pool) == 1


def test_labels_are_host_and_port_until_several_share_them() -> None:
    pool = ProxyPool()
    urls = ["http://h:1", "http://h:2", "http://a:x@h:1", "http://a:y@h:1"]
    one, alone, two, three = proxies = [Proxy(url) for url in urls]
    for proxy in proxies:
        pool.add_proxy(proxy)

    assert alone.label == "h:2"
    assert [proxy.label for proxy in (one, two, three)] == [
        f"h:1~{proxy.id[:6]}" for proxy in (one, two, three)
    ]


def test_labels_that_were_given_are_told_apart_too() -> None:
    pool = ProxyPool()
    first, second = Proxy("http://h:1", label="one"), Proxy("http://h:2", label="one")
    pool.add_proxy(first)
    pool.add_proxy(second)

    assert first.label == f"one~{first.id[:6]}"
    assert second.label == f"one~{second.id[:6]}"


def test_a_label_is_free_again_when_its_proxy_has_left() -> None:
    pool = ProxyPool()
    first, second = Proxy("http://h:1"), Proxy("http://user:x@h:1")
    pool.add_proxy(first)
    pool.remove_proxy(first)
    pool.add_proxy(second)

    assert second.label == first.label == "h:1"


def test_labels_stay_unique_where_six_digits_agree() -> None:
    pool = ProxyPool()
    # By trial: six hex digits of the SHA-256 of these two are the same.
    first, second = two_with_the_same_digits()
    for proxy in (Proxy("http://h:1"), first, second):
        pool.add_proxy(proxy)

    assert first.label == f"h:1~{first.id[:6]}"
    assert second.label == f"h:1~{second.id}"


def two_with_the_same_digits() -> tuple[Proxy, Proxy]:
    seen: dict[str, Proxy] = {}
    for number in range(100_000):
        proxy = Proxy(f"http://user{number}:x@h:1")
        if proxy.id[:6] in seen:
            return seen[proxy.id[:6]], proxy
        seen[proxy.id[:6]] = proxy
    raise AssertionError("none in 100,000, where one in 4,000 is likely")


def test_repr_shows_the_state(make_pool: Callable[..., ProxyPool]) -> None:
    pool = make_pool(None, None, None)
    first, second, _ = pool
    first.complete_request(True, 10.0)
    second.complete_request(False)
    first.start_request()

    assert repr(pool) == (
        "<ProxyPool 'test' [3 proxies: 1 unknown, 1 healthy, 0 degraded, 1 unhealthy"
        " | 1 in flight]>"
    )


def test_a_result_that_is_late_for_the_pool_is_counted_and_moves_nothing(
    make_pool: Callable[..., ProxyPool],
) -> None:
    pool = make_pool(10.0, 20.0)
    gone, stays = pool
    strategy = PerformanceBasedStrategy()
    strategy.select(pool)
    gone.start_request()

    pool.remove_proxy(gone)
    gone.complete_request(True, 1.0)

    assert gone.total_successes == 1
    assert {strategy.select(pool) for _ in range(100)} == {stays}


def test_one_that_comes_back_brings_what_it_has_learned(
    make_pool: Callable[..., ProxyPool],
) -> None:
    pool = make_pool(None, None)
    back, other = pool
    back.complete_request(True, 100.0)
    pool.remove_proxy(back)
    pool.add_proxy(back)

    other.complete_request(False)

    assert other.ema_response_time_ms == 400.0
    assert {PerformanceBasedStrategy().select(pool) for _ in range(100)} == {back, other}


def test_a_pool_stops_telling_a_strategy_that_is_gone(make_pool: Callable[..., ProxyPool]) -> None:
    pool = make_pool(10.0)
    strategy = PerformanceBasedStrategy()
    strategy.select(pool)
    assert len(pool._watchers) == 1

    del strategy
    gc.collect()

    assert pool._watchers == []


def test_who_watches_is_told_which_changes_are_slight(make_pool: Callable[..., ProxyPool]) -> None:
    class Watcher:
        def __init__(self, hears_of_slight_changes: bool) -> None:
            self.hears_of_slight_changes = hears_of_slight_changes
            self.told: list[bool] = []

        def added(self, proxy: Proxy) -> None: ...

        def removed(self, proxy: Proxy) -> None: ...

        def changed(self, proxy: Proxy, slightly: bool = False) -> None:
            self.told.append(slightly)

    pool = make_pool(None)
    (proxy,) = pool
    hear_all, hear_news = ([Watcher(hears), Watcher(hears)] for hears in (True, False))
    with pool.lock:
        view = pool.view(ProxyFilter())
        for one, of_view in (hear_all, hear_news):
            pool.watch(one)
            view.watch(of_view)

    def changes_slightly(change: Callable[[], object]) -> bool:
        for watcher in (*hear_all, *hear_news):
            watcher.told.clear()
        change()
        (slightly,) = hear_all[0].told
        assert hear_all[1].told == [slightly]
        for watcher in hear_news:
            assert watcher.told == ([] if slightly else [False])
        return slightly

    def succeed(time: float | None = 100.0) -> bool:
        return changes_slightly(lambda: proxy.complete_request(True, time))

    assert [succeed(None), succeed(0.0)] == [False, False]
    assert [succeed(100.0), succeed(20.0), succeed(20.0)] == [False, True, True]
    assert not succeed(None)
    assert not changes_slightly(lambda: proxy.complete_request(False))
    assert [succeed(32.0), succeed(32.0)] == [False, True]
    assert not changes_slightly(lambda: setattr(proxy, "ema_response_time_ms", 20.0))
    assert not changes_slightly(lambda: setattr(proxy, "health_status", HealthStatus.UNHEALTHY))
    assert [succeed(20.0), succeed(20.0)] == [False, True]
    assert not changes_slightly(proxy.start_request)
    assert not changes_slightly(proxy.abandon_request)


def test_who_watches_is_told_of_those_that_are_in_that_join_and_that_leave(
    make_pool: Callable[..., ProxyPool],
) -> None:
    class Watcher:
        def __init__(self) -> None:
            self.told: list[tuple[str, Proxy]] = []

        def added(self, proxy: Proxy) -> None:
            self.told.append(("added", proxy))

        def removed(self, proxy: Proxy) -> None:
            self.told.append(("removed", proxy))

    pool = make_pool(10.0)
    (old,) = pool
    new = Proxy("new:1")
    watcher = Watcher()

    pool.watch_members(watcher)
    pool.add_proxy(new)
    new.ema_response_time_ms = 50.0
    pool.remove_proxy(old)

    assert watcher.told == [("added", old), ("added", new), ("removed", old)]
