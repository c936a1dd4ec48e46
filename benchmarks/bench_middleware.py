"""
What the middleware costs a request, stats included.

    python -m benchmarks.bench_middleware

A request goes through ``process_request``, the signal of its response, and ``process_response``.
Beside it, in the same run, stand a call of Scrapy's stats collector and a copy of a request.
"""

from __future__ import annotations

from contextlib import suppress
from statistics import median
from time import perf_counter_ns

from scrapy import Request
from scrapy.http import Response
from scrapy.utils.httpobj import urlparse_cached
from scrapy.utils.misc import build_from_crawler
from scrapy.utils.test import get_crawler

from scrapy_proxywhirl import ProxyWhirlMiddleware

ROUNDS = 31
CALLS = 1000


def main() -> None:
    """Measure, and print."""
    from twisted.internet import reactor  # noqa: F401  (Scrapy 2.14 wants one for a crawler)

    crawler = get_crawler(
        settings_dict={"PROXYWHIRL_PROXIES": [f"http://h:{port}" for port in range(1, 101)]}
    )
    middleware = build_from_crawler(ProxyWhirlMiddleware, crawler)
    assert crawler.stats
    ours, stats, copies = [], [], []
    for _ in range(ROUNDS):
        requests = [Request(f"http://example.com/{number}") for number in range(CALLS)]
        responses = [Response(request.url, body=b"x" * 1000) for request in requests]
        for request in requests:
            urlparse_cached(request)  # as the scheduler does
        began = perf_counter_ns()
        for request, response in zip(requests, responses, strict=True):
            middleware.process_request(request)
            request.meta["download_latency"] = 0.1
            middleware.response_downloaded(request, response)
            with suppress(StopIteration):  # it waits for nothing
                middleware.process_response(request, response).send(None)
        ours.append((perf_counter_ns() - began) / CALLS / 1000)
        began = perf_counter_ns()
        for _ in range(CALLS):
            crawler.stats.inc_value("some/stat")
        stats.append((perf_counter_ns() - began) / CALLS / 1000)
        began = perf_counter_ns()
        for request in requests:
            request.copy()
        copies.append((perf_counter_ns() - began) / CALLS / 1000)
    print(f"process_request + process_response   {median(ours):6.2f} us")
    print(f"a call of the stats collector        {median(stats):6.2f} us")
    print(f"a copy of a request                  {median(copies):6.2f} us")
    print(f"That is {median(ours) / median(copies):.1f} copies of a request.")


if __name__ == "__main__":
    main()
