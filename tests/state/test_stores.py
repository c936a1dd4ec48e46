"""What every store does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import isclose
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scrapy_proxywhirl.core.journal import Change, Record, SharedRest
from scrapy_proxywhirl.state import store_for
from scrapy_proxywhirl.state.store import Store


@pytest.fixture(params=["sqlite", "redis"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Store]]:
    """Open one more store for what the others of the test keep."""
    opened: list[Store] = []
    url = f"sqlite:///{tmp_path / 'state.sqlite'}"
    if request.param == "redis":
        url = request.getfixturevalue("redis_server").url

    def open_one() -> Store:
        opened.append(store_for(url))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


def change(proxy_id: str = "a", **values: Any) -> Change:
    """Return what is told of one answer of 100 ms, the first, or something else."""
    first = Change(proxy_id, 0.8, 20.0, 100.0, False, 0, 1, 0, 0)
    return first._replace(**values)


def record_of(store: Store, proxy_id: str = "a") -> Record:
    (record,) = store.exchange([], [], [proxy_id]).records
    return record


def test_what_one_was_told_another_knows(open_store: Callable[[], Store]) -> None:
    open_store().exchange([change(failing=2, bans=3, failures=4, is_guess=True)], [], [])

    record = record_of(open_store())

    assert record._replace(age=0.0) == Record("a", 100.0, True, 2, 1, 3, 4, 0.0)
    assert type(record.is_guess) is bool
    assert 0.0 <= record.age < 10.0


def test_who_is_not_asked_for_is_not_told_of(open_store: Callable[[], Store]) -> None:
    store = open_store()
    store.exchange([change("a"), change("b")], [], [])

    answer = open_store().exchange([], [], ["b", "nobody"])

    assert [record.proxy_id for record in answer.records] == ["b"]
    assert not answer.has_forgotten


def test_moves_of_an_average_are_applied_to_what_is_there(open_store: Callable[[], Store]) -> None:
    one, two = open_store(), open_store()
    one.exchange([change()], [], [])
    two.exchange([change(factor=0.5, offset=10.0, ema_ms=7.0)], [], [])

    record = record_of(one)

    assert record.ema_ms == 60.0
    assert record.successes == 2


def test_a_guess_that_was_taken_back_is_forgotten(open_store: Callable[[], Store]) -> None:
    store = open_store()
    store.exchange([change(is_guess=True), change("b")], [], [])
    forgot: dict[str, Any] = {"factor": 0.0, "offset": 0.0, "ema_ms": None}
    store.exchange([change(**forgot), change("b", **forgot)], [], [])

    assert record_of(store).ema_ms is None
    assert record_of(store, "b").ema_ms == 100.0
    store.exchange([change(factor=0.8, offset=6.0, ema_ms=30.0)], [], [])
    assert record_of(store).ema_ms == 30.0


def test_a_proxy_that_is_known_by_counts_alone_gets_its_average_later(
    open_store: Callable[[], Store],
) -> None:
    store = open_store()
    store.exchange([change(factor=1.0, offset=0.0, ema_ms=None)], [], [])
    assert record_of(store).ema_ms is None

    store.exchange([change(factor=0.8, offset=6.0, ema_ms=30.0)], [], [])

    assert record_of(store).ema_ms == 30.0


def test_each_hears_what_others_have_changed_and_not_what_it_told_itself(
    open_store: Callable[[], Store],
) -> None:
    one, two = open_store(), open_store()
    one.exchange([change("a")], [], [])
    two.exchange([], [], [])

    assert one.exchange([change("b")], [], []).records == []
    (record,) = two.exchange([], [], []).records
    assert record.proxy_id == "b"
    assert list(two.exchange([], [], []).records) == []
    two.exchange([change("a"), change("c")], [], [])
    assert {record.proxy_id for record in one.exchange([change("a")], [], []).records} == {"a", "c"}
    assert {record.proxy_id for record in two.exchange([], [], []).records} == {"a"}


def test_rests_are_told_on_until_they_are_over(open_store: Callable[[], Store]) -> None:
    one, two = open_store(), open_store()
    two.exchange([], [], [])
    rests = [SharedRest("a", None, 60.0, 2), SharedRest("a", "a.example", 30.0, 1)]
    one.exchange([], rests, [])

    heard = {rest.domain: rest for rest in two.exchange([], [], []).rests}
    assert heard.keys() == {None, "a.example"}
    assert 50.0 < heard[None].seconds <= 60.0
    assert (heard[None].step, heard["a.example"].step) == (2, 1)
    assert list(two.exchange([], [], []).rests) == []
    assert len(open_store().exchange([], [], ["a"]).rests) == 2

    one.exchange([], [SharedRest("a", None, 0.0, 0)], [])
    (over,) = two.exchange([], [], []).rests
    assert (over.domain, over.seconds) == (None, 0.0)
    (left,) = open_store().exchange([], [], ["a"]).rests
    assert left.domain == "a.example"


def test_a_large_pool_is_asked_for_at_once(open_store: Callable[[], Store]) -> None:
    ids = [f"{number:016x}" for number in range(3000)]
    open_store().exchange([change(proxy_id) for proxy_id in ids], [], [])

    answer = open_store().exchange([], [], ids[::2])

    assert sorted(record.proxy_id for record in answer.records) == ids[::2]


def test_any_split_of_a_sequence_gives_the_average_of_the_whole(
    open_store: Callable[[], Store],
) -> None:
    stores = [open_store(), open_store(), open_store()]

    # Within a test, since pytest-twisted cannot wrap one that runs for several parameters.
    @settings(max_examples=25)
    @given(st.lists(st.lists(st.floats(0.0, 1e5), min_size=1, max_size=5), min_size=1, max_size=6))
    def holds(parts: Sequence[Sequence[float]]) -> None:
        proxy_id = str(hash(str(parts)))
        expected = record_of_or_none(stores[0], proxy_id)
        for place, part in enumerate(parts):
            factor, offset, ema = 1.0, 0.0, None
            for ms in part:
                factor, offset = 0.8 * factor, 0.8 * offset + 0.2 * ms
                ema = ms if ema is None else 0.8 * ema + 0.2 * ms
                expected = ms if expected is None else 0.8 * expected + 0.2 * ms
            told = change(proxy_id, factor=factor, offset=offset, ema_ms=ema)
            stores[place % 2].exchange([told], [], [])

        found = record_of_or_none(stores[2], proxy_id)

        assert found is not None
        assert expected is not None
        assert isclose(found, expected, rel_tol=1e-9, abs_tol=1e-9)

    holds()


def record_of_or_none(store: Store, proxy_id: str) -> float | None:
    records = store.exchange([], [], [proxy_id]).records
    return next((one.ema_ms for one in records if one.proxy_id == proxy_id), None)
