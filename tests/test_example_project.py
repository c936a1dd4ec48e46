"""The example is crawled as its README says, but for the ports."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from scrapy_proxywhirl.playground import Playground, ProxySpec

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLE = Path(__file__).parents[1] / "example_project"
BOOKS = {f"Book {number}" for number in range(1, 481)}

pytestmark = [
    pytest.mark.skipif(not EXAMPLE.exists(), reason="the example is not in the distribution"),
    pytest.mark.skipif(find_spec("scrapy_poet") is None, reason="scrapy-poet is not installed"),
]


class Project:
    """A copy of the example, as a user makes one."""

    def __init__(self, root: Path, playground: Playground) -> None:
        self.root = root
        self.playground = playground
        self.fast, self.slow = (url.removeprefix("http://") for url in playground.proxy_urls)
        self.log = ""

    def crawl(self, spider: str, *options: str, proxies: tuple[str, ...] = ()) -> list[Any]:
        """Return the items of a crawl."""
        pool = ",".join([*self.playground.proxy_urls, *proxies])
        self.log = subprocess.run(
            [
                *(sys.executable, "-m", "scrapy", "crawl", spider, "-O", "items.jsonl"),
                *("-s", f"PROXYWHIRL_PROXIES={pool}"),
                *("-a", f"shop={self.playground.origin_url}/", *options),
            ],
            cwd=self.root,
            capture_output=True,
            text=True,
            check=True,
        ).stderr
        lines = (self.root / "items.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    def report(self) -> list[dict[str, str]]:
        """Return what the extension has written."""
        with (self.root / "proxies.csv").open(newline="", encoding="utf-8") as stream:
            return list(csv.DictReader(stream))


@pytest.fixture
def project(play: Callable[..., Playground], tmp_path: Path) -> Project:
    root = shutil.copytree(EXAMPLE, tmp_path / "example")
    return Project(root, play(ProxySpec(latency=0.01), ProxySpec(latency=0.1)))


def test_each_book_is_stored_with_the_label_of_its_proxy(project: Project) -> None:
    books = project.crawl("books")

    assert len(books) == len(BOOKS)
    assert {book["title"] for book in books} == BOOKS
    assert all(book["price"] >= 5 for book in books)
    by_label = Counter(book["proxy"] for book in books)
    assert set(by_label) == {project.fast, project.slow}
    assert by_label[project.fast] > by_label[project.slow]
    assert "'proxywhirl/attempts': 504" in project.log
    assert all(entry["via"] for entry in project.playground.origin_log())


def test_a_report_has_the_proxies_the_most_used_first(project: Project) -> None:
    books = project.crawl("books", "-s", "PROXY_REPORT=proxies.csv")

    first, second = report = project.report()
    assert int(first["attempts"]) > int(second["attempts"])
    assert int(first["attempts"]) + int(second["attempts"]) == 504
    rows = {row["proxy"]: row for row in report}
    books_by = Counter(book["proxy"] for book in books)
    for proxy, latency_ms in ((project.fast, 10), (project.slow, 100)):
        assert int(rows[proxy]["successes"]) >= books_by[proxy] > 0
        assert float(rows[proxy]["ema_ms"]) > 0.9 * latency_ms


def test_a_proxy_that_is_none_loses_no_book(project: Project) -> None:
    books = project.crawl("books", proxies=("http://127.0.0.1:9",))

    assert {book["title"] for book in books} == BOOKS
    (none,) = (row for row in project.report() if row["proxy"] == "127.0.0.1:9")
    assert int(none["attempts"]) == int(none["failures"]) > 0
    assert "127.0.0.1:9" not in {book["proxy"] for book in books}


def test_offers_come_from_the_lists_alone(project: Project) -> None:
    offers = project.crawl("offers")

    assert {offer["title"] for offer in offers} == BOOKS
    assert {offer["url"] for offer in offers} == {
        f"{project.playground.origin_url}/book/{number}" for number in range(1, 481)
    }
    assert "'proxywhirl/attempts': 24" in project.log


def test_each_visitor_has_a_basket_and_a_proxy(project: Project) -> None:
    baskets = project.crawl("baskets", "-s", "PROXYWHIRL_STRATEGY=round-robin")

    assert {basket["visitor"]: basket["titles"] for basket in baskets} == {
        visitor: [f"Book {visitor + behind}" for behind in (1, 101, 201)] for visitor in range(20)
    }
    assert {basket["proxy"] for basket in baskets} == {project.fast, project.slow}
    ways = defaultdict(set)
    for entry in project.playground.origin_log():
        ways[entry["path"]].add(entry["via"])
    assert len(ways) == 60
    for visitor in range(20):
        (way,) = {
            one for behind in (1, 101, 201) for one in ways[f"/basket/add/{visitor + behind}"]
        }
        assert way
    assert "'proxywhirl/bans'" not in project.log
