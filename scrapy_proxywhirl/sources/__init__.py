"""Where proxies come from."""

from __future__ import annotations

from scrapy_proxywhirl.sources.base import Source, SourceError

__all__ = ["Source", "SourceError"]
