"""One line of settings does what all the others do."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from scrapy.settings import Settings
from scrapy.utils.defer import deferred_f_from_coro_f
from scrapy.utils.misc import load_object

from scrapy_proxywhirl import Addon, ProxyWhirlMiddleware
from scrapy_proxywhirl.playground import Playground, ProxySpec
from tests.crawling import MIDDLEWARE, Crawl, crawl, make_crawler, run

BY_ADDON = {"ADDONS": {"scrapy_proxywhirl.Addon": 500}, "DOWNLOADER_MIDDLEWARES": {}}
BY_HAND = {"DOWNLOADER_MIDDLEWARES": {MIDDLEWARE: 745}}


class OwnMiddleware(ProxyWhirlMiddleware):
    """A user's own."""


def updated(settings: dict[str, Any], priority: str = "project") -> dict[type, int | None]:
    """Return DOWNLOADER_MIDDLEWARES as the add-on leaves it."""
    made = Settings(settings, priority)
    Addon().update_settings(made)
    return {
        load_object(path): order for path, order in made.getdict("DOWNLOADER_MIDDLEWARES").items()
    }


@deferred_f_from_coro_f
async def test_both_ways_of_enabling_it_give_the_same_crawl(
    play: Callable[..., Playground],
) -> None:
    def enabled(crawled: Crawl) -> list[type]:
        engine = crawled.middleware._crawler.engine
        assert engine
        return [type(one) for one in engine.downloader.middleware.middlewares]

    crawls, proxies = [], []
    for way in (BY_ADDON, BY_HAND):
        playground = play(ProxySpec(), ProxySpec(credentials={"ann": "hunter2"}), ProxySpec())
        settings = {
            **way,
            "CONCURRENT_REQUESTS": 1,
            "PROXYWHIRL_STRATEGY": "round-robin",
            "PROXYWHIRL_PROXIES": [
                playground.proxy_url(0),
                playground.proxy_url(1, "ann"),
                playground.proxy_url(2),
            ],
        }
        pages = [f"{playground.origin_url}/{place}" for place in range(9)]
        crawls.append(await crawl(settings, pages))
        proxies.append([entry["proxy"] for entry in playground.proxy_log()])

    by_addon, by_hand = crawls
    assert enabled(by_addon) == enabled(by_hand)
    assert proxies[0] == proxies[1]
    assert len(by_addon.spider.responses) == len(by_hand.spider.responses) == 9
    assert by_addon.stat("successes") == by_hand.stat("successes") == 9


def test_it_does_what_the_readme_says() -> None:
    readme = Path(__file__).parents[2].joinpath("README.rst").read_text(encoding="utf-8")
    block = readme.split("only where that is installed:")[1].split("\n\n")[2]
    said: dict[str, dict[str, int]] = {}
    exec(dedent(block), said)  # noqa: S102 (it is our own README)

    settings = Settings()
    Addon().update_settings(settings)

    for name in ("DOWNLOADER_MIDDLEWARES", "SCRAPY_POET_PROVIDERS"):
        added = settings.getdict(name)
        assert added == {load_object(path): order for path, order in said[name].items()}


def test_without_scrapy_poet_nothing_is_added_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scrapy_proxywhirl.addon.find_spec", lambda name: None)

    settings = Settings()
    Addon().update_settings(settings)

    assert "SCRAPY_POET_PROVIDERS" not in settings
    assert settings.getdict("DOWNLOADER_MIDDLEWARES") == {ProxyWhirlMiddleware: 745}


@pytest.mark.parametrize("priority", ["project", "spider", "cmdline"])
@pytest.mark.parametrize("component", [MIDDLEWARE, ProxyWhirlMiddleware, OwnMiddleware])
@pytest.mark.parametrize("order", [700, None])
def test_what_the_user_says_stays(component: Any, order: int | None, priority: str) -> None:
    enabled = updated({"DOWNLOADER_MIDDLEWARES": {component: order}}, priority)

    assert enabled == {load_object(component): order}


@pytest.mark.parametrize("priority", ["default", "project", "cmdline"])
def test_it_adds_to_what_else_there_is_at_any_priority(priority: str) -> None:
    other = "scrapy.downloadermiddlewares.stats.DownloaderStats"

    enabled = updated({"DOWNLOADER_MIDDLEWARES": {other: None}}, priority)

    assert enabled == {load_object(other): None, ProxyWhirlMiddleware: 745}


def test_it_says_at_debug_what_it_did(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "scrapy_proxywhirl"):
        updated({})
        updated({"DOWNLOADER_MIDDLEWARES": {MIDDLEWARE: 700}})

    assert {record.levelname for record in caplog.records} == {"DEBUG"}
    name = "scrapy_proxywhirl.middleware.ProxyWhirlMiddleware"
    assert f"Added {name} to DOWNLOADER_MIDDLEWARES at 745" in caplog.messages
    assert f"DOWNLOADER_MIDDLEWARES has {name} at 700 already" in caplog.messages


@deferred_f_from_coro_f
async def test_a_crawl_without_proxies_does_not_start() -> None:
    with pytest.raises(ValueError, match="There is no proxy: list some in PROXYWHIRL_PROXIES"):
        await crawl(BY_ADDON, [])


@deferred_f_from_coro_f
async def test_what_is_switched_off_is_off(playground: Playground) -> None:
    crawler = make_crawler({**BY_ADDON, "PROXYWHIRL_ENABLED": False})
    await run(crawler, [f"{playground.origin_url}/"])

    assert not playground.proxy_log()
    assert len(playground.origin_log()) == 1
