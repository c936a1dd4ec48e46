"""A request says which proxies it may have, and what selects among them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable
from time import monotonic
from typing import Any

import pytest
from scrapy import Request
from scrapy.http import Response
from scrapy.utils.defer import deferred_f_from_coro_f

from scrapy_proxywhirl import (
    LeastUsedStrategy,
    NoProxyForRequestError,
    ProxyPoolEmptyError,
    ProxyWhirlMiddleware,
    RoundRobinStrategy,
    Strategy,
    used_proxy,
)
from scrapy_proxywhirl.playground import Fault, Playground, ProxySpec
from tests.crawling import CollectingSpider, Crawl, FollowingSpider, crawl

pytestmark = pytest.mark.timed

COUNTRIES = ("DE", "FR", "US")


def world(playground: Playground) -> list[dict[str, Any]]:
    """Return two proxies in each country, named de-1, de-2, fr-1 and so on."""
    return [
        {
            "url": url,
            "country": COUNTRIES[place // 2],
            "label": f"{COUNTRIES[place // 2].lower()}-{place % 2 + 1}",
            "tags": ["even" if place % 2 else "odd"],
        }
        for place, url in enumerate(playground.proxy_urls)
    ]


def asking(playground: Playground, path: object, **wanted: Any) -> Request:
    return Request(f"{playground.origin_url}/{path}", meta={"proxywhirl": wanted})


def labels(crawled: Crawl) -> dict[str, str]:
    """Return by which proxy each page came."""
    used = {}
    for response in crawled.spider.responses:
        proxy = used_proxy(response)
        assert proxy
        used[response.url.partition("/")[2].partition("/")[2].partition("/")[2]] = proxy.label
    return used


@pytest.fixture
def playground(play: Callable[..., Playground]) -> Playground:
    return play(*[ProxySpec(latency=0.01)] * 6)


@deferred_f_from_coro_f
async def test_every_page_comes_from_the_country_that_it_asks_for(playground: Playground) -> None:
    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": world(playground)},
        [
            asking(playground, f"{country}/{number}", country=country)
            for number in range(40)
            for country in ("de", "FR", "US")
        ],
    )

    crawled.assert_every_attempt_is_settled()
    used = labels(crawled)
    assert len(used) == 120
    assert all(label.startswith(path[:2].lower()) for path, label in used.items())
    assert len(set(used.values())) == 6


@deferred_f_from_coro_f
async def test_what_is_wanted_combines(playground: Playground) -> None:
    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": world(playground), "PROXYWHIRL_STRATEGY": "least-used"},
        [
            request
            for number in range(10)
            for request in (
                asking(playground, f"named/{number}", proxy="us-2"),
                asking(playground, f"tags/{number}", tags=["even"], exclude=["us-2", "gone"]),
                asking(playground, f"both/{number}", tags=["even"], country="US"),
                asking(playground, f"none/{number}", country=None, tags=[]),
            )
        ],
    )

    used = defaultdict(set)
    for path, label in labels(crawled).items():
        used[path.partition("/")[0]].add(label)
    assert used["named"] == used["both"] == {"us-2"}
    assert used["tags"] == {"de-2", "fr-2"}
    assert len(used["none"]) > 2


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"country": "JP"}, "of the country 'JP'"),
        ({"proxy": "gone"}, "the one that is named .*'gone'"),
        ({"tags": ["fast", "odd"]}, "tagged 'fast' and 'odd'"),
        (
            {"country": "DE", "exclude": ["de-1", "de-2"]},
            "of the country 'DE', other than the 2 that are excluded",
        ),
    ],
)
@deferred_f_from_coro_f
async def test_what_no_proxy_is_is_an_error_at_once(
    wanted: dict[str, Any], words: str, playground: Playground
) -> None:
    began = monotonic()
    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": world(playground), "PROXYWHIRL_WAIT_TIMEOUT": 30},
        [asking(playground, "x", **wanted), asking(playground, "y", country="FR")],
    )

    assert monotonic() - began < 10
    (failure,) = crawled.spider.failures
    assert isinstance(failure.value, NoProxyForRequestError)
    with pytest.raises(ProxyPoolEmptyError, match=words):
        failure.raiseException()
    assert crawled.stat("unmatched") == crawled.stat("empty") == 1
    assert [entry["path"] for entry in playground.origin_log()] == ["/y"]


@deferred_f_from_coro_f
async def test_what_no_proxy_is_may_come_by_any(playground: Playground) -> None:
    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": world(playground), "PROXYWHIRL_ON_NO_MATCH": "any"},
        [
            asking(playground, "gone", proxy="gone", exclude=["de-1", "de-2", "fr-1", "fr-2"]),
            asking(playground, "jp", country="JP", session="a"),
            asking(playground, "de", country="DE"),
            asking(playground, "excluded", exclude=[one["label"] for one in world(playground)]),
        ],
    )

    used = labels(crawled)
    assert used["gone"].startswith("us")
    assert used["de"].startswith("de")
    assert "jp" in used
    assert crawled.stat("fallbacks") == 2
    assert crawled.stat("unmatched") == len(crawled.spider.failures) == 1


@deferred_f_from_coro_f
async def test_a_country_whose_proxies_all_rest_is_left_where_any_will_do(
    play: Callable[..., Playground],
) -> None:
    bad = ProxySpec(fault=Fault.RESET)
    playground = play(bad, bad, *[ProxySpec()] * 4)

    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": world(playground),
            "PROXYWHIRL_ON_NO_MATCH": "any",
            "PROXYWHIRL_COOLDOWN": 3600,  # a rest is any part of that
            "PROXYWHIRL_COOLDOWN_MAX": 3600,
        },
        [asking(playground, number, country="DE") for number in range(50)],
    )

    assert len(crawled.spider.responses) == 50
    assert crawled.stat("fallbacks") >= 48
    assert not set(labels(crawled).values()) & {"de-1", "de-2"}


@deferred_f_from_coro_f
async def test_pages_that_wait_for_one_country_do_not_hold_up_anothers(
    play: Callable[..., Playground],
) -> None:
    bad = ProxySpec(fault=Fault.RESET)
    playground = play(bad, bad, *[ProxySpec(latency=0.01)] * 4)
    playground.change(0, ProxySpec(), after=4.0)
    came: dict[str, float] = {}
    began = monotonic()

    class TimingSpider(CollectingSpider):
        def collect(self, response: Response) -> None:
            super().collect(response)
            came[response.url] = monotonic() - began

    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": world(playground), "PROXYWHIRL_WAIT_TIMEOUT": 60},
        [
            asking(playground, f"{country}/{number}", country=country)
            for number in range(40)
            for country in ("FR", "DE")
        ],
        TimingSpider,
    )

    assert not crawled.spider.failures
    assert len(crawled.spider.responses) == 80
    german = [seconds for url, seconds in came.items() if "/DE/" in url]
    french = [seconds for url, seconds in came.items() if "/FR/" in url]
    assert max(french) < 3.5
    # How much later hangs on chance: of the two, the one that is bad still may be due first again.
    assert min(german) > 3.5


@deferred_f_from_coro_f
async def test_each_request_may_have_its_own_strategy(playground: Playground) -> None:
    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": world(playground), "PROXYWHIRL_STRATEGY": "random"},
        [
            *(asking(playground, f"turn/{n}", strategy="round-robin") for n in range(60)),
            *(
                asking(
                    playground,
                    f"least/{n}",
                    strategy="scrapy_proxywhirl.LeastUsedStrategy",
                    country="DE",
                )
                for n in range(60)
            ),
        ],
    )

    crawled.assert_every_attempt_is_settled()
    counts = Counter(
        label for path, label in labels(crawled).items() if path.startswith("turn")
    ).values()
    assert max(counts) == min(counts) == 10
    used = Counter(label for path, label in labels(crawled).items() if path.startswith("least"))
    assert used == {"de-1": 30, "de-2": 30}


@pytest.mark.parametrize(
    ("meta", "words"),
    [
        ("DE", r"meta\['proxywhirl'\] is 'DE'; it must be False, or a dict"),
        ({"sesion": "a"}, "the unknown key 'sesion'; known are 'country', .*mean 'session'"),
        ({7: "a"}, "the unknown key 7; known are 'country', 'exclude', 'max_cost', 'proxy'"),
        ({"session": 7}, r"\['session'\] is 7; it must be a text that is not empty"),
        ({"session": ""}, r"\['session'\] is ''; it must be a text that is not empty"),
        ({"proxy": ["a"]}, r"\['proxy'\] is \['a'\]; it must be a text"),
        ({"country": "ZZ"}, "country is 'ZZ'; it must be an ISO 3166-1 code"),
        ({"country": ["DE"]}, r"country is \['DE'\]; it must be an ISO 3166-1 code"),
        ({"tags": "fast"}, r"\['tags'\] is 'fast'; it must be a list of texts"),
        ({"tags": [7]}, r"\['tags'\] is \[7\]; it must be a list of texts"),
        ({"max_cost": -1}, r"\['max_cost'\] is -1; it must be a finite number of at least 0"),
        ({"max_cost": "1"}, r"\['max_cost'\] is '1'; it must be a finite number"),
        ({"max_cost": True}, r"\['max_cost'\] is True; it must be a finite number"),
        ({"exclude": 7}, r"\['exclude'\] is 7; it must be a list of texts"),
        ({"strategy": "fastest"}, r"\['strategy'\] is 'fastest'; it must be one of 'adaptive', "),
        ({"strategy": "no.such.thing"}, r"\['strategy'\] is 'no.such.thing', which cannot be"),
        ({"strategy": "scrapy.Spider"}, r"must be a subclass of scrapy_proxywhirl.Strategy"),
        ({"strategy": 7}, r"\['strategy'\] is 7; it must be one of"),
    ],
)
@deferred_f_from_coro_f
async def test_what_is_not_allowed_is_an_error(
    meta: Any, words: str, playground: Playground
) -> None:
    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": world(playground)},
        [
            Request(f"{playground.origin_url}/bad", meta={"proxywhirl": meta}),
            f"{playground.origin_url}/good",
        ],
    )

    (failure,) = crawled.spider.failures
    with pytest.raises(ValueError, match=words):
        failure.raiseException()
    assert [entry["path"] for entry in playground.origin_log()] == ["/good"]


@pytest.mark.parametrize("strategy", ["performance", "adaptive", "round-robin"])
@deferred_f_from_coro_f
async def test_a_session_stays_on_its_proxy_through_redirects(
    strategy: str, playground: Playground
) -> None:
    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": world(playground), "PROXYWHIRL_STRATEGY": strategy},
        [
            asking(playground, f"{way}{session}/{number}", session=f"user {session}")
            for number in range(40)
            for session in range(8)
            for way in [("", "redirect/")[number % 2]]
        ],
    )

    crawled.assert_every_attempt_is_settled()
    assert len(crawled.spider.responses) == 320
    used = defaultdict(set)
    for response in crawled.spider.responses:
        proxy = used_proxy(response)
        assert proxy
        assert proxy.session == f"user {response.url.split('/')[3]}"
        used[proxy.session].add(proxy.label)
    assert [len(proxies) for proxies in used.values()] == [1] * 8
    via = defaultdict(set)  # as the site saw it, the redirects themselves too
    for entry in playground.origin_log():
        via[entry["path"].split("/")[-2]].add(entry["via"])
    assert [len(proxies) for proxies in via.values()] == [1] * 8


@deferred_f_from_coro_f
async def test_cookie_jars_are_sessions_where_they_are_to_be(playground: Playground) -> None:
    def pages() -> list[Request]:
        return [
            Request(f"{playground.origin_url}/{jar}/{number}", meta={"cookiejar": jar})
            for number in range(20)
            for jar in range(5)
        ]

    used: dict[bool, dict[Any, set[str]]] = {}
    for is_sticky in (True, False):
        crawled = await crawl(
            {
                "PROXYWHIRL_PROXIES": world(playground),
                "PROXYWHIRL_STICKY_COOKIEJARS": is_sticky,
                "PROXYWHIRL_STRATEGY": "round-robin",
            },
            [*pages(), f"{playground.origin_url}/none/1", f"{playground.origin_url}/none/2"],
        )
        jars = used[is_sticky] = defaultdict(set)
        for response in crawled.spider.responses:
            proxy = used_proxy(response)
            assert proxy
            jars[response.meta.get("cookiejar")].add(proxy.label)
            named = is_sticky and "cookiejar" in response.meta
            assert proxy.session == (f"cookiejar {response.meta['cookiejar']}" if named else None)

    assert [len(used[True][jar]) for jar in (*range(5), None)] == [1, 1, 1, 1, 1, 2]
    assert all(len(used[False][jar]) > 1 for jar in range(5))


@pytest.mark.parametrize(
    "bad", [ProxySpec(fault=Fault.RESET), ProxySpec(fault=Fault.STATUS, status=403)]
)
@deferred_f_from_coro_f
async def test_a_session_whose_proxy_breaks_moves_once(
    bad: ProxySpec, play: Callable[..., Playground]
) -> None:
    playground = play(*[ProxySpec()] * 6)
    order: list[str] = []

    class OneAfterTheOther(CollectingSpider):
        """Breaks the session's proxy after ten pages, and mends it after twenty."""

        async def start(self) -> AsyncIterator[Request]:
            yield asking(playground, 1, session="cart").replace(callback=self.collect)

        def collect(self, response: Response) -> Any:
            super().collect(response)
            proxy = used_proxy(response)
            assert proxy
            order.append(proxy.label)
            places = [one["label"] for one in world(playground)]
            if len(order) == 10:
                playground.change(places.index(order[0]), bad)
            if len(order) == 20:
                playground.change(places.index(order[0]), ProxySpec())
            if len(order) < 60:
                yield asking(playground, len(order) + 1, session="cart").replace(
                    callback=self.collect
                )

    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": world(playground), "PROXYWHIRL_COOLDOWN": 0.01},
        [],
        OneAfterTheOther,
    )

    assert len(order) == 60
    assert order[:10] == [order[0]] * 10
    assert order[10] != order[0]
    assert order[10:] == [order[10]] * 50
    assert crawled.stat("retries") == 1


