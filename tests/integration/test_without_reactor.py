"""Crawls without any reactor, in a process of their own: this one has a reactor."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from scrapy_proxywhirl.playground import Fault, Playground, ProxySpec
from tests.bad_proxies import BAD_PROXIES
from tests.crawling import MIDDLEWARE
from tests.integration.crawl_without_reactor import HANDLER
from tests.integration.test_lost_attempts import (
    RaisesAfter,
    ReturnsRequestAfter,
    ReturnsRequestBefore,
    ReturnsResponseBefore,
)

pytestmark = pytest.mark.skipif(
    find_spec(HANDLER) is None, reason="this Scrapy has no handler that needs no reactor"
)

GOOD = ProxySpec(latency=0.02)
RESETS = ProxySpec(fault=Fault.RESET)
PAGES = 60


def crawl(
    playground: Playground,
    urls: list[str],
    files: Sequence[str] = (),
    copies_meta: bool = False,
    **settings: Any,
) -> dict[str, Any]:
    settings = {"PROXYWHIRL_PROXIES": playground.proxy_urls, **settings}
    order = {"urls": urls, "files": files, "copies_meta": copies_meta, "settings": settings}
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.crawl_without_reactor", json.dumps(order)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    crawled: dict[str, Any] = json.loads(done.stdout)
    assert_settled(crawled["stats"])
    return crawled


def assert_settled(stats: dict[str, Any]) -> None:
    ends = ("successes", "bans", "failures", "neutral")
    assert stats["proxywhirl/attempts"] == sum(stats.get(f"proxywhirl/{end}", 0) for end in ends)


def pages(playground: Playground, number: int = PAGES) -> list[str]:
    return [f"{playground.origin_url}/{page}" for page in range(number)]


def assert_all_arrived(crawled: dict[str, Any], urls: list[str]) -> None:
    assert crawled["reason"] == "finished"
    assert not crawled["failures"]
    assert crawled["bodies"] == {url: f"<title>/{url.rpartition('/')[2]}</title>" for url in urls}


def test_it_crawls_and_learns(playground: Playground) -> None:
    crawled = crawl(playground, pages(playground))

    assert_all_arrived(crawled, pages(playground))
    assert crawled["stats"]["proxywhirl/proxies/known"] == 3
    assert len(playground.origin_log()) == PAGES
    assert all(entry["via"] for entry in playground.origin_log())


@pytest.mark.parametrize(
    ("bad", "stat"), BAD_PROXIES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_no_page_is_lost_to_a_bad_proxy(
    bad: ProxySpec, stat: str, play: Callable[..., Playground]
) -> None:
    playground = play(GOOD, GOOD, bad)

    crawled = crawl(
        playground,
        pages(playground),
        PROXYWHIRL_BAN_TEXT="Are you a robot?",
        DOWNLOAD_TIMEOUT=3,
        RETRY_ENABLED=False,
    )

    assert_all_arrived(crawled, pages(playground))
    stats = crawled["stats"]
    assert stats[f"proxywhirl/{stat}"] >= 1
    assert stats["proxywhirl/retries"] == sum(
        stats.get(f"proxywhirl/{end}", 0) for end in ("bans", "failures")
    )
    assert all(entry["via"] for entry in playground.origin_log())


@pytest.mark.parametrize(
    ("bad", "stat"),
    [
        (ProxySpec(fault=Fault.STATUS, status=502), "failures"),
        (ProxySpec(credentials={"ann": "another"}), "failures/407"),
    ],
    ids=["502", "407"],
)
def test_no_page_is_lost_to_a_proxy_that_refuses_tunnels(
    bad: ProxySpec, stat: str, certificate: str
) -> None:
    with Playground([GOOD, GOOD, bad], certificate) as playground:
        urls = [f"{playground.https_url}/{page}" for page in range(PAGES)]

        crawled = crawl(playground, urls, DOWNLOAD_TIMEOUT=3, RETRY_ENABLED=False)

    assert_all_arrived(crawled, urls)
    assert crawled["stats"][f"proxywhirl/{stat}"] >= 1


@pytest.mark.parametrize(
    "inner", [ReturnsRequestBefore, ReturnsResponseBefore, ReturnsRequestAfter, RaisesAfter]
)
def test_whatever_a_later_middleware_does(inner: type, playground: Playground) -> None:
    crawled = crawl(
        playground,
        pages(playground),
        DOWNLOADER_MIDDLEWARES={MIDDLEWARE: 745, f"{inner.__module__}.{inner.__name__}": 800},
    )

    assert crawled["reason"] == "finished"
    assert crawled["stats"]["proxywhirl/neutral"] >= PAGES


def test_what_copied_meta_brings_along_is_no_choice(play: Callable[..., Playground]) -> None:
    playground = play(GOOD, ProxySpec(fault=Fault.STATUS, status=403))
    urls = pages(playground)

    crawled = crawl(playground, urls, copies_meta=True)

    assert_all_arrived(crawled, [*urls, *(f"{url}-copy" for url in urls)])
    assert crawled["stats"]["proxywhirl/successes"] == 2 * PAGES


def test_pages_wait_for_the_end_of_an_outage(play: Callable[..., Playground]) -> None:
    playground = play(RESETS, RESETS)
    for place in range(2):
        playground.change(place, GOOD, after=1.5)

    crawled = crawl(playground, pages(playground), PROXYWHIRL_COOLDOWN=0.4)

    assert_all_arrived(crawled, pages(playground))
    assert crawled["stats"]["proxywhirl/waits"] >= 1


def test_pages_wait_for_busy_proxies(playground: Playground) -> None:
    crawled = crawl(
        playground,
        pages(playground),
        PROXYWHIRL_CONCURRENCY_PER_PROXY=1,
        PROXYWHIRL_DELAY_PER_PROXY=0.02,
    )

    assert_all_arrived(crawled, pages(playground))
    assert crawled["stats"]["proxywhirl/waits"] >= 1


def test_robots_txt_and_files_wait_in_place(
    play: Callable[..., Playground], tmp_path: Path
) -> None:
    playground = play(RESETS, RESETS)
    for place in range(2):
        playground.change(place, GOOD, after=1)
        playground.change(place, RESETS, at_request=30)
        playground.change(place, GOOD, after=5)
    files = [f"{playground.origin_url}/book/{book}" for book in range(1, 31)]

    crawled = crawl(
        playground,
        pages(playground, 10),
        files,
        PROXYWHIRL_COOLDOWN=0.4,
        ROBOTSTXT_OBEY=True,
        FILES_STORE=str(tmp_path),
        ITEM_PIPELINES={"scrapy.pipelines.files.FilesPipeline": 1},
    )

    assert_all_arrived(crawled, pages(playground, 10))
    assert sorted(crawled["files"]) == sorted(files)
    assert crawled["stats"]["proxywhirl/waits"] >= 2


def test_what_a_stopped_crawl_left_is_crawled_by_the_next(
    play: Callable[..., Playground], tmp_path: Path
) -> None:
    playground = play(RESETS, RESETS)
    urls = pages(playground)
    settings: dict[str, Any] = {"JOBDIR": str(tmp_path), "PROXYWHIRL_COOLDOWN": 0.4}

    stopped = crawl(playground, urls, CLOSESPIDER_TIMEOUT=1, **settings)

    assert (stopped["reason"], stopped["bodies"]) == ("closespider_timeout", {})
    for place in range(2):
        playground.change(place, GOOD)
    assert_all_arrived(crawl(playground, [], **settings), urls)


def test_bans_do_not_get_into_the_cache_and_redirects_are_followed(
    play: Callable[..., Playground], tmp_path: Path
) -> None:
    playground = play(GOOD, GOOD, ProxySpec(fault=Fault.STATUS, status=403))
    urls = [f"{playground.origin_url}/redirect/{page}" for page in range(PAGES)]
    settings: dict[str, Any] = {"HTTPCACHE_ENABLED": True, "HTTPCACHE_DIR": str(tmp_path)}

    first = crawl(playground, urls, **settings)
    asked = len(playground.origin_log())
    second = crawl(playground, urls, **settings)

    for crawled in (first, second):
        assert_all_arrived(crawled, pages(playground))
    assert first["stats"]["proxywhirl/bans"] >= 1
    assert asked == len(playground.origin_log()) == 2 * PAGES
    assert second["stats"]["proxywhirl/neutral"] == second["stats"]["proxywhirl/attempts"]


def test_what_never_answers_is_given_up_early(play: Callable[..., Playground]) -> None:
    playground = play(*[GOOD] * 4)
    # Once it is known what pages take.
    playground.change(0, ProxySpec(fault=Fault.HANG), at_request=100)

    crawled = crawl(
        playground,
        pages(playground, 200),
        PROXYWHIRL_ADAPTIVE_TIMEOUT=4,
        DOWNLOAD_TIMEOUT=60,
    )

    assert_all_arrived(crawled, pages(playground, 200))
    assert crawled["stats"]["proxywhirl/failures"] >= 1
