"""What is done when a crawl ends."""

import csv
import logging
from typing import Any

from scrapy import signals

logger = logging.getLogger(__name__)

PREFIX = "proxywhirl/proxy/"


class ProxyReport:
    """
    Writes the stats of each proxy to a CSV file, those that were used most first.

    Args:
        stats: Of the crawl.
        path: Of the file.
    """

    def __init__(self, stats, path):
        self.stats = stats
        self.path = path

    @classmethod
    def from_crawler(cls, crawler):
        """Take the path from the setting PROXY_REPORT, and wait for the end."""
        report = cls(crawler.stats, crawler.settings.get("PROXY_REPORT", "proxies.csv"))
        crawler.signals.connect(report.spider_closed, signal=signals.spider_closed)
        return report

    def spider_closed(self):
        """Write the file."""
        figures: dict[str, dict[str, Any]] = {}
        for name, value in self.stats.get_stats().items():
            if name.startswith(PREFIX):
                label, _, figure = name.removeprefix(PREFIX).rpartition("/")
                figures.setdefault(label, {"proxy": label})[figure] = value
        rows = sorted(figures.values(), key=lambda row: row["attempts"], reverse=True)
        with open(self.path, "w", newline="", encoding="utf-8") as stream:
            names = list(dict.fromkeys(name for row in rows for name in row))
            writer = csv.DictWriter(stream, names)
            writer.writeheader()
            writer.writerows(rows)
        logger.info("%d proxies are in %s", len(rows), self.path)