@deferred_f_from_coro_f
async def test_sessions_whose_proxies_are_busy_wait_each_for_its_own(
    play: Callable[..., Playground],
) -> None:
    playground = play(*[ProxySpec(latency=0.05)] * 6)

    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": world(playground),
            "PROXYWHIRL_CONCURRENCY_PER_PROXY": 1,
            "PROXYWHIRL_STRATEGY": "round-robin",
        },
        [
            asking(playground, f"{session}/{number}", session=session)
            for number in range(15)
            for session in "abcdef"
        ],
    )

    assert len(crawled.spider.responses) == 90
    used = defaultdict(set)
    for path, label in labels(crawled).items():
        used[path[0]].add(label)
    assert [len(proxies) for proxies in used.values()] == [1] * 6
    assert crawled.stat("waits") > 0


@deferred_f_from_coro_f
async def test_a_retry_goes_to_another_group(play: Callable[..., Playground]) -> None:
    bad = ProxySpec(fault=Fault.RESET)
    playground = play(*[bad] * 5, ProxySpec())
    proxies = [
        {"url": url, "group": "good" if place == 5 else "bad"}
        for place, url in enumerate(playground.proxy_urls)
    ]

    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": proxies,
            "PROXYWHIRL_STRATEGY": "random",
            "PROXYWHIRL_COOLDOWN": 0.001,
            "PROXYWHIRL_COOLDOWN_MAX": 0.001,
            "CONCURRENT_REQUESTS": 1,
        },
        [f"{playground.origin_url}/{number}" for number in range(40)],
    )

    assert len(crawled.spider.responses) == 40
    attempts = [used.attempt for used in map(used_proxy, crawled.spider.responses) if used]
    # Of the first pages some have more, until the good one is known: they make a pause meanwhile.
    assert max(attempts[8:]) == 2
    assert attempts.count(2) > 20


