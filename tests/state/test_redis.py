from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from scrapy_proxywhirl.core.journal import Change, SharedRest
from scrapy_proxywhirl.state import store_for
from scrapy_proxywhirl.state.store import StoreError
from tests.redis_server import RedisServer, behind_tls, why_not

if TYPE_CHECKING:
    from scrapy_proxywhirl.state.redis import RedisStore

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())


def open_store(url: str) -> RedisStore:
    from scrapy_proxywhirl.state.redis import RedisStore

    return RedisStore(url)


def change(proxy_id: str = "a", **values: Any) -> Change:
    return Change(proxy_id, 0.8, 20.0, 100.0, False, 0, 1, 0, 0)._replace(**values)


def successes(url: str, *proxy_ids: str) -> list[int]:
    records = open_store(url).exchange([], [], proxy_ids or ("a",)).records
    return [record.successes for record in sorted(records)]


def test_a_server_that_is_away_is_told_later_and_once(redis_server: RedisServer) -> None:
    store = open_store(redis_server.url)
    store.exchange([change()], [], [])
    redis_server.stop()

    for _ in range(2):
        with pytest.raises(StoreError, match="cannot be used: ConnectionError") as caught:
            store.exchange([change("b")] if not store._calls else [], [], [])
        assert caught.value.is_kept
    redis_server.start()
    answer = store.exchange([], [], [])

    assert answer.has_forgotten
    assert successes(redis_server.url, "a", "b") == [1]
    assert not store.exchange([], [], []).has_forgotten


def test_what_was_heard_and_not_answered_for_counts_once(redis_server: RedisServer) -> None:
    store = open_store(redis_server.url)
    script = store._script
    calls = []

    def lose_the_answer(**arguments: Any) -> Any:
        from redis.exceptions import TimeoutError as RedisTimeoutError

        calls.append(script(**arguments))
        if len(calls) == 1:
            raise RedisTimeoutError("Timeout reading from socket")
        return calls[-1]

    store._script = lose_the_answer  # type: ignore[assignment]
    with pytest.raises(StoreError, match="Timeout reading from socket"):
        store.exchange([change()], [SharedRest("a", None, 60.0, 1)], [])
    store.exchange([], [], [])

    assert len(calls) == 3  # it is made again, and then there is nothing more to tell
    assert successes(redis_server.url) == [1]


def test_a_server_that_was_emptied_is_told_of(redis_server: RedisServer) -> None:
    store, other = open_store(redis_server.url), open_store(redis_server.url)
    for one in (store, other):
        one.exchange([change() for _ in range(5)], [], [])
    store._redis.flushall()

    other.exchange([change("b") for _ in range(50)], [], [])
    answer = store.exchange([], [], [])

    assert answer.has_forgotten
    # The next exchange tells of what others have told since.
    assert [record.proxy_id for record in store.exchange([], [], []).records] == ["b"]
    assert not store.exchange([], [], []).records


@pytest.mark.parametrize(
    "garbage",
    [
        "secret",
        "",
        "||||||",
        "1|2",
        "-|-|-|-|-|-|-",
        "x|0|0|0|0|0|0",
        "\ud83d\ude00|1",
        "1|2|3|4|5|6|7|8",
        "nan|0|0|0|0|0|9e9",
        "-nan|0|0|0|0|0|9e9",
        "inf|0|0|0|0|0|9e9",
        "-5|0|0|0|0|0|9e9",
        "1e300|0|0|0|0|0|9e9",
        "5|0|0|-4|0|0|9e9",
    ],
)
def test_garbage_is_passed_over_and_overwritten(garbage: str, redis_server: RedisServer) -> None:
    store = open_store(redis_server.url)
    store.exchange([change()], [SharedRest("a", "x.example", 60.0, 1)], [])
    store._redis.hset(store._keys[0], "a", garbage.encode("utf-8", "surrogatepass"))
    store._redis.hset(store._keys[2], "a x.example", garbage.encode("utf-8", "surrogatepass"))

    answer = open_store(redis_server.url).exchange([], [], ["a"])
    assert not answer.records
    assert not answer.rests
    store.exchange([change()], [SharedRest("a", "x.example", 60.0, 1)], [])

    answer = open_store(redis_server.url).exchange([], [], ["a"])
    assert [record.ema_ms for record in answer.records] == [100.0]
    assert len(answer.rests) == 1


def test_keys_of_somebody_elses_are_an_error(redis_server: RedisServer) -> None:
    store = open_store(redis_server.url)
    store._redis.set(store._keys[0], "something else")

    with pytest.raises(StoreError, match="WRONGTYPE"):
        store.exchange([change()], [], [])


def test_a_password_and_a_namespace_may_be_in_the_url(tmp_path: Path) -> None:
    with RedisServer(tmp_path, password="hunt/er@2") as server:
        store = store_for(f"{server.url}?namespace=books")
        store.exchange([change()], [], [])

        assert store.name == f"redis://127.0.0.1:{server.port}/0?namespace=books"
        assert successes(f"{server.url}?namespace=books") == [1]
        assert successes(server.url) == []
        assert successes(f"{server.url[:-1]}1?namespace=books") == []
        with pytest.raises(StoreError, match="Authentication") as caught:
            store_for(f"redis://:wrong-hunter@127.0.0.1:{server.port}").exchange([], [], [])
        assert "wrong-hunter" not in str(caught.value)


