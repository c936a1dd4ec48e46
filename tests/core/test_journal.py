from __future__ import annotations

from collections.abc import Sequence
from math import isclose
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scrapy_proxywhirl import (
    HealthStatus,
    PerformanceBasedStrategy,
    PoolCooldowns,
    Proxy,
    ProxyPool,
    WeightedStrategy,
)
from scrapy_proxywhirl.core import Incident, PoolJournal
from scrapy_proxywhirl.core.journal import Change, Record, SharedRest


class Store:
    """Does in memory what stores do, by the letter."""

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self.rests: dict[tuple[str, str | None], SharedRest] = {}

    def take(self, changes: Sequence[Change], rests: Sequence[SharedRest]) -> None:
        for change in changes:
            before = self.records.get(change.proxy_id)
            if before is None or before.ema_ms is None:
                ema_ms = change.ema_ms
            elif change.ema_ms is not None:
                ema_ms = change.factor * before.ema_ms + change.offset
            else:
                ema_ms = None if before.is_guess and not change.factor else before.ema_ms
            self.records[change.proxy_id] = Record(
                change.proxy_id,
                ema_ms,
                change.is_guess,
                change.failing,
                change.successes + (before.successes if before else 0),
                change.bans + (before.bans if before else 0),
                change.failures + (before.failures if before else 0),
                age=0.0,
            )
        for rest in rests:
            self.rests[rest.proxy_id, rest.domain] = rest


class Process:
    """A crawl's pool of one proxy, or some, and its exchanges with a store."""

    def __init__(self, store: Store, *urls: str, old: float = 3600.0) -> None:
        self.now = 100.0
        self.store = store
        self.pool = ProxyPool(
            cooldowns=PoolCooldowns(2.0, 300.0, self.clock),
            journal=PoolJournal(self.clock, old),
        )
        for url in urls or ("h:1",):
            self.pool.add_proxy(Proxy(url))
        self.proxy = next(iter(self.pool))

    def clock(self) -> float:
        return self.now

    @property
    def journal(self) -> PoolJournal:
        assert self.pool.journal
        return self.pool.journal

    def tell(self) -> tuple[list[Change], list[SharedRest]]:
        with self.pool.lock:
            return self.journal.take_changes(), self.journal.take_rests()

    def learn(self, age: float = 0.0) -> None:
        with self.pool.lock:
            for record in self.store.records.values():
                self.journal.learn(record._replace(age=age), self.pool)
            for rest in self.store.rests.values():
                self.journal.learn_rest(rest, self.pool)

    def exchange(self) -> None:
        self.store.take(*self.tell())
        self.learn()

    def take(self, ms: float, alpha: float = 0.2, may_restart: bool = False) -> None:
        self.proxy.start_request()
        self.proxy.complete_request(True, ms, alpha, may_restart=may_restart)

    @property
    def ema(self) -> float | None:
        return self.proxy.ema_response_time_ms


def test_others_learn_of_an_average_that_restarted() -> None:
    store = Store()
    one, other = Process(store), Process(store)
    for process in (one, other):
        process.take(100.0)
        process.exchange()
    for _ in range(2):
        one.take(1000.0, may_restart=True)

    one.exchange()
    other.exchange()

    assert other.ema == one.ema == 1000.0


@pytest.mark.parametrize("answers", [0, 1, 20, 200])
def test_no_more_of_a_failure_is_taken_back_than_others_have_left_of_it(answers: int) -> None:
    store = Store()
    one, other = Process(store), Process(store)
    for process in (one, other):
        process.take(100.0)
        process.exchange()
    one.proxy.start_request()
    incident = one.proxy.complete_request(False, 15_000.0)
    assert incident
    one.exchange()
    other.exchange()
    for _ in range(answers):
        other.take(100.0)
    other.exchange()
    one.exchange()

    one.proxy.take_back(incident)

    assert one.ema == pytest.approx(100.0)
    one.exchange()
    assert store.records[one.proxy.id].ema_ms == pytest.approx(100.0)


def ema_of(times: Sequence[float], alpha: float) -> float:
    ema = times[0]
    for ms in times[1:]:
        ema = alpha * ms + (1.0 - alpha) * ema
    return ema


TIMES = st.floats(0.0, 1e5)