@deferred_f_from_coro_f
async def test_the_strategy_can_change_while_a_crawl_runs(playground: Playground) -> None:
    changes: dict[int, str | type[Strategy]] = {
        50: "round-robin",
        100: LeastUsedStrategy,
        150: "performance",
    }

    class ChangingSpider(FollowingSpider):
        def collect(self, response: Response) -> None:
            super().collect(response)
            middleware = self.crawler.get_downloader_middleware(ProxyWhirlMiddleware)
            assert isinstance(middleware, ProxyWhirlMiddleware)
            number = len(self.responses)
            if number in changes:
                before = [proxy.ema_response_time_ms for proxy in middleware.pool]
                middleware.use_strategy(changes[number])
                after = [proxy.ema_response_time_ms for proxy in middleware.pool]
                assert after == before
                assert None not in after
            if number == 75:
                assert isinstance(middleware.strategy, RoundRobinStrategy)
            with pytest.raises(ValueError, match="strategy is 'best'; it must be one of"):
                middleware.use_strategy("best")

    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": world(playground)},
        [f"{playground.origin_url}/{number}" for number in range(200)],
        ChangingSpider,
    )

    crawled.assert_every_attempt_is_settled()
    assert crawled.stat("attempts") == 200
    assert len(crawled.spider.responses) == 199  # all but the first, which is followed
    assert not crawled.spider.failures
