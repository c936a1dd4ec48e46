"""Any proxy, with the same probability."""

from __future__ import annotations

from scrapy_proxywhirl.core.available import AvailableProxies
from scrapy_proxywhirl.core.strategies.drawing import DrawingStrategy


class RandomStrategy(DrawingStrategy):
    """Selects any proxy of the pool with the same probability, whatever it has shown."""

    draws_from = AvailableProxies