@given(
    st.lists(st.tuples(TIMES, st.integers(0, 3), st.booleans()), min_size=1, max_size=40),
    st.floats(0.01, 1.0),
)
def test_any_split_of_a_sequence_over_processes_gives_the_ema_of_the_whole(
    steps: list[tuple[float, int, bool]], alpha: float
) -> None:
    store = Store()
    processes = [Process(store) for _ in range(4)]
    order = []  # in which the store came to know of the times
    untold: dict[int, list[float]] = {place: [] for place in range(4)}

    def exchange(place: int) -> None:
        processes[place].exchange()
        order.extend(untold[place])
        untold[place] = []

    for ms, place, does_exchange in steps:
        processes[place].take(ms, alpha)
        untold[place].append(ms)
        if does_exchange:
            exchange(place)
    for place in range(4):
        exchange(place)
    for process in processes:
        process.learn()

    expected = ema_of(order, alpha)
    for process in processes:
        assert process.ema is not None
        assert isclose(process.ema, expected, rel_tol=1e-9, abs_tol=1e-9)
    (record,) = store.records.values()
    assert record.successes == len(steps)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["success", "doubted", "failure", "ban", "take back", "by hand"]), TIMES
        ),
        max_size=30,
    ),
    st.lists(st.booleans(), min_size=30, max_size=30),
)
@example([("failure", 100.0), ("take back", 0.0)], [False, False])
@example([("failure", 100.0), ("take back", 0.0)], [True, False])
@example([("failure", 100.0), ("take back", 0.0), ("success", 50.0)], [False] * 3)
@example(
    [("success", 100.0), ("failure", 300.0), ("take back", 0.0), ("by hand", 20.0)], [False] * 4
)
@example([("failure", 1.0), ("take back", 0.0), ("success", 1.0)], [True, False, False])
@example([("success", 100.0), ("doubted", 900.0), ("doubted", 900.0)], [True, True, False])
def test_whatever_happens_the_store_knows_what_a_process_alone_does(
    events: list[tuple[str, float]], exchanges: list[bool]
) -> None:
    store = Store()
    process = Process(store, "h:1", "other:1")
    other = process.pool.find_proxy("other:1")
    assert other
    other.complete_request(True, 100.0)
    incidents: list[Incident] = []
    for (event, ms), does_exchange in zip(events, exchanges, strict=False):
        process.now += 1000.0  # so that no failure is part of the last
        if event == "success":
            process.take(ms)
        elif event == "doubted":
            process.take(ms, may_restart=True)
        elif event == "by hand":
            process.proxy.ema_response_time_ms = ms
        elif event == "take back" and incidents:
            process.proxy.take_back(incidents.pop())
        elif event in ("failure", "ban"):
            incident = process.proxy.complete_request(False, ms, banned=event == "ban")
            assert incident
            incidents.append(incident)
        if does_exchange:
            store.take(*process.tell())
    store.take(*process.tell())

    record = store.records.get(process.proxy.id)
    if record is None or process.ema is None:
        assert process.ema is None
        assert record is None or record.ema_ms is None
    else:
        assert record.ema_ms is not None
        assert isclose(record.ema_ms, process.ema, rel_tol=1e-6, abs_tol=1e-3)
        assert record.is_guess == process.proxy._average.is_guess
        assert record.failing == process.proxy.consecutive_failures
    counts = [(record.successes, record.bans, record.failures)] if record else [(0, 0, 0)]
    assert counts == [
        (
            process.proxy.total_successes,
            process.proxy.total_bans,
            process.proxy.total_failures,
        )
    ]


def test_what_was_learned_while_others_were_heard_comes_on_top_of_it() -> None:
    store = Store()
    one, two = Process(store), Process(store)
    one.take(100.0)
    one.exchange()
    two.learn()
    two.take(200.0)

    one.take(50.0)
    one.exchange()
    two.learn()

    assert two.ema == pytest.approx(ema_of([100.0, 50.0, 200.0], 0.2))


def test_what_could_not_be_told_is_told_later() -> None:
    store = Store()
    process = Process(store)
    process.take(100.0)
    process.proxy.complete_request(False, banned=True, domain="a.example")
    changes, rests = process.tell()
    process.take(200.0)

    with process.pool.lock:
        process.journal.put_back(changes, process.pool)
        process.journal.put_back_rests(rests, process.pool)
    process.take(50.0)
    process.exchange()

    (record,) = store.records.values()
    assert record.ema_ms == pytest.approx(process.ema)
    assert (record.successes, record.bans) == (3, 1)
    assert [rest.domain for rest in store.rests.values()] == ["a.example"]


