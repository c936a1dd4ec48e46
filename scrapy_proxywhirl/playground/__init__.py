"""A web site and proxies on this machine, for the demo, for tests and for benchmarks."""

from __future__ import annotations

from scrapy_proxywhirl.playground.process import Playground
from scrapy_proxywhirl.playground.spec import Fault, ProxySpec

__all__ = ["Fault", "Playground", "ProxySpec"]
