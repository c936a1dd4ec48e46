"""Lists of proxies, as sources read them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from io import StringIO
from typing import Any

from scrapy_proxywhirl.core import Proxy

# What is written of a proxy beside its URL, where it was given.
_FIELDS = (
    "label",
    "country",
    "region",
    "tags",
    "group",
    "tier",
    "cost_per_request",
    "cost_per_gb",
    "weight",
    "expires",
)


def written(proxies: Iterable[Proxy], list_format: str) -> str:
    """
    Write a list that :func:`~scrapy_proxywhirl.sources.formats.read_entries` reads.

    Args:
        proxies: Those that are to be in it.
        list_format: ``"text"``, which has their URLs and nothing else, ``"csv"``, ``"jsonl"`` or
            ``"json"``.

    Returns:
        The list, credentials included.
    """
    if list_format == "text":
        return "".join(f"{proxy.url_with_credentials}\n" for proxy in proxies)
    entries = [_entry(proxy) for proxy in proxies]
    if list_format == "jsonl":
        return "".join(f"{json.dumps(entry)}\n" for entry in entries)
    if list_format == "json":
        return json.dumps(entries, indent=1) + "\n"
    return _csv(entries)


def _entry(proxy: Proxy) -> dict[str, Any]:
    entry: dict[str, Any] = {"url": proxy.url_with_credentials}
    for name in _FIELDS:
        value = proxy._group if name == "group" else getattr(proxy, name)
        if value and not (name == "tier" and value == 1):
            entry[name] = value
    if proxy.label.partition("~")[0] == proxy.url.partition("//")[2]:
        del entry["label"]  # nobody gave it
    return entry


def _csv(entries: list[dict[str, Any]]) -> str:
    names = ["url", *(name for name in _FIELDS if any(name in entry for entry in entries))]
    stream = StringIO()
    writer = csv.DictWriter(stream, names, lineterminator="\n")
    writer.writeheader()
    for entry in entries:
        writer.writerow({**entry, "tags": ";".join(entry["tags"])} if "tags" in entry else entry)
    return stream.getvalue()