def test_tls_is_spoken_and_the_certificate_is_looked_at(
    redis_server: RedisServer, certificate: str
) -> None:
    with behind_tls(redis_server, certificate) as url:
        open_store(f"{url}?ssl_ca_certs={certificate}").exchange([change()], [], [])
        assert successes(redis_server.url) == [1]
        with pytest.raises(StoreError, match="certificate verify failed"):
            open_store(url).exchange([change()], [], [])
    assert successes(redis_server.url) == [1]


def test_no_key_or_value_has_a_password(redis_server: RedisServer) -> None:
    from scrapy_proxywhirl import Proxy

    proxy = Proxy("http://ann:hunter2@proxy.example:8000")
    store = open_store(redis_server.url)
    store.exchange([change(proxy.id)], [SharedRest(proxy.id, None, 60.0, 1)], [proxy.id])

    keys: Any = store._redis.keys()
    everything = b"".join(keys) + b"".join(store._redis.dump(key) or b"" for key in keys)
    assert proxy.id.encode() in everything
    for secret in (b"hunter2", b"ann", b"proxy.example"):
        assert secret not in everything


def test_more_than_a_call_takes_comes_in_several(redis_server: RedisServer) -> None:
    ids = [f"{number:05}" for number in range(2500)]
    one, two = open_store(redis_server.url), open_store(redis_server.url)
    two.exchange([], [], [])

    one.exchange([change(proxy_id) for proxy_id in ids], [], ids)
    heard: list[list[str]] = []
    while not heard or heard[-1]:
        records = two.exchange([], [], []).records
        heard.append([record.proxy_id for record in records])

    # A thousand at a time, in the order in which they were changed, and none twice.
    assert [len(some) for some in heard] == [1000, 1000, 500, 0]
    assert [proxy_id for some in heard for proxy_id in some] == ids


def test_what_comes_in_parts_comes_whole_while_it_changes(redis_server: RedisServer) -> None:
    ids = [f"{number:05}" for number in range(3000)]
    one, two = open_store(redis_server.url), open_store(redis_server.url)
    two.exchange([], [], [])
    known: dict[str, float | None] = {}
    for step in range(8):
        if step < 4:
            some = ids[step * 500 : step * 500 + 1500]
            one.exchange(
                [change(each, factor=0.0, offset=step, ema_ms=step) for each in some], [], []
            )
        known.update((one.proxy_id, one.ema_ms) for one in two.exchange([], [], []).records)

    expected = open_store(redis_server.url).exchange([], [], ids).records
    assert known == {record.proxy_id: record.ema_ms for record in expected}


def test_what_was_not_used_for_long_goes_bit_by_bit(redis_server: RedisServer) -> None:
    store = open_store(redis_server.url)
    ids = [str(number) for number in range(5)]
    store.exchange([change(one) for one in ids], [SharedRest(one, None, 9.0, 1) for one in ids], [])
    proxies, changed, rests, rests_changed, _, _ = store._keys
    for one in ids[:3]:
        store._redis.hset(proxies, one, "100|0|0|1|0|0|1000000000")
        store._redis.hset(rests, f"{one} ", "1000000000|1")

    for left in (3, 2, 2):
        store.exchange([], [], [])
        assert {store._redis.hlen(key) for key in (proxies, rests)} == {left}
        assert {store._redis.zcard(key) for key in (changed, rests_changed)} == {left}
    assert store._redis.ttl(proxies) > 80 * 86400


def test_without_the_package_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "scrapy_proxywhirl.state.redis", raising=False)
    monkeypatch.setitem(sys.modules, "redis", None)

    with pytest.raises(ValueError, match=r"install scrapy-proxywhirl\[redis\]"):
        store_for("redis://h")


@pytest.mark.parametrize("path", ["/secret", "/0/1", "/-1", "/1.5"])
def test_a_database_that_is_no_number_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="database in the URL of Redis must be a num") as caught:
        store_for(f"redis://user:secret@h{path}")

    assert "secret" not in str(caught.value)


def test_options_reach_the_server_as_they_were_meant(tmp_path: Path) -> None:
    with RedisServer(tmp_path, "p&s=+ s") as server:
        host = f"127.0.0.1:{server.port}"
        url = f"redis://{host}/3?password=p%26s%3D%2B+s&client_name=crawl%26er"
        store = open_store(url)
        store.exchange([change()], [], [])

        (client,) = store._redis.client_list()
        assert (client["name"], client["db"]) == ("crawl&er", "3")
        assert open_store(server.url).exchange([], [], ["a"]).records == []


@pytest.mark.parametrize(
    "url",
    [
        "redis://user:secret@h:port/0",
        "redis://h/0?socket_timeout=secret",
        "redis://user:secret@h/0?no_such_option=secret",
        "redis://user:secret\u2100@h/0",  # of which urlsplit complains, and shows it
        "redis://user:secret@[::1/0",
    ],
)
def test_a_url_that_cannot_be_read_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match="not one that redis-py can read") as caught:
        store_for(url)

    assert "secret" not in str(caught.value)
