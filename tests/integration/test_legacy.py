"""A spider of scrapy-rotating-proxies moves over by its settings alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scrapy import Request
from scrapy.http import Response
from scrapy.settings import BaseSettings
from scrapy.utils.defer import deferred_f_from_coro_f

from scrapy_proxywhirl.legacy import take_over
from scrapy_proxywhirl.playground import Fault, Playground, ProxySpec
from scrapy_proxywhirl.settings import ProxyWhirlSettings
from tests.crawling import MIDDLEWARE, CollectingSpider, crawl


class OldSpider(CollectingSpider):
    """As one was written for it."""

    def response_is_ban(self, request: Request, response: Response) -> bool:
        return response.status == 418 or b"captcha" in response.body

    def exception_is_ban(self, request: Request, exception: Exception) -> None:
        return None


class RotatingProxyMiddleware:
    """Stands where the real one would."""


RotatingProxyMiddleware.__module__ = "rotating_proxies.middlewares"


@deferred_f_from_coro_f
async def test_a_spider_moves_over_by_its_settings_alone(play: Callable[..., Playground]) -> None:
    playground = play(
        ProxySpec(), ProxySpec(fault=Fault.STATUS, status=418), ProxySpec(fault=Fault.REFUSE)
    )
    old = {
        "ROTATING_PROXY_LIST": [
            url.removeprefix("http://")
            for url in (*playground.proxy_urls, playground.proxy_urls[0])
        ],
        "ROTATING_PROXY_PAGE_RETRY_TIMES": 9,
        "ROTATING_PROXY_CLOSE_SPIDER": False,
        "ROTATING_PROXY_BACKOFF_BASE": 300,
        "ROTATING_PROXY_LOGSTATS_INTERVAL": 30,
    }
    pages = [f"{playground.origin_url}/{place}" for place in range(30)]

    with pytest.warns(UserWarning, match="rotating-proxies") as caught:
        crawled = await crawl(
            {**old, "DOWNLOADER_MIDDLEWARES": {MIDDLEWARE: 745}}, pages, OldSpider
        )

    messages = [str(one.message) for one in caught if "rotating-proxies" in str(one.message)]
    for name, ours in [
        ("ROTATING_PROXY_LIST", "put it into PROXYWHIRL_PROXIES"),
        ("ROTATING_PROXY_PAGE_RETRY_TIMES", "put it into PROXYWHIRL_RETRY_TIMES"),
        ("ROTATING_PROXY_CLOSE_SPIDER", "put it into PROXYWHIRL_ON_EMPTY"),
        ("ROTATING_PROXY_BACKOFF_BASE", "PROXYWHIRL_COOLDOWN takes its place"),
        ("ROTATING_PROXY_LOGSTATS_INTERVAL", "of PROXYWHIRL_STATS_PROXIES proxies"),
    ]:
        (message,) = [one for one in messages if one.startswith(f"{name},")]
        assert ours in message
    assert len(messages) == 5
    assert len(crawled.spider.responses) == 30
    assert {response.status for response in crawled.spider.responses} == {200}
    assert len(crawled.proxies) == 3
    assert crawled.stat("bans/418") > 0
    crawled.assert_every_attempt_is_settled()


def test_what_is_set_of_ours_goes_before_it() -> None:
    old = BaseSettings({"ROTATING_PROXY_PAGE_RETRY_TIMES": 9, "PROXYWHIRL_RETRY_TIMES": 2})

    with pytest.warns(UserWarning, match="PROXYWHIRL_RETRY_TIMES, which is set, takes its place"):
        taken = take_over(old)

    assert taken["PROXYWHIRL_RETRY_TIMES"] == 2


def test_a_file_goes_before_a_list_as_it_did(tmp_path: Path) -> None:
    path = tmp_path / "proxies"
    path.write_text("a:1\n# b:1\n", encoding="utf-8")
    old = BaseSettings({"ROTATING_PROXY_LIST": ["c:1"], "ROTATING_PROXY_LIST_PATH": str(path)})

    with pytest.warns(UserWarning, match="ROTATING_PROXY_LIST_PATH goes before it"):
        settings = ProxyWhirlSettings.from_settings(old)

    (source,) = settings.sources
    assert source.name == str(path)


@pytest.mark.parametrize(
    ("old", "ours", "value"),
    [
        ({"ROTATING_PROXY_CLOSE_SPIDER": "1"}, "PROXYWHIRL_ON_EMPTY", "close"),
        ({"ROTATING_PROXY_BAN_POLICY": "my.Policy"}, "PROXYWHIRL_BAN_POLICY", "my.Policy"),
        ({"ROTATING_PROXY_LIST": "a:1, b:1,a:1"}, "PROXYWHIRL_PROXIES", ["a:1", "b:1"]),
    ],
)
@pytest.mark.filterwarnings("ignore:ROTATING_PROXY")
def test_values_mean_what_they_did(old: dict[str, Any], ours: str, value: Any) -> None:
    settings = BaseSettings(old, 30)
    settings.freeze()

    taken = take_over(settings)

    assert taken[ours] == value
    assert taken.getpriority(ours) == 30
    assert ours not in settings


def test_without_any_of_them_settings_are_what_they_are() -> None:
    settings = BaseSettings({"PROXYWHIRL_RETRY_TIMES": 2})

    assert take_over(settings) is settings


@deferred_f_from_coro_f
async def test_both_at_once_are_refused(playground: Playground) -> None:
    both = {
        "DOWNLOADER_MIDDLEWARES": {MIDDLEWARE: 745, RotatingProxyMiddleware: 610},
        "PROXYWHIRL_PROXIES": playground.proxy_urls,
    }

    with pytest.raises(ValueError, match="RotatingProxyMiddleware is enabled beside"):
        await crawl(both, [])
