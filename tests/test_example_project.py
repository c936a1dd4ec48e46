"""The example is crawled as its README says, but for the ports."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from scrapy_proxywhirl.playground import Playground, ProxySpec

EXAMPLE = Path(__file__).parents[1] / "example_project"


@pytest.mark.skipif(not EXAMPLE.exists(), reason="the example is not part of the distribution")
def test_each_book_is_stored_with_the_label_of_its_proxy(
    play: Callable[..., Playground], tmp_path: Path
) -> None:
    playground = play(ProxySpec(latency=0.01), ProxySpec(latency=0.1))
    output = tmp_path / "books.jsonl"

    done = subprocess.run(
        [
            *(sys.executable, "-m", "scrapy", "crawl", "books", "-O", str(output)),
            *("-s", f"PROXYWHIRL_PROXIES={','.join(playground.proxy_urls)}"),
            *("-a", f"shop={playground.origin_url}/"),
        ],
        cwd=EXAMPLE,
        capture_output=True,
        text=True,
        check=True,
    )

    books = [json.loads(line) for line in output.read_text().splitlines()]
    assert {book["title"] for book in books} == {f"Book {number}" for number in range(1, 201)}
    assert len(books) == 200
    assert all(book["price"] >= 5 for book in books)
    fast, slow = (url.removeprefix("http://") for url in playground.proxy_urls)
    by_label = Counter(book["proxy"] for book in books)
    assert set(by_label) == {fast, slow}
    assert by_label[fast] > by_label[slow]
    assert "'proxywhirl/attempts': 210" in done.stderr
    assert all(entry["via"] for entry in playground.origin_log())
