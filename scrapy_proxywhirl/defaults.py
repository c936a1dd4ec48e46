"""The names of the settings, and what they are where nobody sets them."""

from __future__ import annotations

from typing import Any

from scrapy_proxywhirl.core.config import DEFAULT_EXITS
from scrapy_proxywhirl.core.penalty import DEFAULT_FAILURE_PENALTY
from scrapy_proxywhirl.core.proxy import DEFAULT_EMA_ALPHA

PREFIX = "PROXYWHIRL_"

DEFAULTS: dict[str, Any] = {
    "PROXYWHIRL_ADAPTIVE_TIMEOUT": 0.0,
    "PROXYWHIRL_BAN_POLICY": "scrapy_proxywhirl.outcomes.BanPolicy",
    "PROXYWHIRL_BAN_STATUSES": [403, 429, 502, 503, 504],
    "PROXYWHIRL_BAN_TEXT": [],
    "PROXYWHIRL_BUDGET": None,
    "PROXYWHIRL_CONCURRENCY_PER_PROXY": 0,
    "PROXYWHIRL_COOLDOWN": 2.0,
    "PROXYWHIRL_COOLDOWN_MAX": 300.0,
    "PROXYWHIRL_DELAY_PER_PROXY": 0.0,
    "PROXYWHIRL_EMA_ALPHA": DEFAULT_EMA_ALPHA,
    "PROXYWHIRL_ENABLED": True,
    "PROXYWHIRL_EXITS": DEFAULT_EXITS,
    "PROXYWHIRL_EXPLORATION": 0.05,
    "PROXYWHIRL_FAILURE_PENALTY": DEFAULT_FAILURE_PENALTY,
    "PROXYWHIRL_LOAD_AWARE": False,
    "PROXYWHIRL_MEASURE": "latency",
    "PROXYWHIRL_ON_EMPTY": "wait",
    "PROXYWHIRL_ON_NO_MATCH": "error",
    "PROXYWHIRL_PROXIES": [],
    "PROXYWHIRL_RETRY_TIMES": 5,
    "PROXYWHIRL_SCOPE": "crawl",
    "PROXYWHIRL_SESSION_TTL": 300.0,
    "PROXYWHIRL_SLOTS": "domain",
    "PROXYWHIRL_STATS_PROXIES": 100,
    "PROXYWHIRL_STICKY_COOKIEJARS": False,
    "PROXYWHIRL_STRATEGY": "performance",
    "PROXYWHIRL_TIMEOUT": 60.0,
    "PROXYWHIRL_WAIT_TIMEOUT": 60.0,
    "PROXYWHIRL_WARMUP_PROXIES": None,
    "PROXYWHIRL_WEIGHT_EXPONENT": 1.0,
}
