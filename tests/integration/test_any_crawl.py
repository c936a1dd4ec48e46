"""Crawls with any settings, through any proxies, for any pages: what holds of all of them."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from scrapy import Request
from scrapy.http import Response
from scrapy.utils.defer import deferred_f_from_coro_f

from scrapy_proxywhirl import used_proxy
from scrapy_proxywhirl.core import STRATEGIES
from scrapy_proxywhirl.playground import Fault, Playground, ProxySpec
from tests.crawling import CollectingSpider, crawl

PASSWORD = "pa55w0rd"
PAGES = 40
DIRECT = {"proxywhirl": False}

# What settings may be besides their defaults, each in one of six crawls.
SETTINGS: dict[str, list[Any]] = {
    "CONCURRENT_ITEMS": [1],
    "DOWNLOAD_DELAY": [0.005],
    "HTTPCACHE_ENABLED": [True],
    "PROXYWHIRL_ADAPTIVE_TIMEOUT": [8],
    "PROXYWHIRL_BAN_TEXT": [["go away"]],
    "PROXYWHIRL_CONCURRENCY_PER_PROXY": [1, 2],
    "PROXYWHIRL_COOLDOWN": [0.05, 0.5],
    "PROXYWHIRL_DELAY_PER_PROXY": [0.02],
    "PROXYWHIRL_EMA_ALPHA": [1.0],
    "PROXYWHIRL_EXPLORATION": [0.0, 1.0],
    "PROXYWHIRL_LOAD_AWARE": [True],
    "PROXYWHIRL_MEASURE": ["total"],
    "PROXYWHIRL_ON_EMPTY": ["drop"],
    "PROXYWHIRL_ON_NO_MATCH": ["any"],
    "PROXYWHIRL_RETRY_TIMES": [0, 20],
    "PROXYWHIRL_SCOPE": ["domain"],
    "PROXYWHIRL_SESSION_TTL": [0.2],
    "PROXYWHIRL_SLOTS": ["proxy", "domain+proxy"],
    "PROXYWHIRL_STICKY_COOKIEJARS": [True],
    "PROXYWHIRL_STRATEGY": sorted(STRATEGIES),
    "PROXYWHIRL_WARMUP_PROXIES": [0],
    "PROXYWHIRL_WEIGHT_EXPONENT": [0.0, 10.0],
    "REDIRECT_ENABLED": [False],
    "RETRY_ENABLED": [False],
}

# What a page may want of its proxy.
WISHES: list[dict[str, Any]] = [
    *[{}] * 8,
    DIRECT,
    {"cookiejar": 1},
    {"dont_retry": True},
    {"download_timeout": 0.2},
    {"proxywhirl": {"country": "FR"}},  # which none has
    {"proxywhirl": {"country": "de"}},
    {"proxywhirl": {"exclude": ["one"]}},
    {"proxywhirl": {"session": "ann"}},
    {"proxywhirl": {"strategy": "round-robin"}},
    {"proxywhirl": {"tags": ["even"]}},
]

PATHS = [
    *["page"] * 8,
    "in-turn/403/200",
    "in-turn/503/503/200",
    "redirect/page",
    "slow/0.2",
    "slow-body/0.1",
    "status/403",
    "status/404",
]


def any_proxies(rng: Random) -> list[ProxySpec]:
    """Return some, of which the first one works."""
    faults = [Fault.NONE] * 8 + list(Fault)
    return [
        ProxySpec(
            latency=rng.choice([0.0, 0.02, 0.05]),
            capacity=rng.choice([0, 0, 2]),
            fault=rng.choice(faults) if place else Fault.NONE,
            status=rng.choice([200, 403, 407, 503]),
            credentials={"ann": PASSWORD} if rng.random() < 0.3 else {},
        )
        for place in range(rng.randint(2, 6))
    ]


def described(playground: Playground, rng: Random) -> list[dict[str, Any]]:
    """Return the proxies as the setting takes them, with this and that said of them."""
    return [
        {
            "url": playground.proxy_url(place, next(iter(spec.credentials), None)),
            "label": ("zero", "one", "two", "three", "four", "five")[place],
            "country": rng.choice(["DE", "US"]),
            "tags": ["odd" if place % 2 else "even"],
            "tier": rng.choice([1, 2]),
            "cost_per_request": rng.choice([0.01, 0.1]),
        }
        for place, spec in enumerate(playground.specs)
    ]


class CheckingSpider(CollectingSpider):
    """Looks at what each page was brought by."""

    def collect(self, response: Response) -> None:
        """Collect a page; one that was to go without a proxy did, and no other."""
        super().collect(response)
        is_direct = response.meta.get("proxywhirl") is False
        if "cached" not in response.flags:
            assert (used_proxy(response) is None) == is_direct


@pytest.mark.parametrize("seed", range(5))
@deferred_f_from_coro_f
async def test_whatever_a_crawl_is_like(
    seed: int,
    play: Callable[..., Playground],
    tmp_path_factory: pytest.TempPathFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    rng = Random(seed)
    playground = play(*any_proxies(rng))
    settings = {
        name: rng.choice(values) for name, values in SETTINGS.items() if rng.random() < 1 / 6
    }
    requests = []
    for number in range(PAGES):
        url = f"{playground.origin_url}/{rng.choice(PATHS)}?{number}"
        meta = {**rng.choice(WISHES), "number": number}
        headers = {"X-Number": str(number)}
        priority = rng.choice([0, 0, 1])
        requests.append(
            Request(url, meta=meta, headers=headers, dont_filter=True, priority=priority)
        )

    with caplog.at_level(logging.DEBUG):
        crawled = await crawl(
            {
                "CONCURRENT_REQUESTS": rng.choice([1, 4, 16]),
                "DOWNLOAD_TIMEOUT": 1,
                "HTTPCACHE_DIR": str(tmp_path_factory.mktemp("cache")),
                "PROXYWHIRL_PROXIES": described(playground, rng),
                "PROXYWHIRL_WAIT_TIMEOUT": 1,
                **settings,
            },
            requests,
            CheckingSpider,
        )

    crawled.assert_every_attempt_is_settled()
    spider = crawled.spider
    came = Counter(response.meta["number"] for response in spider.responses)
    came.update(failure.request.meta["number"] for failure in spider.failures)  # type: ignore[attr-defined]
    assert came == Counter(range(PAGES)), "each page comes to its callback or its errback, once"
    assert not [one for one in caplog.records if one.exc_info and "proxywhirl" in one.name]
    assert not [one for one in caplog.records if "Spider error processing" in one.getMessage()]
    for proxy in crawled.proxies:
        assert 0.0 <= (proxy.ema_response_time_ms or 0.0) < 60_000.0

    asked = playground.origin_log()
    assert not any("proxy-authorization" in entry["headers"] for entry in asked)
    direct = {one.meta["number"] for one in requests if one.meta.get("proxywhirl") is False}
    assert {int(one["headers"]["x-number"]) for one in asked if not one["via"]} <= direct
    assert any(one.levelno == logging.DEBUG for one in caplog.records)
    told = [one.getMessage() for one in caplog.records]
    assert PASSWORD not in json.dumps([told, crawled.stats, repr(crawled.proxies)], default=str)