def test_what_could_not_be_told_is_told_later_where_nothing_came_since() -> None:
    process = Process(Store())
    process.take(100.0)
    changes, _ = process.tell()

    with process.pool.lock:
        process.journal.put_back(changes, process.pool)

    assert process.tell() == (changes, [])


def test_what_nobody_has_heard_of_a_proxy_that_left_is_gone() -> None:
    process = Process(Store())
    process.take(100.0)
    process.proxy.complete_request(False)
    changes, rests = process.tell()
    process.pool.remove_proxy(process.proxy)

    with process.pool.lock:
        process.journal.put_back(changes, process.pool)
        process.journal.put_back_rests(rests, process.pool)

    assert process.tell() == ([], [])


def test_nothing_is_told_twice() -> None:
    process = Process(Store())
    process.take(100.0)
    process.exchange()

    assert process.tell() == ([], [])


def test_a_store_that_has_forgotten_is_told_all_again() -> None:
    process = Process(Store(), "h:1", "new:1")
    process.take(100.0)
    process.exchange()

    process.store = Store()
    with process.pool.lock:
        process.journal.offer(process.pool)
    process.exchange()

    assert [record.ema_ms for record in process.store.records.values()] == [100.0]
    assert process.ema == 100.0


def test_what_is_offered_changes_nothing_where_it_is_known() -> None:
    process = Process(Store())
    process.take(100.0)
    process.exchange()
    (record,) = process.store.records.values()
    process.store.records[record.proxy_id] = record._replace(ema_ms=50.0)

    with process.pool.lock:
        process.journal.offer(process.pool)
    process.exchange()

    assert process.ema == 50.0


def test_a_new_process_selects_by_what_others_know() -> None:
    store = Store()
    one = Process(store, "a:1", "b:1")
    for proxy, ms in zip(one.pool, (10.0, 1000.0), strict=True):
        proxy.complete_request(True, ms)
    one.exchange()

    two = Process(store, "a:1", "b:1")
    two.learn()

    strategy = PerformanceBasedStrategy()
    drawn = [strategy.select(two.pool).label for _ in range(300)]
    assert drawn.count("a:1") > 270
    assert {proxy.health_status for proxy in two.pool} == {HealthStatus.HEALTHY}


def test_what_is_old_has_no_say_once_the_proxy_answers() -> None:
    store = Store()
    one = Process(store)
    one.take(100.0)
    one.exchange()

    fresh, stale = Process(store), Process(store)
    fresh.learn(age=3600.0)
    stale.learn(age=3600.1)
    for process in (fresh, stale):
        assert process.ema == 100.0
        process.take(200.0)

    assert fresh.ema == pytest.approx(120.0)
    assert stale.ema == 200.0


def test_what_replaced_an_old_average_replaces_it_for_all() -> None:
    store = Store()
    one = Process(store)
    one.take(100.0)
    one.exchange()
    two = Process(store)
    two.learn(age=9999.0)
    two.take(200.0)
    two.exchange()
    one.learn()

    assert one.ema == 200.0


def test_a_proxy_that_was_failing_is_so_for_a_new_process() -> None:
    store = Store()
    one = Process(store)
    one.take(100.0)
    for _ in range(3):
        one.now += 1000.0
        one.proxy.complete_request(False)
    one.exchange()

    two = Process(store)
    two.learn()

    assert two.proxy.health_status is HealthStatus.UNHEALTHY
    assert two.proxy.consecutive_failures == 3
    assert two.ema == one.ema


def test_counts_of_earlier_crawls_go_into_how_likely_a_proxy_is_to_succeed() -> None:
    store = Store()
    one = Process(store)
    for _ in range(8):
        one.take(100.0)
    one.exchange()
    two = Process(store)
    two.learn()
    two.take(100.0)
    two.exchange()

    assert WeightedStrategy().weigh(two.proxy, two.pool) == pytest.approx(10 / 11)
    assert two.proxy.total_successes == 1


def rest_of(process: Process, domain: str | None = None) -> float:
    assert process.pool.cooldowns
    rest = process.pool.cooldowns.rest_of(process.proxy, domain)
    return rest.until - process.now if rest else 0.0


def test_a_rest_is_known_to_all_for_as_long_as_it_lasts() -> None:
    store = Store()
    one, two = Process(store), Process(store)
    two.now = 7.0  # clocks differ
    one.proxy.complete_request(False)
    one.exchange()
    two.learn()

    assert not two.proxy.is_available
    assert rest_of(two) == pytest.approx(rest_of(one))
    two.now += rest_of(two)
    with two.pool.lock:
        assert two.pool.cooldowns
        two.pool.cooldowns.wake(None)

    assert two.proxy.is_available


def test_a_ban_is_known_to_all_for_its_domain() -> None:
    store = Store()
    one, two = Process(store), Process(store)
    one.proxy.complete_request(False, banned=True, domain="a.example")
    one.exchange()
    two.learn()

    assert two.proxy.is_available
    with two.pool.lock:
        assert two.pool.cooldowns
        assert two.proxy.id in two.pool.cooldowns.wake("a.example")
        assert two.proxy.id not in two.pool.cooldowns.wake("b.example")


def test_a_success_ends_a_rest_for_all() -> None:
    store = Store()
    one, two = Process(store), Process(store)
    one.proxy.complete_request(False, banned=True, domain="a.example")
    one.proxy.complete_request(False)
    one.exchange()
    two.learn()

    one.now += 1.0
    one.proxy.complete_request(True, 100.0, domain="a.example")
    one.exchange()
    two.learn()

    assert two.proxy.is_available
    assert rest_of(two, "a.example") == 0.0


def test_later_news_here_goes_before_what_others_know() -> None:
    store = Store()
    one, two = Process(store), Process(store)
    one.proxy.complete_request(False)
    one.exchange()
    two.proxy.complete_request(False)
    two.now += 1.0
    two.proxy.complete_request(True, 100.0)
    two.learn()

    assert two.proxy.is_available


def test_the_end_of_a_rest_that_nobody_has_heard_of_is_no_news() -> None:
    process = Process(Store())

    with process.pool.lock:
        for domain in (None, "a.example"):
            process.journal.learn_rest(SharedRest(process.proxy.id, domain, 0.0, 0), process.pool)

    assert process.proxy.is_available
    assert rest_of(process) == rest_of(process, "a.example") == 0.0
    assert process.tell() == ([], [])


def test_what_was_heard_is_not_told_on() -> None:
    store = Store()
    one, two = Process(store), Process(store)
    one.proxy.complete_request(False)
    one.proxy.complete_request(False, banned=True, domain="a.example")
    one.exchange()
    two.learn()
    assert two.tell() == ([], [])

    one.now += 1.0
    one.proxy.complete_request(True, 100.0, domain="a.example")
    one.exchange()
    two.learn()

    assert two.tell() == ([], [])


def test_a_proxy_that_leaves_the_pool_rests_on_for_others() -> None:
    store = Store()
    one, two = Process(store), Process(store)
    one.proxy.complete_request(False)
    one.exchange()
    one.pool.remove_proxy(one.proxy)
    one.exchange()
    two.learn()

    assert not two.proxy.is_available


def test_a_rest_is_never_longer_than_one_may_be() -> None:
    process = Process(Store())
    with process.pool.lock:
        process.journal.learn_rest(SharedRest(process.proxy.id, None, 1e9, 3), process.pool)
        process.journal.learn_rest(SharedRest("nobody", None, 1.0, 1), process.pool)
        process.journal.learn(Record("nobody", 1.0, False, 0, 0, 0, 0, 0.0), process.pool)

    assert rest_of(process) == 300.0
    assert len(process.pool) == 1


def test_a_pool_without_cooldowns_learns_averages() -> None:
    pool: Any = ProxyPool(journal=PoolJournal(lambda: 0.0, 1.0))
    proxy = Proxy("h:1")
    pool.add_proxy(proxy)
    with pool.lock:
        pool.journal.learn(Record(proxy.id, 70.0, True, 1, 0, 0, 1, 0.0), pool)
        pool.journal.learn_rest(SharedRest(proxy.id, None, 9.0, 3), pool)

    assert proxy.ema_response_time_ms == 70.0
    assert proxy.is_available
    assert proxy.health_status is HealthStatus.UNHEALTHY
